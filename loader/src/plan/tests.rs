use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;

use super::*;
use crate::history::{Entry, Kind};
use crate::release::{digest, pack, puts};

fn data(pairs: &[(&str, &str)]) -> Data {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn apply(entries: &mut Entries, writes: impl IntoIterator<Item = Write>) {
    for write in writes {
        match write {
            Write::Put { key, value } | Write::Hold { key, value, .. } => {
                entries.insert(key, value)
            }
            Write::Delete { key } => entries.remove(&key),
        };
    }
}

fn plan(data: &Data, entries: &Entries) -> Plan {
    Plan::new(data, &World::new(entries), false)
}

/// The writes of the keys and of the lists.
fn writes(plan: &Plan, data: &Data, world: &World) -> Vec<Write> {
    plan.keys(data, world).into_iter().map(|key| key.write).chain(plan.lists()).collect()
}

/// Loads data, as a release if it has a number.
fn load(data: &Data, entries: &mut Entries, release: Option<u64>) -> Plan {
    let world = World::new(entries);
    let plan = Plan::new(data, &world, false);
    let writes = writes(&plan, data, &world);
    apply(entries, writes);
    if let Some(number) = release {
        let (entry, parts) = released(data, number);
        apply(entries, entry.put_current());
        apply(entries, puts(number, parts));
    }
    plan
}

fn released(data: &Data, number: u64) -> (Entry, Vec<Vec<u8>>) {
    let parts = pack(data).unwrap();
    let digest = Some(digest(data));
    (Entry { digest, parts: parts.len(), ..Entry::new(number, Kind::Load, "", "") }, parts)
}

fn set(entries: &mut Entries, key: &str, value: &str) {
    entries.insert(key.into(), value.into());
}

fn keys(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

fn drift(plan: &Plan) -> Vec<(&str, Drift)> {
    plan.drift.iter().map(|(key, why)| (&**key, *why)).collect()
}

const K: &str = "r/s/f.conf/x/k";

/// Whatever the release, the store and the data say of a key, as the table in docs/loading.md.
#[test]
fn what_happens_to_a_key() {
    #[derive(Debug, PartialEq)]
    enum Fate {
        Nothing,
        Written,
        Deleted,
        Kept(Drift),
        ByHand,
    }
    use Fate::*;
    let (one, two, hand) = (Some("1"), Some("2"), Some("hand"));
    for (base, store, new, fate, overwritten) in [
        (one, one, one, Nothing, Nothing),
        (one, one, two, Written, Written),
        (one, one, None, Deleted, Deleted),
        (one, two, two, Nothing, Nothing),
        (one, None, one, Written, Written),
        (one, None, two, Written, Written),
        (one, None, None, Nothing, Nothing),
        (one, hand, one, Kept(Drift::Changed), Written),
        (one, hand, two, Kept(Drift::Changed), Written),
        (one, hand, None, Kept(Drift::Dropped), Deleted),
        (None, None, one, Written, Written),
        (None, one, one, Nothing, Nothing),
        (None, hand, one, Kept(Drift::Put), Written),
        (None, hand, None, ByHand, ByHand),
    ] {
        let of = |value: Option<&str>| {
            let mut data = data(&[("r/s/f.conf/x/other", "1")]);
            data.extend(value.map(|value| (K.to_owned(), value.to_owned())));
            data
        };
        let mut entries = Entries::new();
        load(&of(base), &mut entries, Some(1));
        entries.remove(K);
        if let Some(value) = store {
            set(&mut entries, K, value);
        }
        for (overwrite, fate) in [(false, &fate), (true, &overwritten)] {
            let plan = Plan::new(&of(new), &World::new(&entries), overwrite);
            let found = if plan.added.contains(K) || plan.changed.contains(K) {
                Written
            } else if plan.deleted.contains(K) {
                Deleted
            } else if plan.by_hand.contains(K) {
                ByHand
            } else {
                plan.drift.get(K).copied().map_or(Nothing, Kept)
            };
            let case = format!("{base:?} {store:?} {new:?} {overwrite}");
            assert_eq!(&found, fate, "{case}");
            assert_eq!(plan.added.contains(K), found == Written && store.is_none(), "{case}");
        }
    }
}

#[test]
fn only_what_differs_and_only_what_a_load_wrote() {
    for release in [None, Some(1)] {
        let mut entries = Entries::new();
        let first = data(&[("general/A", "1"), ("r/s/f.conf/x/a", "1"), ("r/t/f.conf/x/b", "1")]);
        let plan = load(&first, &mut entries, release);
        assert_eq!((plan.added.len(), plan.changed.len(), plan.unchanged), (3, 0, 0));
        assert!(self::plan(&first, &entries).is_empty());

        set(&mut entries, "r/s/f.conf/x/hand", "1");
        let second = data(&[("r/s/f.conf/x/a", "2"), ("r/s/f.conf/x/c", "1")]);
        let plan = load(&second, &mut entries, release.map(|_| 2));
        assert_eq!(keys(&plan.added), ["r/s/f.conf/x/c"]);
        assert_eq!(keys(&plan.changed), ["r/s/f.conf/x/a"]);
        assert_eq!(keys(&plan.deleted), ["general/A", "r/t/f.conf/x/b"]);
        assert_eq!(keys(&plan.by_hand), ["r/s/f.conf/x/hand"]);
        let mut left: Vec<_> = entries.keys().map(String::as_str).collect();
        let list = "_etcstack/loaded/r/s/0";
        left.retain(|key| !is_record(key) || *key == list);
        assert_eq!(left, [list, "r/s/f.conf/x/a", "r/s/f.conf/x/c", "r/s/f.conf/x/hand"]);
        assert!(self::plan(&second, &entries).is_empty());
    }
}

#[test]
fn without_a_release_the_lists_say_what_is_ours() {
    let mut entries = Entries::new();
    let first = data(&[("r/s/f.conf/x/a", "1"), ("r/s/f.conf/x/b", "1")]);
    load(&first, &mut entries, None);
    set(&mut entries, "r/s/f.conf/x/a", "by hand");
    set(&mut entries, "r/s/f.conf/x/b", "by hand");
    let plan = plan(&data(&[("r/s/f.conf/x/a", "1")]), &entries);
    assert_eq!(
        (keys(&plan.changed), keys(&plan.deleted)),
        (vec!["r/s/f.conf/x/a"], vec!["r/s/f.conf/x/b"])
    );
    // Nor is anything taken for ours where the release cannot be read.
    set(&mut entries, "_etcstack/release", "1");
    let plan = self::plan(&data(&[("r/s/f.conf/x/a", "1")]), &entries);
    let expected = [("r/s/f.conf/x/a", Drift::Changed), ("r/s/f.conf/x/b", Drift::Dropped)];
    assert_eq!(drift(&plan), expected);
}

/// The lists name what loads wrote and the data still holds, whoever changed it since: then an
/// agent knows who has taken it away.
#[test]
fn the_lists_name_what_a_load_answers_for() {
    let list = |entries: &Entries| {
        let list = entries.get("_etcstack/loaded/r/s/0");
        list.map(|text| serde_json::from_slice::<Vec<String>>(text).unwrap()).unwrap_or_default()
    };
    let key = |name: &str| format!("r/s/f.conf/x/{name}");
    let mut entries = Entries::new();
    set(&mut entries, &key("put"), "hand");
    let [changed, dropped, put] = ["changed", "dropped", "put"].map(key);
    load(&data(&[(&changed, "1"), (&dropped, "1"), (&put, "1")]), &mut entries, Some(1));
    assert_eq!(list(&entries), [&*changed, &*dropped]);
    set(&mut entries, &changed, "hand");
    set(&mut entries, &dropped, "hand");
    let second = data(&[(&changed, "2"), (&put, "1")]);
    let plan = load(&second, &mut entries, Some(2));
    let expected = [(&*changed, Drift::Changed), (&*dropped, Drift::Dropped), (&*put, Drift::Put)];
    assert_eq!(drift(&plan), expected);
    assert_eq!(list(&entries), [&*changed, &*dropped]);
    // Told again, until somebody decides.
    assert_eq!(drift(&self::plan(&second, &entries)), expected);
    let plan = Plan::new(&second, &World::new(&entries), true);
    assert_eq!(keys(&plan.deleted), [&*dropped]);
    assert_eq!(keys(&plan.changed), [&*changed, &*put]);
}

#[test]
fn another_spelling_of_a_key() {
    let both = |value: &str| {
        let mut entries = Entries::new();
        set(&mut entries, "r/s/f.conf/LVM/a", value);
        set(&mut entries, "r/s/f.conf/LVM/b", "by hand");
        entries
    };
    let data = data(&[("r/s/f.conf/lvm/a", "1")]);
    let plan = |entries: &Entries, overwrite| Plan::new(&data, &World::new(entries), overwrite);
    // It stands for the option.
    let found = plan(&both("2"), false);
    assert_eq!(drift(&found), [("r/s/f.conf/LVM/a", Drift::Spelling)]);
    assert!(found.is_empty() && keys(&found.by_hand) == ["r/s/f.conf/LVM/b"]);
    // Beside the key itself as well, which the load has to do with all the same.
    let mut beside = both("2");
    load(&self::data(&[("r/s/f.conf/lvm/a", "0")]), &mut beside, Some(1));
    set(&mut beside, "r/s/f.conf/lvm/a", "0");
    let found = plan(&beside, false);
    assert_eq!(drift(&found), [("r/s/f.conf/LVM/a", Drift::Spelling)]);
    assert_eq!(keys(&found.changed), ["r/s/f.conf/lvm/a"]);
    assert!(found.deleted.is_empty());
    set(&mut beside, "r/s/f.conf/lvm/a", "1");
    // It says the same, or is to go: it makes room.
    for (entries, overwrite, added) in
        [(both("1"), false, 1), (both("2"), true, 1), (beside, true, 0)]
    {
        let found = plan(&entries, overwrite);
        assert_eq!(keys(&found.deleted), ["r/s/f.conf/LVM/a"]);
        assert_eq!((found.added.len(), found.drift.len()), (added, 0));
    }
}

/// The exported secrets of a store, loaded into it again, are no load's: the next load of the data
/// without them leaves them.
#[test]
fn what_was_only_found_is_not_deleted_later_unless_it_is_adopted() {
    let mut entries = Entries::new();
    set(&mut entries, K, "hand");
    let (all, rest) = (data(&[(K, "hand"), ("general/A", "1")]), data(&[("general/A", "1")]));
    load(&all, &mut entries, Some(1));
    let found = plan(&rest, &entries);
    assert_eq!((keys(&found.by_hand), found.deleted.len()), (vec![K], 0));
    // The data may change it, and then it is a load's.
    let found = plan(&data(&[(K, "2")]), &entries);
    assert_eq!(keys(&found.changed), [K]);

    let world = World::new(&entries);
    let adopting = Plan::new(&all, &world, Rules { overwrite: false, adopt: true });
    assert!(!adopting.is_empty() && adopting.counts().writes() == 0);
    let writes = writes(&adopting, &all, &world);
    apply(&mut entries, writes);
    assert_eq!(keys(&plan(&rest, &entries).deleted), [K]);
}

#[test]
fn without_a_word_of_the_current_release_nothing_is_ours() {
    for word in [None, Some("nonsense")] {
        let mut entries = Entries::new();
        load(&data(&[(K, "1"), ("general/A", "1")]), &mut entries, Some(1));
        entries.remove("_etcstack/release");
        if let Some(word) = word {
            set(&mut entries, "_etcstack/release", word);
        }
        set(&mut entries, K, "hand");
        assert!(World::new(&entries).is_base_lost());
        let found = plan(&data(&[(K, "2")]), &entries);
        let expected = [("general/A", Drift::Dropped), (K, Drift::Changed)];
        assert_eq!(drift(&found), expected);
        // Their lists still name them: they can be deleted once the data is to win.
        assert!(found.is_empty());
        let found = Plan::new(&data(&[(K, "2")]), &World::new(&entries), true);
        assert_eq!(keys(&found.deleted), ["general/A"]);
    }
}

/// A hand was faster than a load that then died.
#[test]
fn what_a_dead_load_was_only_to_write_is_not_its_own() {
    let first = data(&[("general/A", "1")]);
    for release in [None, Some(1)] {
        let mut entries = Entries::new();
        if release.is_some() {
            load(&first, &mut entries, release);
        }
        let second = data(&[("general/A", "1"), (K, "2")]);
        let world = World::new(&entries);
        let lists = Plan::new(&second, &world, false).lists_of_both();
        let (entry, parts) = released(&second, 2);
        let pending = entry.put_pending(world.legacy);
        apply(&mut entries, [pending]);
        apply(&mut entries, puts(2, parts));
        apply(&mut entries, lists);
        set(&mut entries, K, "hand");
        let found = Plan::new(&first, &World::new(&entries), true);
        assert_eq!((keys(&found.by_hand), found.deleted.len()), (vec![K], 0));
        let found = plan(&data(&[("general/A", "1"), (K, "3")]), &entries);
        assert_eq!(drift(&found), [(K, Drift::Put)]);
        // What it has written is.
        set(&mut entries, K, "2");
        assert_eq!(keys(&plan(&first, &entries).deleted), [K]);
    }
}

#[test]
fn a_load_that_dies_half_way_leaves_nothing_that_nobody_knows_of() {
    let first = data(&[("r/s/f.conf/x/a", "1"), ("r/s/f.conf/x/b", "1")]);
    let second = data(&[("r/s/f.conf/x/c", "1"), ("r/n/f.conf/x/d", "1"), ("r/s/f.conf/x/a", "2")]);
    for release in [None, Some(1)] {
        let mut entries = Entries::new();
        load(&first, &mut entries, release);
        heal_after_each(&second, &entries);
    }
}

#[test]
fn nor_does_one_that_dies_between_its_lists() {
    let keys = |start: char, count: usize| {
        let key = |n: usize| format!("r/s/f.conf/x/{start}{n:05000}");
        (0..count).map(key).collect::<Vec<_>>()
    };
    let of = |keys: &[String]| data(&keys.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
    let (old, new) = (keys('b', 300), keys('a', 200));
    let (first, second) = (of(&old), of(&[new, old].concat()));
    for (before, after) in [(&first, &second), (&second, &first)] {
        let mut entries = Entries::new();
        load(before, &mut entries, Some(1));
        heal_after_each(after, &entries);
    }
}

/// Lets a load die after each of its steps that matter, and a load of nothing heal it.
fn heal_after_each(data: &Data, entries: &Entries) {
    let world = World::new(entries);
    let plan = Plan::new(data, &world, false);
    let lists = plan.lists_of_both();
    let writes = [lists.clone(), writes(&plan, data, &world)].concat();
    let mut begun = entries.clone();
    let (entry, parts) = released(data, 2);
    apply(&mut begun, [entry.put_pending(world.legacy)]);
    apply(&mut begun, puts(2, parts));
    for steps in (0..=lists.len() + 1).chain(writes.len() - 5.min(writes.len())..=writes.len()) {
        let mut entries = begun.clone();
        apply(&mut entries, writes[..steps].to_vec());
        let plan = load(&BTreeMap::new(), &mut entries, None);
        assert!(plan.drift.is_empty() && plan.by_hand.is_empty(), "after {steps} steps: {plan:?}");
        let left = entries.keys().filter(|key| !is_record(key) || key.contains("loaded"));
        assert_eq!(left.count(), 0, "after {steps} steps");
    }
}

#[test]
fn lists_of_many_keys_are_cut() {
    let keys: Vec<_> = (0..30_000).map(|n| format!("r/s/f.conf/x/{n:040}")).collect();
    let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), "1")).collect();
    let many = data(&pairs);
    let mut entries = Entries::new();
    let lists = plan(&many, &entries).lists();
    assert!(lists.iter().all(|write| write.size() < lists::LIST_BYTES * 2));
    load(&many, &mut entries, None);
    assert!(entries.contains_key("_etcstack/loaded/r/s/3"));
    assert!(plan(&many, &entries).is_empty());
    load(&data(&pairs[..1]), &mut entries, None);
    let left: Vec<_> = entries.keys().collect();
    assert_eq!(left, ["_etcstack/loaded/r/s/0", &keys[0]]);
}

#[test]
fn what_is_found_is_expected_unless_it_is_too_large() {
    let large = "x".repeat(LIMITS.bytes * 2 / 3);
    let mut entries = Entries::new();
    let first = data(&[("r/s/a.txt", &large), ("r/s/b.txt", "1")]);
    load(&first, &mut entries, Some(1));
    let second =
        data(&[("r/s/a.txt", &format!("{large}y")), ("r/s/b.txt", "2"), ("r/s/c.txt", "3")]);
    let world = World::new(&entries);
    let expects: Vec<_> = Plan::new(&second, &world, false)
        .keys(&second, &world)
        .into_iter()
        .map(|key| (key.expect, key.write))
        .map(|(expect, write)| (expect.map(|expect| expect.value), write))
        .collect();
    let of = |name: &str| {
        let is = |write: &Write| matches!(write, Write::Put { key, .. } if key == name);
        expects.iter().find(|(_, write)| is(write)).unwrap().0.clone()
    };
    assert_eq!(of("r/s/a.txt"), None);
    assert_eq!(of("r/s/b.txt"), Some(Some(b"1".to_vec())));
    assert_eq!(of("r/s/c.txt"), Some(None));
}
