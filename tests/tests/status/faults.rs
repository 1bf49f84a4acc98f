//! Stores and records that are not as they should be.

use std::process::Command;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{PATIENCE, Port, Process, binary};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::agents::{Stage, end, host};

#[tokio::test(flavor = "multi_thread")]
async fn records_that_no_agent_has_written() {
    let stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    assert_eq!(stage.wait(&[]).await.code, 0);
    for (key, value) in [
        ("controller/s/n2", "hunter2"),
        ("controller/s/n3", "{\"state\": {\"secret\": \"hunter2\"}}"),
        ("controller/s/n4", "{\"state\": \"dreaming\", \"dreams\": 3}"),
        ("_/s/n5", "{}"),
        ("stray\x1b[31m", "{}"),
    ] {
        stage.etcd.put(&format!("_etcstack/status/{key}"), value).await;
    }
    stage.etcd.put("_etcstack/status/controller/s/n6", vec![0xff, 0xfe]).await;
    let shown = stage.run(&[]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(!shown.text.contains("hunter2") && !shown.text.contains('\x1b'), "{shown:?}");
    let row = |host: &str| {
        let found = shown.text.lines().find(|line| line.contains(host));
        found.unwrap_or_else(|| panic!("no {host} in {shown:?}"))
    };
    for (name, text) in [
        ("n2", "its record is not JSON"),
        ("n3", "its record is not the status of an agent"),
        ("n5", "its key: \"_\" is no role"),
        ("n6", "its record is not JSON"),
        ("stray", "its key is not _etcstack/status/ROLES/SERVICE/HOST"),
    ] {
        assert!(row(name).contains("unreadable") && row(name).contains(text), "{}", row(name));
    }
    let status = stage.json(&[]).await;
    assert_eq!(host(&status, "n1")["converged"], true);
    let dreaming = host(&status, "n4");
    assert_eq!((&dreaming["state"], &dreaming["dreams"]), (&json!("dreaming"), &json!(3)));
    // They are no replicas that have converged.
    let shown = stage.run(&["--wait", "--timeout", "300ms"]).await;
    assert_eq!(shown.code, 75, "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_compacted_is_judged_by_the_revisions_that_are_left() {
    let stage = Stage::loaded().await;
    let agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    agent.signal(Signal::SIGSTOP);
    for number in 0..3 {
        stage.etcd.put("controller/other/s.conf/DEFAULT/x", number.to_string()).await;
    }
    stage.etcd.compact(stage.etcd.revision().await).await;
    assert_eq!(host(&stage.json(&[]).await, "n1")["converged"], true);
    let revision = stage.put("DEFAULT/debug", "true").await;
    let replica = host(&stage.json(&[]).await, "n1");
    assert_eq!((&replica["behind"], &replica["newest"]), (&json!(true), &json!(revision)));
    agent.signal(Signal::SIGCONT);
    assert_eq!(stage.wait(&[]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_is_waited_for() {
    let mut stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    let mut waiting = stage.waiting(&["--count", "2"]).await;
    stage.etcd.stop_hard().await;
    waiting.wait_for_line("the store cannot be read", PATIENCE).await;
    stage.etcd.start().await;
    let _other = stage.start("s", "n2").await;
    assert_eq!(end(&mut waiting).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let port = Port::claim();
    for (store, code, message) in [
        (format!("etcd://{}", port.address()), 69, "refused"),
        (format!("dir:{}", folder.path().display()), 64, "the store is a directory"),
        ("ftp://x".to_owned(), 64, "etcd://HOST"),
    ] {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(["status", "--store", &store, "--start-timeout", "300ms"]);
        let shown = end(&mut Process::spawn(&mut command)).await;
        assert_eq!(shown.code, code, "{shown:?}");
        assert!(shown.text.contains(message), "{shown:?}");
    }
    let mut command = Command::new(binary("etcstack-loader"));
    command.args(["status", "--timeout", "1s"]);
    assert_eq!(end(&mut Process::spawn(&mut command)).await.code, 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rights_to_read_are_needed_and_all_of_them() {
    let mut stage = Stage::new().await;
    stage.etcd.put("general/HOST", "db").await;
    stage.put("DEFAULT/host", "$HOST").await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    #[allow(clippy::disallowed_methods)]
    std::fs::write(stage.path("password"), "pw").unwrap();
    stage.etcd.enable_auth("root-pw").await;
    let below = |prefix: &str| Permission::new(PermissionType::Read, prefix).with_prefix();
    let all = [
        below("_etcstack/status/"),
        below("controller/s/"),
        Permission::new(PermissionType::Read, "general/HOST"),
        Permission::new(PermissionType::Read, "_etcstack/load"),
    ];
    for missing in 0..=all.len() {
        let user = format!("user{missing}");
        let rights = all.iter().enumerate().filter(|(number, _)| *number != missing);
        let rights = rights.map(|(_, right)| right.clone()).collect();
        stage.etcd.add_user(&user, "pw", rights).await;
        let mut command = stage.command(&["--user", &user, "--password-file"]);
        let shown = end(&mut Process::spawn(command.arg(stage.path("password")))).await;
        if missing == all.len() {
            assert_eq!(shown.code, 0, "{shown:?}");
            assert!(shown.text.contains("has converged"), "{shown:?}");
        } else {
            assert_eq!(shown.code, 77, "{missing}: {shown:?}");
            assert!(shown.text.contains("permission denied"), "{shown:?}");
        }
    }
}
