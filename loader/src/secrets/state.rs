//! What there is: the store, the data, and the store as the next load of the data leaves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::data::Datum;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::{GENERAL, Key, variable_key};
use etcstack_config::references::{References, ServiceName};
use etcstack_config::variables::Scope;

use super::{Kind, SecretsError, declared};
use crate::{dialects, task};

/// The lists of the keys that loads have written.
const LOADED: &str = "_etcstack/loaded/";

/// What the directory of data says.
pub(super) struct DataState {
    pub(super) data: BTreeMap<String, Datum>,
    declared: BTreeMap<String, Kind>,
    /// Whether there is a directory.
    is_there: bool,
}

impl DataState {
    pub(super) fn read(dir: &Path) -> Result<Self, SecretsError> {
        let is_there = task::directory(dir).is_some();
        let declared = declared::read(task::directory(dir))?;
        Ok(Self { data: task::data(dir)?, declared, is_there })
    }

    /// The kinds that were declared.
    pub(super) fn declared(&self) -> &BTreeMap<String, Kind> {
        &self.declared
    }

    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.declared.get(name).copied().or_else(|| Kind::of_name(name))
    }

    /// The line of the data that defines a variable.
    pub(super) fn datum(&self, name: &str) -> Option<&Datum> {
        self.data.get(&variable_key(name))
    }

    /// What the next load of this data deletes.
    fn is_doomed(&self, key: &str, loaded: &BTreeSet<String>) -> bool {
        self.is_there && loaded.contains(key) && !self.data.contains_key(key)
    }

    /// The store after the next load.
    pub(super) fn after_load(&self, entries: &Entries) -> BTreeMap<String, String> {
        let loaded = loaded(entries);
        let left = texts(entries).filter(|(key, _)| !self.is_doomed(key, &loaded));
        let mut after: BTreeMap<_, _> =
            left.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        after.extend(self.data.iter().map(|(key, datum)| (key.clone(), datum.value.clone())));
        after
    }
}

/// The values that are text; of others, nothing refers to anything.
pub(super) fn texts(entries: &Entries) -> impl Iterator<Item = (&str, &str)> {
    entries.iter().filter_map(|(key, value)| Some((key.as_str(), str::from_utf8(value).ok()?)))
}

/// The references of the store and of the data, put together.
pub(crate) fn merged(entries: &Entries, data: &BTreeMap<String, Datum>) -> References {
    let mut references = References::default();
    for (key, value) in texts(entries) {
        references.add(key, value);
    }
    for (key, datum) in data {
        references.add(key, &datum.value);
    }
    references
}

/// The names that these keys' values cannot be filled in without, and that none of them holds.
pub(super) fn lacking(keys: &BTreeMap<String, String>) -> BTreeSet<String> {
    let dialects = dialects::of_data(keys);
    let mut scope = Scope::default();
    let mut values = Vec::new();
    for (key, value) in keys {
        match Key::parse(key) {
            Ok(Key::Variable(name)) => _ = scope.general.insert(name, value.clone()),
            Ok(Key::Option(file, _)) => {
                values.push((value.as_str(), dialects.of(&file)));
            }
            Ok(Key::File(_)) => values.push((value.as_str(), Dialect::Text)),
            _ => {}
        }
    }
    scope.lacking(values)
}

/// The keys that loads have written.
pub(crate) fn loaded(entries: &Entries) -> BTreeSet<String> {
    let lists = entries.iter().filter(|(key, _)| key.starts_with(LOADED));
    lists.flat_map(|(_, list)| read_list(list)).collect()
}

/// A list of what loads have written, and some of its keys that are to be taken off it.
pub(super) struct Shortened<'a> {
    /// Where the list stands.
    pub(super) key: &'a str,
    pub(super) before: &'a [u8],
    pub(super) after: Vec<u8>,
    /// What is taken off.
    pub(super) gone: Vec<String>,
}

/// The lists that name one of these variables.
pub(super) fn lists_without<'a>(
    entries: &'a Entries,
    names: &BTreeSet<String>,
) -> Vec<Shortened<'a>> {
    let folder = format!("{LOADED}{GENERAL}/");
    let doomed: BTreeSet<String> = names.iter().map(|name| variable_key(name)).collect();
    let lists = entries.iter().filter(|(key, _)| key.starts_with(&folder));
    let shortened = lists.filter_map(|(key, list)| {
        let (gone, left): (Vec<_>, Vec<_>) =
            read_list(list).into_iter().partition(|key| doomed.contains(key));
        let after = serde_json::json!(left).to_string().into_bytes();
        (!gone.is_empty()).then_some(Shortened { key, before: list, after, gone })
    });
    shortened.collect()
}

/// One that cannot be read counts as empty, as it does to a load.
fn read_list(list: &[u8]) -> Vec<String> {
    serde_json::from_slice(list).unwrap_or_default()
}

/// The services whose keys use a variable.
pub(super) fn used_by(references: &References, name: &str) -> BTreeSet<ServiceName> {
    references.uses(name).into_iter().map(|found| found.service).collect()
}
