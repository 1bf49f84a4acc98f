//! Taking turns over a real etcd.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{GetOptions, Permission, PermissionType};
use etcstack_store::{Credentials, Outcome, Store, StoreError, Turn, Turns};
use etcstack_tests::{Etcd, PATIENCE, Proxy, eventually};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::{open, open_with, put};

/// Nobody waits for the end of it.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(3);

fn turns(store: &Store, slots: usize, holder: &str, ttl: Duration) -> Turns {
    Turns::new(store.clone(), "turns/".into(), slots, holder.into(), ttl)
}

async fn take(turns: &Turns) -> Turn {
    timeout(PATIENCE, turns.take(|_| {})).await.expect("a turn in time").expect("a turn")
}

/// Takes a turn in the background, once it is known that somebody else has it.
async fn wait_behind(turns: Turns, other: &str) -> JoinHandle<Result<Turn, StoreError>> {
    let (sender, mut told) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        turns.take(move |holders| sender.send(holders.to_owned()).unwrap()).await
    });
    let holders = timeout(PATIENCE, told.recv()).await.expect("it waits");
    assert_eq!(holders.as_deref(), Some(other));
    task
}

async fn turn_of(task: JoinHandle<Result<Turn, StoreError>>) -> Turn {
    timeout(PATIENCE, task).await.expect("a turn in time").unwrap().expect("a turn")
}

/// All slots are free, and nothing is left of the leases.
async fn nothing_is_left(etcd: &Etcd) {
    eventually("no lease is left", PATIENCE, async || etcd.leases().await == 0).await;
    assert!(etcd.get_below("turns/").await.is_empty());
}

/// How many have their turn at the same time.
#[derive(Default)]
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Count {
    async fn work(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        sleep(Duration::from_millis(5)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Each has a connection of its own, as in a container.
async fn all_have_their_turn(url: &str, takers: usize, slots: usize) -> usize {
    let count = Arc::new(Count::default());
    let mut tasks = JoinSet::new();
    for n in 0..takers {
        let (store, count) = (open(url), count.clone());
        tasks.spawn(async move {
            let turn = turns(&store, slots, &n.to_string(), LONG).take(|_| {}).await.unwrap();
            count.work().await;
            assert!(turn.is_held());
            let token = turn.token();
            turn.release(vec![put(&format!("done/{n}"), "")]).await.unwrap();
            token
        });
    }
    let tokens = timeout(PATIENCE * 2, tasks.join_all()).await.expect("all have their turn");
    if slots == 1 {
        // Where there are more, two may be found to be taken at one revision.
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), takers);
    }
    count.most.load(Ordering::SeqCst)
}

#[tokio::test]
async fn fifty_take_turns() {
    let etcd = Etcd::new().await;
    assert_eq!(all_have_their_turn(&etcd.url_with("p"), 50, 1).await, 1);
    eventually("no lease is left", PATIENCE, async || etcd.leases().await == 0).await;
    assert_eq!(etcd.get_below("").await.len(), 50);
}

#[tokio::test]
async fn fifty_take_turns_three_at_a_time() {
    let etcd = Etcd::new().await;
    assert!(all_have_their_turn(&etcd.url(), 50, 3).await <= 3);
    nothing_is_left(&etcd).await;
    assert_eq!(etcd.get_below("done/").await.len(), 50);
}

/// Many requests have no answer here.
#[tokio::test]
async fn turns_on_a_line_that_breaks_again_and_again() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let url = format!("etcd://{}", proxy.address());
    let breaking = async {
        for pause in (20..).step_by(10) {
            sleep(Duration::from_millis(pause)).await;
            proxy.cut();
            sleep(Duration::from_millis(5)).await;
            proxy.mend();
        }
    };
    let most = tokio::select! {
        most = all_have_their_turn(&url, 20, 2) => most,
        () = breaking => panic!("it never ends"),
    };
    assert!(most <= 2, "{most}");
    assert_eq!(etcd.get_below("done/").await.len(), 20);
}

#[tokio::test]
async fn who_dies_keeps_the_slot_for_its_time_at_most() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let first = take(&turns(&store, 1, "first", SHORT)).await;
    let second = wait_behind(turns(&store, 1, "second", LONG), "first").await;
    let token = first.token();
    // Nothing is sent by who dies.
    drop(first);
    let second = turn_of(second).await;
    assert!(second.token() > token);
    second.release(Vec::new()).await.unwrap();
    nothing_is_left(&etcd).await;
}

#[tokio::test]
async fn who_is_cut_off_knows_that_its_turn_is_lost() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let there = open(&format!("etcd://{}", proxy.address()));
    let first = take(&turns(&there, 1, "first", SHORT)).await;
    let second = wait_behind(turns(&open(&etcd.url()), 1, "second", LONG), "first").await;
    proxy.stall();
    let second = turn_of(second).await;
    assert!(!first.is_held());
    first.lost().await;
    proxy.mend();
    let late = eventually("etcd is back", PATIENCE, async || {
        there.commit(&[first.expect()], &[put("late", "")]).await
    });
    assert_eq!(late.await, Outcome::Conflict);
    let late = first.release(vec![put("late", "")]).await;
    // The first request may be the one that finds the connection dead.
    assert!(matches!(late, Err(StoreError::TurnLost { .. })), "{late:?}");
    assert!(second.is_held());
    second.release(vec![put("done", "")]).await.unwrap();
    assert!(etcd.get("late").await.is_none());
    assert!(etcd.get("done").await.is_some());
}

/// The container was started again: it does not wait for its own lease to end.
#[tokio::test]
async fn a_holder_takes_its_own_slot_again() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let other = take(&turns(&store, 2, "other", LONG)).await;
    let before = take(&turns(&store, 2, "same", LONG)).await;
    let (token, expect) = (before.token(), before.expect());
    drop(before);
    let again = take(&turns(&store, 2, "same", LONG)).await;
    assert!(again.token() > token);
    assert_eq!(store.commit(&[expect], &[put("late", "")]).await.unwrap(), Outcome::Conflict);
    assert_eq!(etcd.get_below("turns/").await.len(), 2);
    again.release(Vec::new()).await.unwrap();
    other.release(Vec::new()).await.unwrap();
    assert!(etcd.get_below("turns/").await.is_empty());
}

#[tokio::test]
async fn giving_back_and_its_writes_are_one() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let turn = take(&turns(&store, 1, "me", LONG)).await;
    turn.release(vec![put("done", "1"), put("done too", "2")]).await.unwrap();
    let mut client = etcd.client().await;
    let done = client.get("done", None).await.unwrap();
    let revision = done.kvs()[0].mod_revision();
    for (revision, slots) in [(revision - 1, 1), (revision, 0)] {
        let at = GetOptions::new().with_revision(revision);
        let slot = client.get("turns/0", Some(at.clone())).await.unwrap();
        let record = client.get("done too", Some(at)).await.unwrap();
        assert_eq!((slot.kvs().len(), record.kvs().len()), (slots, 1 - slots));
    }
    nothing_is_left(&etcd).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_while_giving_back() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    for with in [vec![put("done", "")], vec![]] {
        let turn = take(&turns(&store, 1, "me", LONG)).await;
        proxy.mute();
        let releasing = tokio::spawn(turn.release(with));
        // It has happened, and nobody has told.
        eventually("the slot is free", PATIENCE, async || etcd.get("turns/0").await.is_none())
            .await;
        assert!(!releasing.is_finished());
        // Whatever others do meanwhile.
        let other = take(&turns(&open(&etcd.url()), 1, "other", LONG)).await;
        other.release(vec![put("done", "by another")]).await.unwrap();
        timeout(PATIENCE, releasing).await.expect("an end").unwrap().unwrap();
    }
    nothing_is_left(&etcd).await;
}

#[tokio::test]
async fn waiting_outlives_a_restart() {
    let mut etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let first = take(&turns(&store, 1, "first", LONG)).await;
    let second = wait_behind(turns(&open(&etcd.url()), 1, "second", LONG), "first").await;
    etcd.stop_hard().await;
    let releasing = tokio::spawn(first.release(vec![put("done", "")]));
    etcd.start().await;
    timeout(PATIENCE, releasing).await.expect("an end").unwrap().unwrap();
    turn_of(second).await.release(Vec::new()).await.unwrap();
    assert!(etcd.get("done").await.is_some());
    nothing_is_left(&etcd).await;
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_nothing() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let first = take(&turns(&store, 1, "first", LONG)).await;
    let second = wait_behind(turns(&store, 1, "second", SHORT), "first").await;
    second.abort();
    eventually("one lease is left", PATIENCE, async || etcd.leases().await == 1).await;
    first.release(Vec::new()).await.unwrap();
    nothing_is_left(&etcd).await;
}

#[tokio::test]
async fn the_rights_to_the_prefix_are_enough() {
    let mut etcd = Etcd::new().await;
    etcd.enable_auth("secret").await;
    let rights = Permission::new(PermissionType::Readwrite, "turns/").with_prefix();
    etcd.add_user("agent", "secret", vec![rights]).await;
    etcd.add_user("other", "secret", vec![]).await;
    let as_user = |name: &str| {
        let user = Some((name.to_owned(), "secret".to_owned()));
        open_with(&etcd.url(), Credentials { user, ..Credentials::default() }).unwrap()
    };
    let store = as_user("agent");
    let first = take(&turns(&store, 1, "first", LONG)).await;
    let second = wait_behind(turns(&store, 1, "second", LONG), "first").await;
    first.release(Vec::new()).await.unwrap();
    let second = turn_of(second).await;
    // What it has no right to write does not keep the slot.
    let denied = second.release(vec![put("elsewhere", "")]).await;
    assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
    let denied = turns(&as_user("other"), 1, "third", LONG).take(|_| {}).await;
    assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
    let third = take(&turns(&store, 1, "third", LONG)).await;
    third.release(vec![put("turns/record", "")]).await.unwrap();
    assert!(etcd.get("turns/record").await.is_some());
}
