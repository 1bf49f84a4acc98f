//! What only etcd has: prefixes, sizes, bytes, endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::TxnOp;
use etcstack_config::Entries;
use etcstack_store::{Outcome, StoreError, View};
use etcstack_tests::{Etcd, Port};

use crate::{Watcher, entries, failure, open, put, snapshot, variables, view};

#[tokio::test]
async fn keys_below_another_prefix_are_not_seen() {
    let etcd = Etcd::new().await;
    let here = "r/s/s.conf/DEFAULT/a";
    for prefix in ["one/", "on/", "one2/", "two/one/", ""] {
        etcd.put(&format!("{prefix}{here}"), format!("{prefix} $A")).await;
        etcd.put(&format!("{prefix}general/A"), prefix).await;
    }
    for (url, prefix) in
        [(etcd.url_with("one"), "one/"), (etcd.url(), ""), (etcd.url_with("two/one"), "two/one/")]
    {
        let store = open(&url);
        let value = format!("{prefix} $A");
        let expected = entries(&[("general/A", prefix), (here, &value)]);
        assert_eq!(snapshot(&store, &view(&["s"])).await, expected);
        let mut watcher = Watcher::new(&store, view(&["s"]));
        assert_eq!(watcher.state().await, expected);
        for other in ["on/", "one2/", "three/"] {
            etcd.put(&format!("{other}{here}"), url.as_str()).await;
            etcd.put(&format!("{other}general/A"), url.as_str()).await;
            etcd.put(&format!("{other}_etcstack/load"), "x").await;
        }
        store.commit(&[], &[put(here, "through the store")]).await.unwrap();
        assert_eq!(watcher.state().await, entries(&[(here, "through the store")]));
        assert_eq!(etcd.get(&format!("{prefix}{here}")).await.unwrap(), b"through the store");
    }
}

#[tokio::test]
async fn everything_below_a_prefix() {
    let etcd = Etcd::new().await;
    for url in [etcd.url(), etcd.url_with("p")] {
        let store = open(&url);
        let mut watcher = Watcher::new(&store, View::everything());
        watcher.state().await;
        store.commit(&[], &[put("general/NEW", "1")]).await.unwrap();
        assert_eq!(watcher.state().await["general/NEW"], b"1");
    }
}

#[tokio::test]
async fn changes_elsewhere_wake_nobody() {
    let etcd = Etcd::new().await;
    etcd.put("r/s/s.conf/DEFAULT/a", "$A").await;
    // Each look at the store asks the view at least once.
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = looks.clone();
    let view = View::new(vec!["r/s/".into()], move |entries| {
        counter.fetch_add(1, Ordering::SeqCst);
        variables(entries)
    });
    let store = open(&etcd.url());
    let mut watcher = Watcher::new(&store, view);
    watcher.state().await;
    // How many looks there have been when a change of the variable has arrived.
    let mut looks_at = async |value: &str, more: &[&str]| {
        let keys = more.iter().copied().chain(["general/A"]);
        etcd.txn(keys.map(|key| TxnOp::put(key, value, None)).collect()).await;
        watcher.until("general/A", value).await;
        looks.load(Ordering::SeqCst)
    };
    let first = looks_at("1", &[]).await;
    let second = looks_at("2", &[]).await;
    let one = second - first;
    assert!(one > 0);
    for n in 0..20 {
        for key in ["r/t/t.conf/DEFAULT/a", "r/ss/s.conf/a/b", "general/B", "q/s/s.conf/DEFAULT/a"]
        {
            etcd.put(key, n.to_string()).await;
        }
        etcd.delete("general/B").await;
    }
    assert_eq!(looks_at("3", &[]).await, second + one);
    // What several watches tell of one transaction is one reason to look.
    looks_at("4", &["r/s/s.conf/DEFAULT/b"]).await;
    assert_eq!(looks_at("5", &[]).await, second + 3 * one);
}

#[tokio::test]
async fn five_thousand_keys() {
    let etcd = Etcd::new().await;
    let mut expected = Entries::new();
    for n in 0..5000 {
        let value = n.to_string().repeat(1024).into_bytes()[..1024].to_vec();
        expected.insert(format!("r/s/s.conf/DEFAULT/option_{n}"), value);
    }
    let pairs: Vec<_> = expected.iter().collect();
    for chunk in pairs.chunks(100) {
        let puts = chunk.iter().map(|(k, v)| TxnOp::put(k.as_bytes(), v.as_slice(), None));
        etcd.txn(puts.collect()).await;
    }
    let store = open(&etcd.url());
    assert_eq!(snapshot(&store, &view(&["s"])).await, expected);
    let mut watcher = Watcher::new(&store, view(&["s"]));
    assert_eq!(watcher.state().await, expected);
    etcd.put("r/s/s.conf/DEFAULT/option_1", "x").await;
    expected.insert("r/s/s.conf/DEFAULT/option_1".into(), b"x".to_vec());
    assert_eq!(watcher.state().await, expected);
}

/// More than fit into one transaction of etcd.
#[tokio::test]
async fn a_thousand_variables_of_one_revision() {
    const COUNT: usize = 1000;
    let etcd = Etcd::new().await;
    let names: Vec<_> = (0..COUNT).map(|n| format!("general/V{n}")).collect();
    for chunk in names.chunks(100) {
        etcd.txn(chunk.iter().map(|name| TxnOp::put(name.as_str(), "0", None)).collect()).await;
    }
    let value: Vec<_> = (0..COUNT).map(|n| format!("$V{n}")).collect();
    etcd.put("r/s/s.conf/DEFAULT/a", value.join(" ")).await;
    let store = open(&etcd.url());
    assert_eq!(snapshot(&store, &view(&["s"])).await.len(), COUNT + 1);
    let mut watcher = Watcher::new(&store, view(&["s"]));
    assert_eq!(watcher.state().await.len(), COUNT + 1);
    // The first and the last one, which stand in different requests, always change together.
    let (first, last) = (&names[0], &names[COUNT - 1]);
    let reader = async {
        loop {
            let state = watcher.state().await;
            assert_eq!(state[first], state[last], "mixed");
            if state[first] == b"100" {
                return;
            }
        }
    };
    let writer = async {
        for n in 1..=100 {
            let both = [first, last].map(|name| TxnOp::put(name.as_str(), n.to_string(), None));
            etcd.txn(both.to_vec()).await;
        }
    };
    tokio::join!(reader, writer);
}

#[tokio::test]
async fn bytes_that_are_no_text_come_through() {
    let etcd = Etcd::new().await;
    let bytes = [0, 0xff, 0xfe, b'\n', 0x80];
    etcd.put("r/s/key", bytes).await;
    etcd.txn(vec![TxnOp::put(&b"r/s/\xff"[..], "no text", None)]).await;
    let store = open(&etcd.url());
    let found = snapshot(&store, &view(&["s"])).await;
    assert_eq!(found, Entries::from([("r/s/key".to_owned(), bytes.to_vec())]));
}

#[tokio::test]
async fn the_first_endpoint_is_dead_from_the_start() {
    let etcd = Etcd::new().await;
    let dead = Port::claim();
    let store = open(&format!("etcd://{},{}", dead.address(), etcd.address()));
    let mut watcher = Watcher::new(&store, view(&["s"]));
    assert_eq!(watcher.state().await, Entries::new());
    assert_eq!(snapshot(&store, &view(&["s"])).await, Entries::new());
    let outcome = store.commit(&[], &[put("r/s/s.conf/DEFAULT/a", "1")]).await;
    assert!(matches!(outcome, Ok(Outcome::Committed(_))));
    // Nothing was lost meanwhile, since another endpoint answered.
    assert_eq!(watcher.state().await, entries(&[("r/s/s.conf/DEFAULT/a", "1")]));
}

#[tokio::test]
async fn nobody_listens() {
    let port = Port::claim();
    let store = open(&format!("etcd://{}/prefix", port.address()));
    for error in [
        failure(&store, Duration::from_secs(1)).await,
        Watcher::new(&store, view(&["s"])).lost().await,
        store.commit(&[], &[put("general/A", "1")]).await.map(|_| ()).unwrap_err(),
    ] {
        let StoreError::Unavailable { endpoint, reason } = &error else {
            panic!("{error}");
        };
        assert_eq!(*endpoint, format!("http://{}", port.address()));
        assert!(reason.contains("refused"), "{error}");
        assert!(!error.is_final());
    }
}

/// Somebody listens and says nothing, as a firewall or a hanging host does.
#[tokio::test]
async fn nobody_answers() {
    let port = Port::claim();
    // The kernel takes the connections, and nobody ever accepts them.
    let _listener = std::net::TcpListener::bind(port.address()).unwrap();
    let store = open(&format!("etcd://{}", port.address()));
    for error in [
        failure(&store, Duration::from_millis(500)).await,
        Watcher::new(&store, view(&["s"])).lost().await,
        store.commit(&[], &[put("general/A", "1")]).await.map(|_| ()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains(&port.address()) && text.contains("no answer within"), "{text}");
        assert!(!error.is_final());
    }
}

#[tokio::test]
async fn a_transaction_that_etcd_refuses() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url());
    let many: Vec<_> = (0..200).map(|n| put(&format!("general/V{n}"), "x")).collect();
    let large = [put("r/s/file", vec![b'x'; 3_000_000])];
    for writes in [&many[..], &large] {
        let error = store.commit(&[], writes).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Rejected { .. }), "{error}");
        assert!(error.is_final());
    }
    assert!(snapshot(&store, &View::everything()).await.is_empty());
    // What the limits allow goes in.
    let limits = etcstack_store::LIMITS;
    let size = limits.bytes / limits.operations;
    let writes: Vec<_> = (0..limits.operations)
        .map(|n| {
            let key = format!("r/s/{n:03}");
            put(&key, vec![b'x'; size - key.len() - 32])
        })
        .collect();
    assert!(writes.iter().map(etcstack_store::Write::size).sum::<usize>() + size > limits.bytes);
    assert!(matches!(store.commit(&[], &writes).await, Ok(Outcome::Committed(_))));
}

#[tokio::test]
async fn when_keys_were_changed_last() {
    let etcd = Etcd::new().await;
    let store = open(&etcd.url_with("p"));
    // More than one request asks for.
    let names: Vec<_> = (0..300).map(|number| format!("$V{number}")).collect();
    let value = names.concat();
    etcd.put("r/s/s.conf/DEFAULT/a", "elsewhere").await;
    let committed = async |write| match store.commit(&[], &[write]).await.unwrap() {
        Outcome::Committed(revision) => revision,
        Outcome::Conflict => panic!("there was nothing to expect"),
    };
    let own = committed(put("r/s/s.conf/DEFAULT/a", value)).await;
    committed(put("general/V299", "1")).await;
    let newest = committed(put("general/V299", "1")).await;
    committed(put("general/UNUSED", "1")).await;
    committed(put("r/t/s.conf/DEFAULT/a", "1")).await;
    let read = store.revisions(&view(&["s"])).await.unwrap();
    assert_eq!(read.snapshot.entries, snapshot(&store, &view(&["s"])).await);
    assert_eq!(read.snapshot.revision, etcd.revision().await);
    let expected = [("general/V299", newest), ("r/s/s.conf/DEFAULT/a", own)];
    let expected = expected.map(|(key, revision)| (key.to_owned(), revision));
    assert_eq!(read.changed, expected.into());
}
