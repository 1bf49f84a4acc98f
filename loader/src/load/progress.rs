//! How far a long load is, for those who wait for it.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A load that is shorter says nothing on a terminal.
const PATIENCE: Duration = Duration::from_millis(700);
/// How often the line on a terminal is written anew.
const FRAME: Duration = Duration::from_millis(100);
/// How often a line is added where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// Tells on standard error how many keys have been written.
pub(super) struct Progress {
    total: usize,
    done: usize,
    /// When to tell next.
    next: Instant,
    terminal: bool,
    /// Whether a line stands on the terminal.
    shown: bool,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        Self::at(Instant::now(), total, std::io::stderr().is_terminal())
    }

    fn at(now: Instant, total: usize, terminal: bool) -> Self {
        let next = now + if terminal { PATIENCE } else { INTERVAL };
        Self { total, done: 0, next, terminal, shown: false }
    }

    /// So many more.
    pub(super) fn add(&mut self, keys: usize) {
        if let Some(text) = self.line(Instant::now(), keys) {
            print(&text);
        }
    }

    /// What to print now, if anything.
    fn line(&mut self, now: Instant, keys: usize) -> Option<String> {
        self.done += keys;
        if now < self.next {
            return None;
        }
        self.next = now + if self.terminal { FRAME } else { INTERVAL };
        self.shown = self.terminal;
        let Self { done, total, .. } = self;
        // A line on a terminal is written over by the next one.
        let (start, end) = if self.terminal { ("\r", "") } else { ("", "\n") };
        Some(format!("{start}{done} of {total} keys written{end}"))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            // To the begin of the line, and nothing on it.
            print("\r\x1b[K");
        }
    }
}

fn print(text: &str) {
    // Nobody may be reading.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seldom_and_not_for_short_loads() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut progress = Progress::at(start, 500, true);
        assert_eq!(progress.line(at(500), 100), None);
        assert_eq!(progress.line(at(700), 100).as_deref(), Some("\r200 of 500 keys written"));
        assert_eq!(progress.line(at(750), 100), None);
        assert_eq!(progress.line(at(800), 0).as_deref(), Some("\r300 of 500 keys written"));
        progress.shown = false;
        let mut progress = Progress::at(start, 500, false);
        assert_eq!(progress.line(at(4_900), 100), None);
        assert_eq!(progress.line(at(5_100), 1).as_deref(), Some("101 of 500 keys written\n"));
        assert_eq!(progress.line(at(9_900), 1), None);
    }
}
