//! What a daemon has to wait for before it is started.

use std::process::Command;

use etcstack_tests::{PATIENCE, Port, Process, binary};

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, count, text};

/// Waits until the agent says in its status that it waits for this.
async fn waits_for(replica: &Replica<'_>, what: &str) {
    let waits = |status: &serde_json::Value| {
        status["state"] == "waiting" && status["waiting_for"].to_string().contains(what)
    };
    replica.wait_for(&format!("waiting for {what}"), waits).await;
}

fn replica<'a>(stage: &'a Stage, wait_for: &str) -> Replica<'a> {
    let more = format!("[[wait_for]]\n{wait_for}\n");
    Replica::new(stage, "n1", Manifest { more: &more, ..USUAL })
}

/// Starts an agent that has to wait, lets come what it waits for, and sees the daemon start.
async fn starts_after(stage: &Stage, wait_for: &str, what: &str, come: impl AsyncFnOnce()) {
    let replica = replica(stage, wait_for);
    let mut process = replica.spawn(&[]);
    process.wait_for_line(&format!("waiting for {what}"), PATIENCE).await;
    waits_for(&replica, what).await;
    assert_eq!(replica.starts(&process), 0);
    come().await;
    process.wait_for_line("n1 ready", PATIENCE).await;
    let status = replica.settled(0).await;
    assert_eq!(status["waiting_for"].as_array().map(Vec::len), Some(0), "{status}");
    // Once, however often it was tried; a line at the end says that it is met.
    assert_eq!(count(&process, &format!("waiting for {what}")), 1);
}

/// A server that answers 200 or 503 by its orders.
fn server(port: &Port, orders: &str) -> Process {
    let mut testd = Command::new(binary("testd"));
    testd.args(["--name", "server", "--listen", &port.address(), "--orders", orders]);
    Process::spawn(&mut testd)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_whose_host_is_a_variable() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/MYSQL_HOST", "127.0.0.1").await;
    let port = Port::claim();
    let wait_for = format!("tcp = '$MYSQL_HOST:{}'", port.number());
    let mut database = None;
    let come = async || database = Some(server(&port, ""));
    starts_after(&stage, &wait_for, &format!("tcp {}", port.address()), come).await;
}

/// It is for one who knows the address later than the agent starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_comes_later() {
    let stage = Stage::loaded().await;
    let port = Port::claim();
    let _database = server(&port, "");
    let wait_for = format!("tcp = '$MYSQL_HOST:{}'", port.number());
    let replica = replica(&stage, &wait_for);
    let mut process = replica.spawn(&[]);
    process.wait_for_line("MYSQL_HOST", PATIENCE).await;
    assert_eq!(replica.starts(&process), 0);
    stage.etcd.put("general/MYSQL_HOST", "127.0.0.1").await;
    process.wait_for_line("n1 ready", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_status() {
    let stage = Stage::loaded().await;
    let port = Port::claim();
    let mut unready = server(&port, "not-ready");
    unready.wait_for_line("listening", PATIENCE).await;
    let wait_for = format!("http = 'http://{}/v3'", port.address());
    let mut ready = None;
    let address = port.address();
    starts_after(&stage, &wait_for, &format!("http://{address}"), async || {
        drop(unready);
        ready = Some(server(&port, ""));
    })
    .await;
    // The same server, and a status that is not the usual one.
    let replica = replica(&stage, &format!("http = 'http://{address}/'\nstatus = [503]"));
    let mut process = replica.spawn(&[]);
    waits_for(&replica, &address).await;
    drop(ready.take());
    let _unready = server(&port, "not-ready");
    process.wait_for_line("n1 ready", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_of_a_url_is_shown() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/PASSWORD", "hunter2").await;
    let address = Port::claim().address();
    let url = format!("http = 'http://{address}/v3?token=$PASSWORD'");
    let waiting = replica(&stage, &url);
    let process = waiting.spawn(&[]);
    waits_for(&waiting, &address).await;
    let status = waiting.status().await.unwrap().to_string();
    assert!(!status.contains("hunter2"), "{status}");
    assert_eq!(count(&process, "hunter2"), 0);
    drop(process);
    // One before the host is not sent at all, and that is a mistake to be told of.
    let refused = replica(&stage, &format!("http = 'http://user:hunter2@{address}/v3'"));
    let mut process = refused.spawn(&[]);
    assert_eq!(process.wait(PATIENCE).await.code(), Some(78));
    assert_eq!(count(&process, "hunter2"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_another_service() {
    let stage = Stage::loaded().await;
    let key = "_etcstack/bootstrap/keystone/endpoints";
    let put = async |runs: &str| stage.etcd.put(key, format!(r#"{{"runs":[{runs}]}}"#)).await;
    let failed = r#"{"outcome":"failed","at":"2026-01-01T00:00:00Z","image":"k:1"}"#;
    let done = failed.replace("failed", "done");
    put(failed).await;
    let come = async || put(&format!("{failed},{done}")).await;
    starts_after(&stage, "bootstrap = 'keystone/endpoints'", "bootstrap keystone/endpoints", come)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_a_file_and_a_command() {
    let stage = Stage::loaded().await;
    let key = "controller/nova/nova.conf/DEFAULT/x";
    starts_after(&stage, &format!("key = '{key}'"), &format!("key {key}"), async || {
        stage.etcd.put(key, "1").await;
    })
    .await;
    let file = text(&stage.path("keyring"));
    starts_after(&stage, &format!("file = '{file}'"), &format!("file {file}"), async || {
        stage.write("keyring", "");
    })
    .await;
    let other = text(&stage.path("other"));
    let command = format!("command = ['test', '-e', '{other}']");
    starts_after(&stage, &command, "command test", async || stage.write("other", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_have_to_be_there() {
    let stage = Stage::loaded().await;
    let [first, second] = ["first", "second"].map(|name| text(&stage.path(name)));
    let wait_for = format!("file = '{first}'\n[[wait_for]]\nfile = '{second}'");
    let replica = replica(&stage, &wait_for);
    let mut process = replica.spawn(&[]);
    waits_for(&replica, "first").await;
    stage.write("first", "");
    waits_for(&replica, "second").await;
    assert_eq!(replica.starts(&process), 0);
    stage.write("second", "");
    process.wait_for_line("n1 ready", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_is_over() {
    let stage = Stage::loaded().await;
    let address = Port::claim().address();
    let replica = replica(&stage, &format!("tcp = '{address}'\ntimeout = '1s'"));
    let mut process = replica.spawn(&[]);
    assert_eq!(process.wait(PATIENCE).await.code(), Some(69));
    let line = process.wait_for_line("error:", PATIENCE).await;
    assert!(line.contains(&address) && line.contains("refused"), "{line}");
    assert_eq!(replica.starts(&process), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_meanwhile_is_in_the_files() {
    let stage = Stage::loaded().await;
    let file = text(&stage.path("keyring"));
    let replica = replica(&stage, &format!("file = '{file}'"));
    let mut process = replica.spawn(&[]);
    waits_for(&replica, "keyring").await;
    stage.put("DEFAULT/debug", "changed").await;
    stage.write("keyring", "");
    process.wait_for_line("n1 ready", PATIENCE).await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("debug = changed"));
}
