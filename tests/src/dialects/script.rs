//! The judges: Python processes that answer one question after the other.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::openstack_venv;

/// A script that reads questions and writes answers, each a line of JSON.
pub struct Script {
    child: Child,
    /// Nothing once the script may end.
    pipes: RefCell<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Script {
    /// Starts a script of `tests/` with the machine's own Python.
    pub fn start(script: &str, arguments: &[&OsStr]) -> Self {
        Self::start_with(Path::new("python3"), script, arguments)
    }

    /// Starts a script of `tests/` with OpenStack's packages at hand.
    pub fn with_openstack(script: &str, arguments: &[&OsStr]) -> Self {
        Self::start_with(&openstack_venv().join("bin/python"), script, arguments)
    }

    fn start_with(python: &Path, script: &str, arguments: &[&OsStr]) -> Self {
        let mut child = Command::new(python)
            // Of the packages that are imported; nobody here can do anything about them.
            .args(["-W", "ignore"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .args(arguments)
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start Python");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, pipes: RefCell::new(Some((stdin, stdout))) }
    }

    /// Asks a question.
    pub fn ask<T: DeserializeOwned>(&self, question: &Value) -> T {
        let mut pipes = self.pipes.borrow_mut();
        let (stdin, stdout) = pipes.as_mut().unwrap();
        writeln!(stdin, "{question}").expect("the script has ended");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the script answers in UTF-8");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in {line:?}\nfor {question}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It ends with its input, and takes its files with it.
        drop(self.pipes.take());
        let _ = self.child.wait();
    }
}
