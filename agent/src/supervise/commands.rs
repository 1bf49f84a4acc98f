//! Commands besides the daemons: checks, probes, bootstrap steps.

use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};

use super::Signal;
use super::children::{Child, Children};
use super::launch::{Launch, LaunchError};
use super::output::{Line, read_lines};
use crate::mask::Mask;

/// How long a command has after it was asked to end.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// How long what a command has said last may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// With this exit code.
    Ended(u8),
    /// Not within its time; it was ended.
    TooLong(Duration),
    /// It was killed, since it must not run any more.
    Forbidden,
}

impl Ran {
    /// `Ok` for exit code 0, else a message for people. What it printed is not repeated: it stands
    /// in the log, and nobody knows what is in it.
    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Ended(0) => Ok(()),
            Self::Ended(code) => Err(format!("exit code {code}")),
            Self::TooLong(limit) => Err(format!("it did not end within {limit:?}")),
            Self::Forbidden => Err("it was killed".into()),
        }
    }
}

/// Runs a command to its end, or until its time is over. If this is dropped, the command is ended.
/// Each line of its output goes to `on_line`, without its secrets.
pub(crate) async fn run(
    children: &Children,
    launch: &Launch,
    limit: Option<Duration>,
    mask: &Mask,
    on_line: impl FnMut(&str),
) -> Result<Ran, LaunchError> {
    let never = std::future::pending();
    run_unless(children, launch, limit, None, never, mask, on_line).await
}

/// What a command must not outlive: it is dropped when the last process of the command is gone.
pub(crate) type Keep = Arc<dyn Any + Send + Sync>;

/// As [`run`], but kills the command at once when it is forbidden to run.
pub(crate) async fn run_unless(
    children: &Children,
    launch: &Launch,
    limit: Option<Duration>,
    keep: Option<Keep>,
    forbidden: impl Future<Output = ()>,
    mask: &Mask,
    mut on_line: impl FnMut(&str),
) -> Result<Ran, LaunchError> {
    let launch = Launch { piped: true, ..launch.clone() };
    let started = children.start(&launch)?;
    let child = &started.child;
    let running = Running { child: Some(child.clone()), keep };
    let (sender, mut lines) = tokio::sync::mpsc::channel::<Line>(64);
    for output in [started.stdout.map(OwnedFd::from), started.stderr.map(OwnedFd::from)] {
        if let Some(output) = output.and_then(|output| Receiver::from_owned_fd(output).ok()) {
            tokio::spawn(read_lines(output, sender.clone()));
        }
    }
    drop(sender);
    let end = async {
        loop {
            tokio::select! {
                Some(line) = lines.recv() => on_line(&line.shown(mask)),
                code = child.ended() => return code,
            }
        }
    };
    let too_long = async {
        match limit {
            Some(limit) => {
                sleep(limit).await;
                limit
            }
            None => std::future::pending().await,
        }
    };
    let ran = tokio::select! {
        biased;
        code = end => Ran::Ended(code),
        () = forbidden => {
            child.kill_group();
            child.ended().await;
            Ran::Forbidden
        }
        limit = too_long => {
            child.stop(Signal::TERM, GRACE).await;
            Ran::TooLong(limit)
        }
    };
    child.end_leftovers().await;
    running.done();
    let rest = async {
        while let Some(line) = lines.recv().await {
            on_line(&line.shown(mask));
        }
    };
    // Whoever has left the group with its outputs is not waited for.
    let _ = timeout(LAST_WORDS, rest).await;
    Ok(ran)
}

/// Ends a command that nobody waits for any more.
struct Running {
    child: Option<Child>,
    keep: Option<Keep>,
}

impl Running {
    fn done(mut self) {
        self.child = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else { return };
        let keep = self.keep.take();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return child.kill_group();
        };
        runtime.spawn(async move {
            child.stop(Signal::TERM, GRACE).await;
            child.end_leftovers().await;
            drop(keep);
        });
    }
}
