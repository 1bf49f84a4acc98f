//! A replica that starts anew where the newest state is known to be bad; and one whose store is a
//! directory.

use etcstack_tests::{PATIENCE, Process, eventually};

use crate::replica::{RESTARTS, Replica};
use crate::stage::{Stage, count, text};

const BAD: &str = "bad/controller/s";
const ORDERS: &str = "s.conf/DEFAULT/orders";

/// A replica that has undone the newest state.
async fn rolled_back(stage: &Stage) -> (Replica<'_>, Process) {
    let replica = Replica::new(stage, "n1", RESTARTS);
    let process = replica.start(&[]).await;
    let good = stage.set(&[("s.conf/x/a", Some("good"))]).await;
    replica.settled(good).await;
    stage.set(&[(ORDERS, Some("die-on-start")), ("s.conf/x/a", Some("bad"))]).await;
    replica.state("rolled_back").await;
    eventually("it is marked", PATIENCE, async || stage.record(BAD).await.is_some()).await;
    (replica, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_one_starts_on_the_last_good_revision() {
    let stage = Stage::loaded().await;
    let (_old, _process) = rolled_back(&stage).await;
    let fresh = Replica::new(&stage, "n2", RESTARTS);
    let mut process = fresh.spawn(&[]);
    process.wait_for_line("n2 ready", PATIENCE).await;
    assert!(fresh.read("etc/s.conf").contains("a = good"));
    let status = fresh.wait_for("bad", |status| !status["bad"].is_null()).await;
    assert_eq!(status["bad"]["host"], "n1", "{status}");
    assert_ne!(status["state"], "current", "{status}");
    assert_eq!(count(&process, "die-on-start"), 0);
    let revision = stage.set(&[(ORDERS, None), ("s.conf/x/a", Some("next"))]).await;
    fresh.settled(revision).await;
    assert!(fresh.read("etc/s.conf").contains("a = next"));
    assert_eq!(fresh.starts(&process), 2);
}

/// What was good is forgotten: better not to start than to start on what is known to be bad.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_compaction_it_waits_and_says_so() {
    let stage = Stage::loaded().await;
    let (_old, _process) = rolled_back(&stage).await;
    stage.etcd.compact(stage.etcd.revision().await).await;
    let fresh = Replica::new(&stage, "n2", RESTARTS);
    let mut process = fresh.spawn(&[]);
    process.wait_for_line("the last good state cannot be read", PATIENCE).await;
    let status = fresh
        .wait_for("saying why it waits", |status| {
            let why = status["waiting_for"].to_string();
            why.contains("n1") && why.contains("change it to go on")
        })
        .await;
    assert_eq!(status["state"], "refused", "{status}");
    assert_eq!(fresh.starts(&process), 0);
    assert!(!fresh.path("etc/s.conf").exists());
    assert_eq!(fresh.get("/readyz").await.unwrap().status, 503);
    let revision = stage.set(&[(ORDERS, None), ("s.conf/x/a", Some("next"))]).await;
    process.wait_for_line("n2 ready", PATIENCE).await;
    fresh.settled(revision).await;
    assert_eq!(count(&process, "die-on-start"), 0);
}

/// A directory has no turns and no marks: whoever reads it restarts, and undoes, by itself.
#[tokio::test(flavor = "multi_thread")]
async fn restarts_of_one_that_reads_a_directory() {
    let stage = Stage::new().await;
    let set = |text: &str| stage.write("data/controller/s/s.conf", text);
    stage.write("data/general/all", "NAME=value\n");
    set("[x]\na = 1\n");
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("dir:{}", text(&stage.path("data"))));
    let mut process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    process.wait_for_line("n1 ready", PATIENCE).await;
    replica.state("current").await;
    let starts_with = async |text: &str, times: usize| {
        eventually(&format!("{times} starts, the last with {text}"), PATIENCE, async || {
            let lines = process.lines();
            let starts: Vec<_> =
                lines.iter().filter(|line| line.starts_with("n1 started")).collect();
            let last = starts.last().is_some_and(|line| line.contains(text));
            if starts.len() == times && last { Ok(()) } else { Err(format!("{starts:?}")) }
        })
        .await;
        replica
            .wait_for("having proved it", |status| status["processes"][0]["state"] == "ready")
            .await;
    };
    starts_with("a = 1", 1).await;
    set("[x]\na = $NAME\n");
    starts_with("a = value", 2).await;
    replica.state("current").await;
    set("[DEFAULT]\norders = die-on-start\n[x]\na = 3\n");
    starts_with("a = value", 4).await;
    let status = replica.state("rolled_back").await;
    assert_eq!(status["bad"]["host"], "n1", "{status}");
    assert!(replica.read("etc/s.conf").contains("a = value"));
    set("[x]\na = 4\n");
    starts_with("a = 4", 5).await;
    let status = replica.state("current").await;
    assert!(status["bad"].is_null(), "{status}");
    assert_eq!(replica.hups(&process), 0);
}
