//! The home in etcd: connections, and writing in one transaction.
//!
//! One endpoint is used at a time, the next one after a failure: a client that balances over all
//! of them hides which one failed and why, and a watch stays on one member in any case.

pub(crate) mod auth;
mod errors;
mod follow;
mod lease;
mod read;
mod revisions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use errors::{explain, unavailable, with_first_hint, within};
use etcd_client::{
    AuthClient, Certificate, Client, Compare, CompareOp, ConnectOptions, Identity, KvClient,
    LeaseClient, PutOptions, ResponseHeader, TlsOptions, Txn, TxnOp, WatchClient,
};
pub(crate) use follow::follow;
use read::Range;
use tokio::sync::Mutex;

use crate::{Credentials, Expect, LIMITS, Location, Outcome, Snapshot, StoreError, View, Write};

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
    /// Whether any endpoint has ever answered.
    has_answered: Arc<AtomicBool>,
    /// After which silence a watch is asked whether it lives.
    quiet: Duration,
    /// The connection for what is asked once. Used until it fails, by several at a time.
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
    /// The turn in which it was made.
    turn: usize,
    endpoint: String,
    prefix: Arc<str>,
    /// How long a request may take.
    limit: Duration,
    auth: AuthClient,
    kv: KvClient,
    watch: WatchClient,
    lease: LeaseClient,
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
            has_answered: Arc::default(),
            quiet: follow::QUIET,
            session: Arc::default(),
        })
    }

    pub(crate) fn with_quiet(self, quiet: Duration) -> Self {
        Self { quiet, ..self }
    }

    pub(crate) fn location(&self) -> Location {
        Location::Etcd { endpoints: self.endpoints.to_vec(), prefix: self.prefix.to_string() }
    }

    /// Reads at a revision; 0 for the newest.
    pub(crate) async fn snapshot(
        &self,
        view: &View,
        revision: i64,
    ) -> Result<Snapshot, StoreError> {
        let mut session = self.session(REQUEST_TIMEOUT).await?;
        let result = session.read_at(view, &BTreeSet::new(), revision).await;
        self.ended(&session, result)
    }

    pub(crate) async fn commit(
        &self,
        expect: &[Expect],
        writes: &[Write],
    ) -> Result<Outcome, StoreError> {
        let mut session = self.session(REQUEST_TIMEOUT).await?;
        let txn = session.transaction(expect, writes);
        let result = session.commit(txn).await;
        self.ended(&session, result)
    }

    /// The connection that is there, or a new one.
    async fn session(&self, limit: Duration) -> Result<Session, StoreError> {
        // Somebody who may wait longer may be connecting just now.
        let Ok(mut slot) = tokio::time::timeout(limit, self.session.lock()).await else {
            return Err(unavailable(self.endpoint(), format!("no connection within {limit:?}")));
        };
        let turn = self.turn();
        let session = match &*slot {
            Some(session) if session.turn == turn => session.clone(),
            _ => {
                *slot = None;
                match self.connect(turn, limit).await {
                    Ok(session) => slot.insert(session).clone(),
                    Err(error) if error.is_unavailable() => return Err(self.failed(turn, error)),
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(Session { limit, ..session })
    }

    /// Notes how it went with a connection; after a failure the next endpoint has its turn.
    fn ended<T>(&self, session: &Session, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match result {
            Err(error) if error.is_unavailable() => Err(self.failed(session.turn, error)),
            result => {
                self.answered();
                result
            }
        }
    }

    /// The error for an answer that did not come while somebody had the time to wait for it.
    pub(crate) fn silent(&self, waited: Duration) -> StoreError {
        let error = unavailable(self.endpoint(), format!("no answer within {waited:?}"));
        self.failed(self.turn(), error)
    }

    fn turn(&self) -> usize {
        self.turn.load(Relaxed)
    }

    /// The endpoint whose turn it is.
    fn endpoint(&self) -> &str {
        self.endpoint_at(self.turn())
    }

    fn endpoint_at(&self, turn: usize) -> &str {
        &self.endpoints[turn % self.endpoints.len()]
    }

    /// Gives the turn to the next endpoint, and the reasons of all that have failed.
    fn failed(&self, turn: usize, error: StoreError) -> StoreError {
        // Nothing happens where somebody else has gone on already: two who fail at the same
        // endpoint must not pass over the one after it.
        let _ = self.turn.compare_exchange(turn, turn.wrapping_add(1), Relaxed, Relaxed);
        let StoreError::Unavailable { endpoint, reason } = error else { return error };
        let has_answered = self.has_answered.load(Relaxed);
        let reason = if has_answered { reason } else { with_first_hint(&endpoint, reason) };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.insert(endpoint, reason);
        let endpoint = failures.keys().cloned().collect::<Vec<_>>().join(", ");
        let reasons: BTreeSet<&str> = failures.values().map(String::as_str).collect();
        let reason = reasons.into_iter().collect::<Vec<_>>().join("; ");
        StoreError::Unavailable { endpoint, reason }
    }

    fn answered(&self) {
        self.has_answered.store(true, Relaxed);
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Connects to the endpoint whose turn it is. Certificates are read anew each time, since they
    /// may have been renewed on disk.
    async fn connect(&self, turn: usize, limit: Duration) -> Result<Session, StoreError> {
        let endpoint = self.endpoint_at(turn);
        let options = connect_options(&self.credentials, endpoint.starts_with("https"))?;
        let client = within(limit, endpoint, Client::connect([endpoint], Some(options))).await?;
        Ok(Session {
            turn,
            endpoint: endpoint.to_owned(),
            prefix: self.prefix.clone(),
            limit,
            auth: client.auth_client(),
            lease: client.lease_client(),
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

impl Session {
    fn key(&self, key: &str) -> Vec<u8> {
        format!("{}{key}", self.prefix).into_bytes()
    }

    async fn commit(&mut self, txn: Txn) -> Result<Outcome, StoreError> {
        let answer = within(self.limit, &self.endpoint, self.kv.txn(txn)).await?;
        if !answer.succeeded() {
            return Ok(Outcome::Conflict);
        }
        Ok(Outcome::Committed(answer.header().map_or(0, ResponseHeader::revision)))
    }

    fn transaction(&self, expect: &[Expect], writes: &[Write]) -> Txn {
        let expectation = |expect: &Expect| {
            let key = self.key(&expect.key);
            match &expect.value {
                Some(value) => Compare::value(key, CompareOp::Equal, value.clone()),
                None => Compare::create_revision(key, CompareOp::Equal, 0),
            }
        };
        let operation = |write: &Write| match write {
            Write::Put { key, value } => TxnOp::put(self.key(key), value.clone(), None),
            Write::Hold { key, value, lease } => {
                let options = PutOptions::new().with_lease(lease.0);
                TxnOp::put(self.key(key), value.clone(), Some(options))
            }
            Write::Delete { key } => TxnOp::delete(self.key(key), None),
        };
        Txn::new()
            .when(expect.iter().map(expectation).collect::<Vec<_>>())
            .and_then(writes.iter().map(operation).collect::<Vec<_>>())
    }
}
