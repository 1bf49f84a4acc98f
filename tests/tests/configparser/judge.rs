//! The judge: a Python process with PasteDeploy and Swift in it.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use etcstack_config::dialect::Dialect;
use etcstack_tests::openstack_venv;
use serde::Deserialize;
use serde_json::json;

use crate::Options;

/// Says what the readers of a dialect read.
pub(crate) struct Judge {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    values: Vec<(String, String, String)>,
    #[serde(default)]
    filled: Vec<(Option<String>, Option<String>)>,
    error: Option<String>,
}

/// What both readers of a dialect read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The values as they stand in the file.
    pub(crate) values: Options,
    /// What each of the two readers makes of them; `None` where it fails.
    pub(crate) filled: Vec<(String, String, [Option<String>; 2])>,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/configparser/judge.py");
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

    /// What the readers of a dialect read from a text, or why one of them does not.
    pub(crate) fn read(&self, dialect: Dialect, text: &str) -> Result<Read, String> {
        let (stdin, stdout) = &mut *self.pipes.borrow_mut();
        let question = json!({ "text": text, "dialect": dialect.to_string() });
        writeln!(stdin, "{question}").expect("the script has ended");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the script answers in UTF-8");
        let answer: Answer =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        if let Some(error) = answer.error {
            return Err(error);
        }
        let names = answer.values.iter().map(|(section, option, _)| (section, option));
        let filled = names.zip(answer.filled).map(|((section, option), (first, second))| {
            (section.clone(), option.clone(), [first, second])
        });
        let filled = filled.collect();
        let values = answer.values.into_iter().map(|(s, o, value)| ((s, o), value)).collect();
        Ok(Read { values, filled })
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
