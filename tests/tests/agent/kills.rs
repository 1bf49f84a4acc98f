//! An agent that is killed, with its daemon, as a container is; and started again where it was.

use etcstack_tests::{PATIENCE, Process, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::replica::{Manifest, RESTARTS, Replica, USUAL};
use crate::stage::Stage;
use crate::world::daemon_pid;

/// All options of both files get this value.
async fn set_all(stage: &Stage, value: usize) -> i64 {
    let value = value.to_string();
    let keys = ["s.conf/x/a", "s.conf/x/b", "other.conf/x/a", "other.conf/x/b"];
    stage.set(&keys.map(|key| (key, Some(value.as_str())))).await
}

/// The values in both files; whatever else is in there is a mistake.
fn values(replica: &Replica<'_>) -> [Vec<String>; 2] {
    ["etc/s.conf", "etc/other.conf"].map(|name| {
        let text = replica.read(name);
        let (default, options) = text.split_once("\n[x]\n").unwrap_or((&text, ""));
        assert!(default.starts_with("[DEFAULT]\n"), "{name} is not whole: {text}");
        let values = options.lines().map(|line| line.split_once(" = ").unwrap().1.to_owned());
        values.collect()
    })
}

/// It has written the files, and may not tell the daemon yet.
#[tokio::test(flavor = "multi_thread")]
async fn between_the_files_and_the_signal() {
    let stage = Stage::loaded().await;
    let reload = "min_interval = '600s'";
    let replica = Replica::new(&stage, "n1", Manifest { reload, ..USUAL });
    let process = replica.start(&[]).await;
    let revision = set_all(&stage, 1).await;
    replica.settled(revision).await;
    eventually("it is told", PATIENCE, async || replica.hups(&process) == 1).await;
    let revision = set_all(&stage, 2).await;
    replica
        .wait_for("written", |status| status["revisions"]["applied"].as_i64() >= Some(revision))
        .await;
    assert_eq!(replica.hups(&process), 1);
    drop(process);
    let process = replica.start(&[]).await;
    assert_eq!(values(&replica), [["2", "2"], ["2", "2"]]);
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 0));
    let lines = process.lines();
    let start = lines.iter().find(|line| line.starts_with("n1 started")).unwrap();
    assert!(start.contains("a = 2"), "{start}");
}

/// It has written the files, and the old daemon has not ended yet.
#[tokio::test(flavor = "multi_thread")]
async fn between_the_files_and_the_restart() {
    let stage = Stage::loaded().await;
    stage.set(&[("s.conf/DEFAULT/orders", Some("ignore-term"))]).await;
    let more = "[restart]\nlease = '2s'\n[stop]\ngrace = '3s'";
    let replica = Replica::new(&stage, "n1", Manifest { more, ..RESTARTS });
    let mut process = replica.start(&[]).await;
    set_all(&stage, 1).await;
    process.wait_for_line("n1 got TERM", PATIENCE).await;
    drop(process);
    let process = replica.start(&[]).await;
    assert_eq!(values(&replica), [["1", "1"], ["1", "1"]]);
    assert_eq!(replica.starts(&process), 1);
    // Its own turn from before is no hindrance.
    let revision = stage.set(&[("s.conf/DEFAULT/orders", None)]).await;
    replica.settled(revision).await;
    assert_eq!(replica.starts(&process), 2);
}

/// Wherever it is: each file is a whole one, and the next start goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_many_changes() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut number = 0;
    for round in 0..6_usize {
        let process = replica.start(&[]).await;
        let known = number.to_string();
        if number > 0 {
            assert_eq!(values(&replica), [[&*known, &*known], [&*known, &*known]]);
        }
        // Each round is killed after another number of changes, while the last is under way.
        for _ in 0..=round {
            number += 1;
            set_all(&stage, number).await;
        }
        if round % 2 == 0 {
            let wanted = (number - round / 2).to_string();
            eventually("some are written", PATIENCE, async || {
                let seen = values(&replica)[0].first().cloned().unwrap_or_default();
                seen.parse::<usize>().unwrap_or_default() >= wanted.parse().unwrap()
            })
            .await;
        }
        drop(process);
        for values in values(&replica) {
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{values:?}");
        }
    }
}

/// A daemon that outlives its agent, until the end of the test.
struct Orphan(Pid);

impl Drop for Orphan {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

/// The record stands under a lease, which nobody keeps any more; and a daemon of its own does not
/// hold it.
#[tokio::test(flavor = "multi_thread")]
async fn its_record_goes_with_its_lease() {
    let stage = Stage::loaded().await;
    stage.put("DEFAULT/password", "hunter2").await;
    let record = "status/controller/s/n1";
    let replica = Replica::new(&stage, "n1", USUAL);
    let process: Process = replica.start(&[]).await;
    eventually("the record is there", PATIENCE, async || {
        stage.record(record).await.is_some_and(|record| record["state"] == "current")
    })
    .await;
    let text = stage.record(record).await.unwrap().to_string();
    assert!(!text.contains("hunter2") && !text.contains("false\\n"), "{text}");
    let mut client = stage.etcd.client().await;
    let answer = client.get(format!("_etcstack/{record}"), None).await.unwrap();
    let lease = answer.kvs()[0].lease();
    let granted = client.lease_time_to_live(lease, None).await.unwrap().granted_ttl();
    assert!((1..=30).contains(&granted), "{granted} s is too long");
    let _orphan = Orphan(daemon_pid(&process.lines()));
    kill(process.pid(), Signal::SIGKILL).unwrap();
    eventually("the record is gone", PATIENCE, async || stage.record(record).await.is_none()).await;
    assert_eq!(stage.etcd.leases().await, 0);
}
