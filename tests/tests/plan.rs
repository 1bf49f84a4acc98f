//! `etcstack-loader plan`, as a user runs it.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::process::Command;

use etcstack_tests::{Etcd, Ran, binary, run, write};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A small service: one option that a reload takes, one that it does not, one that is secret.
const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","default":false,"mutable":true,"single":true},
{"group":"DEFAULT","name":"level","type":"string value","mutable":true,"single":true},
{"group":"DEFAULT","name":"workers","type":"integer value","single":true},
{"group":"DEFAULT","name":"host","type":"string value","single":true},
{"group":"DEFAULT","name":"sesame","type":"string value","secret":true,"single":true},
{"group":"database","name":"connection","type":"string value","secret":true,"single":true}
]}
"#;

async fn loader(etcd: &Etcd, arguments: &[&str]) -> Ran {
    let mut command = Command::new(binary("etcstack-loader"));
    command.args(arguments).env("ETCSTACK_STORE", etcd.url());
    run(command).await
}

/// A directory of data with a listing, and catalogs of the service `cat`.
fn data(pairs: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let lines: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    write(&folder.path().join("list/all"), &lines.concat());
    write(&folder.path().join("catalog/2026.1/cat.json"), CATALOG);
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

async fn load(etcd: &Etcd, folder: &TempDir) {
    let ran = loader(etcd, &["load", path(folder)]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// Plans, and makes sure that nothing was written.
async fn plan(etcd: &Etcd, folder: &TempDir, more: &[&str]) -> Ran {
    let before = etcd.revision().await;
    let ran = loader(etcd, &[&["plan", path(folder)], more].concat()).await;
    assert_eq!(etcd.revision().await, before, "a plan writes nothing");
    ran
}

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.err))
}

/// The service that changes, and the action.
fn actions(json: &Value) -> Vec<String> {
    let services = json["services"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |s: &Value| [&s["role"], &s["service"], &s["effect"]].map(text).join(" ");
    services.map(one).collect()
}

const BEFORE: [(&str, &str); 17] = [
    ("general/DB_PASSWORD", "hunter1"),
    ("general/DEBUG", "$DEEP"),
    ("general/DEEP", "false"),
    ("general/HOST", "db"),
    ("general/MAGIC", "hunter2"),
    ("gone/cat/cat.conf/DEFAULT/level", "x"),
    ("hot/cat/cat.conf/DEFAULT/debug", "$DEBUG"),
    ("hot/cat/cat.conf/DEFAULT/workers", "${WORKERS:-1}"),
    ("cold/cat/cat.conf/database/connection", "mysql://u:${DB_PASSWORD|url}@$HOST/x"),
    ("cold/cat/cat.conf/DEFAULT/sesame", "$MAGIC"),
    ("cold/cat/cat.conf/DEFAULT/level", "1"),
    ("cold/cat/policy.yaml", "a: 1"),
    ("same/cat/cat.conf/DEFAULT/host", "$HOST"),
    ("none/other/other.conf/DEFAULT/debug", "$DEBUG"),
    ("none/other/other.conf/drift/changed", "1"),
    ("none/other/other.conf/drift/dropped", "1"),
    ("none/other/other.conf/DEFAULT/deleted", "1"),
];

const AFTER: [(&str, &str); 17] = [
    ("general/DB_PASSWORD", "hunter3"),
    ("general/DEBUG", "$DEEP"),
    ("general/DEEP", "true"),
    ("general/HOST", "db"),
    ("general/MAGIC", "hunter4"),
    ("hot/cat/cat.conf/DEFAULT/debug", "$DEBUG"),
    ("hot/cat/cat.conf/DEFAULT/workers", "${WORKERS:-1}"),
    ("cold/cat/cat.conf/database/connection", "mysql://u:${DB_PASSWORD|url}@$HOST/x"),
    ("cold/cat/cat.conf/DEFAULT/sesame", "$MAGIC"),
    ("cold/cat/cat.conf/DEFAULT/level", "2"),
    ("cold/cat/policy.yaml", "a: 2"),
    ("same/cat/cat.conf/DEFAULT/host", "${HOST}"),
    ("new/cat/cat.conf/DEFAULT/host", "$HOSTNAME"),
    ("none/other/other.conf/DEFAULT/debug", "$DEBUG"),
    ("none/other/other.conf/drift/changed", "2"),
    ("none/other/other.conf/drift/put", "2"),
    ("none/other/other.conf/lvm/spelling", "2"),
];

/// What was loaded, and what hands have made of it.
async fn stage() -> Etcd {
    let etcd = Etcd::new().await;
    load(&etcd, &data(&BEFORE)).await;
    for (key, value) in [
        ("drift/changed", "hand"),
        ("drift/dropped", "hand"),
        ("drift/put", "hand"),
        ("LVM/spelling", "hand"),
        ("DEFAULT/alone", "hand"),
    ] {
        etcd.put(&format!("none/other/other.conf/{key}"), value).await;
    }
    etcd
}

const GOLDEN: &str = "\
cold/cat/cat.conf
  ~ [DEFAULT] level = 1 → 2
cold/cat/policy.yaml
  ~ (text) = a: 1 → a: 2
general
  ~ DB_PASSWORD = *** → ***
  ~ DEEP = false → true
  ~ MAGIC = *** → ***
gone/cat/cat.conf
  - [DEFAULT] level = x
new/cat/cat.conf
  + [DEFAULT] host = $HOSTNAME
none/other/other.conf
  - [DEFAULT] deleted = 1
same/cat/cat.conf
  ~ [DEFAULT] host = $HOST → ${HOST}

Drift, kept as hands have made it:
  none/other/other.conf/LVM/spelling: put by hand, and in the data in another spelling and with another value
  none/other/other.conf/drift/changed: changed by hand
  none/other/other.conf/drift/dropped: changed by hand, and no longer in the data
  none/other/other.conf/drift/put: put by hand, and now in the data with another value
With --overwrite:
  none/other/other.conf
    - [LVM] spelling = hand
    ~ [drift] changed = hand → 2
    - [drift] dropped = hand
    ~ [drift] put = hand → 2
    + [lvm] spelling = 2

Running daemons would, where their manifests' on_change does not say otherwise:
  cold/cat: restart
    cat.conf [DEFAULT] sesame, by $MAGIC
    cat.conf [database] connection, by $DB_PASSWORD
    policy.yaml (text)
  gone/cat: keep what they have: no key is left
  hot/cat: reload
    cat.conf [DEFAULT] debug, by $DEEP
  new/cat: start, if agents wait for the first keys
  none/other: restart (no catalog: every change is one)
    other.conf [DEFAULT] debug, by $DEEP
    other.conf [DEFAULT] deleted
  same/cat: nothing: the files read the same

Plan: 1 to add, 6 to change, 2 to delete; 4 kept as drift.
1 key of no load would be left alone.
";

#[tokio::test(flavor = "multi_thread")]
async fn every_class_for_people() {
    let etcd = stage().await;
    let after = data(&AFTER);
    let ran = plan(&etcd, &after, &[]).await;
    assert_eq!(ran.out, GOLDEN, "{}", ran.err);
    assert_eq!((ran.code, ran.err.as_str()), (2, ""));
    let shown = plan(&etcd, &after, &["--show-secrets"]).await;
    for line in ["  ~ DB_PASSWORD = hunter1 → hunter3\n", "  ~ MAGIC = hunter2 → hunter4\n"] {
        assert!(shown.out.contains(line), "{}", shown.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_for_programs_and_as_a_load_does_it() {
    let etcd = stage().await;
    let after = data(&AFTER);
    let ran = plan(&etcd, &after, &["--output", "json"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (2, ""));
    assert!(!ran.out.contains("hunter"), "{}", ran.out);
    let json = json_of(&ran);
    assert_eq!(
        actions(&json),
        [
            "cold cat restart",
            "gone cat keep",
            "hot cat reload",
            "new cat start",
            "none other restart",
            "same cat nothing"
        ]
    );
    let hot = json["services"].as_array().unwrap().iter().find(|s| s["role"] == "hot").unwrap();
    let option = json!({
        "file": "cat.conf", "option": "[DEFAULT] debug", "by_way_of": ["DEEP"], "refers": false,
        "mutable": true
    });
    assert_eq!(hot["decided_by"], json!([option]));
    assert_eq!((&json["release"], &json["would_be_release"]), (&json!(1), &json!(true)));
    assert_eq!((&json["catalog_release"], json["revision"].is_i64()), (&json!("2026.1"), true));
    for overwrite in [false, true] {
        let more: &[&str] = if overwrite { &["--overwrite"] } else { &[] };
        let planned = json_of(&plan(&etcd, &after, &[more, &["--output", "json"]].concat()).await);
        let arguments = [&["load", path(&after)], more, &["--output", "json"]].concat();
        let loaded = json_of(&loader(&etcd, &arguments).await);
        for name in ["added", "changed", "deleted", "unchanged_count", "drift", "by_hand"] {
            assert_eq!(planned[name], loaded[name], "{name} {overwrite}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes() {
    const KEY: &str = "r/cat/cat.conf/DEFAULT/workers";
    let etcd = Etcd::new().await;
    let one = data(&[(KEY, "1")]);
    assert_eq!(plan(&etcd, &one, &[]).await.code, 2);
    load(&etcd, &one).await;
    let ran = plan(&etcd, &one, &[]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "Plan: nothing to do.\n"));

    // Drift alone is nothing to do, and is told.
    etcd.put(KEY, "7").await;
    let ran = plan(&etcd, &one, &[]).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains(&format!("  {KEY}: changed by hand\n")), "{}", ran.out);
    assert!(ran.out.ends_with("\nPlan: nothing to do; 1 kept as drift.\n"), "{}", ran.out);
    assert_eq!(plan(&etcd, &one, &["--overwrite"]).await.code, 2);
    let taken = data(&[(KEY, "7")]);
    let ran = plan(&etcd, &taken, &[]).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("a load would be a new release"), "{}", ran.out);

    // Errors of all kinds.
    let bad = data(&[("r/cat", "1"), ("r/cat/cat.conf/DEFAULT/x", "${A")]);
    for (more, folder, message) in [
        (&[][..], &bad, "list/all:1"),
        (&["--release", "1999.1"], &one, "there are no catalogs of 1999.1"),
        (&["--catalog", "/nowhere"], &one, "/nowhere"),
    ] {
        let ran = plan(&etcd, folder, more).await;
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{message}");
        assert!(ran.err.contains(message), "{}", ran.err);
    }
    let empty = TempDir::new().unwrap();
    let ran = plan(&etcd, &empty, &[]).await;
    assert!(ran.code == 1 && ran.err.contains("--allow-empty"), "{}", ran.err);
    assert_eq!(plan(&etcd, &empty, &["--allow-empty", "--overwrite"]).await.code, 2);
    assert_eq!(plan(&etcd, &one, &["--frobnicate"]).await.code, 64);
    etcd.put("_etcstack/load", "somebody").await;
    let ran = plan(&etcd, &one, &[]).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("a load is under way, or has died half-way: somebody"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_read_is_enough() {
    let mut etcd = Etcd::new().await;
    let key = "r/cat/cat.conf/DEFAULT/debug";
    load(&etcd, &data(&[(key, "false")])).await;
    let all = etcd_client::Permission::read("").with_all_keys();
    etcd.add_user("reader", "pw", vec![all]).await;
    etcd.enable_auth("root").await;
    let folder = data(&[(key, "true")]);
    let passwords = TempDir::new().unwrap();
    let password_file = passwords.path().join("pw");
    write(&password_file, "pw");
    let more = ["--user", "reader", "--password-file", password_file.to_str().unwrap()];
    let ran = plan(&etcd, &folder, &[&more[..], &["--output", "json"]].concat()).await;
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(actions(&json_of(&ran)), ["r cat reload"]);
}

/// A layer's change is told for the replicas that run with it, with what their other layers say.
#[tokio::test(flavor = "multi_thread")]
async fn layers_as_replicas_run_them() {
    let etcd = Etcd::new().await;
    let pairs = |level: &'static str| {
        [
            ("site/cat/cat.conf/DEFAULT/level", level),
            ("site/cat/cat.conf/DEFAULT/debug", level),
            ("compute/cat/cat.conf/DEFAULT/level", "x"),
            ("compute@n3/cat/cat.conf/DEFAULT/debug", "0"),
        ]
    };
    load(&etcd, &data(&pairs("1"))).await;
    let after = data(&pairs("0"));
    let json = json_of(&plan(&etcd, &after, &["--output", "json"]).await);
    assert_eq!(actions(&json), ["site cat reload"]);
    assert_eq!(json["services"][0]["decided_by"].as_array().unwrap().len(), 2);
    assert_eq!(json["services"][0]["also"], serde_json::json!([]));
    for key in ["site,compute/cat/n1", "site,compute/cat/n2", "site,compute,compute@n3/cat/n3"] {
        etcd.put(&format!("_etcstack/status/{key}"), "{}").await;
    }
    let ran = plan(&etcd, &after, &[]).await;
    let expected = "\
  site,compute/cat: reload
    cat.conf [DEFAULT] debug
  site,compute,compute@n3/cat: nothing: the files read the same
";
    assert!(ran.out.contains(expected), "{}", ran.out);
    etcd.put("_etcstack/status/site/cat/n4", "{}").await;
    etcd.put("_etcstack/status/site,new/cat/n5", "{}").await;
    let json = json_of(&plan(&etcd, &after, &["--output", "json"]).await);
    assert_eq!(
        actions(&json),
        ["site cat reload", "site,compute cat reload", "site,compute,compute@n3 cat nothing"]
    );
}
