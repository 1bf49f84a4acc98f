//! `--wait`: when it ends, and how.

use etcstack_tests::{PATIENCE, eventually};
use nix::sys::signal::Signal;

use crate::agents::{Stage, end, host};

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_is_waited_for() {
    let stage = Stage::loaded().await;
    let (_one, two) = tokio::join!(stage.start("s", "n1"), stage.start("s", "n2"));
    assert_eq!(stage.wait(&["--count", "2"]).await.code, 0);
    two.signal(Signal::SIGSTOP);
    let revision = stage.put("DEFAULT/debug", "true").await;
    assert_eq!(stage.wait(&["--host", "n1"]).await.code, 0);
    let shown = stage.run(&["--wait", "--timeout", "1s"]).await;
    assert_eq!(shown.code, 75, "{shown:?}");
    assert!(shown.text.contains("s: 2 replicas, 1 converged"), "{shown:?}");
    assert!(shown.text.contains("error: not converged within 1s"), "{shown:?}");
    let reason = format!("has not read revision {revision} yet");
    let rows: Vec<_> = shown.text.lines().filter(|line| line.starts_with("s  ")).collect();
    let [row] = rows[..] else { panic!("{shown:?}") };
    assert!(row.contains(" n2 ") && row.contains("behind") && row.contains(&reason), "{row}");

    let mut waiting = stage.waiting(&[]).await;
    two.signal(Signal::SIGCONT);
    let shown = end(&mut waiting).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(host(&stage.json(&[]).await, "n2")["revisions"]["good"].as_i64() >= Some(revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_revision_ends_it() {
    let stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    stage.put("DEFAULT/url", "secret $NOWHERE").await;
    let shown = stage.wait(&[]).await;
    assert_eq!(shown.code, 65, "{shown:?}");
    for text in ["refused", "unknown variable $NOWHERE", "will not converge by itself"] {
        assert!(shown.text.contains(text), "{text} is missing in {shown:?}");
    }
    assert!(!shown.text.contains("secret"), "{shown:?}");
    let json = host(&stage.json(&[]).await, "n1");
    assert_eq!(json["stuck"], true, "{json}");
    // Somebody is about to mend it.
    let mut waiting = stage.waiting(&["--keep-waiting"]).await;
    stage.etcd.put("general/NOWHERE", "now").await;
    assert_eq!(end(&mut waiting).await.code, 0);
    // Once it is mended, what was refused before does not count.
    stage.put("DEFAULT/url", "$NOWHERE2").await;
    assert_eq!(stage.wait(&[]).await.code, 65);
    stage.put("DEFAULT/url", "$NOWHERE").await;
    assert_eq!(stage.wait(&[]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_breaks_the_daemon_ends_it() {
    let stage = Stage::loaded().await;
    let (_one, _two) = tokio::join!(stage.start("s", "n1"), stage.start("s", "n2"));
    stage.wait(&["--count", "2"]).await;
    stage.put("DEFAULT/orders", "die-on-hup:3").await;
    let shown = stage.wait(&["--count", "2"]).await;
    assert_eq!(shown.code, 65, "{shown:?}");
    assert!(shown.text.contains("has failed on n"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_lacks_most_ends_it() {
    let stage = Stage::loaded().await;
    for number in 0..12 {
        stage.put(&format!("x/a{number}"), "1").await;
    }
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    stage.etcd.delete_below("controller/s/s.conf/x/").await;
    let shown = stage.wait(&[]).await;
    assert_eq!(shown.code, 65, "{shown:?}");
    assert!(shown.text.contains("held"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_have_to_be_there() {
    let stage = Stage::loaded().await;
    let shown = stage.run(&["--wait", "--timeout", "300ms", "--service", "s"]).await;
    assert_eq!(shown.code, 75, "{shown:?}");
    assert!(shown.text.contains("waiting: s: no replica"), "{shown:?}");
    let shown = stage.run(&["--wait", "--timeout", "300ms"]).await;
    assert_eq!(shown.code, 75, "{shown:?}");
    assert!(shown.text.contains("no agent has left a status"), "{shown:?}");

    let mut waiting = stage.waiting(&["--service", "s"]).await;
    let one = stage.start("s", "n1").await;
    assert_eq!(end(&mut waiting).await.code, 0);
    let mut waiting = stage.waiting(&["--service", "s", "--count", "2"]).await;
    let mut two = stage.start("s", "n2").await;
    assert_eq!(end(&mut waiting).await.code, 0);
    // Who goes is not counted, and does not hold up the others.
    two.signal(Signal::SIGTERM);
    two.wait(PATIENCE).await;
    let shown = stage.run(&["--wait", "--timeout", "300ms", "--count", "2"]).await;
    assert_eq!(shown.code, 75, "{shown:?}");
    assert!(shown.text.contains("1 replica, which has converged; 2 are waited for"), "{shown:?}");
    assert_eq!(stage.wait(&[]).await.code, 0);
    let shown = stage.run(&["--wait", "--timeout", "300ms", "--host", "n2"]).await;
    assert_eq!((shown.code, shown.text.contains("host n2: no replica")), (75, true));
    drop(one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_holds_up_all() {
    let stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    stage.etcd.put("_etcstack/load", "somebody").await;
    let status = stage.json(&[]).await;
    assert_eq!((&status["loading"], &status["converged"]), (&true.into(), &false.into()));
    assert_eq!(host(&status, "n1")["reason"], "a load is under way");
    let mut waiting = stage.waiting(&[]).await;
    let revision = stage.put("DEFAULT/debug", "true").await;
    // The load ends, and there is something new.
    assert_eq!(waiting.status(), None);
    stage.etcd.delete("_etcstack/load").await;
    assert_eq!(end(&mut waiting).await.code, 0);
    let good = |status| host(&status, "n1")["revisions"]["good"].as_i64();
    assert!(good(stage.json(&[]).await) >= Some(revision));
    // And one that changes nothing.
    stage.etcd.put("_etcstack/load", "somebody").await;
    let mut waiting = stage.waiting(&[]).await;
    stage.etcd.delete("_etcstack/load").await;
    assert_eq!(end(&mut waiting).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_has_to_prove_itself() {
    let stage = Stage::loaded().await;
    stage.put("DEFAULT/orders", "not-ready").await;
    let _agent = stage.spawn("controller", "s", "n1");
    eventually("it is there", PATIENCE, async || {
        let status = stage.json(&[]).await;
        status["replicas"][0]["state"] == "current"
    })
    .await;
    let shown = stage.run(&["--wait", "--timeout", "300ms"]).await;
    assert_eq!(shown.code, 75, "{shown:?}");
    assert!(shown.text.contains("has yet to prove"), "{shown:?}");
    stage.etcd.delete("controller/s/s.conf/DEFAULT/orders").await;
    assert_eq!(stage.wait(&[]).await.code, 0);
}
