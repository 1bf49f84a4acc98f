//! The files of data that are written, none in the way of another.

use std::collections::{BTreeMap, BTreeSet};

/// Files by their paths, and the folders that they call for.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, String>,
    folders: BTreeSet<String>,
}

impl Tree {
    /// Whether nothing stands at a path nor in its way.
    pub(super) fn is_free(&self, path: &str) -> bool {
        !self.files.contains_key(path)
            && !self.folders.contains(path)
            && folders(path).all(|folder| !self.files.contains_key(folder))
    }

    /// Makes a file, empty, if there is none; `false` where a folder or a file is in the way.
    pub(super) fn claim(&mut self, path: &str) -> bool {
        if self.files.contains_key(path) {
            return true;
        }
        let free = self.is_free(path);
        if free {
            self.folders.extend(folders(path).map(str::to_owned));
            self.files.insert(path.to_owned(), String::new());
        }
        free
    }

    /// Whether nothing has been written to a file yet.
    pub(super) fn is_empty(&self, path: &str) -> bool {
        self.files.get(path).is_none_or(String::is_empty)
    }

    pub(super) fn append(&mut self, path: &str, text: &str) {
        if let Some(file) = self.files.get_mut(path) {
            file.push_str(text);
        }
    }
}

/// The folders that a path goes through.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}
