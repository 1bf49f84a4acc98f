//! One option of a catalog.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Rules;

/// The type of an option of which nothing is known.
pub(super) const UNKNOWN_TYPE: &str = "unknown value";

/// One option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogOption {
    /// The section that holds it.
    pub group: String,
    /// Its name in a file.
    pub name: String,
    /// The generator's words: `string value`, `boolean value`, `multi valued` …
    #[serde(rename = "type")]
    pub kind: String,
    /// What holds where no file says otherwise; null also where it is large. Where it depends on
    /// the machine, the sample that stands in the documentation.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub default: Value,
    /// The values that it may have; any, where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// The least number, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub min: Value,
    /// The largest number, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub max: Value,
    /// Whether a daemon takes a new value without a restart.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mutable: bool,
    /// Whether the value has to be hidden.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
    /// Whether it is known that only the last of several values counts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub single: bool,
    /// The options that its default refers to: `state_path` for `$state_path/volumes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refers: Vec<String>,
    /// The groups and names under which files may still have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deprecated: Vec<(String, String)>,
    /// Of a template: the option that says in which sections it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// What a value has to be besides; `None` where nobody has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// Why the service is going to drop it, in one line, perhaps an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<String>,
    /// What it is for, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's way to ask
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

impl CatalogOption {
    /// The groups and names under which a file may have it, the present ones first.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let former = self.deprecated.iter().map(|(group, name)| (group.as_str(), name.as_str()));
        std::iter::once((self.group.as_str(), self.name.as_str())).chain(former)
    }

    /// Keeps what is true of both.
    pub(super) fn join(&mut self, other: Self) {
        if self.kind != other.kind {
            UNKNOWN_TYPE.clone_into(&mut self.kind);
        }
        if self.choices != other.choices {
            self.choices.clear();
        }
        for (mine, other) in [
            (&mut self.default, other.default),
            (&mut self.min, other.min),
            (&mut self.max, other.max),
        ] {
            if *mine != other {
                *mine = Value::Null;
            }
        }
        if self.rules != other.rules {
            self.rules = None;
        }
        self.removal = self.removal.take().zip(other.removal).map(|(one, two)| one.min(two));
        // Either will do, but the same one in any order.
        self.help = match (self.help.is_empty(), other.help.is_empty()) {
            (false, false) => std::mem::take(&mut self.help).min(other.help),
            (true, _) => other.help,
            (false, true) => std::mem::take(&mut self.help),
        };
        self.mutable &= other.mutable;
        self.secret |= other.secret;
        self.single &= other.single;
        self.refers.extend(other.refers);
        self.deprecated.extend(other.deprecated);
        self.refers.sort();
        self.refers.dedup();
        self.deprecated.sort();
        self.deprecated.dedup();
    }
}
