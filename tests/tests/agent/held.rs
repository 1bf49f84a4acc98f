//! A state that lacks most of what was there: an accident, unless a load says otherwise.

use std::process::Command;

use etcstack_tests::{Process, binary};

use crate::replica::{Replica, USUAL};
use crate::stage::Stage;

fn key(number: usize) -> String {
    format!("s.conf/x/a{number}")
}

/// Sets or removes these options at once.
async fn change(stage: &Stage, numbers: std::ops::Range<usize>, value: Option<&str>) -> i64 {
    let keys: Vec<_> = numbers.map(key).collect();
    let keys: Vec<_> = keys.iter().map(|key| (key.as_str(), value)).collect();
    stage.set(&keys).await
}

/// A replica with so many options, `debug` among them.
async fn with_options(stage: &Stage, number: usize) -> (Replica<'_>, Process) {
    change(stage, 1..number, Some("1")).await;
    let replica = Replica::new(stage, "n1", USUAL);
    let process = replica.start(&[]).await;
    (replica, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_lacks_most_is_held_and_reported() {
    let stage = Stage::loaded().await;
    let (replica, process) = with_options(&stage, 12).await;
    let before = replica.inode("etc/s.conf");
    change(&stage, 1..8, None).await;
    let status = replica.state("held").await;
    assert!(!status["last_error"].is_null() || !status["waiting_for"].is_null(), "{status}");
    assert_eq!(replica.inode("etc/s.conf"), before);
    // A further change does not bring it in by the back door.
    stage.set(&[("s.conf/x/b", Some("1"))]).await;
    replica.state("held").await;
    assert_eq!(replica.inode("etc/s.conf"), before);
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 0));
    // What was there comes back.
    let revision = change(&stage, 1..8, Some("1")).await;
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("b = 1"));
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_them_may_go_and_so_may_four() {
    let stage = Stage::loaded().await;
    let (replica, _process) = with_options(&stage, 12).await;
    let revision = change(&stage, 1..7, None).await;
    replica.settled(revision).await;
    assert!(!replica.read("etc/s.conf").contains("a6 = 1"));
    // Four of six.
    let revision = change(&stage, 7..11, None).await;
    replica.settled(revision).await;
    assert!(!replica.read("etc/s.conf").contains("a7 = 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_option_less_at_a_time_is_no_accident() {
    let stage = Stage::loaded().await;
    let (replica, _process) = with_options(&stage, 12).await;
    for number in 1..11 {
        let revision = change(&stage, number..number + 1, None).await;
        replica.settled(revision).await;
    }
    assert!(!replica.read("etc/s.conf").contains("a10 = 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_takes_them_away_is_believed() {
    let stage = Stage::new().await;
    let load = |options: usize| {
        let lines: Vec<_> = (0..options).map(|number| format!("a{number} = 1\n")).collect();
        stage.write("data/controller/s/s.conf", &format!("[x]\n{}", lines.concat()));
        let mut loader = Command::new(binary("etcstack-loader"));
        loader.arg("load").arg(stage.path("data")).env("ETCSTACK_STORE", stage.etcd.url());
        assert!(loader.status().unwrap().success());
    };
    load(20);
    let replica = Replica::new(&stage, "n1", USUAL);
    let process = replica.start(&[]).await;
    assert!(replica.read("etc/s.conf").contains("a19 = 1"));
    load(2);
    let revision = stage.set(&[("s.conf/x/b", Some("1"))]).await;
    replica.settled(revision).await;
    let text = replica.read("etc/s.conf");
    assert!(text.contains("a1 = 1") && !text.contains("a2 = 1"), "{text}");
    assert_eq!(replica.starts(&process), 1);
}
