//! What a change calls for: nothing, a reload, a restart.

use std::process::Command;

use etcstack_tests::{PATIENCE, Process, binary, eventually};
use serde_json::{Value, json};

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, text};

const AUTO: Manifest<'_> = Manifest { file: "", other: "", ..USUAL };

/// A catalog of two options that can be changed in a running daemon, and two that cannot, made as
/// an image's build makes it.
fn catalog(stage: &Stage) -> String {
    let option = |name: &str, kind: &str, mutable: bool| {
        json!({
            "name": name, "dest": name, "type": kind, "mutable": mutable, "default": null,
            "sample_default": null, "help": "", "choices": [], "min": null, "max": null,
            "secret": false, "advanced": false, "required": false, "positional": false,
            "short": null, "metavar": null, "namespace": "s", "deprecated_opts": [],
            "deprecated_for_removal": false, "deprecated_reason": null, "deprecated_since": null,
        })
    };
    let group = |options: Vec<Value>| {
        let names: Vec<_> = options.iter().map(|option| option["name"].clone()).collect();
        json!({
            "opts": options, "standard_opts": names, "help": "", "namespaces": [["s", false]],
            "driver_option": "", "driver_opts": {}, "dynamic_group_owner": "",
        })
    };
    let default = vec![
        option("debug", "boolean value", true),
        option("level", "string value", true),
        option("workers", "integer value", false),
        option("orders", "string value", false),
    ];
    let raw = json!({
        "options": {
            "DEFAULT": group(default),
            "database": group(vec![option("retries", "integer value", false)]),
        },
        "deprecated_options": {},
        "generator_options": {},
    });
    stage.write("raw.json", &raw.to_string());
    let mut loader = Command::new(binary("etcstack-loader"));
    loader.arg("catalog").arg(stage.path("raw.json"));
    loader.arg("--output").arg(stage.path("catalog.json"));
    assert!(loader.status().unwrap().success(), "etcstack-loader catalog fails");
    format!("catalog = '{}'", text(&stage.path("catalog.json")))
}

/// Starts a replica, makes changes, and gives how many starts and HUPs there were after each.
async fn after_each(
    replica: &Replica<'_>,
    stage: &Stage,
    changes: &[&[(&str, Option<&str>)]],
) -> (Process, Vec<(usize, usize)>) {
    let process = replica.start(&[]).await;
    let mut counts = Vec::new();
    for change in changes {
        let revision = stage.set(change).await;
        replica.settled(revision).await;
        counts.push((replica.starts(&process), replica.hups(&process)));
    }
    (process, counts)
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_follows_the_catalog() {
    let stage = Stage::loaded().await;
    let top = catalog(&stage);
    let replica = Replica::new(&stage, "n1", Manifest { top: &top, ..AUTO });
    let changes: &[&[_]] = &[
        &[("s.conf/DEFAULT/debug", Some("true"))],
        &[("s.conf/DEFAULT/workers", Some("4"))],
        &[("s.conf/DEFAULT/debug", Some("false")), ("s.conf/DEFAULT/level", Some("warn"))],
        &[("s.conf/DEFAULT/debug", Some("true")), ("s.conf/DEFAULT/workers", Some("5"))],
        // Not in the catalog: nobody knows.
        &[("s.conf/DEFAULT/unknown", Some("1"))],
        &[("s.conf/DEFAULT/level", None)],
        &[("s.conf/DEFAULT/workers", None)],
    ];
    let (_process, counts) = after_each(&replica, &stage, changes).await;
    assert_eq!(counts, [(1, 1), (2, 1), (2, 2), (3, 2), (4, 2), (4, 3), (5, 3)]);
}

/// oslo.config does not tell `[database]` from `[DATABASE]`: the bytes change, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn auto_leaves_the_daemon_alone_when_the_change_has_no_effect() {
    let stage = Stage::loaded().await;
    stage.etcd.put("controller/s/s.conf/database/retries", "3").await;
    let top = catalog(&stage);
    let replica = Replica::new(&stage, "n1", Manifest { top: &top, ..AUTO });
    let process = replica.start(&[]).await;
    let change = [("s.conf/database/retries", None), ("s.conf/DATABASE/retries", Some("3"))];
    let revision = stage.set(&change).await;
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("[DATABASE]"));
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 0));
    // With any signal too many, it would have come before that of the next change.
    let revision = stage.set(&[("s.conf/DEFAULT/debug", Some("true"))]).await;
    replica.settled(revision).await;
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_without_a_catalog_restarts() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", AUTO);
    let changes: &[&[_]] = &[&[("s.conf/DEFAULT/debug", Some("true"))]];
    let (process, counts) = after_each(&replica, &stage, changes).await;
    assert_eq!(counts, [(2, 0)]);
    assert_eq!(replica.said(&process, "got TERM"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_as_it_says() {
    let stage = Stage::loaded().await;
    for (action, expected) in [
        ("reload", vec![(1, 1), (1, 1), (1, 2)]),
        ("restart", vec![(2, 0), (2, 0), (3, 0)]),
        ("none", vec![(1, 0), (1, 0), (1, 0)]),
    ] {
        let file = format!("on_change = '{action}'");
        let other = "on_change = 'none'";
        let host = format!("host-{action}");
        let replica = Replica::new(&stage, &host, Manifest { file: &file, other, ..USUAL });
        let changes: &[&[_]] = &[
            &[("s.conf/x/a", Some("1"))],
            &[("other.conf/x/a", Some("1"))],
            &[("s.conf/x/a", Some("2")), ("other.conf/x/a", Some("2"))],
        ];
        let (process, counts) = after_each(&replica, &stage, changes).await;
        assert_eq!(counts, expected, "{action}");
        assert!(replica.read("etc/s.conf").contains("a = 2"));
        assert!(replica.read("etc/other.conf").contains("a = 2"));
        drop(process);
        stage.etcd.delete_below("controller/s/s.conf/x").await;
        stage.etcd.delete_below("controller/s/other.conf/x").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_are_one_action_the_strongest() {
    let stage = Stage::loaded().await;
    let other = "on_change = 'restart'";
    let replica = Replica::new(&stage, "n1", Manifest { other, ..USUAL });
    let changes: &[&[_]] = &[&[("s.conf/x/a", Some("1")), ("other.conf/x/a", Some("1"))]];
    let (process, counts) = after_each(&replica, &stage, changes).await;
    assert_eq!(counts, [(2, 0)]);
    assert_eq!(replica.said(&process, "got TERM"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_by_a_command() {
    let stage = Stage::loaded().await;
    let told = text(&stage.path("told"));
    let reload = format!("command = ['sh', '-c', 'grep ^a {{}} >> {told}']\nmin_interval = '0s'");
    let reload = reload.replace("{}", &text(&stage.path("n1/etc/s.conf")));
    let replica = Replica::new(&stage, "n1", Manifest { reload: &reload, ..USUAL });
    let changes: &[&[_]] = &[&[("s.conf/x/a", Some("1"))], &[("s.conf/x/a", Some("2"))]];
    let (_process, counts) = after_each(&replica, &stage, changes).await;
    assert_eq!(counts, [(1, 0), (1, 0)]);
    assert_eq!(stage.read("told"), "a = 1\na = 2\n");
}

/// A command that fails has told nobody: the change is undone, and the next one is tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_by_a_command_that_fails() {
    let stage = Stage::loaded().await;
    let reload = "command = ['sh', '-c', 'test ! -e ../broken']\nmin_interval = '0s'";
    let reload = reload.replace("../broken", &text(&stage.path("broken")));
    let replica = Replica::new(&stage, "n1", Manifest { reload: &reload, ..USUAL });
    let process = replica.start(&[]).await;
    let before = [replica.read("etc/s.conf"), replica.read("etc/other.conf")];
    stage.write("broken", "");
    let revision = stage.set(&[("s.conf/x/a", Some("1")), ("other.conf/x/a", Some("1"))]).await;
    let status = replica.state("rolled_back").await;
    assert!(status["bad"]["revision"].as_i64() >= Some(revision), "{status}");
    assert!(status["bad"]["reason"].to_string().contains("reload command"), "{status}");
    assert_eq!([replica.read("etc/s.conf"), replica.read("etc/other.conf")], before);
    eventually("it is marked", PATIENCE, async || stage.record("bad/controller/s").await.is_some())
        .await;
    std::fs::remove_file(stage.path("broken")).unwrap();
    let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
    replica.settled(revision).await;
    assert!(replica.read("etc/other.conf").contains("a = 1"));
    assert_eq!((process.status(), replica.hups(&process)), (None, 0));
}

/// Every change within an interval is told at its end, by one signal.
#[tokio::test(flavor = "multi_thread")]
async fn the_interval_loses_nothing() {
    let stage = Stage::loaded().await;
    let reload = "min_interval = '1s'";
    let replica = Replica::new(&stage, "n1", Manifest { reload, ..USUAL });
    let mut process = replica.start(&[]).await;
    let mut revision = 0;
    for number in 1..=40 {
        revision = stage.set(&[("s.conf/x/a", Some(&number.to_string()))]).await;
    }
    process.wait_for_line(r"a = 40\n", PATIENCE).await;
    replica.settled(revision).await;
    assert!(replica.hups(&process) < 10, "{} signals", replica.hups(&process));
    assert_eq!(replica.starts(&process), 1);
}
