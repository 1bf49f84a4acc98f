//! A lease: what is held under it goes when we do.
//!
//! etcd counts from the moment at which it gets a keepalive, we from the moment before we send it,
//! so that a lease is over for us before it is for etcd. One that is over stays so: an answer that
//! comes too late does not bring it back, and a new lease takes its place.

mod keeper;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keeper::Keeper;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::backoff::Backoff;
use crate::{Store, StoreError};

/// etcd counts in seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long giving up a lease may take. After that it ends by itself.
const REVOKING: Duration = Duration::from_secs(2);

/// The id of a lease. None is ever given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseId(pub(crate) i64);

impl fmt::Display for LeaseId {
    /// As etcdctl writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A lease that is kept alive, and taken anew where it was lost. Clones are the same one.
///
/// Once the last clone is dropped, it ends by its own time.
#[derive(Clone)]
pub struct Lease(Arc<Kept>);

struct Kept {
    store: Store,
    state: Arc<watch::Sender<State>>,
    keeper: AbortHandle,
}

/// What the keeper has come to.
#[derive(Clone, Copy)]
enum State {
    /// There is none, but one is asked for.
    Missing,
    Held(Held),
    /// Given up for good.
    Revoked,
}

/// A lease that etcd has confirmed.
#[derive(Clone, Copy)]
struct Held {
    id: LeaseId,
    ttl: Duration,
    /// Until when etcd keeps it at least.
    until: Instant,
}

impl State {
    /// The lease that is there, unless its time is over.
    fn current(&self) -> Option<Held> {
        self.last().filter(|held| Instant::now() < held.until)
    }

    /// The lease that was confirmed last, although its time may be over.
    fn last(&self) -> Option<Held> {
        match self {
            Self::Held(held) => Some(*held),
            Self::Missing | Self::Revoked => None,
        }
    }

    fn is(&self, id: LeaseId) -> bool {
        self.last().is_some_and(|held| held.id == id)
    }
}

impl Lease {
    pub(crate) fn new(store: &Store, ttl: Duration) -> Result<Self, StoreError> {
        if let Store::Dir(dir) = store {
            return Err(dir.read_only());
        }
        let state = Arc::new(watch::Sender::new(State::Missing));
        let keeper = Keeper::new(store.clone(), ttl.max(SHORTEST), state.clone());
        let keeper = tokio::spawn(keeper.run()).abort_handle();
        Ok(Self(Arc::new(Kept { store: store.clone(), state, keeper })))
    }

    /// The lease that is held now: `None` before there is one, and from the moment at which etcd
    /// may have ended it.
    pub fn current(&self) -> Option<LeaseId> {
        self.0.state.borrow().current().map(|held| held.id)
    }

    /// Waits until a lease is held. For ever, where it has been given up.
    pub async fn granted(&self) -> LeaseId {
        let mut state = self.0.state.subscribe();
        loop {
            let current = state.borrow_and_update().current();
            if let Some(held) = current {
                return held.id;
            }
            if state.changed().await.is_err() {
                // Cannot be: the sender is ours as well.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until this lease is not the current one.
    pub async fn lost(&self, id: LeaseId) {
        let mut state = self.0.state.subscribe();
        loop {
            let current = state.borrow_and_update().current();
            let Some(held) = current.filter(|held| held.id == id) else { return };
            tokio::select! {
                _ = state.changed() => {}
                () = sleep_until(held.until) => {}
            }
        }
    }

    /// Tells that the store has answered [`StoreError::LeaseGone`] for this lease. A new one is
    /// taken at once, instead of at the next keepalive.
    pub fn report_gone(&self, id: LeaseId) {
        self.0.state.send_if_modified(|state| {
            let gone = state.is(id);
            if gone {
                *state = State::Missing;
            }
            gone
        });
    }

    /// Ends it now, for all clones, with what is held under it. Where the store does not answer
    /// within two seconds, it ends by its own time.
    pub async fn revoke(self) {
        let Kept { store, state, keeper } = &*self.0;
        keeper.abort();
        let last = state.send_replace(State::Revoked).last();
        let Some(Held { id, .. }) = last else { return };
        let revoked = timeout(REVOKING, async {
            let mut backoff = Backoff::default();
            // So short that another endpoint has its turn.
            while let Err(error) = revoke(store, id, REVOKING / 3).await {
                tracing::debug!(%error, "a lease cannot be given up");
                if error.is_final() {
                    return;
                }
                tokio::time::sleep(backoff.next()).await;
            }
        });
        if revoked.await.is_err() {
            tracing::debug!("a lease that is no longer needed is left to end by itself");
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({:?})", self.current())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
        let last = self.state.send_replace(State::Revoked).last();
        // Here nothing ends by its own time.
        if let (Store::Memory(memory), Some(held)) = (&self.store, last) {
            memory.revoke(held.id);
        }
    }
}

async fn revoke(store: &Store, id: LeaseId, limit: Duration) -> Result<(), StoreError> {
    match store {
        Store::Etcd(etcd) => etcd.revoke(id, limit).await,
        Store::Dir(dir) => Err(dir.read_only()),
        Store::Memory(memory) => {
            memory.revoke(id);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
