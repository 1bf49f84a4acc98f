//! `etcstack-loader status` beside real agents, on a real etcd.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod agents;
mod faults;
mod follow;
mod wait;

use agents::{Stage, host};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// The fields of a replica in the JSON, as far as they are not the record's own.
const ADDED: [&str; 5] = ["newest", "behind", "converged", "stuck", "reason"];

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_have_converged() {
    let stage = Stage::loaded().await;
    let (_one, _two) = tokio::join!(stage.start("s", "n1"), stage.start("s", "n2"));
    let shown = stage.wait(&["--count", "2"]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.text.contains("s: 2 replicas, all have converged"), "{shown:?}");
    let revision = stage.put("DEFAULT/debug", "true").await;
    assert_eq!(stage.wait(&["--service", "s", "--count", "2"]).await.code, 0);
    let status = stage.json(&[]).await;
    assert_eq!((&status["converged"], &status["loading"]), (&json!(true), &json!(false)));
    assert_eq!(
        status["services"],
        json!([{"service": "s", "replica_count": 2, "converged_count": 2}])
    );
    for name in ["n1", "n2"] {
        let replica = host(&status, name);
        assert_eq!(replica["newest"], revision, "{replica}");
        assert!(replica["revisions"]["applied"].as_i64() >= Some(revision), "{replica}");
        assert_eq!((&replica["state"], &replica["reason"]), (&json!("current"), &Value::Null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_is_the_record_and_what_was_found() {
    let stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    let status = stage.json(&["--host", "n1"]).await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&status),
        ["converged", "loading", "missing", "replicas", "revision", "services"]
    );
    let bytes = stage.etcd.get("_etcstack/status/controller/s/n1").await.unwrap();
    let record: Value = serde_json::from_slice(&bytes).unwrap();
    let replica = host(&status, "n1");
    for (name, field) in record.as_object().unwrap() {
        assert_eq!(&replica[name], field, "{name}");
    }
    let mut expected = names(&record);
    expected.extend(ADDED.map(str::to_owned));
    expected.sort();
    assert_eq!(names(&replica), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_concerns_a_replica_makes_it_behind() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/USED", "$DEEP").await;
    stage.etcd.put("general/DEEP", "1").await;
    stage.put("DEFAULT/uses", "$USED").await;
    stage.put("DEFAULT/extra", "1").await;
    let agent = stage.start("s", "n1").await;
    assert_eq!(stage.wait(&[]).await.code, 0);
    // From here on it sees nothing.
    agent.signal(Signal::SIGSTOP);
    let replica = async || host(&stage.json(&[]).await, "n1");
    let before = replica().await;
    for key in [
        "controller/other/s.conf/DEFAULT/debug",
        "compute/s/s.conf/DEFAULT/debug",
        "general/UNUSED",
        "_etcstack/loaded/controller/s/0",
    ] {
        stage.etcd.put(key, "[]").await;
    }
    // What was there already.
    stage.put("DEFAULT/extra", "1").await;
    let after = replica().await;
    assert_eq!(after["converged"], true, "{after}");
    // The value that was set to itself may be the newest, but not newer than what was read.
    assert!(after["newest"].as_i64() <= before["revisions"]["seen"].as_i64(), "{after}");

    let revision = stage.set("general/DEEP", "2").await;
    let behind = replica().await;
    assert_eq!((&behind["behind"], &behind["newest"]), (&json!(true), &json!(revision)));
    assert_eq!(behind["state"], "current");
    let shown = stage.run(&[]).await;
    let row = shown.text.lines().find(|line| line.contains("n1")).unwrap();
    assert!(row.contains("behind") && !row.contains("current"), "{row}");

    stage.set("general/DEEP", "1").await;
    assert_eq!(replica().await["behind"], false);
    // A deletion has no revision of its own.
    stage.etcd.delete("controller/s/s.conf/DEFAULT/extra").await;
    let behind = replica().await;
    assert_eq!(behind["behind"], true, "{behind}");
    assert!(behind["newest"].as_i64() > behind["revisions"]["seen"].as_i64(), "{behind}");
    agent.signal(Signal::SIGCONT);
    assert_eq!(stage.wait(&[]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_layers() {
    let stage = Stage::loaded().await;
    let _one = stage.start("s", "n1").await;
    let _two = stage.start_as("controller,controller@r7", "s", "n2").await;
    assert_eq!(stage.wait(&["--count", "2"]).await.code, 0);
    let revision = stage.set("controller@r7/s/s.conf/DEFAULT/debug", "true").await;
    assert_eq!(stage.wait(&["--role", "controller@r7"]).await.code, 0);
    let status = stage.json(&["--role", "controller"]).await;
    assert_eq!(host(&status, "n2")["newest"], revision);
    assert!(host(&status, "n1")["newest"].as_i64() < Some(revision));
    let one = stage.json(&["--role", "controller@r7"]).await;
    assert_eq!(one["replicas"].as_array().unwrap().len(), 1);
}
