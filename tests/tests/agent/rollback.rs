//! A change that the daemon does not survive: undone, and marked for the others.

use std::time::Duration;

use etcstack_tests::{PATIENCE, Process, eventually};
use serde_json::Value;

use crate::replica::{Manifest, RESTARTS, Replica, USUAL};
use crate::stage::{Stage, count};

const BAD: &str = "bad/controller/s";
const ORDERS: &str = "s.conf/DEFAULT/orders";
/// Long enough for a start on a busy machine.
const SOON: &str = "timeout = '4s'\nsettle = '300ms'";

/// Waits for the rollback of this revision, and checks all that belongs to it.
async fn rolled_back(stage: &Stage, replica: &Replica<'_>, process: &Process, bad: i64) {
    let status = replica.state("rolled_back").await;
    // It was read when it was there, or a little later.
    assert!(status["bad"]["revision"].as_i64() >= Some(bad), "{status}");
    assert_eq!(status["bad"]["host"], replica.host(), "{status}");
    assert!(!replica.read("etc/s.conf").contains("orders"), "{}", replica.read("etc/s.conf"));
    assert!(!replica.read("etc/other.conf").contains("with = it"));
    let marked = async || stage.record(BAD).await;
    let record = eventually("the revision is marked bad", PATIENCE, marked).await;
    assert_eq!(record["revision"], status["bad"]["revision"], "{record}");
    assert_eq!(record["host"], replica.host(), "{record}");
    // Its last start was on the last good files.
    eventually("it runs on the last good files", PATIENCE, async || {
        let lines = process.lines();
        let last = lines.iter().rfind(|line| line.starts_with("n1 started ")).unwrap();
        if last.contains("orders") { Err(last.clone()) } else { Ok(()) }
    })
    .await;
    assert_eq!(process.status(), None);
}

/// The next revision clears the mark and is applied.
async fn recovers(stage: &Stage, replica: &Replica<'_>, process: &Process) {
    let revision = stage.set(&[(ORDERS, None), ("s.conf/x/next", Some("1"))]).await;
    let status = replica.settled(revision).await;
    assert!(status["bad"].is_null(), "{status}");
    assert!(replica.read("etc/s.conf").contains("next = 1"));
    assert!(replica.read("etc/other.conf").contains("with = it"));
    assert_eq!(process.status(), None);
    eventually("the mark is gone", PATIENCE, async || stage.record(BAD).await.is_none()).await;
}

async fn is_undone(manifest: Manifest<'_>, arguments: &[&str], orders: &str, starts: usize) {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", manifest);
    let process = replica.start(arguments).await;
    let before = [replica.read("etc/s.conf"), replica.read("etc/other.conf")];
    let bad = stage.set(&[(ORDERS, Some(orders)), ("other.conf/x/with", Some("it"))]).await;
    rolled_back(&stage, &replica, &process, bad).await;
    assert_eq!([replica.read("etc/s.conf"), replica.read("etc/other.conf")], before);
    eventually("the last start", PATIENCE, async || replica.starts(&process) >= starts).await;
    recovers(&stage, &replica, &process).await;
    // The way on is a reload or a restart, by the manifest.
    let on = usize::from(manifest.file.contains("restart"));
    assert_eq!(replica.starts(&process), starts + on, "{orders}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_start_any_more() {
    is_undone(RESTARTS, &[], "die-on-start:3", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_by_what_it_reads() {
    is_undone(RESTARTS, &[], "die-on-start:KILL", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_ends_well_after_a_change_has_ended() {
    is_undone(RESTARTS, &[], "die-on-start:0", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_of_a_reload() {
    is_undone(USUAL, &[], "die-on-hup:1", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_soon_after_it_was_ready() {
    let ready = "timeout = '60s'\nsettle = '3s'";
    is_undone(Manifest { ready, ..USUAL }, &[], "die-after:100:2", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_not_ready_after_a_reload() {
    is_undone(Manifest { ready: SOON, ..USUAL }, &[], "not-ready", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_not_ready_after_a_restart() {
    is_undone(Manifest { ready: SOON, ..RESTARTS }, &[], "not-ready", 3).await;
}

/// It does not listen to TERM either; the grace period ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_stuck_after_a_change() {
    let more = "[stop]\ngrace = '500ms'";
    let orders = "not-ready ignore-term stubborn:1";
    is_undone(Manifest { ready: SOON, more, ..RESTARTS }, &[], orders, 3).await;
}

/// One that has never been well has no good state to go back to: the agent ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_never_well_blames_no_change() {
    let stage = Stage::loaded().await;
    stage.set(&[(ORDERS, Some("not-ready die-on-hup:3"))]).await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut process = replica.spawn(&[]);
    process.wait_for_line("n1 started", PATIENCE).await;
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    assert_eq!(process.wait(PATIENCE).await.code(), Some(3));
    assert_eq!(stage.record(BAD).await, None);
    assert!(replica.read("etc/s.conf").contains("a = 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_late_is_waited_for() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let process = replica.start(&[]).await;
    let revision = stage.set(&[(ORDERS, Some("ready-after:1500"))]).await;
    replica.settled(revision).await;
    assert_eq!(replica.starts(&process), 2);
    assert_eq!(stage.record(BAD).await, None);
}

/// A probe of tcp, and one that is a command.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_by_other_probes() {
    for (probe, orders) in [("tcp", "deaf"), ("command", "not-ready")] {
        let stage = Stage::loaded().await;
        let replica = Replica::new(&stage, "n1", USUAL);
        let file = replica.path("is-ready");
        let ready = match probe {
            "tcp" => format!("tcp = '{}'\n{SOON}", replica.address()),
            _ => format!("command = ['test', '-e', '{}']\n{SOON}", file.display()),
        };
        replica.manifest(Manifest { ready: &ready, ..USUAL });
        let process = replica.start(&["--ready-file", file.to_str().unwrap()]).await;
        let bad = stage.set(&[(ORDERS, Some(orders)), ("other.conf/x/with", Some("it"))]).await;
        rolled_back(&stage, &replica, &process, bad).await;
        recovers(&stage, &replica, &process).await;
    }
}

/// What it lacked, it lacked before.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_not_ready_before_is_no_reason_to_blame_a_change() {
    let stage = Stage::loaded().await;
    let ready = "timeout = '1s'\nsettle = '50ms'";
    let replica = Replica::new(&stage, "n1", Manifest { ready, ..USUAL });
    let needs = replica.path("needed");
    let mut process = replica.spawn(&["--needs", needs.to_str().unwrap()]);
    process.wait_for_line("n1 ready", PATIENCE).await;
    replica.wait_for("applied", |status| status["revisions"]["applied"].as_i64() > Some(0)).await;
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    // Far longer than it may take to be ready.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(replica.read("etc/s.conf").contains("a = 1"));
    assert_eq!(replica.starts(&process), 1);
    assert_eq!(stage.record(BAD).await, None);
    stage.write("n1/needed", "");
    let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
    replica.settled(revision).await;
}

/// One more start, and not a second: the agent ends, and whoever started it may do better.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_live_with_the_last_good_files_either() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let broken = stage.path("broken");
    let script = "echo n1 attempt; test -e \"$0\" && exit 5; exec \"$@\"";
    let mut agent = replica.agent();
    agent.args(["--", "sh", "-c", script]).arg(&broken).args(replica.daemon(&[]));
    let mut process = Process::spawn(&mut agent);
    process.wait_for_line("n1 ready", PATIENCE).await;
    replica.settled(0).await;
    stage.write("broken", "");
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    assert_eq!(process.wait(PATIENCE).await.code(), Some(5));
    assert_eq!(replica.said(&process, "attempt"), 3);
    assert!(!replica.read("etc/s.conf").contains("a = 1"));
}

/// The container that starts again finds the mark, and its own last good files.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_revision_is_not_tried_by_an_agent_that_starts_again() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let process = replica.start(&[]).await;
    stage.set(&[(ORDERS, Some("die-on-start"))]).await;
    replica.state("rolled_back").await;
    // The mark is written meanwhile; an agent that is killed before it is there knows nothing of it.
    eventually("the mark", PATIENCE, async || stage.record(BAD).await).await;
    drop(process);
    let mut process = replica.spawn(&[]);
    process.wait_for_line("n1 ready", PATIENCE).await;
    assert_eq!(count(&process, "die-on-start"), 0);
    let status = replica.wait_for("bad", |status| !status["bad"].is_null()).await;
    assert_ne!(status["state"], "current", "{status}");
    let revision = stage.set(&[(ORDERS, None)]).await;
    replica.settled(revision).await;
}

/// Not what was there before it was undone.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_of_the_files_that_are_there() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let _process = replica.start(&[]).await;
    let before = replica.settled(0).await;
    let bad = stage.set(&[(ORDERS, Some("die-on-start")), ("other.conf/x/a", Some("1"))]).await;
    let after = replica.state("rolled_back").await;
    assert_eq!(after["files"], before["files"], "the digests");
    assert!(after["revisions"]["applied"].as_i64() < Some(bad), "{after}");
    assert!(after["last_error"]["revision"].as_i64() >= Some(bad), "{after}");
}

/// No value stands in the record: any of them may be a password.
#[tokio::test(flavor = "multi_thread")]
async fn the_mark_tells_what_and_no_value() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let _process = replica.start(&[]).await;
    stage.set(&[(ORDERS, Some("die-on-start:3")), ("s.conf/x/password", Some("hunter2"))]).await;
    replica.state("rolled_back").await;
    let record = eventually("the mark", PATIENCE, async || stage.record(BAD).await).await;
    let reason = record["reason"].as_str().unwrap();
    assert!(reason.contains('3'), "the exit code: {record}");
    for text in [record.to_string(), replica.status().await.unwrap().to_string()] {
        assert!(!text.contains("hunter2") && !text.contains("die-on-start"), "{text}");
    }
    assert!(matches!(record["revision"], Value::Number(_)), "{record}");
}

/// What comes while a bad change is on trial may be the remedy: the daemon does not know of it yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_during_the_trial_is_not_blamed() {
    let ready = "timeout = '60s'\nsettle = '6s'";
    let reload = "min_interval = '20s'";
    for remedy in [None, Some("ready-after:1")] {
        let stage = Stage::loaded().await;
        let replica = Replica::new(&stage, "n1", Manifest { ready, reload, ..USUAL });
        let mut process = replica.start(&[]).await;
        replica.settled(0).await;
        stage.set(&[(ORDERS, Some("die-after:3000:4"))]).await;
        process.wait_for_line("n1 got HUP", PATIENCE).await;
        let revision = stage.set(&[(ORDERS, remedy)]).await;
        process.wait_for_line("the last good files come back", PATIENCE).await;
        replica.settled(revision).await;
        assert_eq!(replica.read("etc/s.conf").contains("ready-after"), remedy.is_some());
        assert!(!replica.read("etc/s.conf").contains("die-after"));
        eventually("no mark", PATIENCE, async || stage.record(BAD).await.is_none()).await;
        assert_eq!(process.status(), None);
    }
}

/// What is given to the daemon may keep it from being started at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_cannot_be_started_after_a_change() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/LARGE", "1").await;
    let more = "[environment]\nexport = ['LARGE']\n";
    let replica = Replica::new(&stage, "n1", Manifest { more, ..USUAL });
    let process = replica.start(&[]).await;
    replica.settled(0).await;
    // Linux takes 128 KiB for one variable.
    stage.etcd.put("general/LARGE", vec![b'x'; 200_000]).await;
    replica.state("rolled_back").await;
    assert_eq!(process.status(), None);
    stage.etcd.put("general/LARGE", "2").await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
}
