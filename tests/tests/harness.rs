//! The harness keeps its own promises.

// These are tests throughout, helpers included.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use etcstack_tests::{Cluster, Etcd, PATIENCE, Port, Process, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn shell(script: &str) -> Process {
    Process::spawn(Command::new("sh").args(["-c", script]))
}

fn is_alive(pid: Pid) -> bool {
    // A zombie that somebody else has to reap counts as dead.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

fn pid_in(line: &str) -> Pid {
    Pid::from_raw(line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn lines_come_one_after_the_other() {
    let mut process = shell("echo one a; echo two >&2; sleep 0.1; echo one b; exit 3");
    assert_eq!(process.wait_for_line("one", PATIENCE).await, "one a");
    assert_eq!(process.wait_for_line("one", PATIENCE).await, "one b");
    assert_eq!(process.wait(PATIENCE).await.code(), Some(3));
    let mut lines = process.lines();
    lines.sort();
    assert_eq!(lines, ["one a", "one b", "two"]);
}

#[tokio::test]
#[should_panic(expected = "no line with \"three\"")]
async fn a_line_that_cannot_come_any_more() {
    shell("echo one").wait_for_line("three", PATIENCE * 60).await;
}

#[tokio::test]
#[should_panic(expected = "has printed:\none\n")]
async fn a_line_that_does_not_come_in_time() {
    let mut process = shell("echo one; sleep 1000");
    process.wait_for_line("one", PATIENCE).await;
    process.wait_for_line("three", Duration::from_millis(50)).await;
}

#[tokio::test]
async fn signals_go_to_the_process() {
    let mut process =
        shell("trap 'echo got it; exit 7' USR1; echo ready; while :; do sleep 0.01; done");
    process.wait_for_line("ready", PATIENCE).await;
    assert_eq!(process.status(), None);
    process.signal(Signal::SIGUSR1);
    process.wait_for_line("got it", PATIENCE).await;
    assert_eq!(process.wait(PATIENCE).await.code(), Some(7));
}

#[tokio::test]
async fn dropping_ends_the_whole_family() {
    let mut process =
        shell("sleep 1000 & echo child $!; setsid sh -c 'echo far $$; sleep 1000' & wait");
    let child = pid_in(&process.wait_for_line("child", PATIENCE).await);
    let far = process.lines().into_iter().find(|line| line.starts_with("far"));
    let far = pid_in(&match far {
        Some(line) => line,
        None => process.wait_for_line("far", PATIENCE).await,
    });
    assert!(is_alive(child) && is_alive(far));
    let own = process.pid();
    drop(process);
    eventually("all have ended", PATIENCE, async || ![own, child, far].into_iter().any(is_alive))
        .await;
}

const HANG: &str = "ETCSTACK_TEST_HANGS";

/// Not a test: what the next one runs and kills.
#[tokio::test]
async fn hang_with_a_child() {
    if std::env::var_os(HANG).is_none() {
        return;
    }
    let process = shell("sleep 1000 & echo child $!; wait");
    println!("group {}", process.pid());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_is_left_when_the_test_itself_is_killed() {
    let mut test = Process::spawn(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hang_with_a_child", "--nocapture"])
            .env(HANG, "1"),
    );
    let child = pid_in(&test.wait_for_line("child", PATIENCE).await);
    assert!(is_alive(child));
    kill(test.pid(), Signal::SIGKILL).unwrap();
    eventually("the child has ended", PATIENCE, async || !is_alive(child)).await;
}

#[test]
fn ports_are_claimed_once() {
    let ports: Vec<_> = (0..100).map(|_| Port::claim()).collect();
    let mut numbers: Vec<_> = ports.iter().map(Port::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), ports.len());
}

#[tokio::test]
async fn etcd_keeps_its_data_and_port() {
    let mut etcd = Etcd::new().await;
    let url = etcd.url();
    etcd.put("a", "1").await;
    etcd.stop().await;
    etcd.start().await;
    assert_eq!(etcd.get("a").await.as_deref(), Some(&b"1"[..]));
    etcd.put("b", "2").await;
    etcd.stop_hard().await;
    etcd.start().await;
    assert_eq!(etcd.get_below("").await.len(), 2);
    assert_eq!(etcd.url(), url);
    let revision = etcd.revision().await;
    etcd.compact(revision).await;
    etcd.delete("a").await;
    assert_eq!(etcd.revision().await, revision + 1);
}

#[tokio::test]
async fn a_cluster_outlives_a_member() {
    let mut cluster = Cluster::new(3).await;
    cluster.members[0].put("a", "1").await;
    cluster.members[0].stop_hard().await;
    eventually("the others go on", PATIENCE, async || {
        cluster.members[2].client().await.put("a", "2", None).await
    })
    .await;
    assert_eq!(cluster.members[1].get("a").await.as_deref(), Some(&b"2"[..]));
}
