//! The judges: Python processes with oslo.config in them.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use etcstack_tests::openstack_venv;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Sections;

/// Says what oslo.config reads.
pub(crate) struct Judge(Python);

/// A script that answers one question after the other.
pub(crate) struct Python {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

/// What oslo.config says of a text.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    sections: Sections,
    #[serde(default)]
    options: Vec<ReadOption>,
    error: Option<Refusal>,
}

/// Why oslo.config does not read something.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) kind: String,
    pub(crate) line: Option<usize>,
    pub(crate) message: String,
}

/// An option as a service gets it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadOption {
    /// Where it is registered as one value.
    pub(crate) single: Option<String>,
    /// Where it is registered as several.
    pub(crate) multi: Option<Vec<String>>,
    pub(crate) error: Option<Refusal>,
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self(Python::run("judge.py"))
    }

    /// What oslo.config reads from a text.
    pub(crate) fn read(&self, text: &str) -> Result<Sections, Refusal> {
        let answer = self.0.ask::<Answer>(json!({ "text": text }));
        answer.error.map_or(Ok(answer.sections), Err)
    }

    /// What a service gets that registers these options, given as section and name.
    pub(crate) fn options(&self, text: &str, options: &[(&str, &str)]) -> Vec<ReadOption> {
        let answer = self.0.ask::<Answer>(json!({ "text": text, "options": options }));
        assert!(answer.error.is_none(), "{answer:?}\nfor {text:?}");
        assert_eq!(answer.options.len(), options.len());
        answer.options
    }
}

impl Python {
    /// Starts a script of `tests/oslo/`.
    pub(crate) fn run(script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oslo").join(script);
        let mut child = Command::new(openstack_venv().join("bin/python"))
            // Of the packages that are imported; nobody here can do anything about them.
            .args(["-W", "ignore"])
            .arg(script)
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start Python");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, pipes: RefCell::new((stdin, stdout)) }
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, question: serde_json::Value) -> T {
        let (stdin, stdout) = &mut *self.pipes.borrow_mut();
        writeln!(stdin, "{question}").expect("the script has ended");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the script answers in UTF-8");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
