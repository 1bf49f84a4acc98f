//! A store in memory, for tests: it does what etcd does, without etcd.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcstack_config::Entries;
use tokio::sync::watch;

use crate::follow::Publisher;
use crate::{Expect, LeaseId, Outcome, Revisions, Snapshot, StoreError, View, Write};

/// A store in memory. Clones share what it holds.
#[derive(Clone, Debug)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct State {
    snapshot: Snapshot,
    /// When each key was last changed.
    changed: BTreeMap<String, i64>,
    /// The keys that are held under each lease.
    leases: BTreeMap<LeaseId, BTreeSet<String>>,
    last_lease: LeaseId,
    /// What is to happen to the next transactions whose answers are lost.
    unanswered: VecDeque<bool>,
    /// How many transactions were asked for.
    #[cfg(test)]
    tries: usize,
}

impl Default for Memory {
    fn default() -> Self {
        let state = State {
            snapshot: Snapshot { revision: 1, entries: Entries::new() },
            changed: BTreeMap::new(),
            leases: BTreeMap::new(),
            last_lease: LeaseId(0),
            unanswered: VecDeque::new(),
            #[cfg(test)]
            tries: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(watch::Sender::new(())) }
    }
}

impl Memory {
    /// The next transaction that is not spoken for gets no answer, and happens or not.
    pub fn lose_answer(&self, happens: bool) {
        self.lock().unanswered.push_back(happens);
    }

    /// Ends all leases, as if their time were over.
    pub fn expire_leases(&self) {
        let leases: Vec<_> = self.lock().leases.keys().copied().collect();
        for lease in leases {
            self.revoke(lease);
        }
    }

    #[cfg(test)]
    pub(crate) fn tries(&self) -> usize {
        self.lock().tries
    }

    pub(crate) fn snapshot(&self, view: &View) -> Snapshot {
        let Snapshot { revision, entries } = &self.lock().snapshot;
        Snapshot { revision: *revision, entries: view.select(entries) }
    }

    pub(crate) fn revisions(&self, view: &View) -> Revisions {
        let state = self.lock();
        let Snapshot { revision, entries } = &state.snapshot;
        let snapshot = Snapshot { revision: *revision, entries: view.select(entries) };
        let changed = state.changed.iter().filter(|(key, _)| snapshot.entries.contains_key(*key));
        let changed = changed.map(|(key, revision)| (key.clone(), *revision)).collect();
        Revisions { snapshot, changed }
    }

    pub(crate) fn commit(
        &self,
        expect: &[Expect],
        writes: &[Write],
    ) -> Result<Outcome, StoreError> {
        let mut state = self.lock();
        #[cfg(test)]
        {
            state.tries += 1;
        }
        let answer = state.unanswered.pop_front();
        let outcome = if answer == Some(false) {
            Ok(Outcome::Conflict)
        } else {
            state.commit(expect, writes)
        };
        if let Ok(Outcome::Committed(_)) = outcome {
            self.changed.send_replace(());
        }
        if answer.is_some() { Err(StoreError::Timeout(Duration::ZERO)) } else { outcome }
    }

    pub(crate) fn grant(&self) -> LeaseId {
        let mut state = self.lock();
        let lease = LeaseId(state.last_lease.0 + 1);
        state.last_lease = lease;
        state.leases.insert(lease, BTreeSet::new());
        lease
    }

    pub(crate) fn has_lease(&self, lease: LeaseId) -> bool {
        self.lock().leases.contains_key(&lease)
    }

    /// Waits until there is no such lease.
    pub(crate) async fn lease_gone(&self, lease: LeaseId) {
        let mut changed = self.changed.subscribe();
        while self.has_lease(lease) && changed.changed().await.is_ok() {}
    }

    pub(crate) fn revoke(&self, lease: LeaseId) {
        let mut state = self.lock();
        let Some(keys) = state.leases.remove(&lease) else { return };
        if !keys.is_empty() {
            state.snapshot.revision += 1;
            state.snapshot.entries.retain(|key, _| !keys.contains(key));
        }
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn commit(&mut self, expect: &[Expect], writes: &[Write]) -> Result<Outcome, StoreError> {
        let entries = &self.snapshot.entries;
        if expect.iter().any(|expect| entries.get(&expect.key) != expect.value.as_ref()) {
            return Ok(Outcome::Conflict);
        }
        let gone = |write: &Write| match write {
            Write::Hold { lease, .. } => !self.leases.contains_key(lease),
            Write::Put { .. } | Write::Delete { .. } => false,
        };
        if writes.iter().any(gone) {
            return Err(StoreError::LeaseGone);
        }
        self.snapshot.revision += 1;
        for write in writes {
            self.write(write.clone());
        }
        Ok(Outcome::Committed(self.snapshot.revision))
    }

    fn write(&mut self, write: Write) {
        let (Write::Put { key, .. } | Write::Hold { key, .. } | Write::Delete { key }) = &write;
        // Who writes a key takes it out of the lease that it was held under.
        for keys in self.leases.values_mut() {
            keys.remove(key);
        }
        self.changed.insert(key.clone(), self.snapshot.revision);
        match write {
            Write::Put { key, value } => drop(self.snapshot.entries.insert(key, value)),
            Write::Hold { key, value, lease } => {
                self.leases.entry(lease).or_default().insert(key.clone());
                self.snapshot.entries.insert(key, value);
            }
            Write::Delete { key } => drop(self.snapshot.entries.remove(&key)),
        }
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
