//! The one module with unsafe code: what has to happen between fork and exec, and the calls for
//! which nix knows no real-time signals.

use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::signal::SigSet;
use nix::unistd::{Gid, Pid, Uid};

/// The largest signal number of Linux.
pub(crate) const LAST_SIGNAL: i32 = 64;

/// Who a program is to run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: Uid,
    pub(crate) group: Gid,
    /// Its supplementary groups, all of them.
    pub(crate) groups: Vec<Gid>,
}

/// Lets a program start with nothing of ours: every signal at its default, but SIGHUP ignored; as
/// another user where one is given; and without a way to more rights where that is asked for.
///
/// A reload that comes before the program has its own handler would otherwise kill it: the default
/// of SIGHUP is to end the process. An ignored signal stays ignored through exec (POSIX), until the
/// program installs a handler. No signal is blocked.
#[allow(unsafe_code)]
pub(crate) fn prepare_exec(command: &mut Command, identity: Option<Identity>, no_new_privs: bool) {
    let prepare = move || {
        SigSet::empty().thread_set_mask()?;
        for signal in 1..=LAST_SIGNAL {
            let disposition = if signal == libc::SIGHUP { libc::SIG_IGN } else { libc::SIG_DFL };
            // SAFETY: no handler is installed, so none can run; signal(2) is async-signal-safe.
            // Signals that cannot be set (KILL, STOP, those of the C library) are refused.
            unsafe { libc::signal(signal, disposition) };
        }
        if let Some(identity) = &identity {
            // In this order: without root's user there is no right to the other two any more.
            nix::unistd::setgroups(&identity.groups)?;
            nix::unistd::setgid(identity.group)?;
            nix::unistd::setuid(identity.user)?;
        }
        if no_new_privs {
            nix::sys::prctl::set_no_new_privs()?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; the closure makes
    // system calls and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Keeps the files that we were started with from the programs that we start; those that we open
/// ourselves are closed by exec anyway. Standard input and outputs stay.
#[allow(unsafe_code)]
pub(crate) fn keep_files_to_ourselves() {
    for entry in std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if number > libc::STDERR_FILENO {
            // SAFETY: it was open a moment ago and is only borrowed for this call; if it is the
            // one of this listing, its flag is set already.
            let file = unsafe { BorrowedFd::borrow_raw(number) };
            let _ = fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        }
    }
}

/// Sends a signal to one process.
#[allow(unsafe_code)]
pub(crate) fn send(pid: Pid, signal: i32) -> Result<(), Errno> {
    // SAFETY: kill(2) takes two numbers.
    Errno::result(unsafe { libc::kill(pid.as_raw(), signal) }).map(drop)
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
