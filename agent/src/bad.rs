//! The mark of a state that has made a daemon fail, for all replicas of the service.
//!
//! The mark names the state by a digest of its keys and values, not by a revision: each replica
//! reads the same state at whatever revision the store has by then.

use std::fmt::Write as _;

use etcstack_config::Entries;
use etcstack_config::key::{GENERAL, escape, service_prefix};
use etcstack_store::{Snapshot, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::life::Applied;
use crate::manifest::Manifest;
use crate::observe::Time;
use crate::reconcile::keys;

/// What begins the keys of the system's own records, which are no configuration.
const SYSTEM: &str = "_etcstack/";

/// A state that is not to be tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Bad {
    /// [`state_of`] it.
    pub(crate) state: String,
    /// [`common_of`] it, if the change that failed was a change of that.
    pub(crate) common: Option<String>,
    /// What the replica that has tried it reads of the store, as a digest.
    pub(crate) view: String,
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
    digest(entries.iter().filter(|(key, _)| !key.starts_with(SYSTEM)))
}

/// What tells the part of a state that all replicas of the service share, whatever layers each has
/// of its own: the keys of the first role, and the variables that these refer to.
pub(crate) fn common_of(entries: &Entries, manifest: &Manifest) -> String {
    let own = service_prefix(manifest.first_role(), &manifest.service);
    let general = format!("{GENERAL}/");
    let shared = |key: &String| key.starts_with(&own) || key.starts_with(&general);
    let shared: Entries = entries
        .iter()
        .filter(|(key, _)| shared(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let referred = keys(manifest, &shared);
    digest(shared.iter().filter(|(key, _)| key.starts_with(&own) || referred.contains(*key)))
}

/// What tells replicas that read the same part of the store from those that do not: others come to
/// another digest of the same state.
fn view_of(manifest: &Manifest) -> String {
    let layers = manifest.layers.to_string();
    let exported = manifest.environment.export.iter().map(String::as_str);
    let parts = [layers.as_str()].into_iter().chain(manifest.texts()).chain(exported);
    let parts: Vec<_> = parts.map(|part| (part.to_owned(), Vec::new())).collect();
    digest(parts.iter().map(|(part, nothing)| (part, nothing)))
}

fn digest<'a>(entries: impl Iterator<Item = (&'a String, &'a Vec<u8>)>) -> String {
    let mut digest = Sha256::new();
    for (key, value) in entries {
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
    pub(crate) fn new(manifest: &Manifest, bad: &Applied, good: &Applied, reason: String) -> Self {
        Self {
            state: bad.state.clone(),
            common: (bad.common != good.common).then(|| bad.common.clone()),
            view: view_of(manifest),
            revision: bad.revision,
            good: good.revision,
            host: manifest.host.clone(),
            reason,
            at: Time::now(),
        }
    }

    /// Whether the mark speaks of this state: of all of it, or of what replicas with other layers
    /// have in common with us.
    pub(crate) fn is_of(&self, state: &str, common: &str) -> bool {
        self.state == state || self.common.as_deref() == Some(common)
    }

    /// The mark that stands in the store, and its bytes; one that cannot be understood is none.
    pub(crate) fn in_store(snapshot: &Snapshot, key: &str) -> Option<(Self, Vec<u8>)> {
        let bytes = snapshot.entries.get(key)?;
        Some((serde_json::from_slice(bytes).ok()?, bytes.clone()))
    }

    /// Whether the mark is of no more use to replicas like us, now that another state is good.
    pub(crate) fn is_over(&self, manifest: &Manifest, good: &str) -> bool {
        self.view == view_of(manifest) && self.state != good
    }

    pub(crate) fn write(&self, key: String) -> Write {
        Write::Put { key, value: serde_json::to_vec(self).unwrap_or_default() }
    }
}
