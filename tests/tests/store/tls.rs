//! `etcds://`.

use std::path::PathBuf;
use std::sync::Arc;

use etcstack_store::{Credentials, StoreError};
use etcstack_tests::{Certificates, Etcd};

use crate::{Watcher, entries, open, open_with, snapshot, view};

const KEY: &str = "r/s/s.conf/DEFAULT/a";

fn credentials(ca: Option<PathBuf>, identity: Option<(PathBuf, PathBuf)>) -> Credentials {
    Credentials { ca, identity, user: None }
}

#[tokio::test]
async fn with_all_certificates_it_works() {
    let certificates = Arc::new(Certificates::new());
    let mut etcd = Etcd::with_tls(certificates.clone()).await;
    assert!(etcd.url().starts_with("etcds://"));
    etcd.put(KEY, "1").await;
    let complete = credentials(Some(certificates.ca()), Some(certificates.client()));
    let store = open_with(&etcd.url(), complete).unwrap();
    assert_eq!(snapshot(&store, &view(&["s"])).await, entries(&[(KEY, "1")]));
    let mut watcher = Watcher::new(&store, view(&["s"]));
    watcher.state().await;
    etcd.put(KEY, "2").await;
    assert_eq!(watcher.state().await[KEY], b"2");
    etcd.stop_hard().await;
    watcher.lost().await;
    etcd.start().await;
    etcd.put(KEY, "3").await;
    watcher.until(KEY, "3").await;
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let certificates = Arc::new(Certificates::new());
    let other = Certificates::new();
    let etcd = Etcd::with_tls(certificates.clone()).await;
    let (ca, client) = (Some(certificates.ca()), Some(certificates.client()));
    // Whether etcd's word about our certificate arrives before it closes the connection is a race.
    let ours = ["ertificate", "connection closed", "reset", "broken pipe"];
    for (what, given, messages) in [
        ("no CA", credentials(None, client.clone()), &["certificate: UnknownIssuer"][..]),
        ("another CA", credentials(Some(other.ca()), client), &["peer certificate"]),
        ("no client certificate", credentials(ca.clone(), None), &ours),
        ("another client certificate", credentials(ca, Some(other.client())), &ours),
    ] {
        let store = open_with(&etcd.url(), given).unwrap();
        let error = Watcher::new(&store, view(&["s"])).lost().await;
        assert!(matches!(error, StoreError::Unavailable { .. }), "{what}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(&etcd.address()), "{what}: {text}");
        assert!(messages.iter().any(|message| text.contains(message)), "{what}: {text}");
    }
}

#[tokio::test]
async fn the_wrong_scheme() {
    let certificates = Arc::new(Certificates::new());
    let tls = Etcd::with_tls(certificates.clone()).await;
    let plain = Etcd::new().await;
    let complete = credentials(Some(certificates.ca()), Some(certificates.client()));
    let over_tls = open_with(&format!("etcds://{}", plain.address()), complete).unwrap();
    let over_plain = open(&format!("etcd://{}", tls.address()));
    for (store, etcd) in [(over_tls, plain), (over_plain, tls)] {
        let error = Watcher::new(&store, view(&["s"])).lost().await;
        println!("{error}");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(&etcd.address()), "{error}");
    }
}

#[tokio::test]
async fn files_that_are_not_there_or_not_pem() {
    let certificates = Certificates::new();
    let missing = certificates.ca().with_file_name("missing.pem");
    let (certificate, key) = certificates.client();
    for (ca, identity) in [
        (Some(missing.clone()), None),
        (Some(certificates.ca()), Some((missing.clone(), key))),
        (Some(certificates.ca()), Some((certificate, missing.clone()))),
    ] {
        let error = open_with("etcds://127.0.0.1", credentials(ca, identity)).unwrap_err();
        assert!(matches!(&error, StoreError::Credentials { path, .. } if *path == missing));
        assert!(error.to_string().contains("missing.pem"), "{error}");
    }
}
