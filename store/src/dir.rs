//! The home in a directory with the layout of bootstrap-data, watched by inotify.
//!
//! Whatever changes, the whole directory is read again: it is small, and a mounted `ConfigMap`
//! changes by one swap of a symlink that stands for all of its files. A state counts when two reads
//! in a row agree on it, so that a swap between the reads of two files is never half seen.

mod links;
mod tree;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcstack_config::dialects::Dialects;
use tree::Read;
pub use tree::{finish as finish_data, gather_data, read_data};
use watch::Changes;

use crate::backoff::Backoff;
use crate::follow::Publisher;
use crate::{Location, Snapshot, StoreError, View};

/// A directory.
#[derive(Clone, Debug)]
pub struct Dir {
    root: Arc<PathBuf>,
    /// Of files whose reader knows better than the data.
    dialects: Arc<Dialects>,
}

impl Dir {
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root: Arc::new(root), dialects: Arc::default() }
    }

    pub(crate) fn with_dialects(self, dialects: Dialects) -> Self {
        Self { dialects: Arc::new(dialects), ..self }
    }

    pub(crate) fn location(&self) -> Location {
        Location::Dir(self.root.to_path_buf())
    }

    pub(crate) fn read_only(&self) -> StoreError {
        StoreError::ReadOnly(self.root.to_path_buf())
    }

    pub(crate) async fn snapshot(&self, view: &View) -> Result<Snapshot, StoreError> {
        let Self { root, dialects } = self.clone();
        let read = tokio::task::spawn_blocking(move || settled(&root, &dialects)).await;
        let read = read.map_err(|error| self.unreadable(error.to_string()))??;
        read.problems(&self.root, view).map_err(StoreError::Data)?;
        Ok(Snapshot { revision: 1, entries: view.select(&read.entries) })
    }

    fn unreadable(&self, reason: String) -> StoreError {
        StoreError::Directory { path: self.root.to_path_buf(), reason }
    }
}

/// Reads until two reads in a row agree. Someone who never stops writing gets the last read.
fn settled(root: &Path, dialects: &Dialects) -> Result<Read, StoreError> {
    let mut before = None;
    for _ in 0..16 {
        let read = Read::new(root, dialects);
        let same = match (&before, &read) {
            (Some(Ok(before)), Ok(read)) => before == read,
            (Some(Err(before)), Err(read)) => before == &read.to_string(),
            _ => false,
        };
        if same {
            return read;
        }
        before = Some(read.map_err(|error| error.to_string()));
    }
    Read::new(root, dialects)
}

pub(crate) async fn follow(dir: Dir, view: View, mut publisher: Publisher) {
    let mut backoff = Backoff::default();
    let mut revision = 0;
    loop {
        // Watching starts before reading, so that no change falls between the two; and anew after
        // each change, so that the watch is on what the symlinks point to now.
        let changes = Changes::watch(&dir.root);
        let read = dir.snapshot(&view).await;
        match (changes, read) {
            (Ok(mut changes), Ok(snapshot)) => {
                backoff = Backoff::default();
                revision += 1;
                publisher.state(Snapshot { revision, ..snapshot }).await;
                changes.settled().await;
            }
            // A mistake in the data: nothing new until somebody mends it.
            (Ok(mut changes), Err(error @ StoreError::Data(_))) => {
                publisher.lost(error).await;
                changes.settled().await;
            }
            (_, Err(error)) => {
                publisher.lost(error).await;
                tokio::time::sleep(backoff.next()).await;
            }
            (Err(error), Ok(_)) => {
                publisher.lost(dir.unreadable(error.to_string())).await;
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}
