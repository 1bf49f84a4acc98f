//! A daemon that fails with several changes unproven: the newest state is tried once more, alone.

use etcstack_tests::{PATIENCE, Process, eventually};
use nix::sys::signal::{Signal, kill};

use crate::replica::{Manifest, RESTARTS, Replica, USUAL, most_down};
use crate::stage::{Stage, count};
use crate::world::daemon_pid;

const BAD: &str = "bad/controller/s";
const ORDERS: &str = "s.conf/DEFAULT/orders";
const BACK: &str = "the last good files come back";
/// Both changes are on trial at once, however busy the machine is.
const LONG: &str = "timeout = '60s'\nsettle = '6s'";
/// Some time after it was told, and within the trial.
const DIES_LATER: &str = "die-after:3000:4";

/// Two changes of which the daemon is told, one after the other, and none has proved good yet.
async fn two_changes(
    stage: &Stage,
    replica: &Replica<'_>,
    process: &Process,
    [first, second]: [Option<&str>; 2],
) -> i64 {
    let told = replica.hups(process);
    stage.set(&[(ORDERS, first), ("s.conf/x/a", Some("1"))]).await;
    eventually("the first is told", PATIENCE, async || replica.hups(process) > told).await;
    let revision = stage.set(&[(ORDERS, second), ("s.conf/x/b", Some("2"))]).await;
    eventually("the second is told", PATIENCE, async || replica.hups(process) > told + 1).await;
    assert_eq!(count(process, BACK), 0, "it failed too soon for this test");
    revision
}

/// So many times, as far as it has said: its words may come after its status.
async fn went_back(process: &Process, times: usize) {
    eventually("the way back is told", PATIENCE, async || count(process, BACK) == times).await;
}

/// The daemon dies of the first of them, or of nothing that was changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_mends_it_is_taken_though_the_daemon_knew_of_it_as_it_died() {
    for dies_by_itself in [true, false] {
        let stage = Stage::loaded().await;
        let replica = Replica::new(&stage, "n1", Manifest { ready: LONG, ..USUAL });
        let mut process = replica.start(&[]).await;
        let first = dies_by_itself.then_some(DIES_LATER);
        let revision = two_changes(&stage, &replica, &process, [first, None]).await;
        if !dies_by_itself {
            kill(daemon_pid(&process.lines()), Signal::SIGKILL).unwrap();
        }
        process.wait_for_line(BACK, PATIENCE).await;
        let status = replica.wait_for("a second try", |s| s["state"] != "current").await;
        assert_eq!(status["state"], "behind", "{status}");
        assert!(status["bad"].is_null(), "{status}");
        assert!(status["waiting_for"].to_string().contains("alone"), "{status}");
        replica.settled(revision).await;
        assert!(replica.read("etc/s.conf").contains("b = 2"));
        assert_eq!(stage.record(BAD).await, None);
        assert_eq!((replica.starts(&process), replica.hups(&process)), (2, 3));
        assert_eq!(count(&process, BACK), 1);
    }
}

/// It is to blame after all: marked after the second time, and not tried again by anybody.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_alone_as_well_is_marked() {
    for (orders, ready) in [
        ("die-on-hup:3", "timeout = '60s'\nsettle = '2s'"),
        ("not-ready", "timeout = '4s'\nsettle = '2s'"),
    ] {
        let stage = Stage::loaded().await;
        let manifest = Manifest { ready, ..USUAL };
        let replica = Replica::new(&stage, "n1", manifest);
        let process = replica.start(&[]).await;
        let before = replica.read("etc/s.conf");
        stage.set(&[("s.conf/x/a", Some("1"))]).await;
        eventually("it is told", PATIENCE, async || replica.hups(&process) == 1).await;
        let bad = stage.set(&[(ORDERS, Some(orders))]).await;
        let status = replica.state("rolled_back").await;
        assert!(status["bad"]["revision"].as_i64() >= Some(bad), "{status}");
        assert_eq!(replica.read("etc/s.conf"), before);
        went_back(&process, 2).await;
        eventually("the mark", PATIENCE, async || stage.record(BAD).await).await;
        let other = Replica::new(&stage, "n2", manifest);
        let started = other.spawn(&[]);
        other.wait_for("the mark", |status| !status["bad"].is_null()).await;
        eventually("a start", PATIENCE, async || other.starts(&started) == 1).await;
        assert!(!other.read("etc/s.conf").contains("orders"));
        let revision = stage.set(&[(ORDERS, None)]).await;
        replica.settled(revision).await;
        other.settled(revision).await;
        assert_eq!(count(&process, BACK), 2, "{orders}");
    }
}

/// A daemon that was started on a state knows of no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_blamed_at_once() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", Manifest { ready: LONG, ..RESTARTS });
    let process = replica.start(&[]).await;
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    eventually("it is restarted", PATIENCE, async || replica.starts(&process) == 2).await;
    eventually("it is up", PATIENCE, async || replica.said(&process, "ready") == 2).await;
    stage.set(&[(ORDERS, Some("die-on-start:3"))]).await;
    replica.state("rolled_back").await;
    went_back(&process, 1).await;
    eventually("the mark", PATIENCE, async || stage.record(BAD).await).await;
}

/// The second try of a change that calls for a restart has its turn as any other.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_try_of_a_restart_takes_its_turn() {
    let stage = Stage::loaded().await;
    let manifest = Manifest { ready: LONG, file: USUAL.file, other: RESTARTS.other, ..USUAL };
    let hosts = ["n1".to_owned(), "n2".to_owned()];
    let replicas = [0, 1].map(|number| Replica::new(&stage, &hosts[number], manifest));
    let processes = [replicas[0].start(&[]).await, replicas[1].start(&[]).await];
    stage.set(&[(ORDERS, Some(DIES_LATER)), ("other.conf/x/a", Some("1"))]).await;
    let first = eventually("one has its turn", PATIENCE, async || {
        [0, 1].into_iter().find(|number| replicas[*number].said(&processes[*number], "ready") == 2)
    })
    .await;
    let revision = stage.set(&[(ORDERS, None)]).await;
    let (replica, process) = (&replicas[first], &processes[first]);
    eventually("it is told", PATIENCE, async || replica.hups(process) == 1).await;
    for replica in &replicas {
        replica.settled(revision).await;
    }
    assert_eq!(count(process, BACK), 1);
    assert_eq!(stage.record(BAD).await, None);
    // By the change, back, and by the second try; the other one by the change alone.
    let mut starts = [0, 1].map(|number| replicas[number].starts(&processes[number]));
    starts.sort_unstable();
    assert_eq!(starts, [2, 4]);
    let (most, _) = most_down(&stage.read("register"), &hosts);
    assert_eq!(most, 1);
}

/// What comes on the way back waits for its end: else nobody could tell whether the daemon is not
/// ready because of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_on_the_way_back_is_judged_as_well() {
    let stage = Stage::loaded().await;
    let ready = "timeout = '7s'\nsettle = '5s'";
    let replica = Replica::new(&stage, "n1", Manifest { ready, ..USUAL });
    let mut process = replica.start(&["--orders", "ready-after:1500"]).await;
    two_changes(&stage, &replica, &process, [Some("ready-after:1 die-after:3000:4"), None]).await;
    process.wait_for_line(BACK, PATIENCE).await;
    let third = stage.set(&[(ORDERS, Some("not-ready"))]).await;
    let status = replica.state("rolled_back").await;
    assert!(status["bad"]["revision"].as_i64() >= Some(third), "{status}");
    went_back(&process, 2).await;
    assert!(!replica.read("etc/s.conf").contains("orders"));
    let revision = stage.set(&[(ORDERS, None)]).await;
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("b = 2"));
}
