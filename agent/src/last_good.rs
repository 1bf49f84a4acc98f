//! The last state that was proven good, kept for a start without the store.

use std::io::ErrorKind;
use std::path::PathBuf;

use etcstack_config::Entries;
use etcstack_config::key::escape;
use etcstack_store::Snapshot;

use crate::apply::{Attributes, write_file};
use crate::manifest::Manifest;

/// Where it stands: a file for ourselves alone, since it holds passwords.
pub(crate) fn path(manifest: &Manifest) -> PathBuf {
    manifest.state_dir.join(format!("{}.last-good.json", escape(&manifest.service)))
}

/// Keeps a state. Values that are no text have been refused before.
pub(crate) fn keep(manifest: &Manifest, snapshot: &Snapshot) {
    let entries: Vec<_> = snapshot
        .entries
        .iter()
        .filter_map(|(key, value)| Some((key, std::str::from_utf8(value).ok()?)))
        .collect();
    let text = serde_json::json!({
        "role": manifest.layers.to_string(),
        "revision": snapshot.revision,
        "entries": entries,
    });
    let path = path(manifest);
    if let Err(error) = write_file(&path, text.to_string().as_bytes(), Attributes::private_to(None))
    {
        let path = path.display();
        tracing::error!(%path, %error, "the last good state cannot be kept for a start without the store");
    }
}

/// The state that was kept; `None` if there is none of this role.
pub(crate) fn find(manifest: &Manifest) -> Option<Snapshot> {
    #[derive(serde::Deserialize)]
    struct Kept {
        role: String,
        revision: i64,
        entries: Vec<(String, String)>,
    }
    let path = path(manifest);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "the last good state cannot be read");
            return None;
        }
    };
    let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else {
        tracing::error!(path = %path.display(), "the last good state cannot be understood");
        return None;
    };
    if kept.role != manifest.layers.to_string() {
        return None;
    }
    let entries: Entries =
        kept.entries.into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    Some(Snapshot { revision: kept.revision, entries })
}
