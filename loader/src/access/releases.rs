//! What releases refer to that somebody may have to go back to.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::references::References;
use etcstack_store::{Store, StoreError, View};

use crate::history::{Entry, History, Reference};
use crate::release::{part_keys, unpack};
use crate::task;

/// Adds what the current release refers to, and the one before it: a rollback leads there, and an
/// agent that starts with the last good state.
pub(super) async fn add(
    references: &mut References,
    store: &Store,
    entries: &Entries,
    timeout: Duration,
) -> Result<(), StoreError> {
    let history = History::of(entries);
    let previous = history.find(Reference::Back(1)).ok();
    let releases: Vec<&Entry> = history.current().into_iter().chain(previous).collect();
    let parts: BTreeSet<String> = releases.iter().copied().flat_map(part_keys).collect();
    if parts.is_empty() {
        return Ok(());
    }
    let view = View::new(Vec::new(), move |_| parts.clone());
    let snapshot = store.snapshot(&view, timeout).await?;
    for release in releases {
        let Some(data) = unpack(release, &snapshot.entries) else {
            task::warn(format!(
                "the data of release {} cannot be read; after a rollback to it, run this again",
                release.number
            ));
            continue;
        };
        for (key, value) in &data {
            references.add(key, value);
        }
    }
    Ok(())
}
