//! What a load would change: a pure function of the data and the store.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::data::{Datum, normal_key};
use etcstack_config::key::{GENERAL, Key, escape};
use etcstack_store::{LIMITS, Write};

/// The folder of the lists of the keys that loads have written, one for each service.
const LOADED: &str = "_etcstack/loaded/";

/// How many bytes of keys one list holds, so that it fits into a request with room to spare.
const LIST_BYTES: usize = 500_000;

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
    /// The services whose loaded keys differ afterwards.
    lists: Vec<ListChange>,
}

/// The loaded keys of a service, before and after.
#[derive(Debug, PartialEq, Eq)]
struct ListChange {
    service: String,
    before: BTreeSet<String>,
    after: BTreeSet<String>,
    /// The keys of the lists that hold them now.
    stored: BTreeSet<String>,
}

impl Plan {
    pub(crate) fn new(data: &BTreeMap<String, Datum>, entries: &Entries) -> Self {
        let mut plan = Self::default();
        let mut after: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, datum) in data {
            after.entry(service_of(key)).or_default().insert(key.clone());
            match entries.get(key) {
                None => _ = plan.added.insert(key.clone()),
                Some(value) if value == datum.value.as_bytes() => plan.unchanged += 1,
                Some(_) => _ = plan.changed.insert(key.clone()),
            }
        }
        let mut before = read_lists(entries);
        let loaded: BTreeSet<&String> = before.values().flat_map(|(_, keys)| keys).collect();
        let gone = |key: &&String| {
            // One of ours, or another spelling of one of ours, which agents would refuse.
            !data.contains_key(*key)
                && (loaded.contains(key) || data.contains_key(&normal_key(key)))
        };
        plan.deleted = entries.keys().filter(gone).cloned().collect();
        for service in before.keys() {
            after.entry(service.clone()).or_default();
        }
        for (service, after) in after {
            let (stored, before) = before.remove(&service).unwrap_or_default();
            if before != after {
                plan.lists.push(ListChange { service, before, after, stored });
            }
        }
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
        let mut writes: Vec<_> = puts.chain(deletes).collect();
        for list in &self.lists {
            // Upwards, since keys can only move to earlier parts now, and what is left over last.
            let puts = list.puts(&list.after);
            let kept: BTreeSet<_> = puts.iter().map(|(key, _)| key.clone()).collect();
            let both = list.puts(&list.both()).into_iter().map(|(key, _)| key);
            let stale: BTreeSet<_> = both.chain(list.stored.clone()).collect();
            writes.extend(puts.into_iter().map(|(key, value)| Write::Put { key, value }));
            writes.extend(stale.difference(&kept).map(|key| Write::Delete { key: key.clone() }));
        }
        writes
    }

    /// Lists that hold the keys of before and after: written first where a load takes several
    /// transactions, so that one that dies half-way leaves no key that nobody knows of.
    pub(crate) fn lists_of_both(&self) -> Vec<Write> {
        // Downwards, since keys can only move to later parts: each is in its new part before it
        // leaves the old one.
        let puts = |list: &ListChange| list.puts(&list.both()).into_iter().rev();
        self.lists.iter().flat_map(puts).map(|(key, value)| Write::Put { key, value }).collect()
    }
}

impl ListChange {
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
fn service_of(key: &str) -> String {
    match Key::parse(key) {
        Ok(Key::File(name) | Key::Option(name, _)) => {
            format!("{}/{}", escape(&name.role), escape(&name.service))
        }
        _ => GENERAL.to_owned(),
    }
}

/// A service's lists, by their keys, and the keys in them.
type Lists = (BTreeSet<String>, BTreeSet<String>);

/// The lists of each service. One that cannot be read counts as empty: its keys are then taken for
/// put by hand, and stay.
fn read_lists(entries: &Entries) -> BTreeMap<String, Lists> {
    let mut services: BTreeMap<String, Lists> = BTreeMap::new();
    for (key, value) in entries {
        let part = key.strip_prefix(LOADED).and_then(|list| list.rsplit_once('/'));
        let Some((service, _)) = part else { continue };
        let (lists, keys) = services.entry(service.to_owned()).or_default();
        lists.insert(key.clone());
        keys.extend(serde_json::from_slice::<Vec<String>>(value).unwrap_or_default());
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
                Write::Put { key, value } | Write::Hold { key, value, .. } => {
                    entries.insert(key, value)
                }
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
        let list = "_etcstack/loaded/r/s/0";
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
        heal_after_each(&plan, &second, &entries);
    }

    #[test]
    fn nor_does_one_that_dies_between_its_lists() {
        let keys = |start: char, count: usize| {
            let key = |n: usize| format!("r/s/f.conf/x/{start}{n:0500}");
            (0..count).map(key).collect::<Vec<_>>()
        };
        let of =
            |keys: &[String]| data(&keys.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
        let (old, new) = (keys('b', 3000), keys('a', 2000));
        let (first, second) = (of(&old), of(&[new, old].concat()));
        for (before, after) in [(&first, &second), (&second, &first)] {
            let mut entries = Entries::new();
            apply(&mut entries, &Plan::new(before, &Entries::new()).writes(before));
            heal_after_each(&Plan::new(after, &entries), after, &entries);
        }
    }

    /// Lets a load die after each of its steps that matter, and a load of nothing heal it.
    fn heal_after_each(plan: &Plan, data: &BTreeMap<String, Datum>, entries: &Entries) {
        let lists = plan.lists_of_both();
        let writes = [lists.clone(), plan.writes(data)].concat();
        for steps in (0..=lists.len() + 1).chain(writes.len() - 9.min(writes.len())..=writes.len())
        {
            let mut entries = entries.clone();
            apply(&mut entries, &writes[..steps]);
            let nothing = BTreeMap::new();
            let heal = Plan::new(&nothing, &entries).writes(&nothing);
            apply(&mut entries, &heal);
            assert!(entries.is_empty(), "after {steps} steps {} keys are left", entries.len());
        }
    }

    #[test]
    fn another_spelling_of_a_key_makes_room() {
        let mut entries = Entries::new();
        entries.insert("r/s/f.conf/LVM/a".into(), b"by hand".to_vec());
        entries.insert("r/s/f.conf/LVM/b".into(), b"by hand".to_vec());
        let plan = Plan::new(&data(&[("r/s/f.conf/lvm/a", "1")]), &entries);
        assert_eq!(keys(&plan.deleted), ["r/s/f.conf/LVM/a"]);
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
    }

    #[test]
    fn lists_of_many_keys_are_cut() {
        let keys: Vec<_> = (0..30_000).map(|n| format!("r/s/f.conf/x/{n:040}")).collect();
        let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), "1")).collect();
        let many = data(&pairs);
        let mut entries = Entries::new();
        let writes = Plan::new(&many, &entries).writes(&many);
        assert!(writes.iter().all(|write| write.size() < LIST_BYTES * 2));
        apply(&mut entries, &writes);
        assert!(entries.contains_key("_etcstack/loaded/r/s/3"));
        assert!(Plan::new(&many, &entries).is_empty());
        let few = data(&pairs[..1]);
        let writes = Plan::new(&few, &entries).writes(&few);
        apply(&mut entries, &writes);
        let left: Vec<_> = entries.keys().collect();
        assert_eq!(left, ["_etcstack/loaded/r/s/0", &keys[0]]);
    }
}
