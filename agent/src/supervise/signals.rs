//! Signals: their names, and those that the agent itself gets.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::str::FromStr;
use std::task::Poll;

use nix::libc;
use nix::sys::signal::Signal as Known;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::sys::LAST_SIGNAL;

/// The first real-time signal, as glibc counts them and `kill -l` shows them.
const REAL_TIME: i32 = 34;

/// A signal's number: the known ones and the real-time ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signal(i32);

impl Signal {
    pub(crate) const HUP: Self = Self(libc::SIGHUP);
    pub(crate) const INT: Self = Self(libc::SIGINT);
    pub(crate) const QUIT: Self = Self(libc::SIGQUIT);
    pub(crate) const KILL: Self = Self(libc::SIGKILL);
    pub(crate) const TERM: Self = Self(libc::SIGTERM);
    pub(crate) const WINCH: Self = Self(libc::SIGWINCH);
    const STOP: Self = Self(libc::SIGSTOP);

    pub(crate) fn number(self) -> i32 {
        self.0
    }

    /// The exit code of a process that it ended.
    pub(crate) fn exit_code(self) -> u8 {
        u8::try_from(128 + self.0).unwrap_or(u8::MAX)
    }

    /// Whether somebody may send it to the agent.
    pub(crate) fn is_heard(self) -> bool {
        Self::listened().any(|signal| signal == self)
    }

    /// Whether a program can do something about it.
    pub(crate) fn can_be_caught(self) -> bool {
        self != Self::KILL && self != Self::STOP
    }

    /// The signals that somebody may send us and that we can pass on: not those that a program
    /// brings upon itself, not the two that nobody catches, not those of a terminal's job control,
    /// and not SIGCHLD and SIGPIPE, which are ours.
    fn listened() -> impl Iterator<Item = Self> {
        let standard = [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGHUP,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
            libc::SIGVTALRM,
            libc::SIGPROF,
            libc::SIGWINCH,
            libc::SIGIO,
            libc::SIGPWR,
            libc::SIGCONT,
        ];
        standard.into_iter().chain(REAL_TIME..=LAST_SIGNAL).map(Self)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Known::try_from(self.0) {
            Ok(known) => f.write_str(known.as_str()),
            Err(_) => write!(f, "SIGRTMIN+{}", self.0 - REAL_TIME),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signal {
    type Err = String;

    /// `HUP`, `SIGHUP`, `RTMIN+3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        let number = match name.strip_prefix("RTMIN") {
            Some("") => Some(REAL_TIME),
            Some(rest) => rest.strip_prefix('+').and_then(|n| n.parse().ok()).and_then(|n: i32| {
                n.checked_add(REAL_TIME).filter(|n| (REAL_TIME..=LAST_SIGNAL).contains(n))
            }),
            None => Known::from_str(&format!("SIG{name}")).ok().map(|known| known as i32),
        };
        number.map(Self).ok_or_else(|| format!("{text:?} is no signal; write HUP or USR1"))
    }
}

/// What a signal to the agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// The daemon is told as of a change.
    Reload,
    /// The daemon is started anew.
    Restart,
    /// The daemon is stopped, and the agent ends with it.
    Stop,
    /// The daemon gets it as it is.
    Pass,
    /// The daemon gets this one.
    Send(Signal),
    Ignore,
}

impl FromStr for Response {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "reload" => Self::Reload,
            "restart" => Self::Restart,
            "stop" => Self::Stop,
            "pass" => Self::Pass,
            "ignore" => Self::Ignore,
            _ => Self::Send(text.parse().map_err(|_| {
                format!(
                    "{text:?} is nothing that a signal can do; write reload, restart, stop, pass, \
                     ignore, or the name of a signal to send instead"
                )
            })?),
        })
    }
}

/// What each signal to the agent does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table(pub(crate) BTreeMap<Signal, Response>);

impl Table {
    /// What the manifest says; else HUP reloads, TERM, INT and QUIT stop, and the rest is passed
    /// on, but for WINCH: a terminal that changes its size would stop an Apache.
    pub(crate) fn response(&self, signal: Signal) -> Response {
        self.0.get(&signal).copied().unwrap_or(match signal {
            Signal::HUP => Response::Reload,
            Signal::TERM | Signal::INT | Signal::QUIT => Response::Stop,
            Signal::WINCH => Response::Ignore,
            _ => Response::Pass,
        })
    }
}

/// All signals that are listened to. As PID 1 the kernel drops those without a handler.
pub(crate) struct Signals(Vec<(Signal, Stream)>);

impl Signals {
    /// Listens from now on, so that a signal in the middle of the start is not lost.
    pub(crate) fn listen() -> std::io::Result<Self> {
        // Whoever started us may have blocked some, SIGCHLD among them.
        nix::sys::signal::SigSet::empty().thread_set_mask()?;
        let mut streams = Vec::new();
        for number in Signal::listened() {
            match signal(SignalKind::from_raw(number.0)) {
                Ok(stream) => streams.push((number, stream)),
                // The C library keeps some of the real-time ones to itself.
                Err(_) if number.0 >= REAL_TIME => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(streams))
    }

    /// The next signal; requests to stop come first. Several of one kind may come as one, as
    /// always. Cancelling loses none.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (number, stream) in &mut self.0 {
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, number, shown) in [
            ("HUP", 1, "SIGHUP"),
            ("SIGUSR2", 12, "SIGUSR2"),
            ("RTMIN", 34, "SIGRTMIN+0"),
            ("SIGRTMIN+3", 37, "SIGRTMIN+3"),
        ] {
            let signal: Signal = text.parse().unwrap();
            assert_eq!((signal.0, signal.to_string()), (number, shown.to_owned()));
        }
        for bad in ["", "SIG", "NO", "RTMIN+31", "RTMIN+-1", "RTMIN3", "RTMIN+99999999999", "hup"] {
            assert!(bad.parse::<Signal>().is_err(), "{bad}");
        }
    }

    #[test]
    fn responses() {
        let mut table = Table::default();
        assert_eq!(table.response(Signal::HUP), Response::Reload);
        assert_eq!(table.response(Signal::QUIT), Response::Stop);
        assert_eq!(table.response(Signal::WINCH), Response::Ignore);
        assert_eq!(table.response("USR1".parse().unwrap()), Response::Pass);
        table.0.insert(Signal::WINCH, "stop".parse().unwrap());
        assert_eq!(table.response(Signal::WINCH), Response::Stop);
        assert_eq!("QUIT".parse(), Ok(Response::Send(Signal::QUIT)));
        assert!("nothing".parse::<Response>().is_err());
    }
}
