//! The judge: MariaDB's own `my_print_defaults`, by way of `tests/judges/mysql.py`.

use etcstack_tests::dialects::Script;
use serde::Deserialize;
use serde_json::json;

use crate::{Found, by_group};

/// Says what MariaDB reads.
pub(crate) struct Judge(Script);

/// What MariaDB says of a text: group, option and value, which an option need not have.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Values(Vec<(String, String, Option<String>)>),
    Error(String),
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self(Script::start("judges/mysql.py", &[]))
    }

    /// What MariaDB reads from a text, group by group, with values as keys say them; or why it
    /// reads nothing.
    pub(crate) fn read(&self, text: &str) -> Result<Vec<Found>, String> {
        match self.0.ask(&json!({ "text": text })) {
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
