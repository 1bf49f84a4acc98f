//! History, diff and rollback.

use etcstack_tests::Etcd;
use serde_json::json;

use super::world::{call, good, keys, listing, load, loader, run, value};

const DEBUG: &str = "r/s/f.conf/DEFAULT/debug";
const URL: &str = "r/s/f.conf/database/connection";
const HOST: &str = "general/HOST";

/// Three releases, the last of them by a rollback of nobody yet.
async fn three(etcd: &Etcd) {
    let first = listing(&[(DEBUG, "true"), (URL, "mysql://u:hunter1@h/x"), (HOST, "db1")]);
    let second = listing(&[(DEBUG, "false"), (URL, "mysql://u:hunter2@h/x"), (HOST, "db1")]);
    let third = listing(&[(DEBUG, "false"), (HOST, "db3"), ("general/NEW", "x")]);
    load(etcd, first.path(), &["--author", "ann", "--message", "the first"]).await;
    load(etcd, second.path(), &["--author", "bob"]).await;
    load(etcd, third.path(), &["-m", "tab\there"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_when_and_why() {
    let etcd = Etcd::new().await;
    let expected = format!("nothing has been loaded into http://{} yet", etcd.address());
    assert_eq!(good(&etcd, &["history"]).await, expected);
    three(&etcd).await;
    let text = good(&etcd, &["history"]).await;
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ENTRY", "TIME", "KIND", "KEYS", "AUTHOR", "MESSAGE"]);
    assert_eq!(lines[1][2..6], ["load", "+1", "~1", "-1"]);
    assert_eq!((lines[1][0], lines[2][0], lines[3][0]), ("3*", "2", "1"));
    assert_eq!(lines[3][2..], ["load", "+3", "~0", "-0", "ann", "the", "first"]);
    assert!(lines[1][6].contains('@') && text.contains("tab\\there"), "{text}");
    assert!(!text.contains("hunter"), "{text}");

    let json = super::world::json(&etcd, &["history", "--limit", "1"]).await;
    let entry = &json["entries"][0];
    assert_eq!(
        (&json["release"], &entry["entry"], &entry["release"]),
        (&json!(3), &json!(3), &json!(3))
    );
    assert_eq!(json["entries"].as_array().unwrap().len(), 1);
    assert_eq!(entry["digest"].as_str().unwrap().len(), 64);
    let counts = ["added_count", "changed_count", "deleted_count", "kept_count"];
    assert_eq!(counts.map(|name| entry[name].as_u64().unwrap()), [1, 1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs() {
    let etcd = Etcd::new().await;
    three(&etcd).await;
    let text = good(&etcd, &["diff", "1", "2"]).await;
    let expected = "\
r/s/f.conf
  ~ [DEFAULT] debug = true → false
  ~ [database] connection = *** → ***
2 keys differ (0 added, 2 changed, 0 deleted)";
    assert_eq!(text, expected);
    let open = good(&etcd, &["diff", "1", "2", "--show-secrets"]).await;
    assert!(open.contains("mysql://u:hunter1@h/x → mysql://u:hunter2@h/x"), "{open}");

    // And now, with a hand's doing.
    assert_eq!(good(&etcd, &["diff", "3"]).await, "0 keys differ");
    etcd.put(DEBUG, "maybe").await;
    etcd.put("general/BY_HAND", "y").await;
    let text = good(&etcd, &["diff", "3"]).await;
    assert!(text.contains("  ~ [DEFAULT] debug = false → maybe"), "{text}");
    assert!(text.contains("  + BY_HAND = y"), "{text}");
    let json = super::world::json(&etcd, &["diff", "-2"]).await;
    assert_eq!(json["from"], json!({"release": 1, "revision": null}));
    assert_eq!(json["to"], json!({"release": null, "revision": etcd.revision().await}));
    assert_eq!(json["deleted"], json!([URL]));
    assert!(!json.to_string().contains("hunter"), "{json}");

    for (arguments, code, message) in [
        (
            &["diff", "9"][..],
            66,
            "there is no release 9, or it is not kept any more; kept are: 1, 2, 3",
        ),
        (&["diff", "-3"], 66, "there are not 3 releases before the current one"),
        (&["diff", "x"], 64, "write a release's number"),
        (&["rollback", "0"], 64, "write a release's number"),
    ] {
        let (found, text) = call(&etcd, arguments).await;
        assert!(found == code && text.contains(message), "{arguments:?}: {found} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_again() {
    let etcd = Etcd::new().await;
    three(&etcd).await;
    etcd.put(HOST, "hand").await;
    let report = super::world::json(&etcd, &["rollback", "1", "--author", "ann"]).await;
    assert_eq!(report["release"], 4);
    assert_eq!(report["added"], json!([URL]));
    assert_eq!(
        (&report["changed"], &report["deleted"]),
        (&json!([DEBUG]), &json!(["general/NEW"]))
    );
    assert_eq!(report["drift"], json!([{"key": HOST, "why": "changed"}]));
    let text = good(&etcd, &["history", "--limit", "1"]).await;
    let line = text.lines().last().unwrap();
    assert!(line.starts_with("4*") && line.contains("rollback"), "{text}");
    assert!(line.ends_with("ann     back to 1"), "{text}");
    assert!(line.contains("+1 ~1 -1 (1 kept)"), "{text}");

    // The one that was left; the hand's value is the data's no longer for any reason but --overwrite.
    let report = super::world::json(&etcd, &["rollback", "-1", "--overwrite"]).await;
    assert_eq!(report["release"], 5);
    assert_eq!(value(&etcd, HOST).await.as_deref(), Some("db3"));
    let found = keys(&etcd).await;
    let found: Vec<_> = found.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(found, [(HOST, "db3"), ("general/NEW", "x"), (DEBUG, "false")]);
    // And again is nothing.
    let before = etcd.revision().await;
    assert_eq!(super::world::json(&etcd, &["rollback", "5"]).await["release"], 5);
    assert_eq!(etcd.revision().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_bounded_and_outlives_a_compaction() {
    let etcd = Etcd::new().await;
    for number in 1..=6 {
        let folder = listing(&[(DEBUG, &number.to_string())]);
        load(&etcd, folder.path(), &["--keep", "3"]).await;
    }
    etcd.compact(etcd.revision().await).await;
    let names =
        |pairs: Vec<(String, Vec<u8>)>| pairs.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let releases = names(etcd.get_below("_etcstack/releases/").await);
    let expected = [4, 5, 6].map(|number| format!("_etcstack/releases/{number:08}"));
    assert_eq!(releases, expected);
    assert_eq!(etcd.get_below("_etcstack/data/").await.len(), 3);
    let (code, text) = call(&etcd, &["rollback", "3"]).await;
    assert!(code == 66 && text.contains("not kept any more; kept are: 4, 5, 6"), "{code} {text}");
    good(&etcd, &["rollback", "4", "--keep", "2"]).await;
    assert_eq!(value(&etcd, DEBUG).await.as_deref(), Some("4"));
    assert_eq!(etcd.get_below("_etcstack/data/").await.len(), 2);
    let (code, text) = call(&etcd, &["rollback", "4", "--keep", "1"]).await;
    assert!(code == 64 && text.contains("from 2 to 1000"), "{code} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clouds_have_histories_of_their_own() {
    let etcd = Etcd::new().await;
    let folder = listing(&[(DEBUG, "1")]);
    for cloud in ["one", "two"] {
        let url = etcd.url_with(cloud);
        let (code, text) = run(loader(&url, &["load", folder.path().to_str().unwrap()])).await;
        assert!(code == 0 && text.contains("; release 1; "), "{text}");
    }
    assert!(etcd.get("two/_etcstack/data/00000001/0000").await.is_some());
    let (_, text) = run(loader(&etcd.url_with("one"), &["diff", "1"])).await;
    assert_eq!(text, "0 keys differ");
}
