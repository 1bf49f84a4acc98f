//! What a hand did. Names keys, never values.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use crate::cli::Output;
use crate::run::Done;
use crate::task;

/// What was done, or would be.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) added: BTreeSet<String>,
    pub(crate) changed: BTreeSet<String>,
    pub(crate) deleted: BTreeSet<String>,
    #[serde(rename = "unchanged_count", serialize_with = "count")]
    pub(crate) unchanged: BTreeSet<String>,
    #[serde(rename = "next_load")]
    pub(crate) notes: Vec<Note>,
    pub(crate) warnings: Vec<String>,
    pub(crate) dry_run: bool,
    /// The number in the history; `None` where nothing was written.
    pub(crate) entry: Option<u64>,
    pub(crate) revision: i64,
}

fn count<S: Serializer>(keys: &BTreeSet<String>, to: S) -> Result<S::Ok, S::Error> {
    keys.len().serialize(to)
}

/// What the next load is going to do with a key.
#[derive(Clone, Serialize)]
pub(crate) struct Note {
    pub(crate) key: String,
    #[serde(rename = "outcome")]
    pub(crate) next_load: NextLoad,
    /// The release that says so.
    pub(crate) release: Option<u64>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NextLoad {
    /// Keeps the hand's value, as drift.
    Keeps,
    /// Writes the key again.
    Returns,
}

impl Note {
    fn line(&self) -> String {
        let release =
            self.release.map_or_else(|| "a load".to_owned(), |number| format!("release {number}"));
        let key = self.key.escape_debug();
        match self.next_load {
            NextLoad::Keeps => {
                format!(
                    "note      {key}: {release} says otherwise: the next load keeps this as drift"
                )
            }
            NextLoad::Returns => {
                format!(
                    "note      {key}: {release} wrote it: the next load of the same data puts it back"
                )
            }
        }
    }
}

impl Report {
    /// Whether something was, or would be, written.
    pub(crate) fn is_something(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.deleted.is_empty())
    }

    /// What was done; warnings go to standard error.
    pub(crate) fn tell(&self, output: Output) -> Done {
        for warning in &self.warnings {
            task::warn(warning);
        }
        task::report(output, self, &self.lines())
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (what, keys) in [
            ("added", &self.added),
            ("changed", &self.changed),
            ("deleted", &self.deleted),
            ("unchanged", &self.unchanged),
        ] {
            lines.extend(keys.iter().map(|key| format!("{what:<9} {}", key.escape_debug())));
        }
        lines.extend(self.notes.iter().map(Note::line));
        lines.push(match self.entry {
            Some(number) => {
                format!("written; entry {number} of the history; revision {}", self.revision)
            }
            None if self.is_something() => "nothing was written: --dry-run".to_owned(),
            None => "nothing to do; nothing was written".to_owned(),
        });
        lines
    }
}
