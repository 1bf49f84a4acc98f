//! Steps that a change of their files calls for, while the daemons run.

use etcstack_tests::{PATIENCE, binary, eventually};
use nix::sys::signal::{Signal, kill};

use crate::replica::{Manifest, RESTARTS, Replica, USUAL};
use crate::stage::{Stage, text};
use crate::world::daemon_pid;

const BAD: &str = "bad/controller/s";

/// A step for the changes of `s.conf` that writes itself down: it takes until the file `go` is
/// there.
fn step(stage: &Stage) -> String {
    let (record, go) = (text(&stage.path("record")), text(&stage.path("go")));
    let command = [text(&binary("testd")), "step".into(), "sync".into(), "--record".into(), record];
    let command: Vec<_> = command.into_iter().chain(["--until".into(), go]).collect();
    format!(
        "[[bootstrap]]\nname = 'sync'\nonce_per = 'change'\nfiles = ['s.conf']\n\
         command = {command:?}\n"
    )
}

/// One that fails as long as a file of the replica holds this word, and writes itself down.
fn step_against(stage: &Stage, host: &str, word: &str) -> String {
    let record = text(&stage.path("record"));
    let file = text(&stage.path(&format!("{host}/etc/s.conf")));
    format!(
        "[restart]\nlease = '5s'\n\
         [[bootstrap]]\nname = 'sync'\nonce_per = 'change'\nfiles = ['s.conf']\n\
         command = ['sh', '-c', 'echo begin >> {record}; ! grep -q {word} {file}']\n"
    )
}

fn begun(stage: &Stage) -> usize {
    let record = std::fs::read_to_string(stage.path("record")).unwrap_or_default();
    record.lines().filter(|line| line.starts_with("begin")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_daemon_follows() {
    for (manifest, after) in [(USUAL, (1, 1)), (RESTARTS, (2, 0))] {
        let stage = Stage::loaded().await;
        stage.write("go", "");
        let more = step(&stage);
        let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..manifest });
        let process = replica.start(&[]).await;
        assert_eq!(begun(&stage), 1, "at the start");
        std::fs::remove_file(stage.path("go")).unwrap();
        let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
        eventually("the step has begun", PATIENCE, async || begun(&stage) == 2).await;
        assert!(replica.read("etc/s.conf").contains("a = 1"), "it sees the change");
        assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 0));
        stage.write("go", "");
        replica.settled(revision).await;
        assert_eq!((replica.starts(&process), replica.hups(&process)), after);
        // A change of another file calls for nothing.
        let revision = stage.set(&[("other.conf/x/a", Some("1"))]).await;
        replica.settled(revision).await;
        assert_eq!(begun(&stage), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_that_it_is_done() {
    let stage = Stage::loaded().await;
    let more = step_against(&stage, "n1", "broken");
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let _process = replica.start(&[]).await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let status = replica.settled(revision).await;
    assert_eq!(status["bootstrap"][0]["state"], "done", "{status}");
}

/// A step may take for ever; the end of the daemon is the end of the agent all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_ends_while_one_runs() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = step(&stage);
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let mut process = replica.start(&[]).await;
    std::fs::remove_file(stage.path("go")).unwrap();
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    eventually("the step has begun", PATIENCE, async || begun(&stage) == 2).await;
    kill(daemon_pid(&process.lines()), Signal::SIGKILL).unwrap();
    // With its exit code, or by a rollback: but not without a daemon.
    eventually("something is done about it", PATIENCE, async || {
        process.status().is_some() || replica.starts(&process) == 2
    })
    .await;
    if process.status().is_none() {
        process.signal(Signal::SIGTERM);
    }
    process.wait(PATIENCE).await;
}

/// The daemon has not been told of the change: it need not be told that it is undone.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_undoes_the_change() {
    for (manifest, next) in [(USUAL, (1, 1)), (RESTARTS, (2, 0))] {
        let stage = Stage::loaded().await;
        let more = step_against(&stage, "n1", "broken");
        let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..manifest });
        let process = replica.start(&[]).await;
        let before = [replica.read("etc/s.conf"), replica.read("etc/other.conf")];
        stage.set(&[("s.conf/x/a", Some("broken")), ("other.conf/x/a", Some("1"))]).await;
        let status = replica.state("rolled_back").await;
        assert!(status["bad"]["reason"].to_string().contains("sync"), "{status}");
        assert_eq!([replica.read("etc/s.conf"), replica.read("etc/other.conf")], before);
        eventually("it is marked", PATIENCE, async || stage.record(BAD).await.is_some()).await;
        let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
        replica.settled(revision).await;
        assert!(replica.read("etc/s.conf").contains("a = 2"));
        assert_eq!((replica.starts(&process), replica.hups(&process)), next);
    }
}

/// What has failed on one of them is not tried by the others.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_not_tried_by_all() {
    for manifest in [USUAL, RESTARTS] {
        let stage = Stage::loaded().await;
        let hosts = ["n1", "n2", "n3"];
        let steps = hosts.map(|host| step_against(&stage, host, "broken"));
        let replicas: Vec<_> = hosts
            .iter()
            .zip(&steps)
            .map(|(host, more)| Replica::new(&stage, host, Manifest { more, ..manifest }))
            .collect();
        let mut processes = Vec::new();
        for replica in &replicas {
            processes.push(replica.start(&[]).await);
        }
        assert_eq!(begun(&stage), 1);
        stage.set(&[("s.conf/x/a", Some("broken"))]).await;
        for replica in &replicas {
            replica.wait_for("knowing of it", |status| !status["bad"].is_null()).await;
            assert!(!replica.read("etc/s.conf").contains("broken"));
        }
        assert_eq!(begun(&stage), 2, "how often it was run: at the start, and for the change");
        drop(processes);
    }
}
