//! The home in etcd: connections, and reading at one revision.
//!
//! One endpoint is used at a time, the next one after a failure: a client that balances over all
//! of them hides which one failed and why, and a watch stays on one member in any case.

mod follow;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use etcd_client::{
    Certificate, Client, Compare, CompareOp, ConnectOptions, GetOptions, Identity, KeyValue,
    KvClient, ResponseHeader, TlsOptions, Txn, TxnOp, TxnOpResponse, WatchClient,
};
use etcstack_config::Entries;
pub(crate) use follow::follow;
use tokio::sync::Mutex;

use crate::{Credentials, Expect, LIMITS, Outcome, Snapshot, StoreError, View, Write};

/// A member that answers does so in milliseconds; one without a quorum never.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A load of many services is read in one answer.
const LARGEST_ANSWER: usize = 256 << 20;
/// How often an idle connection is tried, and how long it may take to answer. etcd refuses clients
/// that ask more often than every five seconds.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// A cluster and how to get in. Clones share the connection.
#[derive(Clone)]
pub struct Etcd {
    endpoints: Arc<[String]>,
    /// Stands before every key; empty, or ends in a slash.
    prefix: Arc<str>,
    credentials: Arc<Credentials>,
    /// Counts up with each failure: the endpoint whose turn it is.
    turn: Arc<AtomicUsize>,
    /// Why each endpoint failed, since one last answered.
    failures: Arc<std::sync::Mutex<BTreeMap<String, String>>>,
    session: Arc<Mutex<Option<Session>>>,
}

impl std::fmt::Debug for Etcd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Etcd({} below {:?})", self.endpoints.join(","), self.prefix)
    }
}

/// A connection to one endpoint.
#[derive(Clone)]
struct Session {
    endpoint: String,
    prefix: Arc<str>,
    kv: KvClient,
    watch: WatchClient,
}

impl Etcd {
    pub(crate) fn new(
        endpoints: Vec<String>,
        prefix: String,
        credentials: Credentials,
    ) -> Result<Self, StoreError> {
        // Read here once so that a wrong path is an error at the start, not an endless retry.
        connect_options(&credentials, endpoints.iter().any(|e| e.starts_with("https")))?;
        Ok(Self {
            endpoints: endpoints.into(),
            prefix: prefix.into(),
            credentials: Arc::new(credentials),
            turn: Arc::default(),
            failures: Arc::default(),
            session: Arc::default(),
        })
    }

    pub(crate) async fn snapshot(&self, view: &View) -> Result<Snapshot, StoreError> {
        self.attempt(async |session| session.read(view, &BTreeSet::new()).await).await
    }

    pub(crate) async fn commit(
        &self,
        expect: &[Expect],
        writes: &[Write],
    ) -> Result<Outcome, StoreError> {
        self.attempt(async |session| session.commit(expect, writes).await).await
    }

    /// Does something with a connection; after a failure the next endpoint has its turn.
    async fn attempt<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = self.session.lock().await;
        let result = async {
            let session = match slot.as_mut() {
                Some(session) => session,
                None => slot.insert(self.connect().await?),
            };
            work(session).await
        }
        .await;
        match result {
            Err(error) if !error.is_final() => {
                *slot = None;
                Err(self.failed(error))
            }
            result => {
                self.answered();
                result
            }
        }
    }

    /// The error for an answer that did not come while somebody had the time to wait for it.
    pub(crate) fn silent(&self, waited: Duration) -> StoreError {
        self.failed(unavailable(self.endpoint(), format!("no answer within {waited:?}")))
    }

    /// The endpoint whose turn it is.
    fn endpoint(&self) -> &str {
        &self.endpoints[self.turn.load(Ordering::Relaxed) % self.endpoints.len()]
    }

    /// Gives the turn to the next endpoint, and the reasons of all that have failed.
    fn failed(&self, error: StoreError) -> StoreError {
        self.turn.fetch_add(1, Ordering::Relaxed);
        let StoreError::Unavailable { endpoint, reason } = error else { return error };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.insert(endpoint, reason);
        let endpoint = failures.keys().cloned().collect::<Vec<_>>().join(", ");
        let reasons: BTreeSet<&str> = failures.values().map(String::as_str).collect();
        let reason = reasons.into_iter().collect::<Vec<_>>().join("; ");
        StoreError::Unavailable { endpoint, reason }
    }

    fn answered(&self) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Connects to the endpoint whose turn it is. Certificates are read anew each time, since they
    /// may have been renewed on disk.
    async fn connect(&self) -> Result<Session, StoreError> {
        let endpoint = self.endpoint();
        let options = connect_options(&self.credentials, endpoint.starts_with("https"))?;
        let client = within(endpoint, Client::connect([endpoint], Some(options))).await?;
        Ok(Session {
            endpoint: endpoint.to_owned(),
            prefix: self.prefix.clone(),
            kv: client.kv_client().max_decoding_message_size(LARGEST_ANSWER),
            watch: client.watch_client().max_decoding_message_size(LARGEST_ANSWER),
        })
    }
}

fn connect_options(credentials: &Credentials, tls: bool) -> Result<ConnectOptions, StoreError> {
    let mut options = ConnectOptions::new()
        .with_connect_timeout(REQUEST_TIMEOUT)
        .with_keep_alive(KEEPALIVE.0, KEEPALIVE.1)
        .with_keep_alive_while_idle(true)
        // A member that has lost its cluster ends its watches instead of keeping them silent.
        .with_require_leader(true)
        .with_auto_token_refresh(true);
    if let Some((name, password)) = &credentials.user {
        options = options.with_user(name, password);
    }
    if tls {
        let mut tls = TlsOptions::new();
        if let Some(ca) = &credentials.ca {
            tls = tls.ca_certificate(Certificate::from_pem(read(ca)?));
        }
        if let Some((certificate, key)) = &credentials.identity {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        options = options.with_tls(tls);
    }
    Ok(options)
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    std::fs::read(path).map_err(|error| StoreError::Credentials {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// A read of the keys below a prefix, or of one key.
struct Range {
    key: Vec<u8>,
    prefix: bool,
}

impl Session {
    /// Reads what the view asks for. `known` are keys that it asked for last time, read along with
    /// the rest: where they still do, one request is enough.
    async fn read(
        &mut self,
        view: &View,
        known: &BTreeSet<String>,
    ) -> Result<Snapshot, StoreError> {
        let prefixes = view.prefixes().iter().map(|prefix| self.range(prefix, true));
        let keys = known.iter().map(|key| self.range(key, false));
        let mut snapshot = Snapshot { revision: 0, entries: Entries::new() };
        let ranges: Vec<_> = prefixes.chain(keys).collect();
        self.ranges(ranges, &mut snapshot).await?;
        let mut read = known.clone();
        loop {
            let wanted = view.keys(&snapshot.entries);
            let missing: Vec<_> = wanted.difference(&read).cloned().collect();
            if missing.is_empty() {
                snapshot.entries.retain(|key, _| view.holds(key, &wanted));
                return Ok(snapshot);
            }
            let ranges = missing.iter().map(|key| self.range(key, false)).collect();
            self.ranges(ranges, &mut snapshot).await?;
            read.extend(missing);
        }
    }

    /// Reads into a snapshot, at its revision; the first read of all sets it.
    async fn ranges(
        &mut self,
        ranges: Vec<Range>,
        snapshot: &mut Snapshot,
    ) -> Result<(), StoreError> {
        for chunk in ranges.chunks(LIMITS.operations) {
            // One transaction is of one revision; a later one has to ask for it.
            let operations: Vec<_> = chunk.iter().map(|r| r.get(snapshot.revision)).collect();
            let txn = Txn::new().and_then(operations);
            let answer = within(&self.endpoint, self.kv.txn(txn)).await?;
            if snapshot.revision == 0 {
                snapshot.revision = answer.header().map_or(0, ResponseHeader::revision);
            }
            for response in answer.op_responses() {
                if let TxnOpResponse::Get(mut get) = response {
                    for pair in get.take_kvs() {
                        self.take(pair, &mut snapshot.entries);
                    }
                }
            }
        }
        Ok(())
    }

    /// A key that is not UTF-8 means nothing to us and cannot have been written by us.
    fn take(&self, pair: KeyValue, entries: &mut Entries) {
        let (key, value) = pair.into_key_value();
        let key = String::from_utf8(key).ok();
        let Some(key) = key.as_deref().and_then(|key| key.strip_prefix(&*self.prefix)) else {
            tracing::warn!("passing over a key that is not UTF-8");
            return;
        };
        entries.insert(key.to_owned(), value);
    }

    fn range(&self, key: &str, prefix: bool) -> Range {
        Range { key: self.key(key), prefix }
    }

    fn key(&self, key: &str) -> Vec<u8> {
        format!("{}{key}", self.prefix).into_bytes()
    }

    async fn commit(&mut self, expect: &[Expect], writes: &[Write]) -> Result<Outcome, StoreError> {
        let expectation = |expect: &Expect| {
            let key = self.key(&expect.key);
            match &expect.value {
                Some(value) => Compare::value(key, CompareOp::Equal, value.clone()),
                None => Compare::create_revision(key, CompareOp::Equal, 0),
            }
        };
        let operation = |write: &Write| match write {
            Write::Put { key, value } => TxnOp::put(self.key(key), value.clone(), None),
            Write::Delete { key } => TxnOp::delete(self.key(key), None),
        };
        let txn = Txn::new()
            .when(expect.iter().map(expectation).collect::<Vec<_>>())
            .and_then(writes.iter().map(operation).collect::<Vec<_>>());
        let answer = within(&self.endpoint, self.kv.txn(txn)).await?;
        if !answer.succeeded() {
            return Ok(Outcome::Conflict);
        }
        Ok(Outcome::Committed(answer.header().map_or(0, ResponseHeader::revision)))
    }
}

impl Range {
    fn get(&self, revision: i64) -> TxnOp {
        let mut options = GetOptions::new().with_revision(revision);
        if self.prefix {
            // An empty prefix means all keys, which etcd spells differently.
            options =
                if self.key.is_empty() { options.with_all_keys() } else { options.with_prefix() };
        }
        TxnOp::get(self.key.clone(), Some(options))
    }
}

async fn within<T>(
    endpoint: &str,
    request: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(result) => result.map_err(|error| explain(endpoint, &error)),
        Err(_) => Err(unavailable(endpoint, format!("no answer within {REQUEST_TIMEOUT:?}"))),
    }
}

fn unavailable(endpoint: &str, reason: String) -> StoreError {
    StoreError::Unavailable { endpoint: endpoint.to_owned(), reason }
}

/// Sorts etcd's errors by what can be done about them.
fn explain(endpoint: &str, error: &etcd_client::Error) -> StoreError {
    let endpoint = endpoint.to_owned();
    let etcd_client::Error::GRpcStatus(status) = error else {
        let reason = match error {
            etcd_client::Error::TransportError(error) => root_cause(error),
            other => other.to_string(),
        };
        return StoreError::Unavailable { endpoint, reason };
    };
    let code = format!("{:?}", status.code());
    let text = status.message();
    // The codes alone do not tell: "authentication failed" is an InvalidArgument to etcd.
    let auth = ["authentication failed", "user name", "permission denied", "auth"];
    match code.as_str() {
        "PermissionDenied" => StoreError::Denied { endpoint, reason: text.into() },
        "InvalidArgument" | "FailedPrecondition" if auth.iter().any(|w| text.contains(w)) => {
            StoreError::Denied { endpoint, reason: text.into() }
        }
        "InvalidArgument" | "ResourceExhausted" | "FailedPrecondition" | "Unimplemented" => {
            StoreError::Rejected { endpoint, reason: text.into() }
        }
        _ => StoreError::Unavailable { endpoint, reason: root_cause(status) },
    }
}

/// The innermost message, such as "Connection refused": the outer ones say "transport error".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
