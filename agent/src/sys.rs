//! The one module with unsafe code: what has to happen between fork and exec.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigHandler, Signal, signal};

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
