//! What the loader says where somebody has most likely slipped.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::process::Command;
use std::sync::Arc;

use etcstack_tests::{Certificates, Etcd, Ran, binary, folder, run, write};
use tempfile::TempDir;

/// Runs the loader without variables of its own but these.
async fn loader(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(binary("etcstack-loader"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ETC")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied());
    run(command).await
}

fn data() -> TempDir {
    folder(&[("up/data/general/list", "A=1\n"), ("up/data/r/s/s.conf", "[x]\na = 1\n")])
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_abort() {
    let etcd = Etcd::new().await;
    let store = ["--store", &etcd.url()];
    let ran = loader(&[&["load", "--abort"], &store[..]].concat(), &[]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("nothing to abort: no load is under way"), "{ran:?}");
    let json = ["load", "--abort", "--output", "json"];
    let ran = loader(&[&json, &store[..]].concat(), &[]).await;
    assert!(ran.out.contains("\"aborted\":false"), "{ran:?}");

    // With something, it says nothing of the kind.
    let folder = data();
    let load = loader(&[&["load", &path(&folder, "up/data")], &store[..]].concat(), &[]).await;
    assert!(load.code == 0 && !load.out.contains("abort"), "{load:?}");
    etcd.put("_etcstack/load", "one that has died").await;
    let ran = loader(&[&json, &store[..]].concat(), &[]).await;
    assert!(ran.code == 0 && ran.out.contains("\"aborted\":true"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_no_etcd() {
    let folder = data();
    let dir = path(&folder, "up/data");
    let store = format!("dir:{dir}");
    for arguments in [
        &["load", &dir][..],
        &["load", "--abort"],
        &["plan", &dir],
        &["rollback", "1"],
        &["diff", "1"],
        &["history"],
        &["status"],
        &["set", "general/A", "2"],
        &["unset", "general/A"],
        &["secrets", "generate", &dir],
        &["secrets", "rotate", "A_PASSWORD"],
        &["access", &dir],
    ] {
        let ran = loader(&[arguments, &["--store", &store]].concat(), &[]).await;
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{arguments:?}: {ran:?}");
        let says_why = ran.err.starts_with("error: ")
            && (ran.err.contains("the store is a directory")
                || ran.err.contains("the store is the directory")
                || ran.err.contains("write --store etcd://"));
        assert!(says_why, "{arguments:?}: {ran:?}");
    }
    let ran = loader(&["explain", "r/s/s.conf/x/a", "--store", &store], &[]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.contains(&format!("written:    in {dir}/r/s/s.conf:2:1\n")), "{ran:?}");
    assert!(!ran.out.contains("by hand"), "{ran:?}");
    let ran = loader(&["explain", "r/s/s.conf", "--output", "json", "--store", &store], &[]).await;
    assert!(ran.out.contains("\"how\":\"file\""), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_into_an_etcd_that_lead_nowhere() {
    let certificates = Arc::new(Certificates::new());
    let (plain, tls) = tokio::join!(Etcd::new(), Etcd::with_tls(certificates.clone()));
    let ca = certificates.ca().display().to_string();
    let folder = folder(&[("pw", "sesame\n")]);
    let password = path(&folder, "pw");
    let [plain_url, tls_url] = ["etcd://", "etcds://"].map(|s| format!("{s}{}", plain.address()));
    let user = ["--user", "me", "--password-file", &password];
    for (arguments, code, message) in [
        (
            &["--store", &tls_url, "--cacert", &ca][..],
            69,
            "most likely this port is without TLS: then write etcd://",
        ),
        (
            &["--store", &format!("etcd://{}", tls.address())],
            69,
            "if this port is one with TLS, write etcds://",
        ),
        (
            &[&["--store", &plain_url], &user[..]].concat(),
            77,
            "its access control is off, and then it takes nobody's user: leave out --user",
        ),
        (&["--store", &plain_url, "--cacert", &ca], 64, "write etcds://"),
        (&["--store", &plain_url, "--cert", &ca, "--key", &ca], 64, "write etcds://"),
    ] {
        let ran = loader(&[&["history", "--start-timeout", "1s"], arguments].concat(), &[]).await;
        assert!(ran.code == code && ran.err.contains(message), "{arguments:?}: {ran:?}");
    }
    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["render", "--role", "r", "--service", "s", "--store", &plain_url]);
    let ran = run({
        agent.args(["--cacert", &ca]);
        agent
    })
    .await;
    assert!(ran.code == 64 && ran.err.contains("write etcds://"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_that_are_set_and_empty() {
    let etcd = Etcd::new().await;
    let folder = data();
    let names = [
        "ETCSTACK_CACERT",
        "ETCSTACK_CERT",
        "ETCSTACK_KEY",
        "ETCSTACK_USER",
        "ETCSTACK_PASSWORD_FILE",
        "ETCSTACK_START_TIMEOUT",
        "ETCSTACK_AUTHOR",
        "ETCSTACK_LOG",
    ];
    let mut environment: Vec<_> = names.map(|name| (name, "")).into();
    environment.push(("ETCSTACK_STORE", ""));
    let (endpoint, dir) = (etcd.address(), path(&folder, "up/data"));
    environment.push(("ETCDCTL_ENDPOINTS", &endpoint));
    let ran = loader(&["load", &dir], &environment).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let ran = loader(&["history", "--output", "json"], &environment).await;
    assert!(ran.out.contains('@') && !ran.out.contains("\"author\":\"\""), "{ran:?}");

    let url = etcd.url();
    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["render", "--role", "r", "--service", "s", "--store", &url]);
    agent.args(["--manifest", "none.toml"]).current_dir(&folder);
    agent.envs(names.map(|name| (name, ""))).env("ETCSTACK_LISTEN", "");
    let ran = run(agent).await;
    // It gets as far as the manifest.
    assert!(ran.code == 66 && ran.err.contains("none.toml"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_beside_the_one_that_is_meant() {
    let etcd = Etcd::new().await;
    let folder = data();
    let store = ["--store", &etcd.url()];
    let expected = format!("did you mean {}, which looks like one?", path(&folder, "up/data"));
    for wrong in ["up", "up/data/r", "up/data/r/s", "up/data/general"] {
        let wrong = path(&folder, wrong);
        for verb in ["load", "plan"] {
            let ran = loader(&[&[verb, &wrong], &store[..]].concat(), &[]).await;
            assert_eq!(ran.code, if verb == "load" { 65 } else { 1 }, "{ran:?}");
            let lines: Vec<_> = ran.err.lines().collect();
            assert!(lines.len() == 2 && lines[0].contains(&expected), "{verb} {wrong}: {ran:?}");
            assert_eq!(lines[1], "nothing was written");
        }
        let ran = loader(&["validate", &wrong], &[]).await;
        assert!(ran.code == 65 && ran.out.contains("error[misplaced]"), "{ran:?}");
        assert!(ran.out.contains(&expected) && ran.out.lines().count() == 2, "{ran:?}");
    }
    // What is wrong in the right one is told as it is, and who tells the rest.
    write(&folder.path().join("up/data/r/s/s.conf"), "nonsense\n");
    let right = path(&folder, "up/data");
    let ran = loader(&[&["load", &right], &store[..]].concat(), &[]).await;
    let validate = format!("etcstack-loader validate {right}");
    assert!(ran.code == 65 && ran.err.contains("s.conf:1:8: neither"), "{ran:?}");
    assert_eq!(ran.err.matches(&validate).count(), 1, "{ran:?}");
    // As in one without variables, in a folder that has some of another kind. Where there are two,
    // neither is loaded as a role.
    for (name, text) in [
        ("general/list", ""),
        ("other/r/s/s.conf", "[x]\na = 1\nnonsense\n"),
        ("up/more/general/list", "A=1\n"),
    ] {
        write(&folder.path().join(name), text);
    }
    for (name, is_told) in [("other", false), ("up", true)] {
        let ran = loader(&[&["load", &path(&folder, name)], &store[..]].concat(), &[]).await;
        assert_eq!((ran.code, ran.err.contains("did you mean")), (65, is_told), "{ran:?}");
    }
    assert_eq!(etcd.get("general/A").await, None);
}
