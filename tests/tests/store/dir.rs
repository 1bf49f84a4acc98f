//! What only a directory has: editors, half-written files, mistakes in files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcstack_config::Entries;
use etcstack_config::problem::Place;
use etcstack_store::{Event, Store, StoreError, View};
use etcstack_tests::PATIENCE;
use tempfile::TempDir;

use crate::folder::{replace, write};
use crate::{Watcher, entries, failure, open, put, snapshot, view};

pub(crate) const KEY: &str = "r/s/s.conf/DEFAULT/a";

/// A directory with one option, which is followed.
pub(crate) struct Fixture {
    /// The folder in which the directory stands.
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) watcher: Watcher,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("data/r/s.list"), format!("{KEY}=0\n"));
        let store = open(&format!("dir:{}", folder.path().join("data").display()));
        let mut watcher = Watcher::new(&store, View::everything());
        assert_eq!(watcher.state().await, entries(&[(KEY, "0")]));
        Self { folder, store, watcher }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn list(&self) -> PathBuf {
        self.root().join("r/s.list")
    }
}

/// Writes a file in place, piece by piece, and closes it at the end.
fn write_slowly(path: &Path, pieces: &[&str]) {
    let mut file = File::create(path).unwrap();
    for piece in pieces {
        file.write_all(piece.as_bytes()).unwrap();
        // Longer than what counts as rest.
        std::thread::sleep(Duration::from_millis(40));
    }
}

#[tokio::test]
async fn a_file_that_is_being_written_does_not_count() {
    let mut home = Fixture::new().await;
    let mut counted = 0;
    for round in 0..40 {
        let path = home.list();
        let expected = entries(&[
            (KEY, &*format!("value-{round}")),
            ("r/s/s.conf/DEFAULT/b", &*format!("other-{round}")),
        ]);
        let writer = tokio::task::spawn_blocking(move || {
            let end = format!("-{round}\n");
            let line = format!("r/s/s.conf/DEFAULT/b=other-{round}\n");
            let start = Instant::now();
            write_slowly(&path, &[KEY, "=val", "ue", &end, &line]);
            start.elapsed()
        });
        let mut seen = Vec::new();
        while seen.last() != Some(&expected) {
            seen.push(home.watcher.state_at_last().await);
        }
        // A file that is open for longer than a second counts all the same.
        if writer.await.unwrap() < Duration::from_millis(700) {
            assert_eq!(seen.len(), 1, "half-written: {seen:?}");
            counted += 1;
        }
        if counted == 5 {
            return;
        }
    }
    panic!("this machine takes seconds for five lines");
}

#[tokio::test]
async fn a_file_is_replaced_as_editors_do_it() {
    let mut home = Fixture::new().await;
    for n in 1..=20 {
        // What the editor leaves beside it is no data, and no event.
        write(&home.list().with_file_name("s.list~"), "rubbish");
        write(&home.list().with_file_name(".s.list.swp"), "rubbish");
        replace(&home.list(), format!("{KEY}={n}\n"));
        assert_eq!(home.watcher.state().await, entries(&[(KEY, &n.to_string())]));
    }
    // Others move the old file away first, and write the new one in its place.
    let old = fs::read(home.list()).unwrap();
    fs::rename(home.list(), home.list().with_file_name("s.list~")).unwrap();
    write(&home.list(), [&old[..], b"r/s/s.conf/DEFAULT/b=1\n"].concat());
    let state = home.watcher.until("r/s/s.conf/DEFAULT/b", "1").await;
    assert_eq!(state[KEY], b"20");
}

#[tokio::test]
async fn new_folders_and_files_are_seen() {
    let mut home = Fixture::new().await;
    let root = home.root();
    write(&root.join("r2/s/policy.yaml"), "a: b\n");
    assert_eq!(home.watcher.until("r2/s/policy.yaml", "a: b\n").await.len(), 2);
    // In the folders that were new just now.
    write(&root.join("r2/s/keys/0"), "k");
    assert_eq!(home.watcher.until("r2/s/keys%2F0", "k").await.len(), 3);
    write(&root.join("r2/s/s.conf"), "[DEFAULT]\nm = a\nm = b\n");
    assert_eq!(home.watcher.until("r2/s/s.conf/DEFAULT/m", "a\nb").await.len(), 4);
    write(&root.join("general/cloud"), "A=1\nB=2\n");
    assert_eq!(home.watcher.until("general/B", "2").await.len(), 6);
    // Moved in and out as a whole.
    fs::rename(root.join("r2"), home.folder.path().join("away")).unwrap();
    assert_eq!(home.watcher.state().await.len(), 3);
    fs::rename(home.folder.path().join("away"), root.join("r2")).unwrap();
    assert_eq!(home.watcher.state().await.len(), 6);
    write(&root.join("r2/s/policy.yaml"), "c: d\n");
    home.watcher.until("r2/s/policy.yaml", "c: d\n").await;
    fs::remove_dir_all(root.join("r2")).unwrap();
    while home.watcher.state().await.len() > 3 {}
}

#[tokio::test]
async fn a_mistake_is_named_and_the_last_state_stays() {
    let mut home = Fixture::new().await;
    for (text, line, column) in [
        (format!("{KEY}=1\n\n  nonsense\n"), 3, 3),
        (format!("{KEY}=1\r\nr/s=2\r\n"), 2, 1),
        (format!("{KEY}=1\n{KEY}=2\n"), 2, 1),
    ] {
        replace(&home.list(), text);
        let error = home.watcher.lost().await;
        let StoreError::Data(problems) = &error else { panic!("{error:?}") };
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert_eq!(problems.0[0].place, Place::position(&home.list(), line, column));
        let start = format!("{}:{line}:{column}: ", home.list().display());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(matches!(failure(&home.store, PATIENCE).await, StoreError::Data(_)));
        // Mended to what it was: back, and no new state.
        replace(&home.list(), format!("{KEY}=0\n"));
        assert!(matches!(home.watcher.event().await, Event::Back));
    }
    replace(&home.list(), [&b"general/A=\xff\n"[..], KEY.as_bytes(), b"=1\n"].concat());
    assert!(home.watcher.lost().await.to_string().contains("s.list:1: the file is not UTF-8"));
    replace(&home.list(), format!("{KEY}=1\n"));
    assert_eq!(home.watcher.state().await, entries(&[(KEY, "1")]));
}

/// A file of its own can be mended while another has a mistake, too.
#[tokio::test]
async fn all_mistakes_are_told_as_they_change() {
    let mut home = Fixture::new().await;
    let other = home.root().join("r/other.list");
    replace(&home.list(), "one\n");
    assert_eq!(home.watcher.lost().await.to_string().lines().count(), 1);
    replace(&other, "two\nthree\n");
    assert_eq!(home.watcher.lost().await.to_string().lines().count(), 3);
    replace(&home.list(), format!("{KEY}=1\n"));
    assert_eq!(home.watcher.lost().await.to_string().lines().count(), 2);
    fs::remove_file(other).unwrap();
    assert_eq!(home.watcher.state().await, entries(&[(KEY, "1")]));
}

#[tokio::test]
async fn the_root_goes_and_comes_back() {
    let mut home = Fixture::new().await;
    let root = home.root();
    for n in 1..=3 {
        fs::remove_dir_all(&root).unwrap();
        loop {
            match home.watcher.event().await {
                // Its files go first.
                Event::State(snapshot) => assert!(snapshot.entries.is_empty()),
                Event::Lost(StoreError::Directory { path, .. }) => break assert_eq!(path, root),
                Event::Lost(StoreError::Data(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        let error = failure(&home.store, PATIENCE).await;
        assert!(error.to_string().contains("No such file"), "{error}");
        write(&home.list(), format!("{KEY}={n}\n"));
        home.watcher.until(KEY, &n.to_string()).await;
        replace(&home.list(), format!("{KEY}={n}!\n"));
        home.watcher.until(KEY, &format!("{n}!")).await;
    }
    // Moved away, and another one in its place.
    let other = home.folder.path().join("other");
    write(&other.join("r/s.list"), format!("{KEY}=other\n"));
    fs::rename(&root, home.folder.path().join("before")).unwrap();
    fs::rename(&other, &root).unwrap();
    home.watcher.until(KEY, "other").await;
    replace(&home.list(), format!("{KEY}=changed\n"));
    home.watcher.until(KEY, "changed").await;
}

#[tokio::test]
async fn the_root_is_not_there_yet() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    let mut watcher = Watcher::new(&open(&format!("dir:{}", root.display())), view(&["s"]));
    assert!(matches!(watcher.lost().await, StoreError::Directory { .. }));
    write(&root.join("r/s.list"), format!("{KEY}=1\n"));
    watcher.until(KEY, "1").await;
}

#[tokio::test]
async fn it_cannot_be_written_through_the_store() {
    let home = Fixture::new().await;
    let error = home.store.commit(&[], &[put(KEY, "1")]).await.map(|_| ()).unwrap_err();
    assert!(matches!(&error, StoreError::ReadOnly(path) if *path == home.root()));
    assert!(error.is_final() && error.to_string().contains("editing its files"), "{error}");
    assert_eq!(snapshot(&home.store, &View::everything()).await, entries(&[(KEY, "0")]));
}

#[tokio::test]
async fn an_empty_directory_is_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&format!("dir:{}", folder.path().display()));
    let mut watcher = Watcher::new(&store, View::everything());
    assert_eq!(watcher.state().await, Entries::new());
    assert_eq!(snapshot(&store, &View::everything()).await, Entries::new());
}
