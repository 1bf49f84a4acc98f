//! Steps that a change of their files calls for, while the daemons run.

use etcstack_tests::{PATIENCE, Process, Proxy, binary, eventually};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

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
        // At the start, for the change, and once more for the files that came back.
        eventually("the way back is done", PATIENCE, async || begun(&stage) == 3).await;
        for replica in &replicas {
            let done = |status: &Value| status["bootstrap"][0]["state"] == "done";
            replica.wait_for("that no step is left", done).await;
        }
        assert_eq!(begun(&stage), 3);
        drop(processes);
    }
}

/// A step that writes down what its file says, when it begins and when it ends. It takes until the
/// file `go` is there, and a second to end when it is asked to.
fn slow_step(stage: &Stage, host: &str) -> String {
    let record = text(&stage.path("record"));
    let (file, go) = (text(&stage.path(&format!("{host}/etc/s.conf"))), text(&stage.path("go")));
    let script = format!(
        "trap \"sleep 1; echo cancelled >> {record}; exit 1\" TERM; \
         word=$(sed -n \"s/^a = //p\" {file}); echo \"begin $word\" >> {record}; \
         until test -e {go}; do sleep 0.02; done; echo \"end $word\" >> {record}"
    );
    format!(
        "[[bootstrap]]\nname = 'sync'\nonce_per = 'change'\nfiles = ['s.conf']\n\
         command = ['sh', '-c', '''{script}''']\n"
    )
}

fn lines(stage: &Stage) -> Vec<String> {
    let record = std::fs::read_to_string(stage.path("record")).unwrap_or_default();
    record.lines().map(str::to_owned).collect()
}

/// The daemon comes after a step for the files that it reads, not for those of a moment ago.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_the_first_one() {
    let stage = Stage::loaded().await;
    let more = slow_step(&stage, "n1");
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let process = replica.spawn(&[]);
    eventually("the step has begun", PATIENCE, async || lines(&stage) == ["begin 1"]).await;
    let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
    let follows = async || replica.read("etc/s.conf").contains("a = 2");
    eventually("the file follows", PATIENCE, follows).await;
    stage.write("go", "");
    replica.settled(revision).await;
    assert_eq!(lines(&stage), ["begin 1", "end 1", "begin 2", "end 2"]);
    assert_eq!(replica.starts(&process), 1);
}

/// A step that writes into its own file would find a change at each run.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_one_writes_itself() {
    let stage = Stage::loaded().await;
    let record = text(&stage.path("record"));
    let file = text(&stage.path("n1/etc/s.conf"));
    let more = format!(
        "[[bootstrap]]\nname = 'sync'\nonce_per = 'change'\nfiles = ['s.conf']\n\
         command = ['sh', '-c', 'echo begin >> {record}; echo \"# $$\" >> {file}']\n"
    );
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let _process = replica.start(&[]).await;
    assert_eq!(begun(&stage), 1);
}

/// What a step has prepared for the change is prepared anew for the files that come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_takes_it_back() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = slow_step(&stage, "n1");
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..RESTARTS });
    let process = replica.start(&[]).await;
    let orders = ("s.conf/DEFAULT/orders", Some("die-on-start"));
    stage.set(&[("s.conf/x/a", Some("2")), orders]).await;
    replica.state("rolled_back").await;
    eventually("it runs on the old files", PATIENCE, async || replica.starts(&process) == 3).await;
    assert_eq!(lines(&stage), ["begin 1", "end 1", "begin 2", "end 2", "begin 1", "end 1"]);
    assert_eq!(process.status(), None);
}

/// On trial for so long after each change that the next one comes meanwhile.
const ON_TRIAL: Manifest<'_> = Manifest { ready: "timeout = '60s'\nsettle = '5s'", ..USUAL };

/// A daemon dies of the change before, while the step of the next one runs: that step has ended
/// before another one begins.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_a_rollback_cancels_has_ended_before_the_next() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = slow_step(&stage, "n1");
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..ON_TRIAL });
    let mut process = replica.start(&[]).await;
    stage.set(&[("s.conf/x/a", Some("2"))]).await;
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    std::fs::remove_file(stage.path("go")).unwrap();
    let revision = stage.set(&[("s.conf/x/a", Some("3"))]).await;
    let begun = |word: &str| lines(&stage).contains(&format!("begin {word}"));
    eventually("the next step has begun", PATIENCE, async || begun("3")).await;
    kill(daemon_pid(&process.lines()), Signal::SIGKILL).unwrap();
    eventually("it was cancelled", PATIENCE, async || {
        lines(&stage).contains(&"cancelled".to_owned())
    })
    .await;
    stage.write("go", "");
    // What came after the change that the daemon died of is not to blame.
    replica.settled(revision).await;
    let expected = [
        "begin 1",
        "end 1",
        "begin 2",
        "end 2",
        "begin 3",
        "cancelled",
        "begin 1",
        "end 1",
        "begin 3",
        "end 3",
    ];
    assert_eq!(lines(&stage), expected);
}

/// Without the store there are no steps; the daemon comes back all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_does_not_wait_for_a_store_that_is_away() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = slow_step(&stage, "n1");
    let proxy = Proxy::to(stage.etcd.port()).await;
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..ON_TRIAL });
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let mut process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    replica.settled(0).await;
    stage.set(&[("s.conf/x/a", Some("2"))]).await;
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    proxy.cut();
    kill(daemon_pid(&process.lines()), Signal::SIGKILL).unwrap();
    eventually("it comes back", PATIENCE, async || replica.starts(&process) == 2).await;
    assert!(!replica.read("etc/s.conf").contains("a = 2"));
    assert_eq!(begun(&stage), 2);
}

/// Who asks for a reload gets it, although the steps of a change cannot be done without the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_is_asked_for_does_not_wait_for_a_store_that_is_away() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = step(&stage);
    let proxy = Proxy::to(stage.etcd.port()).await;
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let mut process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    replica.settled(0).await;
    std::fs::remove_file(stage.path("go")).unwrap();
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    eventually("the step has begun", PATIENCE, async || begun(&stage) == 2).await;
    // As long as the store is there, the step goes first.
    process.signal(Signal::SIGHUP);
    process.wait_for_line("told when the steps of the change are done", PATIENCE).await;
    assert_eq!(replica.hups(&process), 0);
    proxy.cut();
    process.wait_for_line("the store cannot be read", PATIENCE).await;
    eventually("it is told", PATIENCE, async || replica.hups(&process) == 1).await;
    process.signal(Signal::SIGHUP);
    eventually("it is told again", PATIENCE, async || replica.hups(&process) == 2).await;
    proxy.mend();
    stage.write("go", "");
    replica.settled(revision).await;
    eventually("it follows the change", PATIENCE, async || replica.hups(&process) == 3).await;
}

/// A turn that is lost while a step takes its time is another's: it is asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_longer_than_the_turn() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = format!("[restart]\nlease = '2s'\n{}", slow_step(&stage, "n1"));
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..RESTARTS });
    let mut process = replica.start(&[]).await;
    std::fs::remove_file(stage.path("go")).unwrap();
    let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
    eventually("the step has begun", PATIENCE, async || begun(&stage) == 2).await;
    let slot = "_etcstack/turns/controller/s/0";
    let mut client = stage.etcd.client().await;
    let held = client.get(slot, None).await.unwrap();
    client.lease_revoke(held.kvs()[0].lease()).await.unwrap();
    client.put(slot, "somebody", None).await.unwrap();
    process.wait_for_line("the store has ended a lease", PATIENCE).await;
    stage.write("go", "");
    let waits = |status: &Value| status["waiting_for"].to_string().contains("somebody");
    replica.wait_for("waiting for the turn of somebody", waits).await;
    assert_eq!(replica.starts(&process), 1);
    client.delete(slot, None).await.unwrap();
    replica.settled(revision).await;
    assert_eq!(replica.starts(&process), 2);
}

/// A change that no daemon has to hear of comes while the one before is on trial: the turn is given
/// back all the same, and all of it is found good.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_for_nobody_during_a_trial() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = slow_step(&stage, "n1");
    let ready = "timeout = '60s'\nsettle = '2s'";
    let manifest = Manifest { other: "on_change = 'none'", ready, more: &more, ..RESTARTS };
    let replica = Replica::new(&stage, "n1", manifest);
    let process = replica.start(&[]).await;
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    eventually("it is restarted", PATIENCE, async || replica.starts(&process) == 2).await;
    let revision = stage.set(&[("other.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    assert_eq!(replica.starts(&process), 2);
    eventually("the turn is given back", PATIENCE, async || {
        stage.record("turns/controller/s/0").await.is_none()
    })
    .await;
}

/// A step that does not end when it should has no power over a daemon that is down.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_does_not_wait_for_a_step_that_hangs() {
    let stage = Stage::loaded().await;
    stage.write("go", "");
    let more = slow_step(&stage, "n1") + "timeout = '2s'\n";
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..ON_TRIAL });
    let mut process = replica.start(&[]).await;
    stage.set(&[("s.conf/x/a", Some("2"))]).await;
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    std::fs::remove_file(stage.path("go")).unwrap();
    kill(daemon_pid(&process.lines()), Signal::SIGKILL).unwrap();
    eventually("it comes back", PATIENCE, async || replica.starts(&process) == 2).await;
    assert!(!replica.read("etc/s.conf").contains("a = 2"));
}

/// Whoever has to take its turn anew sees what has become of the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_has_failed_elsewhere_meanwhile() {
    let stage = Stage::loaded().await;
    let go = text(&stage.path("go"));
    let orders = ("s.conf/DEFAULT/orders", Some("die-on-start:3"));
    let more = |host: &str| {
        let record = text(&stage.path("record"));
        format!(
            "[restart]\nmax_unavailable = 2\n\
             [[bootstrap]]\nname = 'sync-{host}'\nonce_per = 'change'\nfiles = ['s.conf']\n\
             command = ['sh', '-c', 'echo begin {host} >> {record}; \
             until test {host} = n2 -o -e {go}; do sleep 0.02; done']\n"
        )
    };
    let [more1, more2] = ["n1", "n2"].map(more);
    let first = Replica::new(&stage, "n1", Manifest { more: &more1, ..RESTARTS });
    let second = Replica::new(&stage, "n2", Manifest { more: &more2, ..RESTARTS });
    stage.write("go", "");
    let process = first.start(&[]).await;
    let other = second.start(&[]).await;
    std::fs::remove_file(stage.path("go")).unwrap();
    stage.set(&[orders]).await;
    second.state("rolled_back").await;
    eventually("it is marked", PATIENCE, async || stage.record(BAD).await.is_some()).await;
    assert_eq!(first.starts(&process), 1);
    let key = format!("_etcstack/{BAD}");
    let marked = stage.etcd.client().await.get(key, None).await.unwrap().kvs()[0].mod_revision();
    let knows = |status: &Value| status["revisions"]["seen"].as_i64() >= Some(marked);
    first.wait_for("reading on", knows).await;
    stage.write("go", "");
    first.state("rolled_back").await;
    eventually("the other is back", PATIENCE, async || second.starts(&other) == 3).await;
    assert_eq!(first.starts(&process), 1);
    assert!(!first.read("etc/s.conf").contains("orders"));
}
