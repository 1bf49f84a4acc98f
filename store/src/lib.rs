//! One store with three homes: etcd, a directory, memory.
//!
//! A [`Snapshot`] is a consistent state: all of it is of one revision. [`Store::follow`] delivers
//! one after the other, each a whole state, so that nothing is lost by a missed event: what was
//! missed is in the next one. The homes behave the same, and one suite of tests says so.

pub mod args;
mod backoff;
mod dir;
mod error;
mod etcd;
mod follow;
mod lease;
mod memory;
mod turn;
mod url;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use dir::{finish_data, gather_data, read_data};
pub use error::StoreError;
pub use etcd::auth::{AccessChange, AccessState, Auth, Kind, Rights, Span};
use etcstack_config::Entries;
use etcstack_config::dialects::Dialects;
pub use follow::{Event, Follower};
pub use lease::{Lease, LeaseId};
pub use memory::Memory;
use tokio::time::Instant;
pub use turn::{Turn, Turns};
pub use url::{Credentials, Location};
pub use view::View;

/// The key that stands in the store while a load is under way.
pub const LOAD_MARK: &str = "_etcstack/load";

/// A state of the store, all of one revision.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// etcd's revision, or a count of the changes seen where the home is another.
    pub revision: i64,
    /// The keys without the store's prefix, and what they hold.
    pub entries: Entries,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Any value may be a secret.
        let keys: Vec<_> = self.entries.keys().collect();
        write!(f, "Snapshot({}, {keys:?})", self.revision)
    }
}

/// A state of the store, and when each of its keys was last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revisions {
    /// The state.
    pub snapshot: Snapshot,
    /// The revision of each key's last change. What was deleted left none.
    pub changed: BTreeMap<String, i64>,
}

/// A change of one key.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a key.
    Put {
        /// The key.
        key: String,
        /// What it is to hold.
        value: Vec<u8>,
    },
    /// Sets a key that goes when a lease ends.
    Hold {
        /// The key.
        key: String,
        /// What it is to hold.
        value: Vec<u8>,
        /// The lease, which must not have ended.
        lease: LeaseId,
    },
    /// Removes a key; one that is not there is no error.
    Delete {
        /// The key.
        key: String,
    },
}

impl Write {
    /// About what this takes in a request, in bytes.
    pub fn size(&self) -> usize {
        // Each operation is framed by a few dozen bytes of protobuf.
        match self {
            Self::Put { key, value } | Self::Hold { key, value, .. } => {
                key.len() + value.len() + 32
            }
            Self::Delete { key } => key.len() + 32,
        }
    }
}

/// What must hold for a transaction to happen.
#[derive(Clone, PartialEq, Eq)]
pub struct Expect {
    /// The key.
    pub key: String,
    /// What it holds; `None` where it must not be there.
    pub value: Option<Vec<u8>>,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it happened, at this revision.
    Committed(i64),
    /// None of it happened: an expectation did not hold.
    Conflict,
}

/// What one transaction may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many operations.
    pub operations: usize,
    /// How many bytes, as [`Write::size`] counts them.
    pub bytes: usize,
}

/// etcd's defaults (`--max-txn-ops` 128, `--max-request-bytes` 1.5 MiB), with room for the rest of
/// the request.
pub const LIMITS: Limits = Limits { operations: 120, bytes: 1_400_000 };

/// Where configuration lives.
#[derive(Clone, Debug)]
pub enum Store {
    /// An etcd cluster, version 3.4 or newer.
    Etcd(etcd::Etcd),
    /// A directory with the layout of bootstrap-data. Cannot be written through this.
    Dir(dir::Dir),
    /// For tests.
    Memory(Memory),
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Etcd(etcd) => write!(f, "{}", etcd.location()),
            Self::Dir(dir) => write!(f, "{}", dir.location()),
            Self::Memory(_) => f.write_str("the memory"),
        }
    }
}

impl Store {
    /// The store at a location. Connects to nothing yet.
    pub fn open(location: Location, credentials: Credentials) -> Result<Self, StoreError> {
        Ok(match location {
            Location::Etcd { endpoints, prefix } => {
                Self::Etcd(etcd::Etcd::new(endpoints, prefix, credentials)?)
            }
            Location::Dir(path) => Self::Dir(dir::Dir::new(path)),
        })
    }

    /// Reads files in these dialects, whatever their names or the data say: their reader knows. In
    /// etcd they have been read already.
    pub fn with_dialects(self, dialects: Dialects) -> Self {
        match self {
            Self::Dir(dir) => Self::Dir(dir.with_dialects(dialects)),
            store @ (Self::Etcd(_) | Self::Memory(_)) => store,
        }
    }

    /// Has a watch that is silent for so long asked whether it lives: five minutes, unless this is
    /// said. What hangs is noticed a minute later. Only etcd's can hang.
    pub fn with_quiet(self, quiet: Duration) -> Self {
        match self {
            Self::Etcd(etcd) => Self::Etcd(etcd.with_quiet(quiet)),
            store @ (Self::Dir(_) | Self::Memory(_)) => store,
        }
    }

    /// Reads what the view asks for, all of one revision.
    ///
    /// Tries again, over all endpoints, until the timeout is over.
    pub async fn snapshot(&self, view: &View, timeout: Duration) -> Result<Snapshot, StoreError> {
        let deadline = Instant::now() + timeout;
        let mut backoff = backoff::Backoff::default();
        let mut last = None;
        loop {
            let error = match tokio::time::timeout_at(deadline, self.read(view)).await {
                Ok(Ok(snapshot)) => return Ok(snapshot),
                Ok(Err(error)) if error.is_final() => return Err(error),
                Ok(Err(error)) => error,
                // What was learned before tells more than that the time is over.
                Err(_) => return Err(last.unwrap_or_else(|| self.silent(timeout))),
            };
            let pause = backoff.next();
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::warn!(%error, "the store cannot be read; trying again in {pause:.1?}");
            last = Some(error);
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads what the view asked for at an older revision, if the store still knows it. A directory
    /// and the memory know none but the newest.
    pub async fn snapshot_at(&self, view: &View, revision: i64) -> Result<Snapshot, StoreError> {
        match self {
            Self::Etcd(etcd) if revision > 0 => etcd.snapshot(view, revision).await,
            _ => Err(StoreError::Forgotten),
        }
    }

    /// Reads what the view asks for and when its keys were last changed, all of one revision. A
    /// directory does not know that.
    ///
    /// Not tried again: [`snapshot`](Self::snapshot) finds out whether the store is there.
    pub async fn revisions(&self, view: &View) -> Result<Revisions, StoreError> {
        match self {
            Self::Etcd(etcd) => etcd.revisions(view).await,
            Self::Dir(_) => Err(StoreError::Forgotten),
            Self::Memory(memory) => {
                tokio::task::yield_now().await;
                Ok(memory.revisions(view))
            }
        }
    }

    /// The directory that this is, where it is one.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Dir(dir) => Some(dir.root()),
            Self::Etcd(_) | Self::Memory(_) => None,
        }
    }

    /// Reads once.
    async fn read(&self, view: &View) -> Result<Snapshot, StoreError> {
        match self {
            Self::Etcd(etcd) => etcd.snapshot(view, 0).await,
            Self::Dir(dir) => dir.snapshot(view).await,
            Self::Memory(memory) => {
                // Others have their turn between two requests, as with a server.
                tokio::task::yield_now().await;
                Ok(memory.snapshot(view))
            }
        }
    }

    fn silent(&self, timeout: Duration) -> StoreError {
        match self {
            Self::Etcd(etcd) => etcd.silent(timeout),
            Self::Dir(_) | Self::Memory(_) => StoreError::Timeout(timeout),
        }
    }

    /// Follows what the view asks for, from now on, through whatever happens to the store.
    ///
    /// The work is done in a task of its own, which ends when the follower is dropped.
    pub fn follow(&self, view: View) -> Follower {
        let (publisher, follower) = follow::channel(&view);
        match self.clone() {
            Self::Etcd(etcd) => follower.run(etcd::follow(etcd, view, publisher)),
            Self::Dir(dir) => follower.run(dir::follow(dir, view, publisher)),
            Self::Memory(memory) => follower.run(memory::follow(memory, view, publisher)),
        }
    }

    /// Does all of the writes, at one revision, if the expectations hold; or none of them.
    ///
    /// Not tried again: whether a request whose answer was lost has happened is for the caller to
    /// find out. More than [`LIMITS`] allow is refused by etcd.
    pub async fn commit(&self, expect: &[Expect], writes: &[Write]) -> Result<Outcome, StoreError> {
        match self {
            Self::Etcd(etcd) => etcd.commit(expect, writes).await,
            Self::Dir(dir) => Err(dir.read_only()),
            Self::Memory(memory) => {
                tokio::task::yield_now().await;
                memory.commit(expect, writes)
            }
        }
    }

    /// Takes a lease and keeps it alive until it is dropped, through whatever happens to the
    /// store. What is [held](Write::Hold) under it is gone about this long after we are.
    pub fn lease(&self, ttl: Duration) -> Result<Lease, StoreError> {
        Lease::new(self, ttl)
    }

    /// The users and roles of the etcd that this store is in; `None` where it is in no etcd. Each
    /// request is tried again until the timeout is over.
    pub fn auth(&self, timeout: Duration) -> Option<Auth> {
        match self {
            Self::Etcd(etcd) => Some(Auth::new(etcd.clone(), timeout)),
            Self::Dir(_) | Self::Memory(_) => None,
        }
    }
}
