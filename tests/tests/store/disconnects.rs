//! Whatever happens to the connection, to etcd or to its data: no change is missed.

use std::path::Path;
use std::process::Command;

use etcstack_store::{Event, Store, StoreError};
use etcstack_tests::{Cluster, Etcd, PATIENCE, Proxy, eventually};

use crate::{Watcher, open, view};

const KEY: &str = "r/s/s.conf/DEFAULT/a";

async fn followed(store: &Store) -> Watcher {
    let mut watcher = Watcher::new(store, view(&["s"]));
    watcher.state().await;
    watcher
}

fn assert_unavailable(error: &StoreError, endpoint: &str) {
    match error {
        StoreError::Unavailable { endpoint: named, .. } => {
            assert_eq!(*named, format!("http://{endpoint}"));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn etcd_is_restarted() {
    let mut etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let mut watcher = followed(&store).await;
    etcd.stop().await;
    assert_unavailable(&watcher.lost().await, &etcd.address());
    assert!(store.commit(&[], &[crate::put(KEY, "impossible")]).await.is_err());
    etcd.start().await;
    // It may fail in more ways than one before it comes back.
    while !matches!(watcher.event().await, Event::Back) {}
    etcd.put(KEY, "1").await;
    assert_eq!(watcher.state().await[KEY], b"1");
    etcd.put(KEY, "2").await;
    assert_eq!(watcher.state().await[KEY], b"2");
}

#[tokio::test]
async fn etcd_is_killed() {
    let mut etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let mut watcher = followed(&store).await;
    for value in ["1", "2"] {
        etcd.stop_hard().await;
        assert_unavailable(&watcher.lost().await, &etcd.address());
        etcd.start().await;
        etcd.put(KEY, value).await;
        watcher.until(KEY, value).await;
    }
}

#[tokio::test]
async fn a_change_while_the_line_is_cut() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    let mut watcher = followed(&store).await;
    proxy.cut();
    assert_unavailable(&watcher.lost().await, &proxy.address());
    etcd.put(KEY, "1").await;
    etcd.put(KEY, "2").await;
    proxy.mend();
    assert_eq!(watcher.state_at_last().await[KEY], b"2");
    proxy.cut();
    watcher.lost().await;
    etcd.delete(KEY).await;
    proxy.mend();
    assert!(watcher.state_at_last().await.is_empty());
}

#[tokio::test]
async fn a_compaction_while_the_line_is_cut() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    let mut watcher = followed(&store).await;
    proxy.cut();
    watcher.lost().await;
    for n in 0..10 {
        etcd.put(KEY, n.to_string()).await;
    }
    etcd.compact(etcd.revision().await).await;
    proxy.mend();
    assert_eq!(watcher.state_at_last().await[KEY], b"9");
    etcd.put(KEY, "10").await;
    assert_eq!(watcher.state().await[KEY], b"10");
}

/// Compactions as they happen every few minutes in every cluster, while we look on.
#[tokio::test]
async fn a_compaction_under_a_watch() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let mut watcher = followed(&store).await;
    for n in 0..5 {
        for other in 0..5 {
            etcd.put("general/OTHER", other.to_string()).await;
        }
        etcd.compact(etcd.revision().await).await;
        etcd.put(KEY, n.to_string()).await;
        assert_eq!(watcher.state().await[KEY], n.to_string().as_bytes());
    }
}

/// Nobody closes the connection, as when a firewall forgets it.
#[tokio::test]
async fn the_line_falls_silent() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    let mut watcher = followed(&store).await;
    let connections = proxy.connections();
    proxy.freeze();
    etcd.put(KEY, "1").await;
    assert_eq!(watcher.state_at_last().await[KEY], b"1");
    assert!(proxy.connections() > connections);
}

#[tokio::test]
async fn the_member_in_use_dies() {
    let mut cluster = Cluster::new(3).await;
    let store = open(&cluster.url());
    let mut watcher = followed(&store).await;
    crate::snapshot(&store, &view(&["s"])).await;
    for (dies, writes) in [(0, 1), (1, 2)] {
        cluster.members[dies].stop_hard().await;
        let value = format!("{dies} is dead");
        eventually("the others accept a change", PATIENCE, async || {
            cluster.members[writes].client().await.put(KEY, value.as_str(), None).await
        })
        .await;
        watcher.until(KEY, &value).await;
        let read = crate::snapshot(&store, &view(&["s"])).await;
        assert_eq!(read[KEY], value.as_bytes());
        cluster.members[dies].start().await;
    }
}

/// A member without its cluster must not keep its watches in silence.
#[tokio::test]
async fn the_quorum_is_lost() {
    let mut cluster = Cluster::new(3).await;
    let store = open(&cluster.members[0].url());
    let mut watcher = followed(&store).await;
    cluster.members[1].stop_hard().await;
    cluster.members[2].stop_hard().await;
    assert_unavailable(&watcher.lost().await, &cluster.members[0].address());
    cluster.members[1].start().await;
    eventually("two of three accept a change", PATIENCE, async || {
        cluster.members[1].client().await.put(KEY, "1", None).await
    })
    .await;
    watcher.until(KEY, "1").await;
}

#[tokio::test]
async fn an_older_state_is_restored() {
    let mut etcd = Etcd::new().await;
    let store = open(&etcd.url());
    etcd.put(KEY, "old").await;
    etcd.stop_hard().await;
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&etcd.data(), copy.path());
    etcd.start().await;
    let mut watcher = Watcher::new(&store, view(&["s"]));
    assert_eq!(watcher.state_at_last().await[KEY], b"old");
    for n in 0..50 {
        etcd.put(KEY, n.to_string()).await;
        watcher.until(KEY, &n.to_string()).await;
    }
    etcd.stop_hard().await;
    std::fs::remove_dir_all(etcd.data()).unwrap();
    copy_folder(&copy.path().join("data"), etcd.data().parent().unwrap());
    etcd.start().await;
    watcher.until(KEY, "old").await;
    // Its revision is far behind the one that was seen before.
    etcd.put(KEY, "new").await;
    assert_eq!(watcher.state().await[KEY], b"new");
}

fn copy_folder(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-a").args([from, into]).status().unwrap();
    assert!(status.success());
}
