//! The status in the store, for who asks about all agents at once.
//!
//! The record stands under a lease: when the agent is gone, so is its record. Nothing waits for
//! this: what cannot be written is tried again, and the newest status is what is written then.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use etcstack_config::layers::Layers;
use etcstack_config::status;
use etcstack_store::{Lease, LeaseId, Store, StoreError, Write};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::{Board, Status};

/// How long the record of an agent that died stays.
const TTL: Duration = Duration::from_secs(30);
/// Between two writes: of what changes faster, only some is seen.
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two tries, at last.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The key of an agent's record.
pub(crate) fn record_key(layers: &Layers, service: &str, host: &str) -> String {
    status::record_key(&layers.to_string(), service, host)
}

/// The task that keeps the record. Dropping this ends it as [`end`](Self::end) does, but nobody
/// waits.
#[derive(Debug)]
pub(crate) struct Publishing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Publishing {
    /// Keeps the record from now on; `None` where the store cannot be written.
    pub(crate) fn start(store: &Store, board: &Board, key: String) -> Option<Self> {
        let lease = store.lease(TTL).ok()?;
        let record = Record {
            store: store.clone(),
            lease,
            key,
            statuses: board.subscribe(),
            next: Instant::now(),
            backoff: pauses(),
            failing: false,
        };
        let (stop, stopped) = oneshot::channel();
        Some(Self { stop, task: tokio::spawn(record.keep_until(stopped)) })
    }

    /// Removes the record and ends. Takes seconds at most; the record of an agent that could not
    /// wait ends with its lease.
    pub(crate) async fn end(self) {
        drop(self.stop);
        // A task that panicked has ended as well.
        let _ = self.task.await;
    }
}

struct Record {
    store: Store,
    lease: Lease,
    key: String,
    statuses: watch::Receiver<Status>,
    /// When to write again at the earliest.
    next: Instant,
    backoff: ExponentialBackoff,
    /// The last try failed, and that was said.
    failing: bool,
}

impl Record {
    async fn keep_until(mut self, stopped: oneshot::Receiver<()>) {
        let lease = self.lease.clone();
        tokio::select! {
            _ = stopped => {}
            () = self.keep() => {}
        }
        lease.revoke().await;
    }

    /// Whatever stood under a lease that was lost is gone, so that all begins anew with the next.
    async fn keep(&mut self) {
        let lease = self.lease.clone();
        loop {
            let id = lease.granted().await;
            tokio::select! {
                () = lease.lost(id) => {}
                () = self.write_changes(id) => return,
            }
        }
    }

    /// Writes the status, and again whenever it has changed. Ends when nobody can change it.
    async fn write_changes(&mut self, id: LeaseId) {
        loop {
            sleep_until(self.next).await;
            // Texts and numbers alone: nothing in there cannot be written.
            let value = serde_json::to_vec(&*self.statuses.borrow_and_update()).unwrap_or_default();
            self.next = Instant::now() + INTERVAL;
            let write = Write::Hold { key: self.key.clone(), value, lease: id };
            match self.store.commit(&[], &[write]).await {
                Ok(_) => {
                    self.succeeded();
                    if self.statuses.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.failed(&error);
                    if matches!(error, StoreError::LeaseGone) {
                        self.lease.report_gone(id);
                    }
                }
            }
        }
    }

    fn succeeded(&mut self) {
        if std::mem::take(&mut self.failing) {
            self.backoff = pauses();
            tracing::info!(key = self.key, "the status is recorded in the store again");
        }
    }

    fn failed(&mut self, error: &StoreError) {
        let pause = self.backoff.next().unwrap_or(LONGEST_PAUSE);
        self.next = Instant::now() + pause;
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(key = self.key, %error, "the status cannot be recorded in the store; trying again");
        }
    }
}

/// From a second to a minute, with jitter: a store that comes back is not met by all at once.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(INTERVAL)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use etcstack_store::{Memory, View};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::observe::State;

    const KEY: &str = "_etcstack/status/a,b/s/h";

    struct Stage {
        memory: Memory,
        store: Store,
        board: Board,
    }

    impl Stage {
        fn new() -> Self {
            let memory = Memory::default();
            let status = Status::new("a,b".into(), "s".into(), "h".into(), None);
            Self { store: Store::Memory(memory.clone()), memory, board: Board::new(status) }
        }

        async fn record(&self) -> Option<serde_json::Value> {
            let snapshot = self.store.snapshot(&View::everything(), TTL).await.unwrap();
            snapshot.entries.get(KEY).map(|value| serde_json::from_slice(value).unwrap())
        }

        /// Waits until the record says this state.
        async fn says(&self, state: &str) {
            let said = async {
                while self.record().await.is_none_or(|record| record["state"] != state) {
                    sleep(Duration::from_millis(100)).await;
                }
            };
            timeout(Duration::from_secs(600), said).await.unwrap();
        }

        async fn revision(&self) -> i64 {
            self.store.snapshot(&View::everything(), TTL).await.unwrap().revision
        }
    }

    #[test]
    fn keys() {
        let layers: Layers = "a,b/c".parse().unwrap();
        assert_eq!(record_key(&layers, "s", "h"), "_etcstack/status/a,b%2Fc/s/h");
    }

    #[tokio::test(start_paused = true)]
    async fn the_record_follows_the_board_and_goes_at_the_end() {
        let stage = Stage::new();
        let publishing = Publishing::start(&stage.store, &stage.board, KEY.into()).unwrap();
        stage.says("starting").await;
        stage.board.update(|status| status.state = State::Current);
        stage.says("current").await;
        publishing.end().await;
        assert_eq!(stage.record().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_are_few_writes_and_the_last_one_counts() {
        let stage = Stage::new();
        let _publishing = Publishing::start(&stage.store, &stage.board, KEY.into()).unwrap();
        stage.says("starting").await;
        let before = stage.revision().await;
        for number in 0..1000 {
            stage.board.update(|status| status.revisions.seen = Some(number));
            sleep(Duration::from_millis(1)).await;
        }
        stage.board.update(|status| status.state = State::Current);
        stage.says("current").await;
        let writes = stage.revision().await - before;
        assert!(writes <= 3, "{writes}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_lost_is_taken_anew() {
        let stage = Stage::new();
        let _publishing = Publishing::start(&stage.store, &stage.board, KEY.into()).unwrap();
        stage.says("starting").await;
        for state in [State::Current, State::Held] {
            stage.memory.expire_leases();
            assert_eq!(stage.record().await, None);
            stage.board.update(|status| status.state = state);
            let name = serde_json::to_value(state).unwrap();
            stage.says(name.as_str().unwrap()).await;
        }
        // And without a change.
        stage.memory.expire_leases();
        stage.says("held").await;
    }

    #[tokio::test]
    async fn a_directory_is_not_written() {
        let store = Store::open(
            etcstack_store::Location::Dir("/nowhere".into()),
            etcstack_store::Credentials::default(),
        );
        let board = Board::new(Status::default());
        assert!(Publishing::start(&store.unwrap(), &board, KEY.into()).is_none());
    }
}
