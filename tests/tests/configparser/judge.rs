//! The judge: a Python process with PasteDeploy and Swift in it.

use etcstack_config::dialect::Dialect;
use etcstack_tests::dialects::Script;
use serde::Deserialize;
use serde_json::json;

use crate::Options;

/// Says what the readers of a dialect read.
pub(crate) struct Judge(Script);

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
        Self(Script::with_openstack("judges/configparser/judge.py", &[]))
    }

    /// What the readers of a dialect read from a text, or why one of them does not.
    pub(crate) fn read(&self, dialect: Dialect, text: &str) -> Result<Read, String> {
        let question = json!({ "text": text, "dialect": dialect.to_string() });
        let answer: Answer = self.0.ask(&question);
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
