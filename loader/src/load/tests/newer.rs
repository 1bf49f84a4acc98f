//! Releases of newer loaders: they are left alone, and not tried for ever.

use std::time::Duration;

use etcstack_store::{LOAD_MARK, Memory, Store, Write};
use tokio::time::timeout;

use super::super::*;
use super::{everything, job, load, numbered, transactions};
use crate::plan;
use crate::release::Data;

/// Longer than any number of tries takes; the clock stands still.
const LONG: Duration = Duration::from_secs(600);

/// A record that only a newer loader knows.
const UNKNOWN: &str = "_etcstack/tomorrow";

async fn put(store: &Store, key: &str, value: &str) {
    let write = Write::Put { key: key.into(), value: value.into() };
    store.commit(&[], &[write]).await.unwrap();
}

/// How a job ends that is never to end well.
async fn refusal(job: Job) -> LoadError {
    timeout(LONG, job.run()).await.expect("it tries for ever").unwrap_err()
}

fn newer(value: &str) -> Data {
    [numbered(3, value), Data::from([(UNKNOWN.into(), value.into())])]
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_release_that_holds_what_nobody_here_knows_is_left_alone() {
    for there in [Some("1"), Some("2"), None] {
        let store = Store::Memory(Memory::default());
        load(&store, 3, "1").await;
        if let Some(value) = there {
            put(&store, UNKNOWN, value).await;
        }
        let before = everything(&store).await;
        let goal = Goal::Release(Kind::Rollback, newer("2"));
        let error = refusal(Job { goal, ..job(&store, Data::new()) }).await;
        let text = error.to_string();
        assert!(text.contains(UNKNOWN) && text.contains("newer loader; nothing"), "{text}");
        assert_eq!(error.exit_code(), 65, "{text}");
        assert_eq!(everything(&store).await, before, "nothing was written");
    }
}

/// What has died cannot be undone by who does not know all of it.
#[tokio::test(start_paused = true)]
async fn nor_is_it_gone_back_to() {
    let store = Store::Memory(Memory::default());
    put(&store, UNKNOWN, "1").await;
    let entries = everything(&store).await;
    // As its own loader writes it.
    for writes in transactions(&entries, &newer("1")) {
        store.commit(&[], &writes).await.unwrap();
    }
    put(&store, LOAD_MARK, "dead").await;
    let before = everything(&store).await;
    let error = refusal(Job { goal: Goal::Abort, ..job(&store, Data::new()) }).await;
    assert!(matches!(&error, LoadError::Newer { records, .. } if records == &[UNKNOWN]), "{error}");
    let text = error.to_string();
    assert!(text.contains("newer loader, or load data, which replaces what was begun;"), "{text}");
    assert_eq!(everything(&store).await, before);
    // Data without it replaces the release, and leaves alone what it does not know.
    load(&store, 2, "2").await;
    assert!(everything(&store).await.contains_key(UNKNOWN));
}

/// `--abort` is no advice where it leads to nothing, nor by itself.
#[tokio::test]
async fn what_ends_a_standstill() {
    let store = Store::Memory(Memory::default());
    let snapshot = async || store.snapshot(&plan::view(), Duration::from_secs(1)).await.unwrap();
    let release = job(&store, numbered(1, "1"));
    let abort = Job { goal: Goal::Abort, ..job(&store, Data::new()) };
    let (abortable, again) = ("load --abort", "when you load again");
    let told = |job: &Job, snapshot: &etcstack_store::Snapshot, begun| {
        let text = LoadError::Standstill(25, job.left(snapshot, begun)).to_string();
        (text.contains(abortable), text.contains(again))
    };
    let empty = snapshot().await;
    assert_eq!(told(&release, &empty, true), (false, true));
    assert_eq!(told(&abort, &empty, true), (false, true));
    load(&store, 1, "1").await;
    let loaded = snapshot().await;
    assert_eq!(told(&release, &loaded, true), (true, false));
    assert_eq!(told(&abort, &loaded, true), (false, true));
    assert_eq!(told(&release, &loaded, false), (false, false));
}
