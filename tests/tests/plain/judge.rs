//! The judges: Python processes that ask the real readers.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::json;

use crate::Values;

/// Says what a program reads.
pub(crate) struct Judge {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

/// What it says of a text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) values: Values,
    /// Each option once, with the value that counts.
    pub(crate) effective: Values,
    /// The options that rsync does not know.
    pub(crate) unknown: Vec<String>,
    /// How many lines rsync passed over.
    pub(crate) ignored: usize,
    error: Option<String>,
}

impl Judge {
    pub(crate) fn rabbitmq() -> Self {
        Self::run("plain.py", &[folder()])
    }

    pub(crate) fn rsync() -> Self {
        Self::run("rsync.py", &[])
    }

    pub(crate) fn libvirt() -> Self {
        Self::run("libvirt.py", &[])
    }

    fn run(script: &str, arguments: &[PathBuf]) -> Self {
        let mut child = Command::new("python3")
            .arg(judges().join(script))
            .args(arguments)
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start Python");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, pipes: RefCell::new((stdin, stdout)) }
    }

    /// What the program reads from a text, or why it does not.
    pub(crate) fn read(&self, text: &str) -> Result<Answer, String> {
        let (stdin, stdout) = &mut *self.pipes.borrow_mut();
        writeln!(stdin, "{}", json!({ "text": text })).expect("the judge has ended");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the judge answers in UTF-8");
        let mut answer: Answer = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in {line:?}\nfor {text:?}"));
        answer.error.take().map_or(Ok(answer), Err)
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("judges")
}

/// What some judges need; unpacked by the first call ever.
pub(crate) fn folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let output = Command::new(judges().join("setup.sh"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cannot run tests/judges/setup.sh");
        assert!(output.status.success(), "tests/judges/setup.sh: {}", output.status);
        PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8").trim_end())
    };
    FOLDER.get_or_init(make).clone()
}
