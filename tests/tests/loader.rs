//! The loader as its users run it, on a real etcd.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use etcstack_store::{Credentials, Event, Location, Store, View};
use etcstack_tests::{Etcd, PATIENCE, Port, Process, binary, folder as data, said};
use serde_json::Value;

/// Runs a load; gives its exit code and what it printed.
async fn load(etcd: &Etcd, data: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(binary("etcstack-loader"));
    command.arg("load").arg(data).env("ETCSTACK_STORE", etcd.url()).args(arguments);
    said(&mut command).await
}

async fn load_json(etcd: &Etcd, data: &Path) -> Value {
    let (code, text) = load(etcd, data, &["--output", "json"]).await;
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// All of the store but the loader's own records.
async fn keys(etcd: &Etcd) -> Vec<(String, String)> {
    let all = etcd.get_below("").await;
    let plain = all.into_iter().filter(|(key, _)| !key.starts_with("_etcstack/"));
    plain.map(|(key, value)| (key, String::from_utf8(value).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_forms_and_a_second_load_that_writes_nothing() {
    let etcd = Etcd::new().await;
    let folder = data(&[
        (
            "general/environment.conf",
            "# hosts\r\n\r\ngeneral/MYSQL_HOST=db\r\nPW=a+b&c%d=e \"f\" #g é",
        ),
        (
            "controller/glance/glance-api.conf",
            "[DEFAULT]\n# why\ndebug = true\nmulti = a\nmulti = b\n",
        ),
        ("controller/glance/policy.yaml", "\"x\": \"y\"\n"),
        (
            "swift/swift.conf",
            "controller/swift/rsyncd.conf/uid=swift\n\n# more\n\
             controller/swift/rsyncd.conf/account/max connections=2\n\
             controller/swift/proxy-server.conf/filter:authtoken/paste.filter_factory=\
             keystonemiddleware.auth_token:filter_factory\n\
             controller/glance/glance-api.conf/database/connection=\
             mysql://glance:$PW@$MYSQL_HOST/glance?a=b",
        ),
        (".hidden/x", "nonsense"),
        ("README.md", "nonsense"),
    ]);
    let expected = [
        ("controller/glance/glance-api.conf/DEFAULT/debug", "true"),
        ("controller/glance/glance-api.conf/DEFAULT/multi", "a\nb"),
        (
            "controller/glance/glance-api.conf/database/connection",
            "mysql://glance:$PW@$MYSQL_HOST/glance?a=b",
        ),
        ("controller/glance/policy.yaml", "\"x\": \"y\"\n"),
        (
            "controller/swift/proxy-server.conf/filter:authtoken/paste.filter_factory",
            "keystonemiddleware.auth_token:filter_factory",
        ),
        ("controller/swift/rsyncd.conf/account/max connections", "2"),
        ("controller/swift/rsyncd.conf/uid", "swift"),
        ("general/MYSQL_HOST", "db"),
        ("general/PW", "a+b&c%d=e \"f\" #g é"),
    ];
    let (code, text) = load(&etcd, folder.path(), &[]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("9 written (9 added, 0 changed), 0 unchanged, 0 deleted"), "{text}");
    assert!(!text.contains("mysql://"), "a value was printed: {text}");
    let found = keys(&etcd).await;
    let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(found, expected);

    let before = etcd.revision().await;
    let report = load_json(&etcd, folder.path()).await;
    assert_eq!((&report["written_count"], &report["unchanged_count"]), (&0.into(), &9.into()));
    assert_eq!(etcd.revision().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_differences_and_only_its_own_keys_are_deleted() {
    let etcd = Etcd::new().await;
    etcd.put("controller/s/s.conf/x/hand", "1").await;
    let first =
        data(&[("general/v", "A=1\nB=1\n"), ("controller/s/s.conf", "[x]\na = 1\nb = 1\n")]);
    load_json(&etcd, first.path()).await;
    let second =
        data(&[("general/v", "A=2\n"), ("controller/s/s.conf", "[x]\na = 1\n[y]\nc = 1\n")]);
    let report = load_json(&etcd, second.path()).await;
    assert_eq!(report["added"], serde_json::json!(["controller/s/s.conf/y/c"]));
    assert_eq!(report["changed"], serde_json::json!(["general/A"]));
    assert_eq!(report["deleted"], serde_json::json!(["controller/s/s.conf/x/b", "general/B"]));
    assert_eq!(report["unchanged_count"], 1);
    let left: Vec<_> = keys(&etcd).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        left,
        [
            "controller/s/s.conf/x/a",
            "controller/s/s.conf/x/hand",
            "controller/s/s.conf/y/c",
            "general/A"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_are_named_and_nothing_is_written() {
    let etcd = Etcd::new().await;
    let folder = data(&[
        ("general/v", "A=1\nlower=2\nno\nA=secret\n"),
        ("controller/s/s.conf", "early = 1\n[x\n[y]\nfine = 1\n"),
        ("s/list", "controller/s/s.conf/y/fine=other\n"),
    ]);
    let before = etcd.revision().await;
    let (code, text) = load(&etcd, folder.path(), &[]).await;
    assert_eq!(code, 65, "{text}");
    for place in [
        "controller/s/s.conf:1:1: an option stands before the first [section]",
        "controller/s/s.conf:2:2: a section's line ends with ]",
        "general/v:2:1: what stands before the = is not a key",
        "general/v:3:1: there is no = in this line",
        "general/v:4:1: general/A has another value at",
        "general/v:1:1",
        "s/list:1:1: controller/s/s.conf/y/fine has another value at",
        "controller/s/s.conf:4:1",
        "6 problems in the data; nothing was written",
    ] {
        assert!(text.contains(place), "{place} is missing in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(etcd.revision().await, before);

    let (code, text) = load(&etcd, &folder.path().join("none"), &[]).await;
    assert_eq!(code, 66, "{text}");
    assert!(text.contains("none"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_named() {
    use std::os::unix::ffi::OsStrExt;
    let etcd = Etcd::new().await;
    let folder = data(&[("general/v", "A=1\n")]);
    std::os::unix::fs::symlink("/no/such/file", folder.path().join("general/lost")).unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
    let strange = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    #[allow(clippy::disallowed_methods)]
    std::fs::write(strange, "x").unwrap();
    #[allow(clippy::disallowed_methods)]
    let fifo = folder.path().join("general/fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    #[allow(clippy::disallowed_methods)]
    std::fs::write(folder.path().join("general/binary"), b"A=1\nB=\xff\n").unwrap();
    let (code, text) = load(&etcd, folder.path(), &[]).await;
    assert_eq!(code, 65, "{text}");
    for place in [
        "general/lost: cannot be read: No such file",
        "general/fifo: cannot be read: it is neither a file nor a folder",
        "does a symlink lead back up?",
        "the file's name is not UTF-8",
        "general/binary:2: the file is not UTF-8 text",
    ] {
        assert!(text.contains(place), "{place} is missing in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_load_is_seen_as_a_whole() {
    let etcd = Etcd::new().await;
    let location: Location = etcd.url().parse().unwrap();
    let store = Store::open(location, Credentials::default()).unwrap();
    let mut follower = store.follow(View::new(vec!["controller/s/".into()], |_| BTreeSet::new()));
    assert!(matches!(follower.next().await, Some(Event::State(state)) if state.entries.is_empty()));
    for round in ["one", "two"] {
        let mut text = String::from("[x]\n");
        for number in 0..5000 {
            writeln!(text, "option{number} = {round} {}", "x".repeat(400)).unwrap();
        }
        let folder = data(&[("controller/s/s.conf", &text)]);
        let report = load_json(&etcd, folder.path()).await;
        assert_eq!(report["written_count"], 5000);
        loop {
            match follower.next().await {
                Some(Event::State(state)) => {
                    assert_eq!(state.entries.len(), 5000);
                    assert!(
                        state.entries.values().all(|value| value.starts_with(round.as_bytes()))
                    );
                    break;
                }
                Some(Event::Loading) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_was_killed_is_completed_by_the_next() {
    let etcd = Etcd::new().await;
    etcd.put("_etcstack/load", "a load that died").await;
    let folder = data(&[("general/v", "A=1\n")]);
    let (code, text) = load(&etcd, folder.path(), &[]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("has died; this one completes it"), "{text}");
    assert_eq!(etcd.get("_etcstack/load").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn clouds_share_an_etcd_by_prefix() {
    let etcd = Etcd::new().await;
    let folder = data(&[("general/v", "A=1\n")]);
    let (code, text) = load(&etcd, folder.path(), &["--store", &etcd.url_with("cloud/one")]).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(etcd.get("cloud/one/general/A").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(etcd.get("general/A").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_too_large_is_named() {
    let etcd = Etcd::new().await;
    let folder = data(&[("controller/s/policy.yaml", &"x".repeat(2_000_000))]);
    let (code, text) = load(&etcd, folder.path(), &[]).await;
    assert_eq!(code, 65, "{text}");
    assert!(
        text.contains("policy.yaml:1:1: controller/s/policy.yaml: its value has 2000000 bytes"),
        "{text}"
    );
    assert!(keys(&etcd).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_cannot_be_written() {
    let folder = data(&[("general/v", "A=1\n")]);
    let port = Port::claim();
    let dead = format!("etcd://{}", port.address());
    let dir = format!("dir:{}", folder.path().display());
    for (store, code, message) in [
        (dead.as_str(), 69, "refused"),
        (dir.as_str(), 64, "is changed by editing its files"),
        ("ftp://x", 64, "etcd://HOST"),
    ] {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(["load", "--store", store, "--start-timeout", "500ms"]).arg(folder.path());
        let mut loader = Process::spawn(&mut command);
        assert_eq!(loader.wait(PATIENCE).await.code(), Some(code), "{store}");
        let text = loader.lines().join("\n");
        assert!(text.contains(message), "{text}");
        if store == dead {
            assert!(text.contains(&port.address()), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_data_is_no_reason_to_delete_everything() {
    let etcd = Etcd::new().await;
    let folder = data(&[("general/v", "A=1\n")]);
    load_json(&etcd, folder.path()).await;
    let empty = data(&[(".hidden/x", "")]);
    let (code, text) = load(&etcd, empty.path(), &[]).await;
    assert_eq!(code, 66, "{text}");
    assert!(text.contains("is the volume mounted?"), "{text}");
    assert_eq!(keys(&etcd).await.len(), 1);
    let (code, text) = load(&etcd, empty.path(), &["--allow-empty"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(keys(&etcd).await.is_empty());
}

/// Loads of all sizes at once: in the end one of them stands there, whole, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_loads_at_once_one_stands_whole() {
    let etcd = Etcd::new().await;
    for (one, two) in [(2, 3), (3, 2), (400, 500), (2000, 3), (3, 2000), (3000, 2500)] {
        let listing = |count: usize, value: &str| {
            let line = |n: usize| format!("controller/s/s.conf/x/{value}{}={value}\n", n / 2);
            let shared = format!("controller/s/s.conf/x/shared={value}\n");
            shared + &(0..count).map(line).collect::<String>()
        };
        let first = data(&[("s/list", &listing(one, "a"))]);
        let second = data(&[("s/list", &listing(two, "b"))]);
        let (a, b) = tokio::join!(load(&etcd, first.path(), &[]), load(&etcd, second.path(), &[]));
        assert!(a.0 == 0 || b.0 == 0, "{a:?} {b:?}");
        assert!([0, 75].contains(&a.0) && [0, 75].contains(&b.0), "{a:?} {b:?}");
        let found = keys(&etcd).await;
        let value = found[0].1.clone();
        assert!(found.iter().all(|(_, other)| *other == value), "a mixture");
        let expected = if value == "a" { one } else { two };
        assert_eq!(found.len(), expected.div_ceil(2) + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_read_what_it_prints() {
    let etcd = Etcd::new().await;
    let folder = data(&[("general/v", "A=1\n")]);
    for (directory, code) in [(folder.path().to_owned(), 0), (folder.path().join("none"), 66)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(binary("etcstack-loader"));
        command.arg("load").arg(directory).env("ETCSTACK_STORE", etcd.url());
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(code));
    }
}
