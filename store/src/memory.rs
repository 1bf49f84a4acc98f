//! A store in memory, for tests: it does what etcd does, without etcd.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etcstack_config::Entries;
use tokio::sync::watch;

use crate::follow::Publisher;
use crate::{Expect, Outcome, Snapshot, View, Write};

/// A store in memory. Clones share what it holds.
#[derive(Clone, Debug)]
pub struct Memory {
    state: Arc<Mutex<Snapshot>>,
    changed: Arc<watch::Sender<()>>,
}

impl Default for Memory {
    fn default() -> Self {
        let state = Snapshot { revision: 1, entries: Entries::new() };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(watch::Sender::new(())) }
    }
}

impl Memory {
    pub(crate) fn snapshot(&self, view: &View) -> Snapshot {
        let state = self.lock();
        Snapshot { revision: state.revision, entries: view.select(&state.entries) }
    }

    pub(crate) fn commit(&self, expect: &[Expect], writes: &[Write]) -> Outcome {
        let mut state = self.lock();
        if expect.iter().any(|expect| state.entries.get(&expect.key) != expect.value.as_ref()) {
            return Outcome::Conflict;
        }
        state.revision += 1;
        for write in writes {
            match write.clone() {
                Write::Put { key, value } => state.entries.insert(key, value),
                Write::Delete { key } => state.entries.remove(&key),
            };
        }
        self.changed.send_replace(());
        Outcome::Committed(state.revision)
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn follow(memory: Memory, view: View, mut publisher: Publisher) {
    let mut changed = memory.changed.subscribe();
    loop {
        changed.mark_unchanged();
        publisher.state(memory.snapshot(&view)).await;
        if changed.changed().await.is_err() {
            return;
        }
    }
}
