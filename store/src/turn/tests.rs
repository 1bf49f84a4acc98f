use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use super::*;
use crate::{Event, Memory, Snapshot};

const TTL: Duration = Duration::from_secs(30);

fn store() -> (Memory, Store) {
    let memory = Memory::default();
    (memory.clone(), Store::Memory(memory))
}

fn turns(store: &Store, slots: usize, holder: &str) -> Turns {
    Turns::new(store.clone(), "turns/".into(), slots, holder.into(), TTL)
}

fn put(key: &str) -> Write {
    Write::Put { key: key.into(), value: b"done".to_vec() }
}

async fn take(store: &Store, holder: &str) -> Turn {
    turns(store, 1, holder).take(|_| {}).await.unwrap()
}

async fn keys(store: &Store) -> Vec<String> {
    let Snapshot { entries, .. } = store.snapshot(&View::everything(), TTL).await.unwrap();
    entries.into_keys().collect()
}

#[tokio::test(start_paused = true)]
async fn one_after_the_other() {
    let (_, store) = store();
    let first = take(&store, "first").await;
    assert!(first.is_held());
    let waits = Arc::new(Mutex::new(Vec::new()));
    let second = tokio::spawn({
        let (turns, waits) = (turns(&store, 1, "second"), waits.clone());
        async move { turns.take(|holder| waits.lock().unwrap().push(holder.to_owned())).await }
    });
    tokio::time::sleep(TTL * 10).await;
    // It is told once, whatever else happens in the store.
    store.commit(&[], &[put("other")]).await.unwrap();
    tokio::time::sleep(TTL).await;
    assert_eq!(*waits.lock().unwrap(), ["first"]);
    assert!(!second.is_finished());
    let token = first.token();
    first.release(vec![put("result")]).await.unwrap();
    let second = second.await.unwrap().unwrap();
    assert!(second.token() > token);
    second.release(Vec::new()).await.unwrap();
    tokio::time::sleep(TTL).await;
    assert_eq!(keys(&store).await, ["other", "result"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_there_are_slots() {
    for slots in [1, 3] {
        let (memory, store) = store();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for holder in 0..50 {
            let turns = turns(&store, slots, &holder.to_string());
            let (now, most) = (now.clone(), most.clone());
            tasks.spawn(async move {
                let turn = turns.take(|_| {}).await.unwrap();
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                turn.release(Vec::new()).await.unwrap();
            });
        }
        tasks.join_all().await;
        assert_eq!(most.load(Ordering::SeqCst), slots);
        // Each gives back once, and those who wait then try once.
        assert!(memory.tries() <= 50 + (1..=50).sum::<usize>(), "{slots}: {}", memory.tries());
    }
}

#[tokio::test(start_paused = true)]
async fn who_dies_frees_the_slot() {
    let (memory, store) = store();
    drop(take(&store, "first").await);
    let second = take(&store, "second").await;
    let third = tokio::spawn({
        let turns = turns(&store, 1, "third");
        async move { turns.take(|_| {}).await }
    });
    tokio::time::sleep(TTL).await;
    assert!(!third.is_finished());
    memory.expire_leases();
    second.lost().await;
    assert!(!second.is_held());
    let third = third.await.unwrap().unwrap();
    let expect = second.expect();
    assert_eq!(store.commit(&[expect], &[put("late")]).await.unwrap(), Outcome::Conflict);
    let lost = second.release(vec![put("late")]).await;
    assert!(matches!(lost, Err(StoreError::TurnLost { unknown: false, .. })), "{lost:?}");
    let expect = third.expect();
    assert!(matches!(store.commit(&[expect], &[put("ok")]).await, Ok(Outcome::Committed(_))));
    assert_eq!(keys(&store).await, ["ok", "turns/0"]);
}

#[tokio::test(start_paused = true)]
async fn a_holder_takes_its_own_slot_again() {
    let (_, store) = store();
    let dead = take(&store, "same").await;
    let other = turns(&store, 2, "other").take(|_| {}).await.unwrap();
    let again = turns(&store, 2, "same").take(|_| {}).await.unwrap();
    assert_eq!(dead.key, again.key);
    assert!(again.token() > dead.token());
    // The end of the lease before does not take the slot with it.
    drop(dead);
    assert_eq!(keys(&store).await, ["turns/0", "turns/1"]);
    again.release(vec![put("done")]).await.unwrap();
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_found_out() {
    for taking in [None, Some(true), Some(false)] {
        for giving_back in [vec![], vec![true], vec![false], vec![false, true], vec![true, false]] {
            for with in [vec![], vec![put("done")]] {
                let (memory, store) = store();
                if let Some(happens) = taking {
                    memory.lose_answer(happens);
                }
                let turn = take(&store, "me").await;
                for happens in &giving_back {
                    memory.lose_answer(*happens);
                }
                let expected = if with.is_empty() { vec![] } else { vec!["done"] };
                turn.release(with).await.unwrap();
                // The lease goes a moment later.
                tokio::time::sleep(TTL).await;
                assert_eq!(keys(&store).await, expected, "{taking:?} {giving_back:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_lost_while_it_is_given_back() {
    let (memory, store) = store();
    for happens in [true, false] {
        let turn = take(&store, "me").await;
        memory.lose_answer(happens);
        let releasing = tokio::spawn(turn.release(vec![put("done")]));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        memory.expire_leases();
        let lost = releasing.await.unwrap();
        assert!(matches!(lost, Err(StoreError::TurnLost { unknown: true, .. })), "{lost:?}");
    }
}

/// Whenever it is dropped.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_leaves_nothing_behind() {
    for steps in 0..40 {
        let (_, store) = store();
        let turns = turns(&store, 1, "dropped");
        let mut taking = Box::pin(turns.take(|_| {}));
        for _ in 0..steps {
            tokio::select! {
                biased;
                _ = &mut taking => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(taking);
        tokio::time::sleep(TTL).await;
        assert!(keys(&store).await.is_empty(), "after {steps} steps");
        let turn = take(&store, "next").await;
        let mut releasing = Box::pin(turn.release(vec![put("done")]));
        for _ in 0..steps {
            tokio::select! {
                biased;
                _ = &mut releasing => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(releasing);
        tokio::time::sleep(TTL).await;
        assert!(!keys(&store).await.contains(&"turns/0".to_owned()), "after {steps} steps");
    }
}

/// Whoever was beaten to a slot that is free again by now must hear of it.
#[tokio::test(start_paused = true)]
async fn a_change_that_is_undone_is_told_of() {
    let (memory, store) = store();
    let mut follower = store.follow(View::records(vec!["turns/".into()]));
    assert!(matches!(follower.next().await, Some(Event::State(_))));
    memory.commit(&[], &[put("turns/0")]).unwrap();
    memory.commit(&[], &[Write::Delete { key: "turns/0".into() }]).unwrap();
    let Some(Event::State(state)) = follower.next().await else { panic!("no state") };
    assert_eq!((state.entries.len(), state.revision), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_load_holds_no_turn_back() {
    let (_, store) = store();
    store.commit(&[], &[put(crate::LOAD_MARK)]).await.unwrap();
    take(&store, "me").await.release(Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_directory_has_no_turns() {
    let store = Store::open(crate::Location::Dir("/nowhere".into()), crate::Credentials::default());
    let error = turns(&store.unwrap(), 1, "me").take(|_| {}).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)));
}
