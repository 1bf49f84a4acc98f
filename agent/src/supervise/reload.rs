//! When a daemon is told of a change: not before it listens, not too often, and never not at all.

use std::ffi::OsString;
use std::time::Duration;

use tokio::time::Instant;

use super::{Child, Signal};
use crate::manifest::{Reload, ReloadBy};

/// How soon to look again whether the daemon has its handler; doubled up to half a minute.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOOK_SELDOM: Duration = Duration::from_secs(30);

/// A reload that is owed, and when.
#[derive(Debug)]
pub(crate) struct Reloader {
    settings: Reload,
    owed: Option<Owed>,
    last: Option<Instant>,
}

#[derive(Debug)]
struct Owed {
    revision: i64,
    at: Instant,
    look_again: Duration,
}

/// What became of a reload that was due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing is due, or the daemon does not listen yet.
    Later,
    /// The daemon has been told by this signal.
    Told(Signal),
    /// This command is to be run to tell it.
    Run(i64, Vec<OsString>),
}

impl Reloader {
    pub(super) fn new(settings: Reload) -> Self {
        Self { settings, owed: None, last: None }
    }

    /// Notes that the daemon has to hear of a revision. One signal tells of all that came before.
    pub(super) fn request(&mut self, revision: i64, now: Instant) {
        let earliest = self.last.map_or(now, |last| now.max(last + self.settings.min_interval));
        match &mut self.owed {
            Some(owed) => owed.revision = revision,
            owed => *owed = Some(Owed { revision, at: earliest, look_again: LOOK_AGAIN }),
        }
    }

    /// Notes that the daemon starts now: it reads what is there, and nothing is owed any more.
    pub(super) fn started(&mut self) {
        self.owed = None;
        self.last = None;
    }

    /// When to call [`fire`](Self::fire) next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.owed.as_ref().map(|owed| owed.at)
    }

    /// Whether something is owed that has not been tried: a daemon that does not listen, or a command
    /// that fails, may be so for ever.
    pub(super) fn is_untried(&self) -> bool {
        self.owed.as_ref().is_some_and(|owed| owed.look_again == LOOK_AGAIN)
    }

    /// Notes that what is owed has been tried.
    pub(super) fn has_tried(&mut self) {
        if let Some(owed) = &mut self.owed {
            owed.look_again *= 2;
        }
    }

    /// Tells the daemon what is due, if it would catch the signal; else looks again soon. There is
    /// no event for a handler that appears, so this is the one thing that is looked for repeatedly,
    /// and only while a reload is owed.
    pub(super) fn fire(&mut self, child: &Child, now: Instant) -> Due {
        let Some(owed) = self.owed.as_mut().filter(|owed| owed.at <= now) else {
            return Due::Later;
        };
        let revision = owed.revision;
        let due = match &self.settings.by {
            ReloadBy::Command(command) => Due::Run(revision, command.clone()),
            ReloadBy::Signal(signal) if child.catches(*signal) => {
                child.signal(*signal);
                tracing::info!(revision, %signal, "told the daemon");
                Due::Told(*signal)
            }
            ReloadBy::Signal(signal) => {
                if owed.look_again == LOOK_AGAIN {
                    tracing::info!(revision, %signal, "the daemon does not listen yet; it is told as soon as it does");
                }
                owed.at = now + owed.look_again;
                owed.look_again = (owed.look_again * 2).min(LOOK_SELDOM);
                return Due::Later;
            }
        };
        self.last = Some(now);
        self.owed = None;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_interval_and_are_not_lost() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut reloader = Reloader::new(Reload { min_interval: 2 * second, ..Reload::default() });
        assert_eq!(reloader.due(), None);
        reloader.request(1, now);
        assert_eq!(reloader.due(), Some(now));
        // As after a signal:
        reloader.owed = None;
        reloader.last = Some(now);
        reloader.request(2, now + second / 2);
        reloader.request(3, now + second);
        assert_eq!(reloader.due(), Some(now + 2 * second));
        assert_eq!(reloader.owed.as_ref().map(|owed| owed.revision), Some(3));
        reloader.started();
        assert_eq!(reloader.due(), None);
        reloader.request(4, now + second);
        assert_eq!(reloader.due(), Some(now + second));
    }
}
