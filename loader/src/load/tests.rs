mod answers;
mod newer;

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_store::{Event, LIMITS, LOAD_MARK, Memory, Outcome, Store, View, Write};

use super::steps::Change;
use super::*;
use crate::history::{Entry, History};
use crate::plan::{self, Plan, Rules, World};
use crate::release::Data;
use crate::report::Report;

fn numbered(count: usize, value: &str) -> Data {
    (0..count).map(|n| (format!("r/s/f.conf/x/{n}"), value.to_owned())).collect()
}

fn job(store: &Store, data: Data) -> Job {
    Job {
        store: store.clone(),
        goal: Goal::Release(Kind::Load, data),
        author: "me@here".into(),
        message: String::new(),
        rules: Rules::default(),
        wait: true,
        keep: 3,
        timeout: Duration::from_secs(1),
        id: own_id(),
    }
}

async fn load(store: &Store, count: usize, value: &str) -> Report {
    job(store, numbered(count, value)).run().await.unwrap()
}

async fn everything(store: &Store) -> Entries {
    store.snapshot(&View::everything(), Duration::from_secs(1)).await.unwrap().entries
}

fn plain(mut entries: Entries) -> Data {
    entries.retain(|key, _| !key.starts_with("_etcstack/"));
    entries.into_iter().map(|(key, value)| (key, String::from_utf8(value).unwrap())).collect()
}

#[tokio::test]
async fn a_large_load_is_seen_as_a_whole() {
    let store = Store::Memory(Memory::default());
    let mut follower = store.follow(View::new(vec!["r/s/".into()], |_| BTreeSet::new()));
    assert!(matches!(follower.next().await, Some(Event::State(_))));
    let report = load(&store, 1000, "1").await;
    assert_eq!(report.added.len(), 1000);
    loop {
        match follower.next().await {
            Some(Event::Loading) => {}
            Some(Event::State(state)) => {
                assert_eq!(state.entries.len(), 1000);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let again = load(&store, 1000, "1").await;
    assert_eq!((again.unchanged, again.revision), (1000, report.revision));
    assert_eq!(again.release, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_died_is_healed_by_the_next() {
    let store = Store::Memory(Memory::default());
    let dead = Write::Put { key: LOAD_MARK.into(), value: b"dead".to_vec() };
    let half = Write::Put { key: "r/s/f.conf/x/0".into(), value: b"1".to_vec() };
    store.commit(&[], &[dead, half]).await.unwrap();
    let report = load(&store, 300, "1").await;
    assert_eq!((report.added.len(), report.unchanged), (299, 1));
    assert!(!everything(&store).await.contains_key(LOAD_MARK));
    // And if nothing is left to do but to take the mark away.
    let dead = Write::Put { key: LOAD_MARK.into(), value: b"dead".to_vec() };
    store.commit(&[], &[dead]).await.unwrap();
    load(&store, 300, "1").await;
    assert!(!everything(&store).await.contains_key(LOAD_MARK));
}

/// Whatever the sizes, and although each knows keys that the other does not.
#[tokio::test(start_paused = true)]
async fn of_two_loads_at_once_the_last_one_stands_whole() {
    for (one, two) in [(1, 3), (3, 200), (200, 3), (500, 700), (700, 500), (1000, 1000)] {
        let store = Store::Memory(Memory::default());
        let (one, two) = (numbered(one, "1"), numbered(two, "2"));
        let (a, b) = (job(&store, one.clone()), job(&store, two.clone()));
        let (first, second) = tokio::join!(a.run(), b.run());
        first.unwrap();
        second.unwrap();
        let state = plain(everything(&store).await);
        assert!(state == one || state == two, "{} keys", state.len());
    }
}

/// The transactions of a load, as they are written.
fn transactions(entries: &Entries, data: &Data) -> Vec<Vec<Write>> {
    let world = World::new(entries);
    let plan = Plan::new(data, &world, false);
    let entry = Entry::new(world.history.next(), Kind::Load, "me", "");
    let end = super::job::release(entry, data, &plan).unwrap();
    let change = Change { world: &world, plan: &plan, data, end, keep: 3, id: "dead" };
    let steps = change.steps();
    for batch in &steps.batches {
        assert!(batch.writes.len() <= LIMITS.operations);
        let keys: BTreeSet<_> = batch.writes.iter().map(key_of).collect();
        assert_eq!(keys.len(), batch.writes.len(), "etcd takes a key once in a transaction");
    }
    steps.batches.into_iter().map(|batch| batch.writes).collect()
}

fn key_of(write: &Write) -> &str {
    let (Write::Put { key, .. } | Write::Hold { key, .. } | Write::Delete { key }) = write;
    key
}

/// A store after a release of 300 keys with some hands' changes, and the transactions of a second
/// load, of which one more or less has happened before it died.
async fn died_after_each(then: impl AsyncFn(&Store, &Data, usize)) {
    let (first, mut second) = (numbered(300, "1"), numbered(250, "2"));
    second.extend((0..200).map(|n| (format!("r/n/f.conf/x/{n}"), "2".into())));
    let mut number = 0;
    loop {
        let store = Store::Memory(Memory::default());
        job(&store, first.clone()).run().await.unwrap();
        for (key, value) in [("r/s/f.conf/x/0", "hand"), ("r/s/f.conf/x/299", "hand")] {
            let write = Write::Put { key: key.into(), value: value.into() };
            store.commit(&[], &[write]).await.unwrap();
        }
        let transactions = transactions(&everything(&store).await, &second);
        if number == transactions.len() {
            assert!(number > 4, "{number}");
            return;
        }
        for writes in &transactions[..number] {
            assert!(matches!(store.commit(&[], writes).await, Ok(Outcome::Committed(_))));
        }
        then(&store, &second, number).await;
        let entries = everything(&store).await;
        let left = |start: &str| entries.keys().filter(|key| key.starts_with(start)).count();
        assert!(!entries.contains_key(LOAD_MARK) && left("_etcstack/pending/") == 0, "{number}");
        let releases = History::of(&entries).releases().count();
        assert_eq!(left("_etcstack/data/"), releases, "{number}: data of nobody");
        number += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_load_dies_the_next_one_completes_it() {
    died_after_each(async |store, data, number| {
        let report = job(store, data.clone()).run().await.unwrap();
        let mut expected = data.clone();
        expected.insert("r/s/f.conf/x/0".into(), "hand".into());
        expected.insert("r/s/f.conf/x/299".into(), "hand".into());
        let entries = everything(store).await;
        assert!(plain(entries.clone()) == expected, "{number}");
        assert_eq!((report.release, report.drift.len()), (Some(2), 2), "{number}");
        let counts = History::of(&entries).entries[&2].counts;
        assert_eq!((counts.added, counts.changed, counts.deleted, counts.kept), (200, 249, 49, 2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn or_another_one_replaces_it() {
    died_after_each(async |store, _, number| {
        let third = numbered(100, "3");
        job(store, third.clone()).run().await.unwrap();
        let mut expected = third;
        expected.insert("r/s/f.conf/x/0".into(), "hand".into());
        expected.insert("r/s/f.conf/x/299".into(), "hand".into());
        assert!(plain(everything(store).await) == expected, "{number}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn or_it_is_undone() {
    died_after_each(async |store, _, number| {
        let abort = Job { goal: Goal::Abort, ..job(store, Data::new()) };
        let report = abort.run().await.unwrap();
        let mut expected = numbered(300, "1");
        expected.insert("r/s/f.conf/x/0".into(), "hand".into());
        expected.insert("r/s/f.conf/x/299".into(), "hand".into());
        let entries = everything(store).await;
        assert!(plain(entries.clone()) == expected, "{number}");
        assert_eq!(report.release, Some(1));
        let history = History::of(&entries);
        assert_eq!(history.current, Some(1));
        assert_eq!(history.entries.len(), if number == 0 { 1 } else { 2 });
        // The lists are those of before, so that the next load starts as if nothing had been.
        let world = World::new(&entries);
        assert!(Plan::new(&numbered(300, "1"), &world, false).is_empty(), "{number}");
    })
    .await;
}

/// What a hand had put before the load that died, with just the value that this was to write.
#[tokio::test(start_paused = true)]
async fn what_a_dead_load_has_only_found_stays_a_hands() {
    let (first, mut second) = (numbered(300, "1"), numbered(300, "2"));
    second.extend((0..200).map(|n| (format!("r/n/f.conf/x/{n}"), "2".into())));
    let (changed, put) = ("r/s/f.conf/x/5", "r/n/f.conf/x/7");
    let third = numbered(300, "3");
    for number in 0.. {
        for (goal, mut expected) in [
            (Goal::Abort, first.clone()),
            (Goal::Release(Kind::Load, third.clone()), third.clone()),
        ] {
            let store = Store::Memory(Memory::default());
            job(&store, first.clone()).run().await.unwrap();
            for key in [changed, put] {
                let write = Write::Put { key: key.into(), value: b"2".to_vec() };
                store.commit(&[], &[write]).await.unwrap();
            }
            let transactions = transactions(&everything(&store).await, &second);
            if number == transactions.len() {
                return assert!(number > 4, "{number}");
            }
            for writes in &transactions[..number] {
                store.commit(&[], writes).await.unwrap();
            }
            Job { goal, ..job(&store, Data::new()) }.run().await.unwrap();
            expected.extend([changed, put].map(|key| (key.to_owned(), "2".to_owned())));
            let entries = everything(&store).await;
            let report: Vec<_> = entries.keys().filter(|key| key.contains("/data/")).collect();
            assert_eq!(report.len(), History::of(&entries).releases().count(), "{report:?}");
            assert!(plain(entries) == expected, "{number}");
        }
    }
}

/// And one that is completed by the next leaves nothing of its notes.
#[tokio::test(start_paused = true)]
async fn what_was_found_is_forgotten_once_the_load_is_complete() {
    let store = Store::Memory(Memory::default());
    let put = Write::Put { key: "r/s/f.conf/x/5".into(), value: b"1".to_vec() };
    store.commit(&[], &[put]).await.unwrap();
    let transactions = transactions(&everything(&store).await, &numbered(300, "1"));
    store.commit(&[], &transactions[0]).await.unwrap();
    let data = async || {
        let entries = everything(&store).await;
        entries.keys().filter(|key| key.starts_with("_etcstack/data/")).count()
    };
    assert_eq!(data().await, 2);
    load(&store, 300, "1").await;
    assert_eq!(data().await, 1);
    let report = load(&store, 1, "1").await;
    assert_eq!(report.by_hand.into_iter().collect::<Vec<_>>(), ["r/s/f.conf/x/5"]);
}

/// Two that died, one after the other, and the values of both in the store.
#[tokio::test(start_paused = true)]
async fn the_values_of_all_that_have_died_are_known() {
    let store = Store::Memory(Memory::default());
    load(&store, 300, "1").await;
    for (value, number) in [("2", 3), ("3", 2)] {
        let transactions = transactions(&everything(&store).await, &numbered(300, value));
        for writes in transactions.iter().take(number) {
            store.commit(&[], writes).await.unwrap();
        }
    }
    let values: BTreeSet<_> = plain(everything(&store).await).into_values().collect();
    assert_eq!(values.len(), 3, "{values:?}");
    let report = load(&store, 300, "4").await;
    assert!(report.drift.is_empty());
    assert_eq!((report.changed.len(), report.release), (300, Some(4)));
    assert_eq!(plain(everything(&store).await), numbered(300, "4"));
}

#[tokio::test(start_paused = true)]
async fn a_hand_is_not_overwritten_even_while_a_load_is_written() {
    let store = Store::Memory(Memory::default());
    load(&store, 2000, "1").await;
    let slow = job(&store, numbered(2000, "2"));
    let hand = async {
        let mut follower = store.follow(plan::view());
        while !matches!(follower.next().await, Some(Event::Loading)) {}
        let key = "r/s/f.conf/x/999".to_owned();
        store.commit(&[], &[Write::Put { key, value: b"hand".to_vec() }]).await.unwrap();
    };
    let (report, ()) = tokio::join!(slow.run(), hand);
    let report = report.unwrap();
    let value = plain(everything(&store).await)["r/s/f.conf/x/999"].clone();
    assert_eq!((value.as_str(), report.drift.len(), report.changed.len()), ("hand", 1, 1999));
}

#[tokio::test]
async fn releases_are_bounded_and_unchanged_loads_are_none() {
    let store = Store::Memory(Memory::default());
    for value in ["1", "2", "3", "4", "5"] {
        load(&store, 3, value).await;
        load(&store, 3, value).await;
    }
    let entries = everything(&store).await;
    let history = History::of(&entries);
    assert_eq!(history.entries.keys().copied().collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(entries.keys().filter(|key| key.starts_with("_etcstack/data/")).count(), 3);
}

/// The data itself is known to whoever loads it again.
#[tokio::test]
async fn a_damaged_release_is_replaced() {
    for overwrite in [false, true] {
        let store = Store::Memory(Memory::default());
        load(&store, 3, "1").await;
        let damage = Write::Put { key: "_etcstack/data/00000001/0000".into(), value: b"x".into() };
        store.commit(&[], &[damage]).await.unwrap();
        let again = || {
            let rules = Rules { overwrite, adopt: false };
            Job { rules, ..job(&store, numbered(3, "1")) }
        };
        assert_eq!(again().run().await.unwrap().release, Some(2));
        assert_eq!(again().run().await.unwrap().release, Some(2));
        let report = load(&store, 3, "2").await;
        assert_eq!((report.changed.len(), report.drift.len()), (3, 0));
    }
}

#[tokio::test]
async fn who_does_not_want_to_wait_does_not() {
    let store = Store::Memory(Memory::default());
    let dead = Write::Put { key: LOAD_MARK.into(), value: b"host 1 x".to_vec() };
    store.commit(&[], &[dead]).await.unwrap();
    let error = Job { wait: false, ..job(&store, numbered(1, "1")) }.run().await.unwrap_err();
    assert!(matches!(&error, LoadError::Busy(who) if who == "host 1 x"), "{error}");
    assert_eq!(everything(&store).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_release_there_is_nothing_to_go_back_to() {
    let store = Store::Memory(Memory::default());
    let abort = || Job { goal: Goal::Abort, ..job(&store, Data::new()) };
    assert_eq!(abort().run().await.unwrap().release, None);
    let dead = Write::Put { key: LOAD_MARK.into(), value: b"x".to_vec() };
    store.commit(&[], &[dead]).await.unwrap();
    assert!(matches!(abort().run().await, Err(LoadError::NothingToGoBackTo)));
}
