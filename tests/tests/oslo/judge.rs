//! The judge: a Python process with oslo.config in it.

use etcstack_tests::dialects::Script;
use serde::Deserialize;
use serde_json::json;

use crate::Sections;

/// Says what oslo.config reads.
pub(crate) struct Judge(Script);

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
        Self(Script::with_openstack("oslo/judge.py", &[]))
    }

    /// What oslo.config reads from a text.
    pub(crate) fn read(&self, text: &str) -> Result<Sections, Refusal> {
        let answer = self.0.ask::<Answer>(&json!({ "text": text }));
        answer.error.map_or(Ok(answer.sections), Err)
    }

    /// What a service gets that registers these options, given as section and name.
    pub(crate) fn options(&self, text: &str, options: &[(&str, &str)]) -> Vec<ReadOption> {
        let answer = self.0.ask::<Answer>(&json!({ "text": text, "options": options }));
        assert!(answer.error.is_none(), "{answer:?}\nfor {text:?}");
        assert_eq!(answer.options.len(), options.len());
        answer.options
    }
}
