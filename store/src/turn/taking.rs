//! How a turn is taken.

use tokio::time::sleep;

use super::slots::{Claim, Next};
use super::{Turn, Turns};
use crate::backoff::Backoff;
use crate::{Event, Expect, Follower, Lease, Outcome, Snapshot, StoreError, Write};

pub(super) struct Taking<'a, F> {
    turns: &'a Turns,
    lease: Lease,
    claim: Option<Claim>,
    follower: Follower,
    /// What the slots held last, until something has been done about it.
    state: Option<Snapshot>,
    /// The revision of the state in which somebody else was faster.
    beaten_at: Option<i64>,
    backoff: Backoff,
    on_wait: F,
    waits_for: String,
}

/// How a try to take a slot ended.
enum Try {
    Taken(i64),
    /// Somebody else was faster, or a new lease is needed: there is more to come.
    Missed,
}

impl<'a, F: FnMut(&str)> Taking<'a, F> {
    pub(super) fn new(turns: &'a Turns, lease: Lease, on_wait: F) -> Self {
        Self {
            turns,
            lease,
            claim: None,
            follower: turns.store.follow(turns.view()),
            state: None,
            beaten_at: None,
            backoff: Backoff::default(),
            on_wait,
            waits_for: String::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<Turn, StoreError> {
        loop {
            self.renew_claim();
            if let (Some(state), Some(claim)) = (&self.state, &self.claim) {
                let (claim, revision) = (claim.clone(), state.revision);
                match self.turns.slots.next(&state.entries, &self.turns.holder, &claim) {
                    Next::Have(key) => return Ok(self.turn(key, claim, revision)),
                    Next::Take(key, before) => {
                        if let Try::Taken(revision) = self.attempt(&key, before, &claim).await? {
                            return Ok(self.turn(key, claim, revision));
                        }
                    }
                    Next::Wait(holders) => self.tell(holders),
                }
            }
            self.more().await?;
        }
    }

    /// The lease may have been lost since, and another one granted.
    fn renew_claim(&mut self) {
        let lease = self.lease.current();
        if self.claim.as_ref().map(|claim| claim.lease) != lease {
            self.claim = lease.map(|lease| Claim::new(&self.turns.holder, lease));
        }
    }

    async fn attempt(
        &mut self,
        key: &str,
        before: Option<Vec<u8>>,
        claim: &Claim,
    ) -> Result<Try, StoreError> {
        let expect = Expect { key: key.to_owned(), value: before };
        let Claim { lease, value } = claim.clone();
        let hold = Write::Hold { key: key.to_owned(), value, lease };
        match self.turns.store.commit(&[expect], &[hold]).await {
            Ok(Outcome::Committed(revision)) => return Ok(Try::Taken(revision)),
            // It differs from what we saw, so that there is a newer state on its way.
            Ok(Outcome::Conflict) => self.beaten_at = self.state.take().map(|s| s.revision),
            // The state is as good as before, for the next lease.
            Err(StoreError::LeaseGone) => self.lease.report_gone(lease),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "no answer to the try to take a turn; looking again");
                sleep(self.backoff.next()).await;
                self.look_again();
            }
        }
        Ok(Try::Missed)
    }

    /// What has happened is seen in a state that is read from now on. The follower need not tell
    /// of one where nothing has happened.
    fn look_again(&mut self) {
        self.state = None;
        self.follower = self.turns.store.follow(self.turns.view());
    }

    fn tell(&mut self, holders: String) {
        self.state = None;
        if self.waits_for != holders {
            (self.on_wait)(&holders);
            self.waits_for = holders;
        }
    }

    /// Waits for a newer state, or for the lease where only that is missing.
    async fn more(&mut self) -> Result<(), StoreError> {
        tokio::select! {
            event = self.follower.next() => match event {
                Some(Event::State(state)) if Some(state.revision) == self.beaten_at => {}
                Some(Event::State(state)) => self.state = Some(state),
                Some(Event::Lost(error)) if error.is_final() => return Err(error),
                Some(Event::Lost(_) | Event::Loading | Event::Back) => {}
                None => {
                    sleep(self.backoff.next()).await;
                    self.look_again();
                }
            },
            _ = self.lease.granted(), if self.state.is_some() => {}
        }
        Ok(())
    }

    fn turn(self, key: String, claim: Claim, revision: i64) -> Turn {
        Turn {
            store: self.turns.store.clone(),
            prefix: self.turns.slots.prefix.clone(),
            key,
            claim,
            revision,
            lease: self.lease,
        }
    }
}
