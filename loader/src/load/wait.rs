//! Waiting for a load of somebody else.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_store::{LOAD_MARK, Snapshot, Store, StoreError, View};
use tokio::time::{Instant, sleep};

use crate::history::GENERATION;

/// A load that has written nothing for so long has died.
const SILENCE: Duration = Duration::from_secs(3);

/// How soon to look again at a load of somebody else.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// What was last seen of the other's load, and since when.
#[derive(Default)]
pub(super) struct Waiting(Option<(Vec<u8>, Instant)>);

impl Waiting {
    /// Whether the load whose mark stands in the store has stopped writing.
    pub(super) fn has_died(&mut self, snapshot: &Snapshot) -> bool {
        let generation = snapshot.entries.get(GENERATION).cloned().unwrap_or_default();
        if let Some((seen, since)) = &self.0
            && *seen == generation
        {
            return since.elapsed() >= SILENCE;
        }
        self.0 = Some((generation, Instant::now()));
        false
    }

    /// Waits until it is complete or has died. Reads two keys, not the world.
    pub(super) async fn wait(&mut self, store: &Store, limit: Duration) -> Result<(), StoreError> {
        tracing::warn!("another load is under way, or has died; waiting for it");
        let progress = View::new(vec![GENERATION.into()], |_| BTreeSet::new());
        loop {
            sleep(PAUSE).await;
            let snapshot = store.snapshot(&progress, limit).await?;
            if !snapshot.entries.contains_key(LOAD_MARK) {
                return Ok(());
            }
            if self.has_died(&snapshot) {
                return Ok(());
            }
        }
    }
}
