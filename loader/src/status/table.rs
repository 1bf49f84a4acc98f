//! The overview as text. Whatever a record says, no control character of it gets out.

mod daemons;

use std::borrow::Cow;

use etcstack_config::status::Time;
use unicode_width::UnicodeWidthStr;

use self::daemons::daemons;
use super::overview::{Judged, Overview};

const TITLES: [&str; REASON + 1] =
    ["SERVICE", "ROLE", "HOST", "STATE", "APPLIED", "NEWEST", "DAEMONS", "AGE", "REASON"];
/// The column that is coloured.
const STATE: usize = 3;
/// The last column, which takes what is left of a line.
const REASON: usize = 8;
/// The column of the daemons, which is cut to this where the last one has no room beside it.
const DAEMONS: usize = 6;
const CUT: usize = 20;
/// The columns that go first where there is no room: the age, the daemons, the role, the service.
const DISPENSABLE: [usize; 4] = [7, DAEMONS, 1, 0];
/// Between two columns.
const GAP: usize = 2;
/// The narrowest last column beside the others.
const NARROWEST: usize = 24;

/// What it is printed on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paper {
    /// Columns; `None` where lines may be as long as they like.
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
}

struct Row {
    cells: [String; REASON + 1],
    colour: &'static str,
}

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Which replicas the table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    NotConverged,
}

/// The table and the summary below it.
pub(crate) fn render(
    overview: &Overview,
    which: Which,
    least: usize,
    now: Time,
    paper: Paper,
) -> String {
    let shown = |judged: &&Judged| which == Which::All || !judged.verdict.converged;
    let rows: Vec<_> = overview.replicas.iter().filter(shown).map(|j| row(j, now)).collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(&rows, paper);
        text.push('\n');
    }
    for line in overview.summary(least) {
        text.push_str(&clean(&line));
        text.push('\n');
    }
    text
}

/// One replica on one line, for who reads the changes one after the other.
pub(crate) fn line(judged: &Judged) -> String {
    let number = |revision: Option<i64>| revision.map_or("-".to_owned(), |r| r.to_string());
    let applied = judged.replica.record.as_ref().ok().and_then(|r| r.status.revisions.applied);
    let mut line = format!(
        "{}: {}, applied {}, newest {}",
        name(judged),
        judged.state(),
        number(applied),
        number(judged.verdict.newest),
    );
    if let Some(reason) = &judged.verdict.reason {
        line = format!("{line}: {reason}");
    }
    clean(&line)
}

/// Its service, roles and host.
pub(crate) fn name(judged: &Judged) -> String {
    let replica = &judged.replica;
    clean(&format!("{} {} {}", replica.group.service, replica.group.role, replica.host))
}

fn row(judged: &Judged, now: Time) -> Row {
    let Judged { replica, verdict } = judged;
    let status = replica.record.as_ref().ok().map(|record| &record.status);
    let number = |revision: Option<i64>| revision.map_or("-".to_owned(), |r| r.to_string());
    let started = status.and_then(|status| status.processes.iter().map(|p| p.started_at).max());
    let age = |started: Time| short(now.unix().saturating_sub(started.unix()));
    let cells = [
        replica.group.service.clone(),
        replica.group.role.clone(),
        replica.host.clone(),
        judged.state().to_owned(),
        number(status.and_then(|status| status.revisions.applied)),
        number(verdict.newest),
        status.map_or("-".to_owned(), daemons),
        started.flatten().map_or("-".to_owned(), age),
        verdict.reason.clone().unwrap_or_default(),
    ];
    let colour = match (verdict.converged, verdict.stuck || status.is_none()) {
        (true, _) => GREEN,
        (false, true) => RED,
        (false, false) => YELLOW,
    };
    Row { cells: cells.map(|cell| clean(&cell)), colour }
}

/// A time in its largest unit: `42s`, `7m`, `3h`, `12d`.
fn short(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn table(rows: &[Row], paper: Paper) -> String {
    let titles = Row { cells: TITLES.map(str::to_owned), colour: "" };
    let rows: Vec<_> = std::iter::once(&titles).chain(rows).collect();
    let columns = Columns::new(&rows, paper);
    rows.into_iter().map(|row| columns.lines(row, paper)).collect()
}

/// How wide the columns are, all but the last one.
struct Columns {
    /// `None` where there is no room for a column.
    widths: [Option<usize>; REASON],
    /// Where the last column begins; on a line of its own where it is narrow otherwise.
    indent: usize,
    below: bool,
    /// How wide the last column may be.
    last: Option<usize>,
}

impl Columns {
    fn new(rows: &[&Row], paper: Paper) -> Self {
        let mut widths = [Some(0); REASON];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(Some(cell.width()));
            }
        }
        let total = |widths: &[Option<usize>]| {
            widths.iter().flatten().map(|width| width + GAP).sum::<usize>()
        };
        let most = paper.width.unwrap_or(usize::MAX);
        let excess = (total(&widths).saturating_add(NARROWEST)).saturating_sub(most);
        if let Some(width) = &mut widths[DAEMONS] {
            *width = width.saturating_sub(excess).max(CUT.min(*width));
        }
        for dispensable in DISPENSABLE {
            if total(&widths) > most.saturating_add(GAP) {
                widths[dispensable] = None;
            }
        }
        let total = total(&widths);
        let below = total.saturating_add(NARROWEST) > most;
        let indent = if below { GAP } else { total };
        let last = paper.width.map(|width| width.saturating_sub(indent).max(1));
        Self { widths, indent, below, last }
    }

    /// A row, with as many lines as its last cell needs.
    fn lines(&self, row: &Row, paper: Paper) -> String {
        let mut text = String::new();
        for (number, (cell, width)) in row.cells.iter().zip(self.widths).enumerate() {
            let Some(width) = width else { continue };
            let is_coloured = number == STATE && paper.colour && !row.colour.is_empty();
            let (colour, plain) = if is_coloured { (row.colour, PLAIN) } else { ("", "") };
            let cell = cut(cell, width);
            let blanks = " ".repeat(width + GAP - cell.width());
            text.extend([colour, &cell, plain, &blanks]);
        }
        let [.., reason] = &row.cells;
        let indent = format!("\n{}", " ".repeat(self.indent));
        if self.below && !reason.is_empty() {
            text.push_str(&indent);
        }
        text.push_str(&wrap(reason, self.last).join(&indent));
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        lines.join("\n") + "\n"
    }
}

/// As much of a text as has room.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let mut short = String::new();
    for letter in text.chars() {
        if short.width() + letter.to_string().width() >= width {
            break;
        }
        short.push(letter);
    }
    (short + "…").into()
}

/// Cuts a text into lines between its words, and within words that are longer than a line.
fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        if used > 0 && used + word.trim_end().width() > width {
            lines.push(String::new());
            used = 0;
        }
        for letter in word.chars() {
            let space = letter.to_string().width();
            if used + space > width && letter != ' ' {
                lines.push(String::new());
                used = 0;
            }
            used += space;
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
    }
    lines
}

/// Escapes what could mislead a terminal or break a line.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::new();
    for letter in text.chars() {
        if letter.is_control() {
            clean.extend(letter.escape_default());
        } else {
            clean.push(letter);
        }
    }
    clean
}

#[cfg(test)]
mod tests;
