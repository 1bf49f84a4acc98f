use super::*;
use crate::{Memory, Outcome, Snapshot, View, Write};

const TTL: Duration = Duration::from_secs(30);

fn store() -> (Memory, Store) {
    let memory = Memory::default();
    (memory.clone(), Store::Memory(memory))
}

async fn keys(store: &Store) -> Vec<String> {
    let Snapshot { entries, .. } = store.snapshot(&View::everything(), TTL).await.unwrap();
    entries.into_keys().collect()
}

async fn hold(store: &Store, key: &str, lease: LeaseId) -> Result<Outcome, StoreError> {
    let write = Write::Hold { key: key.into(), value: b"x".to_vec(), lease };
    store.commit(&[], &[write]).await
}

#[tokio::test(start_paused = true)]
async fn what_is_held_goes_with_the_lease() {
    let (memory, store) = store();
    let lease = store.lease(TTL).unwrap();
    assert_eq!(lease.current(), None);
    let id = lease.granted().await;
    assert_eq!(lease.current(), Some(id));
    for key in ["a", "b", "c", "d"] {
        hold(&store, key, id).await.unwrap();
    }
    // Who writes it last says how long it stays.
    store.commit(&[], &[Write::Put { key: "b".into(), value: Vec::new() }]).await.unwrap();
    let other = store.lease(TTL).unwrap();
    hold(&store, "c", other.granted().await).await.unwrap();
    // It is kept alive.
    tokio::time::sleep(TTL * 100).await;
    assert_eq!(lease.current(), Some(id));
    assert_eq!(keys(&store).await, ["a", "b", "c", "d"]);
    let clone = lease.clone();
    lease.revoke().await;
    assert_eq!(clone.current(), None);
    clone.lost(id).await;
    assert_eq!(keys(&store).await, ["b", "c"]);
    assert!(matches!(hold(&store, "e", id).await, Err(StoreError::LeaseGone)));
    // What is dropped stands for what has died.
    drop(other);
    assert_eq!(keys(&store).await, ["b"]);
    assert!(memory.snapshot(&View::everything()).entries.contains_key("b"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_lost_is_taken_anew() {
    let (memory, store) = store();
    let lease = store.lease(TTL).unwrap();
    let first = lease.granted().await;
    hold(&store, "a", first).await.unwrap();
    memory.expire_leases();
    lease.lost(first).await;
    let second = lease.granted().await;
    assert_ne!(first, second);
    assert!(keys(&store).await.is_empty());
    // Somebody hears of it first.
    lease.report_gone(first);
    assert_eq!(lease.current(), Some(second));
    lease.report_gone(second);
    assert_eq!(lease.current(), None);
    lease.lost(second).await;
    assert_ne!(lease.granted().await, second);
}

/// Nobody keeps it alive here, as when the process is suspended or the store away.
#[tokio::test(start_paused = true)]
async fn nobody_believes_in_a_lease_that_is_not_confirmed() {
    let (_, store) = store();
    let lease = store.lease(TTL).unwrap();
    let id = lease.granted().await;
    lease.0.keeper.abort();
    let begun = Instant::now();
    lease.lost(id).await;
    let waited = begun.elapsed();
    assert!(waited <= TTL && waited > TTL * 9 / 10, "{waited:?}");
    assert_eq!(lease.current(), None);
    tokio::select! {
        _ = lease.granted() => panic!("nobody grants one"),
        () = tokio::time::sleep(TTL) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_brings_nothing_back() {
    let (_, store) = store();
    let until = Instant::now() + TTL;
    let held = Held { id: LeaseId(1), ttl: TTL, until };
    let state = Arc::new(watch::Sender::new(State::Held(held)));
    let keeper = Keeper::new(store, TTL, state.clone());
    let late = Held { until: until + TTL, ..held };
    assert!(keeper.confirm(late));
    tokio::time::sleep_until(late.until).await;
    assert!(!keeper.confirm(Held { until: late.until + TTL, ..held }));
    assert!(state.borrow().current().is_none());
    state.send_replace(State::Revoked);
    keeper.publish(held);
    assert!(state.borrow().last().is_none());
}

#[tokio::test]
async fn a_directory_has_no_leases() {
    let store = Store::open(crate::Location::Dir("/nowhere".into()), crate::Credentials::default());
    assert!(matches!(store.unwrap().lease(TTL), Err(StoreError::ReadOnly(_))));
}
