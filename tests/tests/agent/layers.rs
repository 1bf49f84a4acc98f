//! Replicas that have a layer in common and one of their own each.

use etcd_client::TxnOp;
use etcstack_tests::{PATIENCE, Process, eventually};

use crate::replica::{RESTARTS, Replica};
use crate::stage::Stage;

const HOSTS: [&str; 2] = ["n1", "n2"];
const SLOT: &str = "_etcstack/turns/compute/s/0";

fn spawn(replica: &Replica<'_>) -> Process {
    let mut agent = replica.agent();
    agent.env("ETCSTACK_ROLE", format!("compute,compute@{}", replica.host()));
    Process::spawn(agent.arg("--").args(replica.daemon(&[])))
}

async fn start(stage: &Stage) -> ([Replica<'_>; 2], [Process; 2]) {
    stage.etcd.put("compute/s/s.conf/DEFAULT/debug", "true").await;
    for host in HOSTS {
        stage.etcd.put(&format!("compute@{host}/s/s.conf/x/own"), host).await;
    }
    let replicas = HOSTS.map(|host| Replica::new(stage, host, RESTARTS));
    let processes = [spawn(&replicas[0]), spawn(&replicas[1])];
    for replica in &replicas {
        replica.settled(0).await;
        assert!(replica.read("etc/s.conf").contains(&format!("own = {}", replica.host())));
    }
    (replicas, processes)
}

/// Sets options of the common layer while somebody else has the turn, and lets the replicas have it
/// when both of them wait.
async fn change(stage: &Stage, replicas: &[Replica<'_>; 2], options: &[(&str, &str)]) -> i64 {
    stage.etcd.put(SLOT, r#"{"holder":"elsewhere","since":0}"#).await;
    let put = |(option, value): &(&str, &str)| {
        TxnOp::put(format!("compute/s/s.conf/{option}"), *value, None)
    };
    let revision = stage.etcd.txn(options.iter().map(put).collect()).await;
    for replica in replicas {
        replica
            .wait_for("waiting for its turn", |status| {
                status["waiting_for"].to_string().contains("elsewhere")
            })
            .await;
    }
    stage.etcd.delete(SLOT).await;
    revision
}

fn tried(process: &Process) -> bool {
    process.lines().iter().any(|line| line.contains(" started ") && line.contains("die-on-start"))
}

/// Each of them reads another state, and a mark names only one of those.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_the_first_is_not_tried_by_the_second() {
    let stage = Stage::new().await;
    let (replicas, processes) = start(&stage).await;
    change(&stage, &replicas, &[("DEFAULT/orders", "die-on-start"), ("x/a", "1")]).await;
    for replica in &replicas {
        replica.wait_for("knowing of it", |status| !status["bad"].is_null()).await;
    }
    // The next change is good for both, and takes turns as ever.
    let revision = change(&stage, &replicas, &[("DEFAULT/orders", ""), ("x/a", "2")]).await;
    for replica in &replicas {
        replica.settled(revision).await;
        assert!(replica.read("etc/s.conf").contains("a = 2"));
    }
    let tried: Vec<_> = processes.iter().map(tried).collect();
    assert_eq!(tried.iter().filter(|tried| **tried).count(), 1, "{tried:?}");
    let starts = [0, 1].map(|n| replicas[n].starts(&processes[n]));
    assert!([[4, 2], [2, 4]].contains(&starts), "{starts:?}");
    eventually("the mark is gone", PATIENCE, async || {
        stage.record("bad/compute/s").await.is_none()
    })
    .await;
}

/// What is wrong with the one's own layer is nothing to the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_of_ones_own() {
    let stage = Stage::new().await;
    let (replicas, processes) = start(&stage).await;
    stage.etcd.put("compute@n1/s/s.conf/DEFAULT/orders", "die-on-start").await;
    replicas[0].state("rolled_back").await;
    let put = TxnOp::put("compute@n2/s/s.conf/x/a", "1", None);
    let revision = stage.etcd.txn(vec![put]).await;
    replicas[1].settled(revision).await;
    assert!(replicas[1].read("etc/s.conf").contains("a = 1"));
    assert_eq!(replicas[1].starts(&processes[1]), 2);
    assert!(!tried(&processes[1]));
}
