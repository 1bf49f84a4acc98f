//! The difference of two states, file by file, for people and programs. Secrets are masked.

pub(crate) mod mask;
mod show;
pub(crate) use show::printable;

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::key::{GENERAL, Key};

use crate::address::is_address;
use crate::dialects::DIALECTS;
use crate::said::VARIABLES;

/// What may become of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Added,
    Changed,
    Deleted,
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: String,
    /// How the key is called inside its file or among the variables: `[section] option`.
    pub(crate) name: String,
    /// What names say of the value: whether it is a secret.
    secret: bool,
    /// What it held; `None` where it was not there.
    before: Option<String>,
    /// What it holds; `None` where it is gone.
    after: Option<String>,
}

/// The keys that differ, by file; the variables are one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    groups: BTreeMap<String, Vec<Change>>,
}

impl Difference {
    pub(crate) fn new(before: &Entries, after: &Entries) -> Self {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let text = |entries: &Entries, key: &String| {
            // What is no text is shown as well as it can be.
            entries.get(key).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let mut difference = Self::default();
        let states = [before, after];
        for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
            let (group, name, secret) = place(key);
            let mut values = states.into_iter().filter_map(|entries| entries.get(key));
            let is_address = |key: &Key| values.all(|value| is_address(key, value, &states));
            let secret = secret && !Key::parse(key).as_ref().is_ok_and(is_address);
            let (before, after) = (text(before, key), text(after, key));
            // Its lines say nothing of it one by one.
            let holds_key = |text: &String| text.contains("PRIVATE KEY");
            let secret = secret || before.iter().chain(&after).any(holds_key);
            let change = Change { key: key.clone(), name, secret, before, after };
            difference.groups.entry(group).or_default().push(change);
        }
        difference
    }

    /// Says of keys that what they hold is secret, whatever their names say.
    pub(crate) fn hide(&mut self, keys: &BTreeSet<String>) {
        for change in self.groups.values_mut().flatten() {
            change.secret |= keys.contains(&change.key);
        }
    }

    /// The keys that this has become of, in their order.
    fn keys(&self, what: What) -> BTreeSet<&str> {
        let changes = self.groups.values().flatten().filter(|change| change.what() == what);
        changes.map(|change| change.key.as_str()).collect()
    }
}

/// The file of a key, its name in there, and whether that is one of secrets.
fn place(key: &str) -> (String, String, bool) {
    use etcstack_config::secret::{is_secret_file, is_secret_name, is_secret_option};
    match Key::parse(key) {
        Ok(Key::Variable(name)) => {
            let secret = is_secret_name(&name);
            (GENERAL.to_owned(), name, secret)
        }
        Ok(Key::Option(file, option)) => {
            (file.to_string(), option.to_string(), is_secret_option(&option))
        }
        Ok(Key::File(file)) => {
            let secret = is_secret_file(&file.file);
            (file.to_string(), "(text)".to_owned(), secret)
        }
        Ok(Key::System(_)) if key == DIALECTS => {
            (DIALECTS.to_owned(), "(dialects)".to_owned(), false)
        }
        Ok(Key::System(_)) if key == VARIABLES => {
            (VARIABLES.to_owned(), "(variables)".to_owned(), false)
        }
        // No key of ours: nobody knows what it holds.
        _ => ("(other keys)".to_owned(), key.to_owned(), true),
    }
}

#[cfg(test)]
mod tests;
