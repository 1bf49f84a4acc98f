//! Where an overview goes.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Result, Write};

use etcstack_config::status::Time;
use serde_json::Value;

use super::overview::Overview;
use super::table::{Paper, Which, clean, line, name, render};
use crate::cli::Output;

/// To the upper left corner, and what is there goes.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Standard output.
pub(crate) struct Screen {
    output: Output,
    is_terminal: bool,
}

/// What was shown last, where only changes are shown.
#[derive(Default)]
pub(crate) struct Changes {
    json: Option<Value>,
    /// The replicas, by their names, and without a name a load that is under way.
    lines: BTreeMap<String, String>,
}

/// What was said last while waiting.
#[derive(Default)]
pub(crate) struct Progress(Vec<String>);

impl Screen {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, is_terminal: std::io::stdout().is_terminal() }
    }

    /// Whether what it shows is drawn again and again.
    pub(crate) fn is_live(&self) -> bool {
        self.output == Output::Text && self.is_terminal
    }

    /// Shows all of an overview.
    pub(crate) fn show(&self, overview: &Overview, count: usize) -> Result<()> {
        self.print(overview, count, Which::All)
    }

    /// Shows what has not converged.
    pub(crate) fn show_rest(&self, overview: &Overview, count: usize) -> Result<()> {
        self.print(overview, count, Which::NotConverged)
    }

    fn print(&self, overview: &Overview, count: usize, which: Which) -> Result<()> {
        let text = match self.output {
            Output::Json => format!("{}\n", overview.to_json(count.max(1))),
            Output::Text => render(overview, which, count, Time::now(), self.paper()),
        };
        write(&text)
    }

    /// Shows an overview again after a change.
    pub(crate) fn show_change(&self, overview: &Overview, changes: &mut Changes) -> Result<()> {
        if self.is_live() {
            let text = render(overview, Which::All, 0, Time::now(), self.paper());
            return write(&format!("{CLEAR}{text}"));
        }
        match self.output {
            Output::Json => changes.json(overview),
            Output::Text => changes.text(overview),
        }
    }

    fn paper(&self) -> Paper {
        if !self.is_terminal {
            return Paper::default();
        }
        let width = terminal_size::terminal_size().map(|(width, _)| width.0.into());
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Paper { width, colour }
    }
}

impl Changes {
    /// The revision alone is no change: it grows by what happens elsewhere.
    fn json(&mut self, overview: &Overview) -> Result<()> {
        let json = overview.to_json(1);
        let mut timeless = json.clone();
        timeless["revision"] = Value::Null;
        if self.json.as_ref() == Some(&timeless) {
            return Ok(());
        }
        self.json = Some(timeless);
        write(&format!("{json}\n"))
    }

    fn text(&mut self, overview: &Overview) -> Result<()> {
        let lines = overview.replicas.iter().map(|judged| (name(judged), line(judged)));
        let mut lines: BTreeMap<_, _> = lines.collect();
        if overview.loading {
            lines.insert(String::new(), "a load is under way".to_owned());
        }
        let told = |(name, line): &(&String, &String)| self.lines.get(*name) != Some(*line);
        let new = lines.iter().filter(told).map(|(_, line)| line.clone());
        let gone = self.lines.keys().filter(|name| !lines.contains_key(*name));
        let gone = gone.map(|name| match name.as_str() {
            "" => "the load has ended".to_owned(),
            name => format!("{name}: gone"),
        });
        let now = Time::now();
        let text: Vec<_> = new.chain(gone).map(|line| format!("{now} {line}\n")).collect();
        self.lines = lines;
        write(&text.concat())
    }
}

impl Progress {
    /// Says on standard error what is new in a summary.
    pub(crate) fn tell(&mut self, summary: Vec<String>) {
        let mut stderr = std::io::stderr().lock();
        for line in summary.iter().filter(|line| !self.0.contains(line)) {
            // Nobody has to listen.
            let _ = writeln!(stderr, "waiting: {}", clean(line));
        }
        self.0 = summary;
    }
}

fn write(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
