//! The lists of the keys that loads have written, one for each service.
//!
//! Agents read them to tell what a load takes away from an accident.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::key::{GENERAL, Key};
use etcstack_store::Write;

/// The folder of the lists.
pub(crate) const LOADED: &str = "_etcstack/loaded/";

/// How many bytes of keys one list holds, so that it fits into a request with room to spare.
pub(super) const LIST_BYTES: usize = 500_000;

/// A service's lists, by their keys, and the keys in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    stored: BTreeSet<String>,
    pub(super) keys: BTreeSet<String>,
}

/// The loaded keys of a service, before and after.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListChange {
    service: String,
    before: BTreeSet<String>,
    after: BTreeSet<String>,
    /// The keys of the lists that hold them now.
    stored: BTreeSet<String>,
}

/// The services whose lists differ if these are the loaded keys afterwards.
pub(super) fn changes(before: &BTreeMap<String, Lists>, loaded: Vec<String>) -> Vec<ListChange> {
    let mut after: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in loaded {
        after.entry(service_of(&key).to_owned()).or_default().push(key);
    }
    for service in before.keys() {
        after.entry(service.clone()).or_default();
    }
    let mut changes = Vec::new();
    for (service, after) in after {
        let after: BTreeSet<String> = after.into_iter().collect();
        let found = before.get(&service);
        if found.is_some_and(|found| found.keys == after) {
            continue;
        }
        let Lists { stored, keys: before } = found.cloned().unwrap_or_default();
        changes.push(ListChange { service, before, after, stored });
    }
    changes
}

impl ListChange {
    /// The writes of the lists as they are to be.
    pub(super) fn writes(&self) -> Vec<Write> {
        // Upwards, since keys can only move to earlier parts now, and what is left over last.
        let puts = self.puts(&self.after);
        let kept: BTreeSet<_> = puts.iter().map(|(key, _)| key.clone()).collect();
        let both = self.puts(&self.both()).into_iter().map(|(key, _)| key);
        let stale: BTreeSet<_> = both.chain(self.stored.clone()).collect();
        let puts = puts.into_iter().map(|(key, value)| Write::Put { key, value });
        let stale = stale.difference(&kept).map(|key| Write::Delete { key: key.clone() });
        puts.chain(stale).collect()
    }

    /// The writes of lists that hold the keys of before and after.
    pub(super) fn writes_of_both(&self) -> impl Iterator<Item = Write> + use<> {
        // Downwards, since keys can only move to later parts: each is in its new part before it
        // leaves the old one.
        let puts = self.puts(&self.both()).into_iter().rev();
        puts.map(|(key, value)| Write::Put { key, value })
    }

    fn both(&self) -> BTreeSet<String> {
        self.before.union(&self.after).cloned().collect()
    }

    /// The lists of these keys: what is to be written, part by part.
    fn puts(&self, keys: &BTreeSet<String>) -> Vec<(String, Vec<u8>)> {
        let put = |(part, keys): (usize, Vec<&String>)| {
            let key = format!("{LOADED}{}/{part}", self.service);
            (key, serde_json::json!(keys).to_string().into_bytes())
        };
        cut(keys).into_iter().enumerate().map(put).collect()
    }
}

/// What a key belongs to: `role/service`, or the variables.
fn service_of(key: &str) -> &str {
    let is_of_service = matches!(Key::parse(key), Ok(Key::File(_) | Key::Option(..)));
    let end = key.match_indices('/').nth(1).filter(|_| is_of_service);
    end.and_then(|(end, _)| key.get(..end)).unwrap_or(GENERAL)
}

/// The lists of each service. One that cannot be read counts as empty: its keys are then taken for
/// put by hand, and stay.
pub(super) fn read(entries: &Entries) -> BTreeMap<String, Lists> {
    let mut services: BTreeMap<String, Lists> = BTreeMap::new();
    for (key, value) in entries.range(LOADED.to_owned()..) {
        let Some(list) = key.strip_prefix(LOADED) else { break };
        let Some((service, _)) = list.rsplit_once('/') else { continue };
        let lists = services.entry(service.to_owned()).or_default();
        lists.stored.insert(key.clone());
        let keys = serde_json::from_slice::<Vec<String>>(value).unwrap_or_default();
        // All at once: they are in their order.
        lists.keys.append(&mut keys.into_iter().collect());
    }
    services
}

fn cut(keys: &BTreeSet<String>) -> Vec<Vec<&String>> {
    let mut lists: Vec<Vec<&String>> = Vec::new();
    let mut bytes = LIST_BYTES;
    for key in keys {
        if bytes + key.len() > LIST_BYTES {
            lists.push(Vec::new());
            bytes = 0;
        }
        // Two quotes and a comma.
        bytes += key.len() + 3;
        if let Some(list) = lists.last_mut() {
            list.push(key);
        }
    }
    lists
}
