//! What a load would change: a pure function of the data and the store.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::data::Datum;
use etcstack_config::key::{FileName, GENERAL, Key, escape};
use etcstack_config::problem::{Problem, Problems};
use etcstack_store::{LIMITS, Write};

/// The folder of the lists of the keys that loads have written, one for each service.
const LOADED: &str = "_etcstack/loaded/";

/// What is to be done, key by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Keys that are not there yet.
    pub(crate) added: BTreeSet<String>,
    /// Keys that hold something else.
    pub(crate) changed: BTreeSet<String>,
    /// Keys that hold what they should.
    pub(crate) unchanged: usize,
    /// Keys that an earlier load wrote and that are no longer in the data.
    pub(crate) deleted: BTreeSet<String>,
    /// The lists of loaded keys that differ afterwards, and what they are to hold.
    lists: BTreeMap<String, BTreeSet<String>>,
    /// The same lists before.
    before: BTreeMap<String, BTreeSet<String>>,
}

impl Plan {
    pub(crate) fn new(data: &BTreeMap<String, Datum>, entries: &Entries) -> Self {
        let mut plan = Self { before: read_lists(entries), ..Self::default() };
        let mut after: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, datum) in data {
            after.entry(list_of(key)).or_default().insert(key.clone());
            match entries.get(key) {
                None => _ = plan.added.insert(key.clone()),
                Some(value) if value == datum.value.as_bytes() => plan.unchanged += 1,
                Some(_) => _ = plan.changed.insert(key.clone()),
            }
        }
        let loaded = plan.before.values().flatten();
        let gone = loaded.filter(|key| !data.contains_key(*key) && entries.contains_key(*key));
        plan.deleted = gone.cloned().collect();
        for list in plan.before.keys() {
            after.entry(list.clone()).or_default();
        }
        after.retain(|list, keys| plan.before.get(list) != Some(keys));
        plan.lists = after;
        plan
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.deleted.is_empty()
            && self.lists.is_empty()
    }

    /// The writes of all keys and, at the end, of the lists as they are to be.
    pub(crate) fn writes(&self, data: &BTreeMap<String, Datum>) -> Vec<Write> {
        let puts = self.added.iter().chain(&self.changed).filter_map(|key| {
            let value = data.get(key)?.value.clone().into_bytes();
            Some(Write::Put { key: key.clone(), value })
        });
        let deletes = self.deleted.iter().map(|key| Write::Delete { key: key.clone() });
        let lists = self.lists.iter().map(|(list, keys)| write_list(list, keys));
        puts.chain(deletes).chain(lists).collect()
    }

    /// Lists that hold the keys of before and after: written first where a load takes several
    /// transactions, so that one that dies half-way leaves no key that nobody knows of.
    pub(crate) fn lists_of_both(&self) -> Vec<Write> {
        let both = self.lists.iter().filter_map(|(list, keys)| {
            let before = self.before.get(list)?;
            Some((list, keys.union(before).cloned().collect()))
        });
        let new = self.lists.iter().filter(|(list, _)| !self.before.contains_key(*list));
        both.map(|(list, keys)| write_list(list, &keys))
            .chain(new.map(|(list, keys)| write_list(list, keys)))
            .collect()
    }
}

/// The list that a key belongs to: one for each service, one for the variables.
fn list_of(key: &str) -> String {
    match Key::parse(key) {
        Ok(
            Key::File(FileName { role, service, .. })
            | Key::Option(FileName { role, service, .. }, _),
        ) => {
            format!("{LOADED}{}/{}", escape(&role), escape(&service))
        }
        _ => format!("{LOADED}{GENERAL}"),
    }
}

/// A list that cannot be read counts as empty: its keys are then taken for put by hand, and stay.
fn read_lists(entries: &Entries) -> BTreeMap<String, BTreeSet<String>> {
    let lists = entries.iter().filter(|(key, _)| key.starts_with(LOADED));
    lists
        .map(|(key, value)| (key.clone(), serde_json::from_slice(value).unwrap_or_default()))
        .collect()
}

fn write_list(list: &str, keys: &BTreeSet<String>) -> Write {
    if keys.is_empty() {
        return Write::Delete { key: list.to_owned() };
    }
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    Write::Put { key: list.to_owned(), value: serde_json::json!(keys).to_string().into_bytes() }
}

/// Cuts writes into transactions that the store accepts, in their order.
pub(crate) fn batches(writes: &[Write]) -> Vec<&[Write]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, write) in writes.iter().enumerate() {
        let full = index - start == LIMITS.operations || bytes + write.size() > LIMITS.bytes;
        if full && index > start {
            batches.push(&writes[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += write.size();
    }
    if start < writes.len() {
        batches.push(&writes[start..]);
    }
    batches
}

/// Names the values that are too large for any transaction.
pub(crate) fn check_sizes(data: &BTreeMap<String, Datum>) -> Result<(), Problems> {
    let too_large = data.iter().filter(|(key, datum)| key.len() + datum.value.len() > LIMITS.bytes);
    let problem = |(key, datum): (&String, &Datum)| {
        let message = format!(
            "{key} holds {} bytes; etcd takes {} at most in a request",
            datum.value.len(),
            LIMITS.bytes
        );
        Problem::new(datum.place.clone(), message)
    };
    Problems(too_large.map(problem).collect()).or_ok(())
}

#[cfg(test)]
mod tests {
    use etcstack_config::problem::Place;

    use super::*;

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, Datum> {
        let datum = |value: &str| Datum { value: value.into(), place: Place::Key(String::new()) };
        pairs.iter().map(|(key, value)| ((*key).to_owned(), datum(value))).collect()
    }

    fn apply(entries: &mut Entries, writes: &[Write]) {
        for write in writes {
            match write.clone() {
                Write::Put { key, value } => entries.insert(key, value),
                Write::Delete { key } => entries.remove(&key),
            };
        }
    }

    fn keys(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn only_what_differs_and_only_what_a_load_wrote() {
        let mut entries = Entries::new();
        let first = data(&[("general/A", "1"), ("r/s/f.conf/x/a", "1"), ("r/t/f.conf/x/b", "1")]);
        let plan = Plan::new(&first, &entries);
        assert_eq!((plan.added.len(), plan.changed.len(), plan.unchanged), (3, 0, 0));
        apply(&mut entries, &plan.writes(&first));
        assert!(Plan::new(&first, &entries).is_empty());

        entries.insert("r/s/f.conf/x/hand".into(), b"1".to_vec());
        entries.insert("r/s/f.conf/x/a".into(), b"by hand".to_vec());
        let second = data(&[("r/s/f.conf/x/a", "2"), ("r/s/f.conf/x/c", "1")]);
        let plan = Plan::new(&second, &entries);
        assert_eq!(keys(&plan.added), ["r/s/f.conf/x/c"]);
        assert_eq!(keys(&plan.changed), ["r/s/f.conf/x/a"]);
        assert_eq!(keys(&plan.deleted), ["general/A", "r/t/f.conf/x/b"]);
        apply(&mut entries, &plan.writes(&second));
        let left: Vec<_> = entries.keys().map(String::as_str).collect();
        let list = "_etcstack/loaded/r/s";
        assert_eq!(left, [list, "r/s/f.conf/x/a", "r/s/f.conf/x/c", "r/s/f.conf/x/hand"]);
        assert!(Plan::new(&second, &entries).is_empty());
    }

    #[test]
    fn a_load_that_dies_half_way_leaves_nothing_that_nobody_knows_of() {
        let first = data(&[("r/s/f.conf/x/a", "1"), ("r/s/f.conf/x/b", "1")]);
        let mut entries = Entries::new();
        apply(&mut entries, &Plan::new(&first, &Entries::new()).writes(&first));
        let second = data(&[("r/s/f.conf/x/c", "1"), ("r/n/f.conf/x/d", "1")]);
        let plan = Plan::new(&second, &entries);
        apply(&mut entries, &plan.lists_of_both());
        apply(&mut entries, &plan.writes(&second)[..1]);
        let nothing = data(&[]);
        let heal = Plan::new(&nothing, &entries);
        apply(&mut entries, &heal.writes(&nothing));
        assert!(entries.is_empty(), "{:?}", entries.keys());
    }

    #[test]
    fn transactions_keep_to_the_limits() {
        let write = |size| Write::Put { key: "k".into(), value: vec![0; size] };
        let many: Vec<_> = (0..=LIMITS.operations * 2).map(|_| write(1)).collect();
        let sizes: Vec<_> = batches(&many).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [LIMITS.operations, LIMITS.operations, 1]);
        let large: Vec<_> = (0..3).map(|_| write(LIMITS.bytes / 2)).collect();
        assert_eq!(batches(&large).len(), 3);
        assert!(batches(&[]).is_empty());
        let huge = data(&[("r/s/policy.yaml", &"x".repeat(LIMITS.bytes))]);
        assert!(check_sizes(&huge).unwrap_err().to_string().contains("r/s/policy.yaml"));
    }
}
