//! etcd's access control.

use std::time::Duration;

use etcd_client::{Permission, PermissionType};
use etcstack_store::{Credentials, Event, Store, StoreError};
use etcstack_tests::{Etcd, PATIENCE};

use crate::{Watcher, entries, failure, open, open_with, put, snapshot, view};

const KEY: &str = "r/s/s.conf/DEFAULT/a";

fn as_user(etcd: &Etcd, name: &str, password: &str) -> Store {
    let user = Some((name.to_owned(), password.to_owned()));
    open_with(&etcd.url(), Credentials { user, ..Credentials::default() }).unwrap()
}

fn assert_denied(error: &StoreError, etcd: &Etcd) {
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(&etcd.address()) && message.contains("--user"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn who_does_not_get_in_is_told_so() {
    let mut etcd = Etcd::new().await;
    etcd.put(KEY, "1").await;
    etcd.enable_auth("secret").await;
    let nobody = as_user(&etcd, "nobody", "secret-not");
    for store in [as_user(&etcd, "root", "secret-not"), nobody, open(&etcd.url())] {
        // It is final: no use to wait for a better answer.
        assert_denied(&failure(&store, PATIENCE * 60).await, &etcd);
        let mut watcher = Watcher::new(&store, view(&["s"]));
        assert_denied(&watcher.lost_for_good().await, &etcd);
        let commit = store.commit(&[], &[put(KEY, "2")]).await;
        assert_denied(&commit.map(|_| ()).unwrap_err(), &etcd);
    }
    let root = as_user(&etcd, "root", "secret");
    assert_eq!(snapshot(&root, &view(&["s"])).await, entries(&[(KEY, "1")]));
    root.commit(&[], &[put(KEY, "3")]).await.unwrap();
    assert_eq!(etcd.get(KEY).await.unwrap(), b"3");
}

/// The rights to just what is needed are enough.
#[tokio::test]
async fn least_privilege() {
    let read = |key: &str| Permission::new(PermissionType::Read, key);
    let mut etcd = Etcd::new().await;
    for key in ["general/A", "general/B", "r/t/t.conf/DEFAULT/a"] {
        etcd.put(key, "x").await;
    }
    etcd.put(KEY, "$A").await;
    etcd.enable_auth("secret").await;
    let rights = vec![read("r/s/").with_prefix(), read("general/A"), read("_etcstack/load")];
    etcd.add_user("agent", "secret", rights).await;
    let store = as_user(&etcd, "agent", "secret");
    assert_eq!(snapshot(&store, &view(&["s"])).await, entries(&[("general/A", "x"), (KEY, "$A")]));
    let mut watcher = Watcher::new(&store, view(&["s"]));
    watcher.state().await;
    etcd.put("general/B", "y").await;
    etcd.put("general/A", "y").await;
    assert_eq!(watcher.state().await, entries(&[("general/A", "y"), (KEY, "$A")]));
    // What it has no right to is refused as such, and comes once it is granted.
    etcd.put(KEY, "$B").await;
    assert_denied(&watcher.lost_for_good().await, &etcd);
    assert_denied(&failure(&store, PATIENCE * 60).await, &etcd);
    let denied = store.snapshot(&view(&["t"]), Duration::ZERO).await;
    assert!(denied.is_err());
    let commit = store.commit(&[], &[put(KEY, "z")]).await;
    assert_denied(&commit.map(|_| ()).unwrap_err(), &etcd);
    let mut root = etcd.client().await;
    root.role_grant_permission("agent", read("general/B")).await.unwrap();
    assert_eq!(watcher.state_at_last().await, entries(&[("general/B", "y"), (KEY, "$B")]));
}

/// etcd forgets its tokens when it restarts.
#[tokio::test]
async fn tokens_do_not_outlive_a_restart() {
    let mut etcd = Etcd::new().await;
    etcd.put(KEY, "0").await;
    etcd.enable_auth("secret").await;
    let store = as_user(&etcd, "root", "secret");
    assert_eq!(snapshot(&store, &view(&["s"])).await, entries(&[(KEY, "0")]));
    let mut watcher = Watcher::new(&store, view(&["s"]));
    watcher.state().await;
    etcd.stop_hard().await;
    watcher.lost().await;
    etcd.start().await;
    assert_eq!(snapshot(&store, &view(&["s"])).await, entries(&[(KEY, "0")]));
    loop {
        match watcher.event().await {
            Event::Back => break,
            Event::Lost(error) => assert!(!matches!(error, StoreError::Denied { .. }), "{error}"),
            other => panic!("{other:?}"),
        }
    }
    etcd.put(KEY, "1").await;
    assert_eq!(watcher.state().await, entries(&[(KEY, "1")]));
}

/// A user whose password changes does not lose the watch that is there.
#[tokio::test]
async fn the_password_changes_on_the_way() {
    let mut etcd = Etcd::new().await;
    etcd.put(KEY, "0").await;
    etcd.enable_auth("secret").await;
    let all = Permission::new(PermissionType::Readwrite, "").with_all_keys();
    etcd.add_user("agent", "secret", vec![all]).await;
    let store = as_user(&etcd, "agent", "secret");
    let mut watcher = Watcher::new(&store, view(&["s"]));
    watcher.state().await;
    let mut root = etcd.client().await;
    root.user_change_password("agent", "secret-too").await.unwrap();
    etcd.put(KEY, "1").await;
    loop {
        match watcher.event().await {
            Event::State(snapshot) => break assert_eq!(snapshot.entries, entries(&[(KEY, "1")])),
            Event::Lost(error) if error.is_final() => break assert_denied(&error, &etcd),
            // A busy etcd takes its time to check a password.
            Event::Lost(_) | Event::Back => {}
            Event::Loading => panic!("nobody loads"),
        }
    }
    root.user_change_password("agent", "secret").await.unwrap();
    etcd.put(KEY, "2").await;
    watcher.until(KEY, "2").await;
}
