//! The mark of a state that has made a daemon fail, for all replicas of the service.
//!
//! The mark names the state by a digest of its keys and values, not by a revision: each replica
//! reads the same state at whatever revision the store has by then.

use std::fmt::Write as _;

use etcstack_config::Entries;
use etcstack_config::key::escape;
use etcstack_store::{Snapshot, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::manifest::Manifest;
use crate::observe::Time;

/// What begins the keys of the system's own records, which are no configuration.
const SYSTEM: &str = "_etcstack/";

/// A state that is not to be tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Bad {
    /// [`state_of`] it.
    pub(crate) state: String,
    /// All layers of the replica that has tried it.
    pub(crate) role: String,
    /// Where the replica that has tried it had read it.
    pub(crate) revision: i64,
    /// Where it had read the state that was good before.
    pub(crate) good: i64,
    pub(crate) host: String,
    pub(crate) reason: String,
    pub(crate) at: Time,
}

/// Where the mark stands.
pub(crate) fn key(manifest: &Manifest) -> String {
    let (role, service) = (escape(manifest.first_role()), escape(&manifest.service));
    format!("{SYSTEM}bad/{role}/{service}")
}

/// What tells a state from all others.
pub(crate) fn state_of(entries: &Entries) -> String {
    let mut digest = Sha256::new();
    for (key, value) in entries.iter().filter(|(key, _)| !key.starts_with(SYSTEM)) {
        for part in [key.as_bytes(), value] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    hex(&digest.finalize())
}

/// A digest as people write it.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Bad {
    pub(crate) fn new(
        manifest: &Manifest,
        state: String,
        revision: i64,
        good: i64,
        reason: String,
    ) -> Self {
        let role = manifest.layers.to_string();
        Self { state, role, revision, good, host: manifest.host.clone(), reason, at: Time::now() }
    }

    /// The mark that stands in the store, and its bytes; one that cannot be understood is none.
    pub(crate) fn in_store(snapshot: &Snapshot, key: &str) -> Option<(Self, Vec<u8>)> {
        let bytes = snapshot.entries.get(key)?;
        Some((serde_json::from_slice(bytes).ok()?, bytes.clone()))
    }

    /// Whether the mark is of no more use to replicas like us, now that another state is good.
    pub(crate) fn is_over(&self, manifest: &Manifest, good: &str) -> bool {
        self.role == manifest.layers.to_string() && self.state != good
    }

    pub(crate) fn write(&self, key: String) -> Write {
        Write::Put { key, value: serde_json::to_vec(self).unwrap_or_default() }
    }
}
