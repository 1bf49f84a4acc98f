//! A terminal of our own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

use crate::wrap;

/// A terminal, of which this is the side with the keyboard.
#[derive(Debug)]
pub struct Terminal {
    keyboard: PtyMaster,
    path: PathBuf,
}

/// Opening a terminal as the leader of a session makes it the one that controls the session.
const TAKE: &str = r#"terminal=$1; shift; exec "$@" <"$terminal""#;

impl Terminal {
    /// A new one.
    pub fn new() -> Self {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let keyboard = posix_openpt(flags).expect("a terminal");
        grantpt(&keyboard).expect("a terminal");
        unlockpt(&keyboard).expect("a terminal");
        let path = ptsname_r(&keyboard).expect("a terminal").into();
        Self { keyboard, path }
    }

    /// A command that runs another in the foreground of this terminal, which controls its session.
    /// What it prints goes where it would go without a terminal.
    pub fn in_front(&self, command: &Command) -> Command {
        let mut outer = Command::new("setsid");
        outer.args(["--fork", "--wait", "sh", "-c", TAKE, "sh"]).arg(&self.path);
        wrap(outer, command)
    }

    /// The side of the programs.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Types; 3 is Ctrl-C.
    pub fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("the terminal takes keys");
    }

    /// Gives it another size, of which the kernel tells its foreground with SIGWINCH.
    pub fn resize(&self, rows: u16) {
        let mut stty = Command::new("stty");
        let stty = stty.arg("-F").arg(&self.path).args(["rows", &rows.to_string()]);
        assert!(stty.status().is_ok_and(|status| status.success()), "stty fails");
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}
