//! The judge: MariaDB's own `my_print_defaults`, by way of `tests/judges/mysql.py`.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::json;

use crate::{Found, by_group};

/// Says what MariaDB reads.
pub(crate) struct Judge {
    child: Child,
    /// Nothing once the judge may end.
    pipes: RefCell<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

/// What MariaDB says of a text: group, option and value, which an option need not have.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Values(Vec<(String, String, Option<String>)>),
    Error(String),
}

impl Judge {
    pub(crate) fn new() -> Self {
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/judges/mysql.py"))
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start Python");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, pipes: RefCell::new(Some((stdin, stdout))) }
    }

    /// What MariaDB reads from a text, group by group, with values as keys say them; or why it
    /// reads nothing.
    pub(crate) fn read(&self, text: &str) -> Result<Vec<Found>, String> {
        let mut pipes = self.pipes.borrow_mut();
        let (stdin, stdout) = pipes.as_mut().unwrap();
        writeln!(stdin, "{}", json!({ "text": text })).expect("the judge has ended");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the judge answers in UTF-8");
        match serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}")) {
            Answer::Values(values) => Ok(by_group(values.into_iter().map(as_key).collect())),
            Answer::Error(error) => Err(error),
        }
    }
}

/// Nothing is an option that stands alone, two quotes are an empty value.
fn as_key((group, option, value): (String, String, Option<String>)) -> Found {
    let value = match value.as_deref() {
        None => "",
        Some("") => "\"\"",
        Some(text) => text,
    };
    (group, option, value.to_owned())
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It ends with its input, and takes its folder with it.
        drop(self.pipes.take());
        let _ = self.child.wait();
    }
}
