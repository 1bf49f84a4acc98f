//! The judge: a Python process with the readers in it.

use etcstack_tests::dialects::Script;
use serde::Deserialize;
use serde_json::{Value, json};

/// Says what the reader of a file reads.
pub(crate) struct Judge(Script);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Values(Value),
    Error(String),
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self(Script::with_openstack("judges/text.py", &[]))
    }

    /// What the file of this name holds, or why it is not read.
    pub(crate) fn read(&self, name: &str, text: &str) -> Result<Value, String> {
        match self.0.ask(&json!({ "name": name, "text": text })) {
            Answer::Values(values) => Ok(values),
            Answer::Error(error) => Err(error),
        }
    }
}
