//! All processes that the agent has started or inherited, and the one place that waits for them.
//!
//! A second `waitpid` would steal the first one's results. And since everything runs on one thread,
//! a program's end is never taken in before it is known here that it was started.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Signal;
use super::launch::{Launch, LaunchError};
use crate::sys;

/// How long the rest of a program's group has to end, after its first process has.
pub(crate) const LEFTOVERS: Duration = Duration::from_secs(5);

/// The table of all children. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Children(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ends: Mutex<HashMap<Pid, watch::Sender<Option<u8>>>>,
    /// Changes whenever something was reaped.
    reaped: watch::Sender<()>,
}

/// The first process of a program that was started, leader of a group of its own.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pid: Pid,
    end: watch::Receiver<Option<u8>>,
    reaped: watch::Receiver<()>,
}

impl Children {
    /// Starts to reap, in a task of its own.
    pub(crate) fn new() -> std::io::Result<Self> {
        // Orphans of the daemon become our children even where we are not PID 1.
        if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
            tracing::warn!(%error, "orphans of the daemon will not be reaped");
        }
        let shared = Shared { ends: Mutex::default(), reaped: watch::Sender::new(()) };
        let children = Self(Arc::new(shared));
        let mut ended = signal(SignalKind::child())?;
        let reaper = children.clone();
        tokio::spawn(async move {
            while ended.recv().await.is_some() {
                reaper.reap();
            }
        });
        Ok(children)
    }

    /// Starts a program.
    pub(crate) fn start(&self, launch: &Launch) -> Result<Started, LaunchError> {
        // Nobody ever waits on this handle: all waiting is `reap`'s.
        let mut handle = launch.spawn()?;
        let pid = Pid::from_raw(handle.id().cast_signed());
        let (sender, end) = watch::channel(None);
        self.ends().insert(pid, sender);
        let child = Child { pid, end, reaped: self.0.reaped.subscribe() };
        Ok(Started { child, stdout: handle.stdout.take(), stderr: handle.stderr.take() })
    }

    /// Takes in every process that has ended, orphans as well.
    fn reap(&self) {
        let mut reaped = 0;
        while let Some((pid, code)) = sys::reap_one() {
            reaped += 1;
            if let Some(end) = self.ends().remove(&pid) {
                end.send_replace(Some(code));
            }
        }
        tracing::debug!(reaped, "reaped");
        self.0.reaped.send_replace(());
    }

    /// Waits until none that we have started runs any more.
    pub(crate) async fn all_ended(&self) {
        let mut reaped = self.0.reaped.subscribe();
        while !self.ends().is_empty() {
            if reaped.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends all that we have started and that still run.
    pub(crate) fn kill_all(&self) {
        for pid in self.ends().keys() {
            let _ = killpg(*pid, nix::sys::signal::SIGKILL);
        }
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<Pid, watch::Sender<Option<u8>>>> {
        // Nothing in here panics half-way through a change.
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program that was started, with our ends of its outputs if it was launched with pipes.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) stdout: Option<std::process::ChildStdout>,
    pub(crate) stderr: Option<std::process::ChildStderr>,
}

impl Child {
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Its exit code, or 128 + n where signal n ended it; `None` as long as it runs.
    pub(crate) fn code(&self) -> Option<u8> {
        *self.end.borrow()
    }

    /// Waits for its end. Cancelling this loses nothing.
    pub(crate) async fn ended(&self) -> u8 {
        let mut end = self.end.clone();
        let code = end.wait_for(Option::is_some).await.map(|code| *code);
        match code {
            Ok(Some(code)) => code,
            // The table of children lives as long as the agent.
            _ => std::future::pending().await,
        }
    }

    /// Sends a signal to the first process alone, which passes it on as it sees fit. One that has
    /// ended gets none: its number may be another's by now.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.code().is_some() {
            return;
        }
        if let Err(error) = sys::send(self.pid, signal.number()) {
            tracing::warn!(%signal, %error, pid = self.pid.as_raw(), "cannot be signalled");
        }
    }

    /// Whether it has a handler for a signal: `SigCgt` of proc(5), a mask in hexadecimal.
    pub(crate) fn catches(&self, signal: Signal) -> bool {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal.number() - 1) & 1 == 1)
    }

    /// Asks it to end, and ends it with all of its group when the time is over.
    pub(crate) async fn stop(&self, signal: Signal, grace: Duration) -> u8 {
        self.signal(signal);
        self.ended_within(grace).await
    }

    /// Waits for its end, and ends it with all of its group when the time is over.
    pub(crate) async fn ended_within(&self, grace: Duration) -> u8 {
        if let Ok(code) = tokio::time::timeout(grace, self.ended()).await {
            return code;
        }
        tracing::warn!(
            pid = self.pid.as_raw(),
            "it did not end within its grace period of {grace:?}; killing it"
        );
        self.kill_group();
        self.ended().await
    }

    /// Ends every process of the group at once.
    pub(crate) fn kill_group(&self) {
        let _ = killpg(self.pid, nix::sys::signal::SIGKILL);
    }

    /// Ends what it has left behind in its group: first asks, then kills.
    pub(crate) async fn end_leftovers(&self) {
        let _ = killpg(self.pid, nix::sys::signal::SIGTERM);
        if !self.group_ends().await {
            tracing::warn!(
                pid = self.pid.as_raw(),
                "processes that it has left behind did not end; killing them"
            );
            self.kill_group();
            self.group_ends().await;
        }
    }

    /// Waits for the group to end: when its last process has been reaped, it is gone.
    async fn group_ends(&self) -> bool {
        let deadline = Instant::now() + LEFTOVERS;
        let mut reaped = self.reaped.clone();
        loop {
            reaped.mark_unchanged();
            if killpg(self.pid, None) == Err(Errno::ESRCH) {
                return true;
            }
            if !matches!(timeout_at(deadline, reaped.changed()).await, Ok(Ok(()))) {
                return false;
            }
        }
    }
}
