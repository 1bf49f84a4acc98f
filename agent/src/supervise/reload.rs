//! When the daemon is told of a change: not before it listens, not too often, and never not at all.

use std::time::Duration;

use tokio::time::Instant;

use super::Daemon;
use crate::manifest::Reload;

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

impl Reloader {
    pub(crate) fn new(settings: Reload) -> Self {
        Self { settings, owed: None, last: None }
    }

    /// Notes that the daemon has to hear of a revision. One signal tells of all that came before.
    pub(crate) fn request(&mut self, revision: i64, now: Instant) {
        let earliest = self.last.map_or(now, |last| now.max(last + self.settings.min_interval));
        match &mut self.owed {
            Some(owed) => owed.revision = revision,
            owed => *owed = Some(Owed { revision, at: earliest, look_again: LOOK_AGAIN }),
        }
    }

    /// When to call [`fire`](Self::fire) next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.owed.as_ref().map(|owed| owed.at)
    }

    /// Sends the signal that is due, if the daemon would catch it; else looks again soon. There is
    /// no event for a handler that appears, so this is the one thing that is looked for repeatedly,
    /// and only while a reload is owed.
    pub(crate) fn fire(&mut self, daemon: &Daemon, now: Instant) {
        let signal = self.settings.signal;
        let Some(owed) = self.owed.as_mut().filter(|owed| owed.at <= now) else { return };
        if daemon.catches(signal) {
            daemon.signal(signal);
            tracing::info!(revision = owed.revision, %signal, "told the daemon");
            self.last = Some(now);
            self.owed = None;
            return;
        }
        if owed.look_again == LOOK_AGAIN {
            tracing::info!(revision = owed.revision, %signal, "the daemon does not listen yet; it is told as soon as it does");
        }
        owed.at = now + owed.look_again;
        owed.look_again = (owed.look_again * 2).min(LOOK_SELDOM);
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
        reloader.owed = None;
        reloader.request(4, now + 5 * second);
        assert_eq!(reloader.due(), Some(now + 5 * second));
    }

    #[test]
    fn a_daemon_that_does_not_listen_is_asked_again() {
        // Our own process has no handler for this signal.
        let daemon = Daemon { pid: nix::unistd::Pid::this() };
        let signal = nix::sys::signal::Signal::SIGUSR2;
        let mut reloader = Reloader::new(Reload { signal, ..Reload::default() });
        let now = Instant::now();
        reloader.request(7, now);
        reloader.fire(&daemon, now);
        let again = reloader.due().unwrap();
        assert_eq!(again, now + LOOK_AGAIN);
        reloader.fire(&daemon, again);
        assert_eq!(reloader.due(), Some(again + 2 * LOOK_AGAIN));
        assert_eq!(reloader.last, None);
    }
}
