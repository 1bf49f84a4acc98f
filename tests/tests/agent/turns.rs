//! Replicas that restart one after the other.

use etcd_client::{PutOptions, TxnOp};
use etcstack_tests::{PATIENCE, Process, eventually};

use crate::replica::{Manifest, RESTARTS, Replica, USUAL, most_down};
use crate::stage::Stage;

const ORDERS: &str = "s.conf/DEFAULT/orders";
/// The mark of a bad state.
const BAD: &str = "bad/controller/s";

struct Service<'a> {
    replicas: Vec<Replica<'a>>,
    processes: Vec<Process>,
}

impl<'a> Service<'a> {
    async fn start(stage: &'a Stage, number: usize, manifest: Manifest<'_>) -> Self {
        let hosts = (0..number).map(|number| format!("host{number}"));
        let replicas: Vec<_> = hosts.map(|host| Replica::new(stage, &host, manifest)).collect();
        let processes = replicas.iter().map(|replica| replica.spawn(&[])).collect();
        for replica in &replicas {
            replica.settled(0).await;
        }
        Self { replicas, processes }
    }

    fn hosts(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.host().to_owned()).collect()
    }

    /// How often each daemon was started.
    fn starts(&self) -> Vec<usize> {
        let both = self.replicas.iter().zip(&self.processes);
        both.map(|(replica, process)| replica.starts(process)).collect()
    }

    /// Waits until one has been started so often, and gives its number.
    async fn first_with(&self, starts: usize) -> usize {
        eventually("one is restarted", PATIENCE, async || {
            self.starts().iter().position(|found| *found == starts)
        })
        .await
    }
}

/// Changes an option that needs a restart, and gives how many were down at once.
async fn change_all(stage: &Stage, number: usize, manifest: Manifest<'_>, orders: &str) -> usize {
    let service = Service::start(stage, number, manifest).await;
    let revision = stage.set(&[(ORDERS, Some(orders))]).await;
    for replica in &service.replicas {
        replica.settled(revision).await;
    }
    let (most, ups) = most_down(&stage.read("register"), &service.hosts());
    assert_eq!(ups, vec![2; number], "each is restarted once");
    assert_eq!(service.starts(), vec![2; number]);
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_replicas_and_never_more_than_one_is_down() {
    let stage = Stage::loaded().await;
    assert_eq!(change_all(&stage, 8, RESTARTS, "ready-after:100").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than this machine may have: cargo test -- --ignored"]
async fn fifty_replicas_and_never_more_than_one_is_down() {
    let stage = Stage::loaded().await;
    assert_eq!(change_all(&stage, 50, RESTARTS, "ready-after:50").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_the_manifest_allows() {
    let stage = Stage::loaded().await;
    let more = "[restart]\nmax_unavailable = 3";
    let most = change_all(&stage, 7, Manifest { more, ..RESTARTS }, "ready-after:1000").await;
    assert!((2..=3).contains(&most), "{most} were down");
}

/// The turn lasts through the steps that the change calls for.
#[tokio::test(flavor = "multi_thread")]
async fn with_steps_never_more_than_one_is_down() {
    let stage = Stage::loaded().await;
    let more = "[[bootstrap]]\nname = 'sync'\nonce_per = 'change'\nfiles = ['s.conf']\n\
                command = ['sleep', '0.3']\n";
    let most = change_all(&stage, 4, Manifest { more, ..RESTARTS }, "ready-after:500").await;
    assert_eq!(most, 1);
}

/// What the daemons are given is changed as their files are: one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_of_the_environment_is_changed_in_turn() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/REGION", "one").await;
    stage.set(&[(ORDERS, Some("ready-after:100"))]).await;
    let more = "[environment]\nexport = ['REGION']";
    let manifest = Manifest { more, ..USUAL };
    let hosts: Vec<_> = (0..3).map(|number| format!("host{number}")).collect();
    let replicas: Vec<_> = hosts.iter().map(|host| Replica::new(&stage, host, manifest)).collect();
    let processes: Vec<_> =
        replicas.iter().map(|replica| replica.spawn(&["--show", "REGION"])).collect();
    for replica in &replicas {
        replica.settled(0).await;
    }
    stage.etcd.put("general/REGION", "two").await;
    let revision = stage.etcd.revision().await;
    for (replica, process) in replicas.iter().zip(&processes) {
        replica
            .wait_for("current", |status| {
                status["state"] == "current"
                    && status["revisions"]["good"].as_i64() >= Some(revision)
            })
            .await;
        let lines = process.lines();
        let last = lines.iter().rfind(|line| line.contains(" is {")).unwrap();
        assert!(last.contains(r#""REGION":"two""#), "{last}");
        assert_eq!((replica.starts(process), replica.hups(process)), (2, 0));
    }
    let (most, ups) = most_down(&stage.read("register"), &hosts);
    assert_eq!((most, ups), (1, vec![2; 3]));
}

/// Each tells itself when its file changes; nobody waits for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_no_turn() {
    let stage = Stage::loaded().await;
    let service = Service::start(&stage, 2, USUAL).await;
    let mut client = stage.etcd.client().await;
    client.put("_etcstack/turns/controller/s/0", "somebody", None).await.unwrap();
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    for replica in &service.replicas {
        replica.settled(revision).await;
    }
    assert_eq!(service.starts(), [1, 1]);
}

/// The turn lasts until the reload is told, however late that is, and the daemon is ready again.
#[tokio::test(flavor = "multi_thread")]
async fn reloads_in_turn_never_have_two_unready() {
    for reload in ["in_turn = true\nmin_interval = '0s'", "in_turn = true\nmin_interval = '500ms'"]
    {
        let stage = Stage::loaded().await;
        let service = Service::start(&stage, 3, Manifest { reload, ..USUAL }).await;
        for (turn, orders) in ["ready-after:300", "ready-after:301"].iter().enumerate() {
            let revision = stage.set(&[(ORDERS, Some(orders))]).await;
            for replica in &service.replicas {
                replica.settled(revision).await;
            }
            let (most, ups) = most_down(&stage.read("register"), &service.hosts());
            assert_eq!((most, ups), (1, vec![turn + 2; 3]));
        }
        assert_eq!(service.starts(), [1, 1, 1], "nobody is started anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_in_turn_waits_for_its_turn_with_its_files() {
    let stage = Stage::loaded().await;
    let reload = "in_turn = true\nmin_interval = '0s'";
    let service = Service::start(&stage, 1, Manifest { reload, ..USUAL }).await;
    let replica = &service.replicas[0];
    let mut client = stage.etcd.client().await;
    let key = "_etcstack/turns/controller/s/0";
    client.put(key, "somebody", None).await.unwrap();
    let before = replica.read("etc/s.conf");
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.wait_for("it waits", |status| status["state"] == "behind").await;
    assert_eq!(replica.read("etc/s.conf"), before);
    assert_eq!(replica.hups(&service.processes[0]), 0);
    client.delete(key, None).await.unwrap();
    replica.settled(revision).await;
    assert_eq!((service.starts(), replica.hups(&service.processes[0])), (vec![1], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_dies_loses_its_turn() {
    let stage = Stage::loaded().await;
    let service = Service::start(&stage, 1, RESTARTS).await;
    let [replica] = service.replicas.as_slice() else { panic!() };
    let mut client = stage.etcd.client().await;
    let lease = client.lease_grant(600, None).await.unwrap().id();
    let value = r#"{"holder":"elsewhere","since":0}"#;
    let options = PutOptions::new().with_lease(lease);
    client.put("_etcstack/turns/controller/s/0", value, Some(options)).await.unwrap();
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let status = replica
        .wait_for("waiting for its turn", |status| {
            status["waiting_for"].to_string().contains("elsewhere")
        })
        .await;
    assert_eq!(status["state"], "behind", "{status}");
    assert_eq!(service.starts(), [1]);
    client.lease_revoke(lease).await.unwrap();
    replica.settled(revision).await;
    assert_eq!(service.starts(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_in_its_turn_does_not_stop_the_others() {
    let stage = Stage::loaded().await;
    let more = "[restart]\nlease = '2s'";
    let mut service = Service::start(&stage, 2, Manifest { more, ..RESTARTS }).await;
    stage.set(&[(ORDERS, Some("ready-after:600000"))]).await;
    let first = service.first_with(2).await;
    // Its daemon is not ready yet, so that the other must still wait.
    let other = 1 - first;
    assert_eq!(service.starts()[other], 1);
    // With its daemon, as a container that is killed.
    drop(service.processes.remove(first));
    let (waiting, process) = (&service.replicas[other], &service.processes[0]);
    eventually("the other has its turn", PATIENCE, async || waiting.starts(process) == 2).await;
}

/// The container came back before its lease was over.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_comes_back_has_its_turn_still() {
    let stage = Stage::loaded().await;
    let more = "[restart]\nlease = '600s'";
    let mut service = Service::start(&stage, 1, Manifest { more, ..RESTARTS }).await;
    stage.set(&[(ORDERS, Some("ready-after:600000"))]).await;
    service.first_with(2).await;
    // Killed, with its daemon.
    service.processes.clear();
    assert!(stage.record("turns/controller/s/0").await.is_some());
    stage.set(&[(ORDERS, None)]).await;
    service.processes.push(service.replicas[0].start(&[]).await);
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    service.replicas[0].settled(revision).await;
    assert_eq!(service.starts(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_does_not_follow_a_bad_first_one() {
    let stage = Stage::loaded().await;
    let service = Service::start(&stage, 4, RESTARTS).await;
    let bad = stage.set(&[(ORDERS, Some("die-on-start:1"))]).await;
    for replica in &service.replicas {
        replica
            .wait_for("knowing of the bad one", |status| {
                status["bad"]["revision"].as_i64() >= Some(bad)
            })
            .await;
    }
    // The next change takes turns as ever, and each of the others is stopped for the first time.
    let revision = stage.set(&[(ORDERS, None), ("s.conf/x/a", Some("1"))]).await;
    for replica in &service.replicas {
        replica.settled(revision).await;
    }
    let tried: usize = service
        .processes
        .iter()
        .map(|process| {
            let lines = process.lines();
            lines
                .iter()
                .filter(|line| line.contains(" started ") && line.contains("die-on-"))
                .count()
        })
        .sum();
    assert_eq!(tried, 1, "how often the bad revision was tried");
    let mut starts = service.starts();
    starts.sort_unstable();
    assert_eq!(starts, [2, 2, 2, 4]);
    let (most, _) = most_down(&stage.read("register"), &service.hosts());
    assert_eq!(most, 1);
}

/// The mark lets the others know at once, and they wait nevertheless: one is down as long as its
/// daemon comes up on the last good files.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_on_its_way_back_keeps_its_turn() {
    let stage = Stage::loaded().await;
    let slow = "ready-after:2000";
    stage.set(&[(ORDERS, Some(slow))]).await;
    let service = Service::start(&stage, 2, RESTARTS).await;
    stage.set(&[(ORDERS, Some("die-on-start:1"))]).await;
    eventually("the mark", PATIENCE, async || stage.record(BAD).await).await;
    let revision = stage.set(&[(ORDERS, Some(slow)), ("s.conf/x/a", Some("1"))]).await;
    for replica in &service.replicas {
        replica.settled(revision).await;
    }
    let mut starts = service.starts();
    starts.sort_unstable();
    assert_eq!(starts, [2, 4]);
    let (most, _) = most_down(&stage.read("register"), &service.hosts());
    assert_eq!(most, 1);
}

/// A mark is read with all that the service has, which takes longer than to take a turn.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_does_not_follow_however_much_there_is_to_read() {
    let stage = Stage::loaded().await;
    for part in 0..50 {
        let put = |number| {
            let key = format!("controller/s/other.conf/x/{part}-{number}");
            TxnOp::put(key, "much".repeat(100), None)
        };
        stage.etcd.txn((0..100).map(put).collect()).await;
    }
    let service = Service::start(&stage, 3, RESTARTS).await;
    stage.set(&[(ORDERS, Some("die-on-start:1"))]).await;
    for replica in &service.replicas {
        replica.wait_for("knowing of the bad one", |status| !status["bad"].is_null()).await;
    }
    let tried = |process: &Process| {
        let lines = process.lines();
        lines.iter().any(|line| line.contains(" started ") && line.contains("die-on-start"))
    };
    let tried: Vec<_> = service.processes.iter().map(tried).collect();
    assert_eq!(tried.iter().filter(|tried| **tried).count(), 1, "{tried:?}");
}

/// Whoever is no longer behind does not restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_taken_back_while_it_waits() {
    let stage = Stage::loaded().await;
    let service = Service::start(&stage, 1, RESTARTS).await;
    let mut client = stage.etcd.client().await;
    let slot = "_etcstack/turns/controller/s/0";
    let value = r#"{"holder":"elsewhere","since":0}"#;
    client.put(slot, value, None).await.unwrap();
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    service.replicas[0]
        .wait_for("waiting for its turn", |status| {
            status["waiting_for"].to_string().contains("elsewhere")
        })
        .await;
    let revision = stage.set(&[("s.conf/x/a", None)]).await;
    service.replicas[0].settled(revision).await;
    client.delete(slot, None).await.unwrap();
    let revision = stage.set(&[("s.conf/x/b", Some("1"))]).await;
    service.replicas[0].settled(revision).await;
    assert_eq!(service.starts(), [2]);
}
