//! What it takes to start a program.

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::libc;
use thiserror::Error;

use crate::sys::{self, Identity};

/// A program and how it is to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    pub(crate) account: Account,
    /// Variables besides those that we have.
    pub(crate) environment: Vec<(String, String)>,
    /// Its outputs go through pipes, and not to where ours go.
    pub(crate) piped: bool,
}

/// Who a program runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// `None`: as we do.
    pub(crate) identity: Option<Identity>,
    /// The user's name and home, for the environment.
    pub(crate) name: Option<(String, std::path::PathBuf)>,
    /// It cannot gain rights by setuid programs such as sudo.
    pub(crate) no_new_privs: bool,
    /// Why we may not become that user, for those who are to start something.
    pub(crate) forbidden: Option<String>,
}

/// Why a program does not run. Exit codes as shells have them: 127 not found, 126 not executable.
#[derive(Debug, Error)]
#[error("{program}: cannot be run: {source}")]
pub(crate) struct LaunchError {
    program: String,
    source: std::io::Error,
}

impl LaunchError {
    /// Whether it is the system that has no room at the moment, whatever was to be started.
    pub(crate) fn may_pass(&self) -> bool {
        let busy = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
        self.source.raw_os_error().is_some_and(|code| busy.contains(&code))
    }

    pub(crate) fn exit_code(&self) -> u8 {
        if self.source.kind() == ErrorKind::NotFound { 127 } else { 126 }
    }
}

impl Launch {
    /// Its name, for messages; its arguments may hold passwords.
    pub(crate) fn program(&self) -> String {
        self.command.first().map(|program| program.display().to_string()).unwrap_or_default()
    }

    /// Starts it in a process group of its own, so that a signal of the terminal reaches it through
    /// us alone, and not twice: oslo.service passes signals on to its workers itself, and takes a
    /// HUP for a request to end if it is in the terminal's foreground.
    pub(super) fn spawn(&self) -> Result<std::process::Child, LaunchError> {
        let failed = |source| LaunchError { program: self.program(), source };
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| failed(std::io::Error::other("there is no command")))?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        if let Some((name, home)) = &self.account.name {
            command.env("HOME", home).env("USER", name).env("LOGNAME", name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.piped {
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        } else if std::io::stdin().is_terminal() {
            // A read from the terminal would stop a program that is not in its foreground.
            command.stdin(Stdio::null());
        }
        let Account { identity, no_new_privs, .. } = &self.account;
        sys::prepare_exec(&mut command, identity.clone(), *no_new_privs);
        command.spawn().map_err(failed)
    }
}
