//! What a store does, whatever its home.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use etcstack_store::{Event, Expect, LOAD_MARK, Outcome, View};
use etcstack_tests::{PATIENCE, eventually};

use crate::homes::Home;
use crate::{Watcher, delete, entries, put, snapshot, variables, view};

/// Makes a test of each function for each home.
macro_rules! tests {
    ($($home:ident: $($test:ident)*;)*) => {
        $(mod $home {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Home::$home().await).await;
            })*
        })*
    };
}

tests! {
    etcd: reads_prefixes follows_references what_is_left_out single_keys sees_changes_and_deletions changes_meanwhile
        new_reference transactions_are_never_mixed changes_elsewhere_are_no_events
        slow_consumers_get_the_newest dropping_ends_the_task loads_become_visible_as_a_whole
        expectations;
    etcd_with_prefix: reads_prefixes follows_references what_is_left_out single_keys sees_changes_and_deletions
        changes_meanwhile new_reference transactions_are_never_mixed
        changes_elsewhere_are_no_events slow_consumers_get_the_newest dropping_ends_the_task
        loads_become_visible_as_a_whole expectations;
    memory: reads_prefixes follows_references what_is_left_out single_keys sees_changes_and_deletions changes_meanwhile
        new_reference transactions_are_never_mixed changes_elsewhere_are_no_events
        slow_consumers_get_the_newest dropping_ends_the_task loads_become_visible_as_a_whole
        expectations;
    // Cannot be written through the store.
    config_map: reads_prefixes follows_references what_is_left_out single_keys sees_changes_and_deletions changes_meanwhile
        new_reference transactions_are_never_mixed changes_elsewhere_are_no_events
        slow_consumers_get_the_newest dropping_ends_the_task;
    // Here a transaction is many changes, and nothing makes them one.
    dir: reads_prefixes follows_references what_is_left_out single_keys sees_changes_and_deletions changes_meanwhile
        changes_elsewhere_are_no_events slow_consumers_get_the_newest dropping_ends_the_task;
}

async fn reads_prefixes(mut home: Home) {
    assert_eq!(snapshot(&home.store, &view(&["s", "t"])).await, entries(&[]));
    home.apply(&[
        put("general/A", "unused"),
        put("r/s/s.conf/DEFAULT/a", "1"),
        put("r/s/s.conf/x y/b c/d", " é=#"),
        put("r/s/policy.yaml", "a: b\nc: d\n"),
        put("r/t/t.conf/DEFAULT/a", "2"),
        put("r/ss/ss.conf/DEFAULT/a", "3"),
        put("rr/s/s.conf/DEFAULT/a", "4"),
    ])
    .await;
    let s = [
        ("r/s/policy.yaml", "a: b\nc: d\n"),
        ("r/s/s.conf/DEFAULT/a", "1"),
        ("r/s/s.conf/x y/b c/d", " é=#"),
    ];
    assert_eq!(snapshot(&home.store, &view(&["s"])).await, entries(&s));
    let both = [&s[..], &[("r/t/t.conf/DEFAULT/a", "2")]].concat();
    assert_eq!(snapshot(&home.store, &view(&["t", "s"])).await, entries(&both));
    assert_eq!(snapshot(&home.store, &View::everything()).await.len(), 7);
}

async fn follows_references(mut home: Home) {
    home.apply(&[
        put("general/A", "<$B>"),
        put("general/B", "${C:-$D}"),
        put("general/C", ""),
        put("general/D", "d"),
        put("general/UNUSED", "$E"),
        put("general/E", "e"),
        put("r/s/s.conf/DEFAULT/a", "$A ${NOWHERE:-x}"),
    ])
    .await;
    let expected = entries(&[
        ("general/A", "<$B>"),
        ("general/B", "${C:-$D}"),
        ("general/C", ""),
        ("general/D", "d"),
        ("r/s/s.conf/DEFAULT/a", "$A ${NOWHERE:-x}"),
    ]);
    assert_eq!(snapshot(&home.store, &view(&["s"])).await, expected);
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    assert_eq!(watcher.state().await, expected);
}

async fn sees_changes_and_deletions(mut home: Home) {
    home.apply(&[put("general/A", "1"), put("r/s/s.conf/DEFAULT/a", "$A$B")]).await;
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    watcher.state().await;
    home.apply(&[put("general/A", "2")]).await;
    let a = ("r/s/s.conf/DEFAULT/a", "$A$B");
    assert_eq!(watcher.state().await, entries(&[("general/A", "2"), a]));
    // Watched for although it is not there.
    home.apply(&[put("general/B", "3")]).await;
    assert_eq!(watcher.state().await, entries(&[("general/A", "2"), ("general/B", "3"), a]));
    home.apply(&[delete("general/A")]).await;
    assert_eq!(watcher.state().await, entries(&[("general/B", "3"), a]));
    // What nothing refers to any more is not there either.
    home.apply(&[put("r/s/s.conf/DEFAULT/a", "x")]).await;
    assert_eq!(watcher.state().await, entries(&[("r/s/s.conf/DEFAULT/a", "x")]));
    home.apply(&[delete("r/s/s.conf/DEFAULT/a")]).await;
    assert_eq!(watcher.state().await, entries(&[]));
}

/// Changes at the very moment at which somebody begins to look.
async fn changes_meanwhile(mut home: Home) {
    for n in 1..=50 {
        let (variable, text) = (format!("V{n}"), n.to_string());
        let key = format!("general/{variable}");
        home.apply(&[put("r/s/s.conf/DEFAULT/a", "0"), put(&key, "0")]).await;
        let mut watcher = Watcher::new(&home.store, view(&["s"]));
        // The follower comes further by some steps each time.
        for _ in 0..n % 10 {
            tokio::task::yield_now().await;
        }
        home.apply(&[put("r/s/s.conf/DEFAULT/a", text.as_str())]).await;
        watcher.until("r/s/s.conf/DEFAULT/a", &text).await;
        // A key is watched from the revision at which it was first referred to.
        home.apply(&[put("r/s/s.conf/DEFAULT/a", format!("${variable}"))]).await;
        home.apply(&[put(&key, "1")]).await;
        home.apply(&[put(&key, "2")]).await;
        watcher.until(&key, "2").await;
    }
}

async fn new_reference(mut home: Home) {
    home.apply(&[put("general/A", "old"), put("general/B", "b"), put("r/s/s.conf/DEFAULT/a", "x")])
        .await;
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    assert_eq!(watcher.state().await.len(), 1);
    home.apply(&[put("general/A", "$B"), put("r/s/s.conf/DEFAULT/a", "$A")]).await;
    let a = ("r/s/s.conf/DEFAULT/a", "$A");
    let state = watcher.state().await;
    assert_eq!(state, entries(&[("general/A", "$B"), ("general/B", "b"), a]));
    // Watched from then on.
    home.apply(&[put("general/B", "c")]).await;
    let state = watcher.state().await;
    assert_eq!(state, entries(&[("general/A", "$B"), ("general/B", "c"), a]));
}

async fn transactions_are_never_mixed(mut home: Home) {
    const ROUNDS: usize = 300;
    const STATES: usize = 5;
    let both = |n: usize| {
        // The reference comes and goes, so that the watched keys change as well.
        let other = if n.is_multiple_of(3) { "$B" } else { "" };
        let text = n.to_string();
        [
            put("general/A", text.clone()),
            put("general/B", text.clone()),
            put("r/s/s.conf/DEFAULT/a", format!("{text} $A{other}")),
            put("r/s/s.conf/DEFAULT/z", text),
        ]
    };
    home.apply(&both(0)).await;
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    let seen = Cell::new(0_usize);
    let last = Cell::new(usize::MAX);
    let reader = async {
        loop {
            let state = watcher.state().await;
            let text = |key: &str| String::from_utf8(state[key].clone()).unwrap();
            let number = text("r/s/s.conf/DEFAULT/z");
            let value = text("r/s/s.conf/DEFAULT/a");
            assert_eq!(value.split(' ').next(), Some(&*number), "mixed");
            assert_eq!(text("general/A"), number, "mixed");
            assert_eq!(state.contains_key("general/B"), value.ends_with("$B"), "{value}");
            if value.ends_with("$B") {
                assert_eq!(text("general/B"), number, "mixed");
            }
            seen.set(seen.get() + 1);
            if number == last.get().to_string() {
                return;
            }
        }
    };
    let writer = async {
        for n in 1.. {
            let enough = n >= ROUNDS && seen.get() >= STATES;
            if enough {
                last.set(n);
            }
            home.apply(&both(n)).await;
            if enough {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(reader, writer);
}

async fn changes_elsewhere_are_no_events(mut home: Home) {
    let others =
        ["r/t/t.conf/DEFAULT/a", "r/ss/s.conf/DEFAULT/a", "rr/s/s.conf/DEFAULT/a", "general/B"];
    home.apply(&[put("general/A", "1"), put("r/s/s.conf/DEFAULT/a", "$A")]).await;
    home.apply(&others.map(|key| put(key, "0"))).await;
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    watcher.state().await;
    for round in 1..=5 {
        for key in others {
            home.apply(&[put(key, round.to_string())]).await;
        }
    }
    home.apply(&[put("general/A", "2")]).await;
    assert_eq!(watcher.state().await["general/A"], b"2");
    // To what it was and back is no change, or two, but never one that says nothing new.
    home.apply(&others.map(delete)).await;
    home.apply(&[put("general/A", "2")]).await;
    home.apply(&[put("general/A", "3")]).await;
    assert_eq!(watcher.state().await["general/A"], b"3");
}

/// What a view leaves out is not read, whatever stands there.
async fn what_is_left_out(mut home: Home) {
    let (a, b) = ("r/s/s.conf/x/a", "r/s/s.conf/y/b");
    let others = ["general/A", "r/t/t.conf/x/a"];
    home.apply(&[put(a, "0"), put(b, "0"), put(others[0], "0"), put(others[1], "0")]).await;
    let without = View::everything().without("r/s/");
    let expected = entries(&others.map(|key| (key, "0")));
    assert_eq!(snapshot(&home.store, &without).await, expected);
    // Nothing is between these two: `0` follows `/`.
    let touching = View::everything().without("r/s/").without("r/s0");
    let mut watcher = Watcher::new(&home.store, touching);
    assert_eq!(watcher.state().await, expected);
    home.apply(&[put(a, "1"), put(others[0], "1")]).await;
    watcher.until(others[0], "1").await;
    home.apply(&[put(a, "0"), put(others[0], "0")]).await;
    watcher.until(others[0], "0").await;
    // A longer prefix and a single key are asked for all the same.
    let key = View::new(vec!["r/".into()], move |_| [b.to_owned()].into()).without("r/s/");
    assert_eq!(snapshot(&home.store, &key).await, entries(&[(b, "0"), (others[1], "0")]));
    let longer = vec![String::new(), "r/s/s.conf/x/".into()];
    let longer = View::new(longer, |_| [].into()).without("r/s/");
    let mut watcher = Watcher::new(&home.store, longer);
    let state = |value: &str| entries(&[(others[0], "0"), (others[1], "0"), (a, value)]);
    assert_eq!(watcher.state().await, state("0"));
    home.apply(&[put(b, "1")]).await;
    home.apply(&[put(a, "1")]).await;
    assert_eq!(watcher.state().await, state("1"));
}

/// A view without prefixes: one key, and what that refers to.
async fn single_keys(mut home: Home) {
    let (key, longer) = ("r/s/s.conf/x/a", "r/s/s.conf/x/ab");
    let view = View::new(Vec::new(), move |found| {
        let mut keys = variables(found);
        keys.insert(key.to_owned());
        keys
    });
    assert_eq!(snapshot(&home.store, &view).await, entries(&[]));
    let mut watcher = Watcher::new(&home.store, view);
    assert_eq!(watcher.state().await, entries(&[]));
    home.apply(&[put(longer, "0"), put("general/A", "0")]).await;
    home.apply(&[put(key, "$A")]).await;
    let state = |value: &str| entries(&[("general/A", value), (key, "$A")]);
    assert_eq!(watcher.state().await, state("0"));
    home.apply(&[put("general/A", "1")]).await;
    assert_eq!(watcher.state().await, state("1"));
    home.apply(&[delete(key)]).await;
    assert_eq!(watcher.state().await, entries(&[]));
}

async fn slow_consumers_get_the_newest(mut home: Home) {
    home.apply(&[put("r/s/s.conf/DEFAULT/a", "0")]).await;
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    watcher.state().await;
    for n in 1..=50 {
        home.apply(&[put("r/s/s.conf/DEFAULT/a", n.to_string())]).await;
        tokio::task::yield_now().await;
    }
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != b"50") {
        seen.push(watcher.state().await["r/s/s.conf/DEFAULT/a"].clone());
    }
    // One waits to be taken, one waits for its place, and then comes the newest.
    assert!(seen.len() <= 3, "{seen:?}");
    home.apply(&[put("r/s/s.conf/DEFAULT/a", "51")]).await;
    assert_eq!(watcher.state().await["r/s/s.conf/DEFAULT/a"], b"51");
}

async fn dropping_ends_the_task(mut home: Home) {
    home.apply(&[put("r/s/s.conf/DEFAULT/a", "0")]).await;
    // The task owns the view, and the view this.
    let calls = Arc::new(AtomicUsize::new(0));
    let alive: Weak<AtomicUsize> = Arc::downgrade(&calls);
    let view = View::new(vec!["r/s/".into()], move |entries| {
        calls.fetch_add(1, Ordering::Relaxed);
        variables(entries)
    });
    let mut watcher = Watcher::new(&home.store, view);
    watcher.state().await;
    assert!(alive.upgrade().is_some_and(|calls| calls.load(Ordering::Relaxed) > 0));
    drop(watcher);
    eventually("the task has ended", PATIENCE, async || alive.upgrade().is_none()).await;
}

async fn loads_become_visible_as_a_whole(mut home: Home) {
    home.apply(&[put("r/s/s.conf/DEFAULT/a", "0")]).await;
    let mut watcher = Watcher::new(&home.store, view(&["s"]));
    watcher.state().await;
    home.apply(&[put(LOAD_MARK, "x"), put("r/s/s.conf/DEFAULT/a", "1")]).await;
    assert!(matches!(watcher.event().await, Event::Loading));
    for n in 2..=20 {
        home.apply(&[put("r/s/s.conf/DEFAULT/a", n.to_string())]).await;
        home.apply(&[put("general/A", n.to_string())]).await;
    }
    // Who comes now waits as well.
    let mut late = Watcher::new(&home.store, view(&["s"]));
    assert!(matches!(late.event().await, Event::Loading));
    home.apply(&[put("r/s/s.conf/DEFAULT/a", "$A"), delete(LOAD_MARK)]).await;
    let expected = entries(&[("general/A", "20"), ("r/s/s.conf/DEFAULT/a", "$A")]);
    assert_eq!(watcher.state().await, expected);
    assert_eq!(late.state().await, expected);
    // A load that changes nothing of ours ends with a word all the same.
    home.apply(&[put(LOAD_MARK, "x")]).await;
    assert!(matches!(watcher.event().await, Event::Loading));
    home.apply(&[delete(LOAD_MARK)]).await;
    assert!(matches!(watcher.event().await, Event::Back));
}

async fn expectations(home: Home) {
    let expect = |value: Option<&str>| {
        let value = value.map(|value| value.as_bytes().to_vec());
        [Expect { key: "r/s/s.conf/DEFAULT/a".into(), value }]
    };
    let writes = |value: &str| [put("r/s/s.conf/DEFAULT/a", value), put("general/A", value)];
    let commit =
        async |expected, value| home.store.commit(&expect(expected), &writes(value)).await.unwrap();
    let Outcome::Committed(first) = commit(None, "1").await else { panic!("not there, so fine") };
    assert_eq!(commit(None, "2").await, Outcome::Conflict);
    assert_eq!(commit(Some("2"), "3").await, Outcome::Conflict);
    let expected = entries(&[("general/A", "1"), ("r/s/s.conf/DEFAULT/a", "1")]);
    assert_eq!(snapshot(&home.store, &View::everything()).await, expected);
    assert_eq!(commit(Some("1"), "4").await, Outcome::Committed(first + 1));
    let gone = [delete("general/A"), delete("general/NEVER")];
    assert!(matches!(
        home.store.commit(&expect(Some("4")), &gone).await,
        Ok(Outcome::Committed(_))
    ));
    let expected = entries(&[("r/s/s.conf/DEFAULT/a", "4")]);
    assert_eq!(snapshot(&home.store, &View::everything()).await, expected);
}
