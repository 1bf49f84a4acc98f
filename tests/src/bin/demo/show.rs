//! What the demonstration prints.

use std::time::{Duration, Instant};

/// How much of a line is shown.
const WIDEST: usize = 150;

/// Prints, with the time since the last command.
#[derive(Debug)]
pub(crate) struct Show {
    begun: Instant,
}

impl Default for Show {
    fn default() -> Self {
        Self { begun: Instant::now() }
    }
}

impl Show {
    pub(crate) fn title(&self, title: &str) {
        println!("\n=== {title}  ({:.0} s)", self.begun.elapsed().as_secs_f64());
    }
}

pub(crate) fn say(text: &str) {
    println!("    {text}");
}

/// Something that took its time.
pub(crate) fn done(what: &str, since: Instant) {
    println!("    {what}: {:.1} s", since.elapsed().as_secs_f64());
}

/// A command as the user would type it.
pub(crate) fn command(command: &str) -> Clock {
    println!("\n  $ {command}");
    Clock(Instant::now())
}

/// Runs since a command.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A line of a log as evidence, without its date.
    pub(crate) fn evidence(self, who: &str, line: &str) {
        let line = without_date(line);
        let mut shown: String = line.chars().take(WIDEST).collect();
        if shown.len() < line.len() {
            shown.push('…');
        }
        println!("    {:>7}  {who:<16}  {shown}", in_words(self.0.elapsed()));
    }
}

/// The agent and Python start a line with a date like 2026-01-31, a time, and blanks.
fn without_date(line: &str) -> &str {
    let dated =
        line.starts_with("20") && line.get(4..5) == Some("-") && line.get(7..8) == Some("-");
    if !dated {
        return line;
    }
    line.trim_start_matches(|c: char| c.is_ascii_digit() || "-:.,TZ ".contains(c))
}

fn in_words(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 1000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.1} s", milliseconds / 1000.0)
    }
}
