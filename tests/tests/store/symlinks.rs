//! A directory that is a symlink, or that holds some, or that stands below one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use etcstack_store::{Event, StoreError};
use tempfile::TempDir;

use crate::dir::{Fixture, KEY};
use crate::folder::{point, replace, write};
use crate::{Watcher, entries, open, view};

/// A folder with versions of the data, and `current`, which points to one of them.
struct Versions {
    folder: TempDir,
    /// Where the data stands inside a version.
    inside: &'static str,
}

impl Versions {
    fn new(inside: &'static str) -> Self {
        let versions = Self { folder: tempfile::tempdir().unwrap(), inside };
        for n in 0..=5 {
            write(&versions.list(n), format!("{KEY}={n}\n"));
        }
        versions.point("0");
        versions
    }

    fn list(&self, n: usize) -> PathBuf {
        self.folder.path().join(n.to_string()).join(self.inside).join("r/s.list")
    }

    fn point(&self, target: &str) {
        point(&self.folder.path().join("current"), Path::new(target));
    }

    /// Points to one version after the other, which must be noticed by who follows the path.
    async fn swap(&self, path: &str) {
        let url = format!("dir:{}/{path}", self.folder.path().display());
        let mut watcher = Watcher::new(&open(&url), view(&["s"]));
        assert_eq!(watcher.state().await, entries(&[(KEY, "0")]));
        for n in 1..=5 {
            self.point(&n.to_string());
            assert_eq!(watcher.state().await, entries(&[(KEY, &n.to_string())]));
            // The new place is watched, and the old one no longer matters.
            replace(&self.list(n), format!("{KEY}={n}!\n"));
            assert_eq!(watcher.state().await, entries(&[(KEY, &format!("{n}!"))]));
            replace(&self.list(n - 1), format!("{KEY}=old\n"));
        }
        self.point("nowhere");
        assert!(matches!(watcher.lost().await, StoreError::Directory { .. }));
        self.point("5");
        assert!(matches!(watcher.event().await, Event::Back));
    }
}

#[tokio::test]
async fn the_root_is_a_symlink_and_is_swapped() {
    Versions::new("").swap("current").await;
}

#[tokio::test]
async fn the_root_is_a_symlink_and_its_path_ends_in_a_slash() {
    Versions::new("").swap("current/").await;
}

/// As git-sync and releases unpacked side by side have it.
#[tokio::test]
async fn a_symlink_above_the_root_is_swapped() {
    Versions::new("data").swap("current/data").await;
}

#[tokio::test]
async fn the_root_is_a_symlink_to_one_elsewhere() {
    let versions = Versions::new("");
    let folder = versions.folder.path().join("links");
    fs::create_dir(&folder).unwrap();
    symlink("../current", folder.join("link")).unwrap();
    versions.swap("links/link").await;
}

/// Parts of the data may stand elsewhere.
#[tokio::test]
async fn folders_behind_symlinks_are_watched() {
    let mut home = Fixture::new().await;
    let elsewhere = home.folder.path().join("elsewhere");
    write(&elsewhere.join("policy.yaml"), "1");
    fs::create_dir_all(home.root().join("r/s")).unwrap();
    symlink(&elsewhere, home.root().join("r/t")).unwrap();
    for n in 1..=4 {
        replace(&elsewhere.join("policy.yaml"), n.to_string());
        home.watcher.until("r/t/policy.yaml", &n.to_string()).await;
    }
}

#[tokio::test]
async fn files_behind_symlinks_are_watched() {
    let mut home = Fixture::new().await;
    let elsewhere = home.folder.path().join("elsewhere");
    write(&elsewhere.join("cloud"), "A=1\n");
    fs::create_dir_all(home.root().join("general")).unwrap();
    symlink(elsewhere.join("cloud"), home.root().join("general/cloud")).unwrap();
    for n in 1..=4 {
        replace(&elsewhere.join("cloud"), format!("A={n}\n"));
        home.watcher.until("general/A", &n.to_string()).await;
    }
}

#[tokio::test]
async fn a_symlink_that_leads_back_up_is_a_mistake() {
    let mut home = Fixture::new().await;
    symlink("..", home.root().join("r/up")).unwrap();
    let error = home.watcher.lost().await;
    assert!(matches!(error, StoreError::Data(_)), "{error}");
    fs::remove_file(home.root().join("r/up")).unwrap();
    assert!(matches!(home.watcher.event().await, Event::Back));
}
