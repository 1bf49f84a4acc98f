//! Commands besides the daemons: checks, probes, bootstrap steps.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};

use super::Signal;
use super::children::{Child, Children};
use super::launch::{Launch, LaunchError};

/// How much of a line is passed on as one.
const LONGEST_LINE: u64 = 8192;

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
/// Each line of its output goes to `on_line`.
pub(crate) async fn run(
    children: &Children,
    launch: &Launch,
    limit: Option<Duration>,
    on_line: impl FnMut(&str),
) -> Result<Ran, LaunchError> {
    run_unless(children, launch, limit, std::future::pending(), on_line).await
}

/// As [`run`], but kills the command at once when it is forbidden to run.
pub(crate) async fn run_unless(
    children: &Children,
    launch: &Launch,
    limit: Option<Duration>,
    forbidden: impl Future<Output = ()>,
    mut on_line: impl FnMut(&str),
) -> Result<Ran, LaunchError> {
    let launch = Launch { piped: true, ..launch.clone() };
    let started = children.start(&launch)?;
    let child = &started.child;
    let running = Running(Some(child.clone()));
    let (sender, mut lines) = tokio::sync::mpsc::channel::<String>(64);
    for output in [started.stdout.map(OwnedFd::from), started.stderr.map(OwnedFd::from)] {
        if let Some(output) = output.and_then(|output| Receiver::from_owned_fd(output).ok()) {
            tokio::spawn(read_lines(output, sender.clone()));
        }
    }
    drop(sender);
    let end = async {
        loop {
            tokio::select! {
                Some(line) = lines.recv() => on_line(&line),
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
            on_line(&line);
        }
    };
    // Whoever has left the group with its outputs is not waited for.
    let _ = timeout(LAST_WORDS, rest).await;
    Ok(ran)
}

/// Hands over the lines of an output, cut to a length that a log can take.
async fn read_lines(output: Receiver, lines: tokio::sync::mpsc::Sender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut output).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                if lines.send(text.trim_end().to_owned()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Ends a command that nobody waits for any more.
struct Running(Option<Child>);

impl Running {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return child.kill_group();
        };
        runtime.spawn(async move {
            child.stop(Signal::TERM, GRACE).await;
            child.end_leftovers().await;
        });
    }
}
