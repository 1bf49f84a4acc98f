//! Waiting until a directory has changed and rests again.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::links;

/// A directory has no transactions: changes with less than this between them count as one.
const QUIET: Duration = Duration::from_millis(20);
/// How long a file may be open for writing before what stands in it counts all the same.
const LONGEST_WRITE: Duration = Duration::from_secs(1);

/// The changes below a directory.
pub(super) struct Changes {
    events: mpsc::UnboundedReceiver<notify::Event>,
    root: PathBuf,
    /// Names elsewhere that matter. Others in their folders do not.
    names: BTreeSet<PathBuf>,
    /// Watches as long as it lives.
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Starts to watch a directory, and every place where a symlink to it or in it can be swapped.
    pub(super) fn watch(root: &Path) -> notify::Result<Self> {
        let root = std::path::absolute(root)?;
        let (sender, events) = mpsc::unbounded_channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // An error, such as an overflow of the queue, may hide a change: look anew.
                let event = event.unwrap_or_else(|_| notify::Event::new(EventKind::Any));
                let _ = sender.send(event);
            })?;
        let names = links::names(&root);
        let folders: BTreeSet<&Path> = names.iter().filter_map(|name| name.parent()).collect();
        for folder in folders.into_iter().filter(|folder| !folder.starts_with(&root)) {
            // One that is not there is the end of a broken symlink, which is watched itself.
            if folder.is_dir() {
                watcher.watch(folder, RecursiveMode::NonRecursive)?;
            }
        }
        watcher.watch(&root, RecursiveMode::Recursive)?;
        Ok(Self { events, root, names, _watcher: watcher })
    }

    /// Waits for a change, and until no file is being written and nothing more happens.
    pub(super) async fn settled(&mut self) {
        let mut writing = HashSet::new();
        loop {
            let Some(event) = self.events.recv().await else { return };
            if self.is_change(&event) {
                note(&mut writing, &event);
                break;
            }
        }
        let latest = Instant::now() + LONGEST_WRITE;
        loop {
            let until = if writing.is_empty() { Instant::now() + QUIET } else { latest };
            match timeout_at(until.min(latest), self.events.recv()).await {
                Ok(Some(event)) if self.is_change(&event) => note(&mut writing, &event),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Our own reading makes events as well, and so do strangers in the folders of symlinks.
    fn is_change(&self, event: &notify::Event) -> bool {
        if let EventKind::Access(kind) = event.kind
            && kind != AccessKind::Close(AccessMode::Write)
        {
            return false;
        }
        let concerns_us =
            |path: &PathBuf| path.starts_with(&self.root) || self.names.contains(path);
        event.paths.is_empty() || event.paths.iter().any(concerns_us)
    }
}

/// Remembers which files have been written to and not yet closed.
fn note(writing: &mut HashSet<PathBuf>, event: &notify::Event) {
    for path in &event.paths {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => {
                writing.insert(path.clone());
            }
            _ => {
                writing.remove(path);
            }
        }
    }
}
