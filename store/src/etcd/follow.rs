//! Following etcd: the watch wakes, a read at one revision tells.
//!
//! etcd delivers the events of one transaction watcher by watcher, so that events alone do not say
//! when a revision is complete. A read in one transaction does: it is of one revision by etcd's own
//! guarantee, it holds no more than the service's own keys, and whatever was missed before it (a
//! broken watch, a compaction, a restore to an older revision) is in it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use etcd_client::{WatchOptions, WatchResponse, WatchStream};

use super::{Etcd, REQUEST_TIMEOUT, Session, explain, unavailable, within};
use crate::backoff::Backoff;
use crate::follow::Publisher;
use crate::view::Span;
use crate::{StoreError, View};

/// A watch without news tells every ten minutes that it lives. One that does not for so long hangs,
/// although its connection may answer pings.
const SILENCE: Duration = Duration::from_secs(25 * 60);

/// How long a connection has to hold to count as one.
const LASTING: Duration = Duration::from_secs(5);

/// Follows for ever: after a failure over the next endpoint, with growing pauses.
pub(crate) async fn follow(etcd: Etcd, view: View, mut publisher: Publisher) {
    let mut backoff = Backoff::default();
    let mut failures = 0;
    loop {
        let mut connection = Connection { view: &view, publisher: &mut publisher, healthy: false };
        let begun = Instant::now();
        let turn = etcd.turn();
        let Err(error) = connection.run(&etcd, turn).await;
        // One that breaks again and again is not healthy, even if it can be read each time.
        if connection.healthy && begun.elapsed() > LASTING {
            etcd.answered();
            backoff = Backoff::default();
            failures = 0;
        }
        let error = etcd.failed(turn, error);
        failures += 1;
        tracing::debug!(%error, "the connection to etcd ended");
        // As long as another endpoint may do, the store is not lost, and there is no need to wait.
        if failures >= etcd.endpoints.len() {
            publisher.lost(error).await;
            tokio::time::sleep(backoff.next()).await;
        }
    }
}

struct Connection<'a> {
    view: &'a View,
    publisher: &'a mut Publisher,
    /// A state was read over this connection.
    healthy: bool,
}

impl Connection<'_> {
    async fn run(&mut self, etcd: &Etcd, turn: usize) -> Result<Infallible, StoreError> {
        let mut session = etcd.connect(turn, REQUEST_TIMEOUT).await?;
        let mut keys = BTreeSet::new();
        let mut snapshot = session.read(self.view, &keys).await?;
        let mut stream = Watch::open(&mut session, &self.view.spans(), snapshot.revision).await?;
        loop {
            let wanted = self.view.keys(&snapshot.entries);
            for key in wanted.difference(&keys) {
                stream.add_key(&session, key, snapshot.revision).await?;
            }
            keys.extend(wanted.iter().cloned());
            let revision = snapshot.revision;
            self.healthy = true;
            self.publisher.state(snapshot).await;
            stream.newer_than(&session, revision).await?;
            snapshot = session.read(self.view, &wanted).await?;
        }
    }
}

/// The watches of all spans and keys, on one stream.
struct Watch(WatchStream);

impl Watch {
    async fn open(
        session: &mut Session,
        spans: &[Span],
        revision: i64,
    ) -> Result<Self, StoreError> {
        let mut stream: Option<WatchStream> = None;
        for span in spans {
            let key = session.edge(&span.from);
            let options = after(revision).with_progress_notify();
            let options = options.with_range(session.edge(&span.to));
            match &mut stream {
                None => {
                    let opened = session.watch.watch(key, Some(options));
                    stream = Some(within(session.limit, &session.endpoint, opened).await?);
                }
                Some(stream) => {
                    within(session.limit, &session.endpoint, stream.watch(key, Some(options)))
                        .await?;
                }
            }
        }
        stream.map(Self).ok_or_else(|| unavailable(&session.endpoint, "nothing to watch".into()))
    }

    async fn add_key(
        &mut self,
        session: &Session,
        key: &str,
        revision: i64,
    ) -> Result<(), StoreError> {
        within(
            session.limit,
            &session.endpoint,
            self.0.watch(session.key(key), Some(after(revision))),
        )
        .await
    }

    /// Waits for an event of a revision that has not been read yet.
    async fn newer_than(&mut self, session: &Session, revision: i64) -> Result<(), StoreError> {
        loop {
            let message = tokio::time::timeout(SILENCE, self.0.message())
                .await
                .map_err(|_| unavailable(&session.endpoint, "its watch is silent".into()))?
                .map_err(|error| explain(&session.endpoint, &error))?;
            let message = message
                .ok_or_else(|| unavailable(&session.endpoint, "it ended the watch".into()))?;
            if message.canceled() {
                // A compaction, the loss of the leader, or of a right: a fresh read will tell.
                let reason = message.cancel_reason();
                let reason = if reason.is_empty() { "compacted" } else { reason };
                return Err(unavailable(&session.endpoint, format!("watch cancelled: {reason}")));
            }
            if newest(&message) > revision {
                return Ok(());
            }
        }
    }
}

fn after(revision: i64) -> WatchOptions {
    WatchOptions::new().with_start_revision(revision + 1)
}

fn newest(message: &WatchResponse) -> i64 {
    let revisions = message.events().iter().filter_map(|event| event.kv());
    revisions.map(etcd_client::KeyValue::mod_revision).max().unwrap_or_default()
}
