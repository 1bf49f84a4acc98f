//! Programs that come to an end.

use std::process::Command;

use crate::{PATIENCE, Process};

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What it printed to standard output.
    pub out: String,
    /// What it printed to standard error.
    pub err: String,
}

/// Runs a program to its end.
pub async fn run(command: Command) -> Ran {
    let mut command = tokio::process::Command::from(command);
    let end = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, end).await.expect("the program ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("no signal has ended it");
    Ran { code, out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a program to its end: its exit code, and all that it printed, as it came.
pub async fn said(command: &mut Command) -> (i32, String) {
    let mut process = Process::spawn(command);
    let code = process.wait(PATIENCE).await.code().unwrap();
    (code, process.lines().join("\n"))
}
