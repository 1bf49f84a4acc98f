//! The judges: Python processes that ask the real readers.

use etcstack_tests::dialects::Script;
use etcstack_tests::judges;
use serde::Deserialize;
use serde_json::json;

use crate::Values;

/// Says what a program reads.
pub(crate) struct Judge(Script);

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
        Self(Script::start("judges/plain.py", &[judges().as_os_str()]))
    }

    pub(crate) fn rsync() -> Self {
        Self(Script::start("judges/rsync.py", &[]))
    }

    pub(crate) fn libvirt() -> Self {
        Self(Script::start("judges/libvirt.py", &[]))
    }

    /// What the program reads from a text, or why it does not.
    pub(crate) fn read(&self, text: &str) -> Result<Answer, String> {
        let mut answer: Answer = self.0.ask(&json!({ "text": text }));
        answer.error.take().map_or(Ok(answer), Err)
    }
}
