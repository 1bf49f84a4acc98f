//! The task that takes a lease and keeps it alive.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Held, LeaseId, State, revoke};
use crate::backoff::Backoff;
use crate::{Store, StoreError};

/// The longest that a keepalive may take: another endpoint may answer before the lease ends.
const LONGEST: Duration = Duration::from_secs(5);

pub(super) struct Keeper {
    store: Store,
    /// What was asked for; etcd may give more.
    ttl: Duration,
    state: Arc<watch::Sender<State>>,
    /// One that was over for us and may not be for etcd. What it holds would be in the way.
    stale: Option<LeaseId>,
    backoff: Backoff,
    /// What was told of a failure since the last success, and whether it was final.
    told: Option<bool>,
}

impl Keeper {
    pub(super) fn new(store: Store, ttl: Duration, state: Arc<watch::Sender<State>>) -> Self {
        Self { store, ttl, state, stale: None, backoff: Backoff::default(), told: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.step().await {
                Ok((id, next)) => {
                    self.works();
                    self.pause(id, next).await;
                }
                Err(error) => {
                    self.tell(&error);
                    sleep(self.pause_after_failure()).await;
                }
            }
        }
    }

    /// Has the lease confirmed, or a new one granted. Gives its id and when to come back.
    async fn step(&mut self) -> Result<(LeaseId, Instant), StoreError> {
        let last = self.state.borrow().last();
        if let Some(held) = last {
            if Instant::now() < held.until {
                let sent = Instant::now();
                if !renew(&self.store, held).await? {
                    tracing::warn!("the store has ended a lease of ours; taking a new one");
                    self.give_up(held.id);
                } else if self.confirm(Held { until: sent + held.ttl, ..held }) {
                    return Ok((held.id, sent + held.ttl / 3));
                }
            }
            if self.give_up(held.id) {
                tracing::warn!("a lease was not confirmed for its whole time; taking a new one");
                self.stale = Some(held.id);
            }
        }
        let sent = Instant::now();
        let (id, ttl) = grant(&self.store, self.ttl).await?;
        self.publish(Held { id, ttl, until: sent + ttl });
        self.sweep(ttl).await;
        Ok((id, sent + ttl / 3))
    }

    /// Notes that etcd has confirmed it, unless that comes too late: it was over for somebody.
    pub(super) fn confirm(&self, held: Held) -> bool {
        self.state.send_if_modified(|state| {
            let in_time = state.current().is_some_and(|current| current.id == held.id);
            if in_time {
                *state = State::Held(held);
            }
            in_time
        })
    }

    /// `false` where somebody else has noted that it is gone.
    fn give_up(&self, id: LeaseId) -> bool {
        self.state.send_if_modified(|state| {
            let held = state.is(id);
            if held {
                *state = State::Missing;
            }
            held
        })
    }

    pub(super) fn publish(&self, held: Held) {
        self.state.send_if_modified(|state| {
            let wanted = !matches!(state, State::Revoked);
            if wanted {
                *state = State::Held(held);
            }
            wanted
        });
    }

    /// Ends the one before, as far as that is possible now.
    async fn sweep(&mut self, ttl: Duration) {
        if let Some(id) = self.stale.take()
            && let Err(error) = revoke(&self.store, id, limit(ttl)).await
        {
            tracing::debug!(%error, "a lease of ours that was not confirmed cannot be ended");
        }
    }

    /// Waits for the next keepalive, or until the lease is known to be gone.
    async fn pause(&self, id: LeaseId, next: Instant) {
        let mut state = self.state.subscribe();
        tokio::select! {
            () = sleep_until(next) => {}
            _ = state.wait_for(|state| !state.is(id)) => {}
            () = gone(&self.store, id) => {}
        }
    }

    /// So short that there are several tries before a lease ends.
    fn pause_after_failure(&mut self) -> Duration {
        let pause = self.backoff.next();
        let held = self.state.borrow().current();
        held.map_or(pause, |held| pause.min(held.ttl / 6))
    }

    fn works(&mut self) {
        self.backoff = Backoff::default();
        if self.told.take().is_some() {
            tracing::info!("the lease is kept alive again");
        }
    }

    /// Once for each time that it fails, and once more where waiting does not help.
    fn tell(&mut self, error: &StoreError) {
        let is_final = error.is_final();
        if self.told == Some(is_final) || self.told == Some(true) {
            return;
        }
        self.told = Some(is_final);
        let ttl = self.ttl;
        tracing::warn!(
            %error,
            "a lease cannot be taken or kept alive; what is held under it in the store goes \
             {ttl:.0?} after the last time that it was; trying again"
        );
    }
}

fn limit(ttl: Duration) -> Duration {
    (ttl / 3).min(LONGEST)
}

async fn grant(store: &Store, ttl: Duration) -> Result<(LeaseId, Duration), StoreError> {
    match store {
        Store::Etcd(etcd) => etcd.grant(ttl).await,
        Store::Dir(dir) => Err(dir.read_only()),
        Store::Memory(memory) => Ok((memory.grant(), ttl)),
    }
}

/// `false` where it has ended.
async fn renew(store: &Store, held: Held) -> Result<bool, StoreError> {
    match store {
        Store::Etcd(etcd) => etcd.renew(held.id, limit(held.ttl)).await,
        Store::Dir(dir) => Err(dir.read_only()),
        Store::Memory(memory) => Ok(memory.has_lease(held.id)),
    }
}

/// Waits until the store tells that a lease has ended. etcd does so only when it is asked.
async fn gone(store: &Store, id: LeaseId) {
    match store {
        Store::Memory(memory) => memory.lease_gone(id).await,
        Store::Etcd(_) | Store::Dir(_) => std::future::pending().await,
    }
}
