//! What is held under a lease goes when its holder does, and not before.

use std::time::Duration;

use etcd_client::{Permission, PermissionType};
use etcstack_store::{Credentials, Lease, LeaseId, Outcome, Store, StoreError, View, Write};
use etcstack_tests::{Cluster, Etcd, PATIENCE, Proxy, eventually};
use tokio::time::{Instant, sleep, timeout};

use crate::{open, open_with, put, snapshot};

/// Long enough for a restart on a busy machine.
const LONG: Duration = Duration::from_secs(10);
/// Where its end is waited for.
const SHORT: Duration = Duration::from_secs(3);

fn hold(key: &str, lease: LeaseId) -> Write {
    Write::Hold { key: key.into(), value: b"x".to_vec(), lease }
}

async fn granted(lease: &Lease) -> LeaseId {
    timeout(PATIENCE, lease.granted()).await.expect("a lease")
}

async fn held(store: &Store, ttl: Duration) -> (Lease, LeaseId) {
    let lease = store.lease(ttl).unwrap();
    let id = granted(&lease).await;
    let outcome = store.commit(&[], &[hold("held", id)]).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)));
    (lease, id)
}

/// It is the current one for longer than it would be if it were not kept alive.
async fn stays(lease: &Lease, id: LeaseId) {
    let begun = Instant::now();
    while begun.elapsed() < LONG * 5 / 4 {
        assert_eq!(lease.current(), Some(id), "after {:?}", begun.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_is_held_goes_with_the_lease() {
    let etcd = Etcd::new().await;
    for url in [etcd.url(), etcd.url_with("p")] {
        let store = open(&url);
        let (lease, id) = held(&store, LONG).await;
        let (other, other_id) = held(&store, LONG).await;
        assert_ne!(id, other_id);
        let keys = ["a", "b", "c"].map(|key| hold(key, id));
        store.commit(&[], &keys).await.unwrap();
        // Who writes it last says how long it stays.
        store.commit(&[], &[put("b", "for good"), hold("c", other_id)]).await.unwrap();
        lease.clone().revoke().await;
        assert_eq!(lease.current(), None);
        lease.lost(id).await;
        let left: Vec<_> = snapshot(&store, &View::everything()).await.into_keys().collect();
        assert_eq!(left, ["b", "c", "held"]);
        let late = store.commit(&[], &[put("late", ""), hold("late too", id)]).await;
        assert!(matches!(late, Err(StoreError::LeaseGone)), "{late:?}");
        assert_eq!(other.current(), Some(other_id));
        other.revoke().await;
        let left: Vec<_> = snapshot(&store, &View::everything()).await.into_keys().collect();
        assert_eq!(left, ["b"]);
        store.commit(&[], &[crate::delete("b")]).await.unwrap();
    }
    assert_eq!(etcd.leases().await, 0);
}

#[tokio::test]
async fn it_is_kept_alive_until_its_holder_dies() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let (lease, id) = held(&store, LONG).await;
    let clone = lease.clone();
    drop(lease);
    stays(&clone, id).await;
    assert!(etcd.get("held").await.is_some());
    // Nothing is sent by who dies.
    drop(clone);
    eventually("the key goes", PATIENCE, async || etcd.get("held").await.is_none()).await;
    assert_eq!(etcd.leases().await, 0);
}

#[tokio::test]
async fn a_lease_outlives_a_restart() {
    let mut etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let (lease, id) = held(&store, LONG).await;
    etcd.stop_hard().await;
    etcd.start().await;
    stays(&lease, id).await;
    assert!(etcd.get("held").await.is_some());
}

#[tokio::test]
async fn a_lease_outlives_the_member_in_use() {
    let mut cluster = Cluster::new(3).await;
    let store = open(&cluster.url());
    let (lease, id) = held(&store, LONG).await;
    cluster.members[0].stop_hard().await;
    stays(&lease, id).await;
    assert!(cluster.members[1].get("held").await.is_some());
}

/// The connection hangs and nobody says so; a new one works.
#[tokio::test]
async fn a_lease_outlives_a_line_that_falls_silent() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    let (lease, id) = held(&store, LONG).await;
    proxy.freeze();
    stays(&lease, id).await;
}

/// While etcd cannot be reached, nobody believes in a lease that etcd may have ended.
#[tokio::test]
async fn a_lease_is_lost_before_its_keys_go() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    for n in 0..2 {
        let (lease, id) = held(&store, SHORT).await;
        if n == 0 {
            proxy.stall();
        } else {
            proxy.cut();
        }
        eventually("the key goes", PATIENCE, async || etcd.get("held").await.is_none()).await;
        assert_eq!(lease.current(), None);
        lease.lost(id).await;
        proxy.mend();
        let next = granted(&lease).await;
        assert_ne!(next, id);
        store.commit(&[], &[hold("held", next)]).await.unwrap();
        lease.revoke().await;
    }
}

#[tokio::test]
async fn a_lease_that_etcd_has_ended_is_taken_anew() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let (lease, id) = held(&store, LONG).await;
    let raw = i64::from_str_radix(&id.to_string(), 16).unwrap();
    etcd.client().await.lease_revoke(raw).await.unwrap();
    timeout(PATIENCE, lease.lost(id)).await.expect("the next keepalive tells");
    assert_ne!(granted(&lease).await, id);
    // Somebody may hear of it before.
    let (lease, id) = held(&store, PATIENCE * 10).await;
    let raw = i64::from_str_radix(&id.to_string(), 16).unwrap();
    etcd.client().await.lease_revoke(raw).await.unwrap();
    let late = store.commit(&[], &[hold("held", id)]).await;
    assert!(matches!(late, Err(StoreError::LeaseGone)), "{late:?}");
    lease.report_gone(id);
    assert_ne!(granted(&lease).await, id);
}

#[tokio::test]
async fn a_lease_comes_when_etcd_does() {
    let mut etcd = Etcd::new().await;
    etcd.stop_hard().await;
    let store = open(&etcd.url());
    let lease = store.lease(LONG).unwrap();
    let waiting = tokio::spawn({
        let lease = lease.clone();
        async move { lease.granted().await }
    });
    assert_eq!(lease.current(), None);
    etcd.start().await;
    let id = timeout(PATIENCE, waiting).await.expect("a lease").unwrap();
    assert_eq!(lease.current(), Some(id));
}

#[tokio::test]
async fn a_lease_comes_with_the_right_password() {
    let mut etcd = Etcd::new().await;
    etcd.enable_auth("secret").await;
    let all = Permission::new(PermissionType::Readwrite, "held");
    etcd.add_user("agent", "another", vec![all]).await;
    let user = Some(("agent".to_owned(), "secret".to_owned()));
    let credentials = Credentials { user, ..Credentials::default() };
    let store = open_with(&etcd.url(), credentials).unwrap();
    let lease = store.lease(LONG).unwrap();
    let denied = store.commit(&[], &[put("held", "")]).await;
    assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
    assert_eq!(lease.current(), None);
    etcd.client().await.user_change_password("agent", "secret").await.unwrap();
    let id = granted(&lease).await;
    store.commit(&[], &[hold("held", id)]).await.unwrap();
    let denied = store.commit(&[], &[hold("other", id)]).await;
    assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
    lease.revoke().await;
    assert!(etcd.get("held").await.is_none());
}

/// Whoever gives a lease up while etcd is away does not wait for it.
#[tokio::test]
async fn a_lease_that_cannot_be_revoked_ends_by_itself() {
    let etcd = Etcd::new().await;
    let proxy = Proxy::to(etcd.port()).await;
    let store = open(&format!("etcd://{}", proxy.address()));
    let (lease, _) = held(&store, SHORT).await;
    proxy.stall();
    timeout(PATIENCE, lease.revoke()).await.expect("an end");
    eventually("the key goes", PATIENCE, async || etcd.get("held").await.is_none()).await;
}
