//! A program that a test runs: what it prints, how it ends.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::guard;
use crate::proc::descendants;

/// How long a program that has ended may still have output on its way. Only one whose children
/// live on with its pipes takes as long.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A child process in a process group of its own. Dropping this ends it with all that it started.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    record: watch::Receiver<Record>,
    /// How many lines [`wait_for_line`](Self::wait_for_line) is past.
    position: usize,
}

/// What is known of a process.
#[derive(Debug, Default)]
struct Record {
    lines: Vec<String>,
    /// How many of its outputs are closed.
    closed: usize,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts a program. Its input is empty.
    pub fn spawn(command: &mut Command) -> Self {
        Self::start(command, true)
    }

    /// Starts a program whose output is only collected, for what shows it in its own way.
    pub fn quiet(command: &mut Command) -> Self {
        Self::start(command, false)
    }

    #[allow(clippy::zombie_processes, reason = "it is waited for by its id, on drop")]
    fn start(command: &mut Command, echo: bool) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        guard::watch_over(pid);
        let (sender, record) = watch::channel(Record::default());
        let sender = Arc::new(sender);
        collect(echo.then_some(&name), child.stdout.take().expect("a pipe"), &sender);
        collect(echo.then_some(&name), child.stderr.take().expect("a pipe"), &sender);
        // Waits without reaping: as long as the process is not reaped, its id is its own.
        thread::spawn(move || {
            let status = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
            sender.send_modify(|record| record.status = status.ok().and_then(exit_status));
        });
        Self { name, pid, record, position: 0 }
    }

    /// Its process id, which is its process group's as well.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// All that it has printed so far, on both outputs.
    pub fn lines(&self) -> Vec<String> {
        self.record.borrow().lines.clone()
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<ExitStatus> {
        self.record.borrow().status
    }

    /// Waits for the next line that holds this text, and gives it.
    ///
    /// The next call looks only at what comes after it. Panics, with all of the output, when there
    /// is no such line in time, or when no more can come.
    pub async fn wait_for_line(&mut self, text: &str, limit: Duration) -> String {
        let from = self.position;
        let find = |record: &Record| {
            record.lines[from..].iter().position(|line| line.contains(text)).map(|at| from + at)
        };
        let wait = self.record.wait_for(|r| find(r).is_some() || r.closed == 2);
        let waited = timeout(limit, wait).await.is_ok();
        let found = find(&self.record.borrow());
        let Some(at) = found else {
            let why = if waited { "it ended" } else { "none came" };
            panic!("no line with {text:?} within {limit:?}: {why}{}", self.report());
        };
        self.position = at + 1;
        self.record.borrow().lines[at].clone()
    }

    /// Sends it a signal, and nobody else in its group.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap_or_else(|error| panic!("cannot send {signal}: {error}"));
    }

    /// Waits until it ends. Panics, with all of the output, when it does not in time.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let ended = timeout(limit, self.record.wait_for(|r| r.status.is_some())).await.is_ok();
        assert!(ended, "it did not end within {limit:?}{}", self.report());
        let _ = timeout(LAST_WORDS, self.record.wait_for(|r| r.closed == 2)).await;
        self.status().unwrap_or_else(|| panic!("nobody knows how it ended{}", self.report()))
    }

    fn report(&self) -> String {
        let record = self.record.borrow();
        let status = record.status.map_or("alive".to_owned(), |status| status.to_string());
        format!(
            "\n--- {} (process {}, {status}) has printed:\n{}\n---",
            self.name,
            self.pid,
            record.lines.join("\n")
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Some of those that it started may have gone to groups of their own. They are stopped first,
        // so that none of them starts another one that nobody would find any more.
        let _ = killpg(self.pid, Signal::SIGSTOP);
        let mut family = Vec::new();
        loop {
            let found = descendants(self.pid);
            if found.iter().all(|pid| family.contains(pid)) {
                break;
            }
            for pid in &found {
                let _ = kill(*pid, Signal::SIGSTOP);
            }
            family = found;
        }
        let _ = killpg(self.pid, Signal::SIGKILL);
        for pid in family {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = waitid(Id::Pid(self.pid), WaitPidFlag::WEXITED);
        guard::forget(self.pid);
    }
}

fn collect(
    echo: Option<&String>,
    output: impl Read + Send + 'static,
    sender: &Arc<watch::Sender<Record>>,
) {
    let sender = sender.clone();
    let echo = echo.cloned();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
            if let Some(name) = &echo {
                println!("{name}: {text}");
            }
            sender.send_modify(|record| record.lines.push(text));
            line.clear();
        }
        sender.send_modify(|record| record.closed += 1);
    });
}

fn exit_status(status: WaitStatus) -> Option<ExitStatus> {
    match status {
        WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw(code << 8)),
        WaitStatus::Signaled(_, signal, _) => Some(ExitStatus::from_raw(signal as i32)),
        _ => None,
    }
}
