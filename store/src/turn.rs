//! Taking turns: a semaphore in the store. With one slot it is a lock.
//!
//! Each slot is a key that is held under a lease of its own taking, so that it comes free when its
//! holder dies. Whoever finds all of them taken follows them, and tries once for each change.

mod slots;
mod taking;

use std::fmt;
use std::time::Duration;

use slots::{Claim, Slots};
use taking::Taking;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::{Event, Expect, Lease, Outcome, Store, StoreError, View, Write};

/// Something that only so many may do at a time.
#[derive(Clone, Debug)]
pub struct Turns {
    store: Store,
    slots: Slots,
    holder: String,
    ttl: Duration,
}

impl Turns {
    /// Turns at the slots `0`, `1`, … below a prefix, which ends in a slash.
    ///
    /// `holder` is the only one of its name: a slot that stands under it is left from an earlier
    /// life and is taken over. A holder that has died keeps its slot for as long as `ttl`.
    pub fn new(store: Store, prefix: String, slots: usize, holder: String, ttl: Duration) -> Self {
        Self { store, slots: Slots { prefix, count: slots.max(1) }, holder, ttl }
    }

    /// Waits for a turn. `on_wait` is called with the names of those who have all of the slots,
    /// again whenever they change.
    ///
    /// Goes on through faults that pass. Dropping this gives up what it may just have taken; only
    /// where the store is away that takes up to `ttl`.
    pub async fn take(&self, on_wait: impl FnMut(&str)) -> Result<Turn, StoreError> {
        let lease = self.store.lease(self.ttl)?;
        let mut wanted = Wanted(Some(lease.clone()));
        let result = Taking::new(self, lease, on_wait).run().await;
        if result.is_ok() {
            wanted.0 = None;
        }
        result
    }

    fn view(&self) -> View {
        View::records(vec![self.slots.prefix.clone()])
    }
}

/// The lease of a turn that is asked for, revoked when nobody waits for it any more.
struct Wanted(Option<Lease>);

impl Drop for Wanted {
    fn drop(&mut self) {
        let Some(lease) = self.0.take() else { return };
        // At the very end of a program there is nobody left to do it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(lease.revoke());
        }
    }
}

/// A turn that is ours until it is given back or lost. Dropping it leaves the slot to the lease.
#[must_use]
pub struct Turn {
    store: Store,
    prefix: String,
    /// The slot.
    key: String,
    claim: Claim,
    revision: i64,
    lease: Lease,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Turn({} since {})", self.key, self.revision)
    }
}

impl Turn {
    /// Whether it is certain that the store has not given it to anybody else.
    pub fn is_held(&self) -> bool {
        self.lease.current() == Some(self.claim.lease)
    }

    /// Waits until the store may give it to somebody else, or until somebody of our name has taken
    /// it over. For ever as long as all is well.
    pub async fn lost(&self) {
        tokio::select! {
            () = self.lease.lost(self.claim.lease) => {}
            () = self.taken_over() => {}
        }
    }

    async fn taken_over(&self) {
        loop {
            let mut slot = self.store.follow(View::records(vec![self.key.clone()]));
            while let Some(event) = slot.next().await {
                if let Event::State(state) = event
                    && state.entries.get(&self.key) != Some(&self.claim.value)
                {
                    return;
                }
            }
            // Following ends by a fault of ours alone; the lease still tells.
            sleep(Duration::from_secs(5)).await;
        }
    }

    /// A revision at which it was held, higher than that of whoever had it before: whoever gets it
    /// along with a request can refuse those that come too late.
    pub fn token(&self) -> i64 {
        self.revision
    }

    /// What a transaction has to expect that may only happen while we hold it.
    pub fn expect(&self) -> Expect {
        Expect { key: self.key.clone(), value: Some(self.claim.value.clone()) }
    }

    /// Gives it back and does these writes, in one transaction, if it is still ours.
    ///
    /// Tries until that is known to have happened, or until the turn is lost; after any error the
    /// slot comes free nevertheless. Two of the operations that a transaction may hold are ours.
    pub async fn release(self, with: Vec<Write>) -> Result<(), StoreError> {
        let result = self.finish(with).await;
        // The next one need not wait for it: only where the above failed does it hold the slot.
        tokio::spawn(self.lease.clone().revoke());
        result
    }

    async fn finish(&self, mut writes: Vec<Write>) -> Result<(), StoreError> {
        let mut backoff = Backoff::default();
        // A request without an answer may have happened.
        let mut unsure = false;
        let receipt = (!writes.is_empty()).then(|| self.receipt());
        if let Some(key) = receipt.clone() {
            writes.push(Write::Hold { key, value: Vec::new(), lease: self.claim.lease });
        }
        writes.push(Write::Delete { key: self.key.clone() });
        loop {
            let outcome = self.store.commit(&[self.expect()], &writes).await;
            let error = match outcome {
                Ok(Outcome::Committed(_)) => return Ok(()),
                Ok(Outcome::Conflict) | Err(StoreError::LeaseGone) if !unsure => {
                    return Err(self.over(false));
                }
                Ok(Outcome::Conflict) | Err(StoreError::LeaseGone) => {
                    match self.has_happened(receipt.as_deref()).await {
                        Ok(true) => return Ok(()),
                        // The receipt is there for as long as the lease.
                        Ok(false) => return Err(self.over(!self.is_held())),
                        Err(error) => error,
                    }
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    unsure = true;
                    error
                }
            };
            if !self.is_held() {
                return Err(self.over(true));
            }
            let pause = backoff.next();
            tracing::debug!(%error, "a turn cannot be given back; trying again in {pause:.1?}");
            sleep(pause).await;
        }
    }

    /// Whether the turn was given back by a request whose answer was lost, now that the slot is
    /// not ours any more. Without writes that makes no difference.
    async fn has_happened(&self, receipt: Option<&str>) -> Result<bool, StoreError> {
        let Some(receipt) = receipt else { return Ok(true) };
        let expect = Expect { key: receipt.to_owned(), value: Some(Vec::new()) };
        Ok(self.store.commit(&[expect], &[]).await? != Outcome::Conflict)
    }

    /// Tells that the turn was given back by us, until the lease is revoked.
    fn receipt(&self) -> String {
        format!("{}released/{}", self.prefix, self.claim.lease)
    }

    fn over(&self, unknown: bool) -> StoreError {
        StoreError::TurnLost { turn: self.key.clone(), unknown }
    }
}

#[cfg(test)]
mod tests;
