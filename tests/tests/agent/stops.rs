//! An agent that is asked to end in the middle of something: it ends in order, with its daemon's exit
//! code, and leaves nothing behind.

use std::path::Path;

use etcstack_tests::{PATIENCE, Process, eventually};
use nix::sys::signal::Signal;

use crate::replica::{Manifest, RESTARTS, Replica, USUAL};
use crate::stage::{Stage, text};

const ORDERS: &str = "s.conf/DEFAULT/orders";
const SLOT: &str = "turns/controller/s/0";

/// The command lines of all processes that are about this stage.
pub(crate) fn processes_of(stage: &Stage) -> Vec<String> {
    command_lines(&text(stage.folder.path()))
}

/// Those of all processes that hold a text. A zombie has none.
pub(crate) fn command_lines(with: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(with)).collect()
}

/// What the agent has below a folder for a moment only.
pub(crate) fn unfinished(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains(".etcstack-new-") || name.starts_with("check-") {
            found.push(name);
        } else if entry.path().is_dir() {
            found.extend(unfinished(&entry.path()));
        }
    }
    found
}

/// Asks the agent to end, and sees that it does, with this exit code.
async fn ends(stage: &Stage, replica: &Replica<'_>, process: &mut Process, code: i32) {
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait(PATIENCE).await.code(), Some(code));
    assert_eq!(processes_of(stage), Vec::<String>::new(), "still there");
    assert_eq!(unfinished(&replica.path("")), Vec::<String>::new());
    // At once or by their time: nobody has to wait for ever.
    eventually("its turn and its record are free", PATIENCE, async || {
        let mut slot = stage.record(SLOT).await;
        slot.take_if(|slot| slot["holder"] != replica.host());
        let record = stage.record("status/controller/s/n1").await;
        if slot.is_none() && record.is_none() { Ok(()) } else { Err(format!("{slot:?}")) }
    })
    .await;
    eventually("and no lease is left", PATIENCE, async || stage.etcd.leases().await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_check() {
    let stage = Stage::loaded().await;
    let script = "grep -q hang \"$1\" || exit 0; echo it hangs; sleep 1000 & wait";
    stage.write("check", script);
    let replica = Replica::new(&stage, "n1", USUAL);
    let file = format!("{{staged}}{}", text(&replica.path("etc/s.conf")));
    let top = format!("check = [['sh', '{}', '{file}']]", text(&stage.path("check")));
    replica.manifest(Manifest { top: &top, ..USUAL });
    let mut process = replica.start(&["--on-term", "7"]).await;
    let before = replica.inode("etc/s.conf");
    stage.set(&[("s.conf/x/a", Some("hang"))]).await;
    process.wait_for_line("it hangs", PATIENCE).await;
    ends(&stage, &replica, &mut process, 7).await;
    assert_eq!(replica.inode("etc/s.conf"), before);
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_check_before_the_first_start() {
    let stage = Stage::loaded().await;
    let top = "check = [['sh', '-c', 'echo it hangs; sleep 1000 & wait', 'sh', '{staged}']]";
    let replica = Replica::new(&stage, "n1", Manifest { top, ..USUAL });
    let mut process = replica.spawn(&[]);
    process.wait_for_line("it hangs", PATIENCE).await;
    ends(&stage, &replica, &mut process, 128 + 15).await;
    assert!(!replica.path("etc/s.conf").exists());
    assert_eq!(replica.starts(&process), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_for_its_turn() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let mut process = replica.start(&["--on-term", "7"]).await;
    let before = replica.inode("etc/s.conf");
    let slot = format!("_etcstack/{SLOT}");
    stage.etcd.put(&slot, r#"{"holder":"elsewhere","since":0}"#).await;
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica
        .wait_for("waiting for its turn", |status| {
            status["waiting_for"].to_string().contains("elsewhere")
        })
        .await;
    ends(&stage, &replica, &mut process, 7).await;
    assert_eq!(replica.inode("etc/s.conf"), before);
    assert_eq!(replica.starts(&process), 1);
    assert_eq!(stage.record(SLOT).await.unwrap()["holder"], "elsewhere");
}

const SHORT: &str = "[restart]\nlease = '2s'\n[stop]\ngrace = '2s'";

/// The daemon does not stop, so that the agent is in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_restart() {
    let stage = Stage::loaded().await;
    stage.set(&[(ORDERS, Some("ignore-term"))]).await;
    let replica = Replica::new(&stage, "n1", Manifest { more: SHORT, ..RESTARTS });
    let mut process = replica.start(&[]).await;
    stage.set(&[("s.conf/x/a", Some("1")), ("other.conf/x/a", Some("1"))]).await;
    process.wait_for_line("n1 got TERM", PATIENCE).await;
    ends(&stage, &replica, &mut process, 128 + 9).await;
    // Those of one revision, whatever it is.
    let [one, other] =
        ["etc/s.conf", "etc/other.conf"].map(|file| replica.read(file).contains("a = 1"));
    assert_eq!(one, other);
    assert_eq!(replica.starts(&process), 1, "no new one is started for an end");
    assert_eq!(stage.record("bad/controller/s").await, None, "nobody knows whether it is bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_trial() {
    for manifest in [USUAL, RESTARTS] {
        let stage = Stage::loaded().await;
        let replica = Replica::new(&stage, "n1", Manifest { more: SHORT, ..manifest });
        let mut process = replica.start(&["--on-term", "7"]).await;
        stage.set(&[(ORDERS, Some("ready-after:600000"))]).await;
        process.wait_for_line("ready-after", PATIENCE).await;
        if replica.starts(&process) == 2 {
            process.wait_for_line("n1 listening", PATIENCE).await;
        }
        replica.wait_for("not ready", |status| status["processes"][0]["pid"].is_i64()).await;
        ends(&stage, &replica, &mut process, 7).await;
        assert_eq!(stage.record("bad/controller/s").await, None, "nobody knows whether it is bad");
        assert!(replica.read("etc/s.conf").contains("ready-after"));
    }
}

/// The files are back, the daemon is not yet stopped. The other replicas get to know.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_rollback() {
    for manifest in [USUAL, RESTARTS] {
        let stage = Stage::loaded().await;
        let ready = "timeout = '2s'\nsettle = '50ms'";
        let replica = Replica::new(&stage, "n1", Manifest { more: SHORT, ready, ..manifest });
        let mut process = replica.start(&[]).await;
        let before = replica.read("etc/s.conf");
        stage.set(&[(ORDERS, Some("not-ready ignore-term")), ("s.conf/x/a", Some("1"))]).await;
        process.wait_for_line("the last good files come back", PATIENCE).await;
        process.wait_for_line("n1 got TERM", PATIENCE).await;
        let starts = replica.starts(&process);
        ends(&stage, &replica, &mut process, 128 + 9).await;
        assert_eq!(replica.read("etc/s.conf"), before);
        assert_eq!(replica.starts(&process), starts, "no new one is started for an end");
        let mark = stage.record("bad/controller/s").await;
        assert_eq!(mark.expect("the others are told")["host"], "n1");
    }
}
