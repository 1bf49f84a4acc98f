//! The daemon: started, watched over, told, stopped.

mod reload;
mod signals;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
pub(crate) use reload::Reloader;
pub(crate) use signals::{Signals, is_stop};
use tokio::time::Instant;

use crate::Failure;

/// How long the rest of a daemon's group has to end, after the daemon itself has.
const LEFTOVERS: Duration = Duration::from_secs(5);

/// The daemon's first process, leader of a process group of its own.
#[derive(Debug)]
pub(crate) struct Daemon {
    pid: Pid,
}

impl Daemon {
    /// Starts a command. Exit codes as shells have them: 127 not found, 126 not executable.
    ///
    /// Its group is its own, so that a signal of the terminal reaches it through us alone, and
    /// not twice: oslo.service passes signals on to its workers itself.
    pub(crate) fn start(command: &[OsString]) -> Result<Self, Failure> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| Failure::new(64, "there is no command to run"))?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        crate::sys::start_with_hangup_ignored(&mut command);
        // Nobody ever waits on this handle: all waiting is `reap`'s.
        let child = command.spawn().map_err(|error| {
            let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
            Failure::new(code, format!("{}: cannot be run: {error}", program.display()))
        })?;
        let pid = Pid::from_raw(child.id().cast_signed());
        tracing::info!(pid = pid.as_raw(), command = %program.display(), "the daemon is started");
        Ok(Self { pid })
    }

    /// Sends a signal to the daemon's first process, which passes it on as it sees fit.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Err(error) = kill(self.pid, signal) {
            tracing::warn!(%signal, %error, "the daemon cannot be signalled");
        }
    }

    /// Ends every process of the group at once.
    pub(crate) fn kill_group(&self) {
        let _ = killpg(self.pid, Signal::SIGKILL);
    }

    /// Whether the daemon has a handler for a signal: `SigCgt` of proc(5), a mask in hexadecimal.
    fn catches(&self, signal: Signal) -> bool {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
    }

    /// Ends what the daemon has left behind: first asks, then kills.
    pub(crate) async fn end_leftovers(&self, signals: &mut Signals) {
        let _ = killpg(self.pid, Signal::SIGTERM);
        if !self.group_ends(signals).await {
            tracing::warn!("processes of the daemon did not end with it; killing them");
            self.kill_group();
            self.group_ends(signals).await;
        }
    }

    /// Waits for the group to end: when its last process has been reaped, it is gone.
    async fn group_ends(&self, signals: &mut Signals) -> bool {
        let deadline = Instant::now() + LEFTOVERS;
        loop {
            reap(None);
            if killpg(self.pid, None) == Err(Errno::ESRCH) {
                return true;
            }
            if tokio::time::timeout_at(deadline, signals.next()).await.is_err() {
                return false;
            }
        }
    }
}

/// Takes in every process that has ended, orphans as well. Returns the daemon's exit code when it
/// is among them: its own, or 128 + n where signal n ended it.
///
/// This is the only place that waits: two would steal each other's results.
pub(crate) fn reap(daemon: Option<&Daemon>) -> Option<u8> {
    let mut code = None;
    while let Some((pid, ended)) = crate::sys::reap_one() {
        if daemon.is_some_and(|daemon| daemon.pid == pid) {
            tracing::info!(code = ended, "the daemon has ended");
            code = Some(ended);
        } else {
            tracing::debug!(pid = pid.as_raw(), "reaped an orphan");
        }
    }
    code
}
