//! The one module with unsafe code: what has to happen between fork and exec, and how a process
//! has ended.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::Pid;

/// Lets a program start with SIGHUP ignored.
///
/// A reload that comes before the program has its own handler would otherwise kill it: the default
/// of SIGHUP is to end the process. An ignored signal stays ignored through exec (POSIX), until the
/// program installs a handler. `Command` itself clears the signal mask.
#[allow(unsafe_code)]
pub(crate) fn start_with_hangup_ignored(command: &mut Command) {
    let ignore = || {
        // SAFETY: no handler is installed, so none can run; signal(2) is async-signal-safe.
        unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; the closure makes
    // one system call and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(ignore);
    }
}

/// Takes in one process that has ended: its exit code, or 128 + n if signal n ended it. `None` if
/// none has.
///
/// nix's `waitpid` knows no real-time signals: it takes the process in and then loses its end.
#[allow(unsafe_code)]
pub(crate) fn reap_one() -> Option<(Pid, u8)> {
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to an integer of ours that outlives the call.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        if pid == -1 && Errno::last() == Errno::EINTR {
            continue;
        }
        if pid <= 0 {
            return None;
        }
        let code = if libc::WIFSIGNALED(status) {
            128 + libc::WTERMSIG(status)
        } else {
            libc::WEXITSTATUS(status)
        };
        return Some((Pid::from_raw(pid), u8::try_from(code).unwrap_or(u8::MAX)));
    }
}
