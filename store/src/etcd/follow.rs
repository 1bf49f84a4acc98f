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

use super::{Etcd, REQUEST_TIMEOUT, Range, Session, explain, unavailable, within};
use crate::backoff::Backoff;
use crate::follow::Publisher;
use crate::{StoreError, View};

/// A watch without news for so long is asked whether it lives: its connection may answer pings, and
/// it hang all the same.
pub(super) const QUIET: Duration = Duration::from_secs(5 * 60);

/// How long the answer may take. etcd gives none while a watch is behind, and so is asked again.
const ANSWER: Duration = Duration::from_secs(20);
const QUESTIONS: usize = 3;

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
        let mut snapshot = session.read(self.view, &BTreeSet::new()).await?;
        let mut wanted = self.view.keys(&snapshot.entries);
        let mut stream =
            Watch::open(&mut session, self.view, &wanted, snapshot.revision, etcd.quiet).await?;
        let mut keys = wanted.clone();
        loop {
            for key in wanted.difference(&keys) {
                stream.add_key(&session, key, snapshot.revision).await?;
            }
            keys.extend(wanted.iter().cloned());
            let revision = snapshot.revision;
            self.healthy = true;
            self.publisher.state(snapshot).await;
            stream.newer_than(&session, revision).await?;
            snapshot = session.read(self.view, &wanted).await?;
            wanted = self.view.keys(&snapshot.entries);
        }
    }
}

/// The watches of all spans and keys, on one stream.
struct Watch {
    stream: WatchStream,
    /// After which silence it is asked.
    quiet: Duration,
}

impl Watch {
    /// Watches the view's spans, and these keys.
    async fn open(
        session: &mut Session,
        view: &View,
        keys: &BTreeSet<String>,
        revision: i64,
        quiet: Duration,
    ) -> Result<Self, StoreError> {
        let spans = session.spans(view);
        let mut ranges = spans.chain(keys.iter().map(|key| session.one(key))).collect::<Vec<_>>();
        // A view of single keys only has no span.
        let others = ranges.split_off(ranges.len().min(1));
        let Some(first) = ranges.pop() else {
            return Err(unavailable(&session.endpoint, "nothing to watch".into()));
        };
        let options = first.watched(revision);
        let opened = session.watch.watch(first.key, Some(options));
        let stream = within(session.limit, &session.endpoint, opened).await?;
        let mut watch = Self { stream, quiet };
        for range in others {
            watch.add(session, range, revision).await?;
        }
        Ok(watch)
    }

    /// Watches one key more.
    async fn add_key(
        &mut self,
        session: &Session,
        key: &str,
        revision: i64,
    ) -> Result<(), StoreError> {
        self.add(session, session.one(key), revision).await
    }

    async fn add(
        &mut self,
        session: &Session,
        range: Range,
        revision: i64,
    ) -> Result<(), StoreError> {
        let options = range.watched(revision);
        let added = self.stream.watch(range.key, Some(options));
        within(session.limit, &session.endpoint, added).await
    }

    /// Waits for whatever the watch says. One that says nothing is asked to.
    async fn message(&mut self, session: &Session) -> Result<WatchResponse, StoreError> {
        let endpoint = &session.endpoint;
        let mut patience = self.quiet;
        for question in 0..=QUESTIONS {
            if question > 0 {
                let asked = self.stream.request_progress();
                within(session.limit, endpoint, asked).await?;
                patience = ANSWER.min(self.quiet);
            }
            if let Ok(said) = tokio::time::timeout(patience, self.stream.message()).await {
                let message = said.map_err(|error| explain(endpoint, &error))?;
                return message.ok_or_else(|| unavailable(endpoint, "it ended the watch".into()));
            }
        }
        Err(unavailable(endpoint, "its watch is silent, and does not answer".into()))
    }

    /// Waits for an event of a revision that has not been read yet.
    async fn newer_than(&mut self, session: &Session, revision: i64) -> Result<(), StoreError> {
        loop {
            let message = self.message(session).await?;
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

impl Range {
    /// How to watch it for what comes after a revision.
    fn watched(&self, revision: i64) -> WatchOptions {
        let options = WatchOptions::new().with_start_revision(revision + 1);
        match &self.end {
            Some(end) => options.with_range(end.clone()),
            None => options,
        }
    }
}

fn newest(message: &WatchResponse) -> i64 {
    let revisions = message.events().iter().filter_map(|event| event.kv());
    revisions.map(etcd_client::KeyValue::mod_revision).max().unwrap_or_default()
}
