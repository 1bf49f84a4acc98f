//! Transactions that get no answer.

use etcstack_store::{LOAD_MARK, Memory, Store, Write};

use super::*;
use crate::load::job::PATIENCE;

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_looked_for() {
    for happens in [true, false] {
        let memory = Memory::default();
        let store = Store::Memory(memory.clone());
        load(&store, 300, "1").await;
        memory.lose_answer(happens);
        let report = load(&store, 300, "2").await;
        assert_eq!((report.changed.len(), report.release), (300, Some(2)), "{happens}");
        assert!(report.drift.is_empty());
        memory.lose_answer(happens);
        let report = load(&store, 3, "2").await;
        assert_eq!((report.deleted.len(), report.release), (297, Some(3)), "{happens}");
    }
}

/// The answer of one load is lost, and before it looks another one is complete.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_does_not_undo_a_newer_load() {
    // In one transaction, and in several, whose first one was asked for.
    for (count, happens) in [(3, true), (3, false), (300, false)] {
        let memory = Memory::default();
        let store = Store::Memory(memory.clone());
        load(&store, count, "1").await;
        memory.lose_answer(happens);
        let older = job(&store, numbered(count, "2"));
        // The older one waits before it looks.
        let newer = async {
            tokio::task::yield_now().await;
            load(&store, count, "3").await
        };
        let (older, newer) = tokio::join!(older.run(), newer);
        assert_eq!(plain(everything(&store).await), numbered(count, "3"), "{count} {happens}");
        assert_eq!(newer.release, Some(if happens { 3 } else { 2 }));
        if happens {
            assert_eq!(older.unwrap().release, Some(2));
        } else {
            assert!(matches!(older, Err(LoadError::Overtaken)));
        }
    }
}

/// Of several transactions the first has happened; then another load has taken over.
#[tokio::test(start_paused = true)]
async fn nor_does_one_that_somebody_took_over() {
    let memory = Memory::default();
    let store = Store::Memory(memory.clone());
    load(&store, 300, "1").await;
    memory.lose_answer(true);
    let older = job(&store, numbered(300, "2"));
    let newer = async {
        tokio::task::yield_now().await;
        // As one that has seen it silent for long enough.
        let entries = everything(&store).await;
        assert!(entries.contains_key(LOAD_MARK));
        let (expect, put) = crate::history::generation(&entries, "newer 1.0");
        let mark = Write::Delete { key: LOAD_MARK.into() };
        store.commit(&[expect], &[put, mark]).await.unwrap();
        load(&store, 300, "3").await
    };
    let (older, _) = tokio::join!(older.run(), newer);
    assert!(matches!(older, Err(LoadError::Overtaken)));
    assert_eq!(plain(everything(&store).await), numbered(300, "3"));
}

#[tokio::test(start_paused = true)]
async fn without_answers_a_load_under_its_mark_is_half_done() {
    for (count, half) in [(300, true), (3, false)] {
        let memory = Memory::default();
        let store = Store::Memory(memory.clone());
        memory.lose_answer(half);
        for _ in 0..PATIENCE {
            memory.lose_answer(false);
        }
        let error = job(&store, numbered(count, "1")).run().await.unwrap_err();
        assert_eq!(matches!(error, LoadError::HalfDone(_)), half, "{error}");
        assert_eq!(everything(&store).await.contains_key(LOAD_MARK), half);
        assert_eq!(error.exit_code(), 69);
    }
}
