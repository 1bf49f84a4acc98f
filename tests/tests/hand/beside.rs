//! Beside others: loads, other hands, plain etcdctl, agents, access control.

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_client::{Permission, PermissionType};
use etcstack_store::{Credentials, Event, Location, Store, View};
use etcstack_tests::{PATIENCE, Proxy, eventually};
use serde_json::json;

use super::stage::{DEBUG, Stage, run};

#[tokio::test(flavor = "multi_thread")]
async fn many_hands_at_once_on_one_key() {
    const HANDS: usize = 8;
    let stage = Stage::new().await;
    stage.run(&["set", DEBUG, "start"]).await.is(0, &[]);
    let hands = (0..HANDS).map(|hand| {
        let (value, author) = (format!("by {hand}"), format!("hand {hand}"));
        let command = stage.command(&["set", DEBUG, &value, "--author", &author]);
        tokio::spawn(run(command, ""))
    });
    let mut written = BTreeSet::new();
    for (hand, ended) in hands.collect::<Vec<_>>().into_iter().enumerate() {
        let ended = ended.await.unwrap();
        match ended.code {
            0 => _ = written.insert(format!("hand {hand}")),
            _ => ended.is(75, &[DEBUG, "changed meanwhile; nothing was written"]),
        }
    }
    let history = stage.history().await;
    let numbers: BTreeSet<_> = history.iter().map(|entry| entry["entry"].as_u64()).collect();
    assert_eq!(numbers.len(), history.len());
    let told: BTreeSet<_> = history.iter().filter_map(|e| e["author"].as_str()).collect();
    for author in &written {
        assert!(told.contains(author.as_str()), "{author} is lost: {told:?}");
    }
    assert!(!written.is_empty() && history.len() == written.len() + 1, "{history:?}");
    let last = history[0]["author"].as_str().unwrap().replace("hand", "by");
    assert_eq!(stage.value(DEBUG).await.unwrap(), last);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hands_at_once_on_many_keys_all_succeed() {
    const HANDS: u64 = 8;
    let stage = Stage::new().await;
    let hands = (0..HANDS).map(|hand| {
        tokio::spawn(run(stage.command(&["set", &format!("general/A{hand}"), "1"]), ""))
    });
    for ended in hands.collect::<Vec<_>>() {
        ended.await.unwrap().is(0, &["added"]);
    }
    let numbers: Vec<_> = stage.history().await.iter().map(|e| e["entry"].as_u64()).collect();
    assert_eq!(numbers, (1..=HANDS).rev().map(Some).collect::<Vec<_>>());
    assert_eq!(stage.etcd.get_below("general/").await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_beside_a_load() {
    let stage = Stage::new().await;
    stage.etcd.put("general/A", "1").await;
    stage.etcd.put("_etcstack/load", "somebody").await;
    let revision = stage.etcd.revision().await;
    for arguments in [&["set", "general/A", "2"][..], &["unset", "general/A"]] {
        let ended = stage.run(arguments).await;
        ended.is(75, &["a load is under way, or has died half-way; nothing was written"]);
    }
    let ended = stage.run(&["get", "general/A"]).await;
    ended.is(0, &["1\n", "warning: a load is under way"]);
    assert_eq!(stage.etcd.revision().await, revision);
    // The next load completes what has died.
    stage.load("r/s/s.conf/x/a=1\n").await;
    stage.run(&["set", "general/A", "2"]).await.is(0, &["entry 2 of the history"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_put_works_beside_it_and_is_drift() {
    let stage = Stage::new().await;
    stage.load("r/s/s.conf/x/a=1\nr/s/s.conf/x/b=1\n").await;
    stage.etcd.put("r/s/s.conf/x/a", "2").await;
    stage.run(&["set", "r/s/s.conf/x/b", "3"]).await.is(0, &["changed   r/s/s.conf/x/b"]);
    stage.etcd.put("r/s/s.conf/x/b", "4").await;
    stage.run(&["set", "r/s/s.conf/x/b", "5", "--expect", "4"]).await.is(0, &[]);
    let drift = stage.json(&["load", "data"]).await["drift"].clone();
    let why = |key: &str| json!({"key": key, "why": "changed"});
    assert_eq!(drift, json!([why("r/s/s.conf/x/a"), why("r/s/s.conf/x/b")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_sees_several_keys_change_at_once() {
    let stage = Stage::new().await;
    stage.run(&["set", "r/s/s.conf/x/a=1", "r/s/s.conf/x/b=1"]).await.is(0, &[]);
    let location: Location = stage.etcd.url().parse().unwrap();
    let store = Store::open(location, Credentials::default()).unwrap();
    let mut follower = store.follow(View::new(vec!["r/s/".into()], |_| BTreeSet::new()));
    let mut states = Vec::new();
    while states.last() != Some(&vec!["2".to_owned(), "2".to_owned()]) {
        let Some(event) = follower.next().await else { panic!("the following has ended") };
        let Event::State(seen) = event else { continue };
        let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
        states.push(seen.entries.into_values().map(text).collect());
        if states.len() == 1 {
            stage.run(&["set", "r/s/s.conf/x/a=2", "r/s/s.conf/x/b=2"]).await.is(0, &[]);
        }
    }
    assert_eq!(states, [["1", "1"], ["2", "2"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_etcd_refuses_is_told() {
    let mut stage = Stage::new().await;
    stage.etcd.put("r/s/s.conf/x/a", "1").await;
    stage.etcd.enable_auth("root").await;
    let read = |from: &str, to: &str| {
        let permission = Permission::new(PermissionType::Read, from);
        permission.with_range_end(to)
    };
    // All may be read, and nothing written.
    stage.etcd.add_user("reader", "reader", vec![read("\0", "\0")]).await;
    let one = Permission::new(PermissionType::Read, "r/s/s.conf/x/a");
    let mark = Permission::new(PermissionType::Read, "_etcstack/load");
    stage.etcd.add_user("agent", "agent", vec![one, mark]).await;
    stage.write("reader", "reader");
    stage.write("agent", "agent");
    let user = |name: &'static str| ["--user", name, "--password-file", name];
    let ended = stage.run(&[&["set", "r/s/s.conf/x/a", "2"], &user("reader")[..]].concat()).await;
    ended.is(77, &["refuses", "permission denied", "check --user and its roles"]);
    stage.run(&["get", "r/s/s.conf/x/a"]).await.is(77, &["refuses"]);
    // One key is read with the right to this key.
    let ended = stage.run(&[&["get", "r/s/s.conf/x/a"], &user("agent")[..]].concat()).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "1\n"), "{ended:?}");
    let ended = stage.run(&[&["get", "r/s/s.conf/x/b"], &user("agent")[..]].concat()).await;
    ended.is(77, &["permission denied"]);
    assert_eq!(stage.value("r/s/s.conf/x/a").await.as_deref(), Some("1"));
}

/// The write happens, and its answer is lost: it is found in the history, and told as done once.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_for() {
    let stage = Stage::new().await;
    stage.etcd.put("general/A", "1").await;
    let location: Location = stage.etcd.url().parse().unwrap();
    let store = Store::open(location, Credentials::default()).unwrap();
    let mut follower = store.follow(View::new(vec!["general/".into()], |_| BTreeSet::new()));
    let proxy = Proxy::to(stage.etcd.port()).await;
    proxy.slow(Duration::from_secs(1));
    let store = format!("etcd://{}", proxy.address());
    let command = stage.command_at(&store, &["set", "general/A", "2", "--author", "ann"]);
    let ended = tokio::spawn(run(command, ""));
    // As soon as it is written, its answer is on the slow way back.
    loop {
        let Some(event) = follower.next().await else { panic!("the following has ended") };
        let Event::State(seen) = event else { continue };
        if seen.entries.values().any(|value| value == b"2") {
            break;
        }
    }
    let connections = proxy.connections();
    proxy.cut();
    eventually("it tries again", PATIENCE, async || proxy.connections() > connections).await;
    proxy.slow(Duration::ZERO);
    proxy.mend();
    let ended = ended.await.unwrap();
    ended.is(0, &["the write got no answer", "changed   general/A\n", "entry 1 of the history"]);
    let history = stage.history().await;
    assert_eq!((history.len(), &history[0]["author"]), (1, &json!("ann")));
}
