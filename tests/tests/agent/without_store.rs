//! A store that is away: at the start, and later.

use std::os::unix::fs::PermissionsExt;

use etcstack_tests::{PATIENCE, Process, Proxy, eventually};

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, count};

const ANYWAY: Manifest<'_> = Manifest { top: "start_without_store = true", ..USUAL };

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_the_last_good_files() {
    let mut stage = Stage::loaded().await;
    stage.put("DEFAULT/password", "hunter2").await;
    let host = |stage: &Stage| {
        let replica = Replica::new(stage, "n1", ANYWAY);
        (replica.agent(), replica.daemon(&[]))
    };
    let replica = Replica::new(&stage, "n1", ANYWAY);
    drop(replica.start(&[]).await);
    let good = replica.read("etc/s.conf");
    // Even what a container's new layer does not have any more.
    std::fs::remove_dir_all(replica.path("etc")).unwrap();
    let kept: Vec<_> = std::fs::read_dir(replica.path("state")).unwrap().flatten().collect();
    assert!(!kept.is_empty());
    for file in kept {
        let mode = file.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}: passwords are nobody else's", file.path().display());
    }
    drop(replica);
    stage.etcd.stop().await;
    let (mut agent, daemon) = host(&stage);
    let mut process = Process::spawn(agent.arg("--").args(daemon));
    process.wait_for_line("n1 ready", PATIENCE).await;
    {
        let replica = Replica::new(&stage, "n1", ANYWAY);
        assert_eq!(replica.read("etc/s.conf"), good);
        let status = replica.state("stale").await;
        assert_eq!(status["store"]["connected"], false, "{status}");
        assert!(!status.to_string().contains("hunter2"), "{status}");
    }
    stage.etcd.start().await;
    let replica = Replica::new(&stage, "n1", ANYWAY);
    replica.settled(0).await;
    assert_eq!(replica.starts(&process), 1);
    assert_eq!(replica.hups(&process), 0, "nothing has changed");
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    assert_eq!(replica.hups(&process), 1);
}

/// What changed while the store was away is found when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_the_last_good_files() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", ANYWAY);
    drop(replica.start(&[]).await);
    let proxy = Proxy::to(stage.etcd.port()).await;
    proxy.cut();
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let mut process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    process.wait_for_line("n1 ready", PATIENCE).await;
    replica.state("stale").await;
    assert!(!replica.read("etc/s.conf").contains("a = 1"));
    proxy.mend();
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("a = 1"));
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_good_files_or_the_manifests_word_it_waits() {
    let mut stage = Stage::loaded().await;
    let fresh = Replica::new(&stage, "fresh", ANYWAY);
    let careful = Replica::new(&stage, "careful", USUAL);
    drop(careful.start(&[]).await);
    let (hosts, mut processes) = (["fresh", "careful"], Vec::new());
    let mut agents = Vec::new();
    for replica in [&fresh, &careful] {
        let mut agent = replica.agent();
        agent.arg("--").args(replica.daemon(&[]));
        agents.push(agent);
    }
    drop((fresh, careful));
    stage.etcd.stop().await;
    for (agent, host) in agents.iter_mut().zip(hosts) {
        let mut process = Process::spawn(agent);
        process.wait_for_line("the store cannot be read", PATIENCE).await;
        assert_eq!(count(&process, &format!("{host} started")), 0);
        processes.push(process);
    }
    stage.etcd.start().await;
    for (process, host) in processes.iter_mut().zip(hosts) {
        process.wait_for_line(&format!("{host} ready"), PATIENCE).await;
    }
}

/// The daemon runs on, and one signal tells of all that has changed.
#[tokio::test(flavor = "multi_thread")]
async fn changes_and_a_compaction_while_the_store_is_away() {
    let stage = Stage::loaded().await;
    let proxy = Proxy::to(stage.etcd.port()).await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    replica.settled(0).await;
    proxy.cut();
    replica.wait_for("disconnected", |status| status["store"]["connected"] == false).await;
    let mut revision = 0;
    for number in 0..5 {
        revision = stage.set(&[("s.conf/x/a", Some(&number.to_string()))]).await;
    }
    stage.etcd.compact(revision).await;
    proxy.mend();
    let status = replica.settled(revision).await;
    assert_eq!(status["store"]["connected"], true, "{status}");
    assert!(replica.read("etc/s.conf").contains("a = 4"));
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 1));
}

/// A cluster that was restored from a backup counts from there: lower than what was seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_older_database() {
    let mut stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let process = replica.start(&[]).await;
    let (host, path) = (replica.host().to_owned(), replica.path("etc/s.conf"));
    drop(replica);
    stage.etcd.stop_hard().await;
    let (data, backup) = (stage.etcd.data(), stage.path("backup"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = std::fs::remove_dir_all(to);
        let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(status.unwrap().success());
    };
    copy(&data, &backup);
    stage.etcd.start().await;
    for number in 0..20 {
        stage.set(&[("s.conf/x/a", Some(&number.to_string()))]).await;
    }
    // The daemon has read this last; how often it has been told by then.
    let knows = async |text: &str| {
        let told = || {
            let lines = process.lines();
            let told: Vec<_> =
                lines.into_iter().filter(|line| line.starts_with("n1 got HUP")).collect();
            (told.len(), told.last().cloned().unwrap_or_default())
        };
        eventually(&format!("{host} has {text}"), PATIENCE, async || {
            let (number, last) = told();
            if last.contains(text) { Ok(number) } else { Err(last) }
        })
        .await
    };
    let before = knows("a = 19").await;
    stage.etcd.stop_hard().await;
    copy(&backup, &data);
    stage.etcd.start().await;
    assert_eq!(knows(r#"debug = false\n""#).await, before + 1, "the older state is back");
    assert!(!std::fs::read_to_string(&path).unwrap().contains("a = "));
    stage.set(&[("s.conf/x/a", Some("new"))]).await;
    assert_eq!(knows("a = new").await, before + 2);
    assert!(std::fs::read_to_string(&path).unwrap().contains("a = new"));
    assert_eq!(process.status(), None);
}
