//! What a run does: to its end, half-way, again, and not at all.

use std::collections::BTreeSet;
use std::process::Command;

use etcstack_store::{Credentials, Store, View};
use etcstack_tests::{PATIENCE, Process, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{GLANCE, ROOT, Stage, json, may_read};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_changes_nothing_and_a_second_run_finds_nothing() {
    let stage = Stage::new().await;
    let (code, text) = stage.access(&["none"]).await;
    assert_eq!(code, 2, "{text}");
    for line in [
        "create  role etcstack.controller.glance",
        "grant   etcstack.controller.glance read general/MYSQL_HOST",
        "grant   etcstack.controller.nova read controller/nova/*",
        "create  user etcstack.loader",
        "to do; --apply does it",
        "access control is off",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let roles = async || stage.etcd.client().await.role_list().await.unwrap().roles().to_vec();
    assert!(roles().await.is_empty());
    // Nothing is begun that cannot be brought to its end.
    let (code, text) = stage.access(&["none", "--apply"]).await;
    assert!(code == 64 && text.contains("--passwords-dir"), "{code} {text}");
    assert!(roles().await.is_empty());

    stage.apply().await;
    let before = stage.etcd.revision().await;
    let password = stage.password(GLANCE);
    for arguments in [&["none", "--output", "json"][..], &["none", "--apply", "--output", "json"]] {
        let (code, text) = stage.access(arguments).await;
        assert_eq!(code, 0, "{text}");
        let report = json(&text);
        assert_eq!(report["changes"], Value::Array(Vec::new()));
        assert_eq!(
            (&report["unchanged_count"], &report["access_control"]),
            (&3.into(), &false.into())
        );
    }
    assert_eq!((stage.etcd.revision().await, stage.password(GLANCE)), (before, password));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_is_completed_by_the_next() {
    let mut stage = Stage::new().await;
    for number in 0..40 {
        stage.etcd.put(&format!("controller/s{number}/s.conf/DEFAULT/a"), "$MYSQL_HOST").await;
    }
    // Once while roles are made and once while users are.
    let mut root = stage.etcd.client().await;
    for (what, roles, users) in [("roles", 5, 0), ("users", 0, 5)] {
        let mut command = stage.command("etcstack-loader", &["access", "none", "--apply"]);
        let mut process = Process::spawn(command.args(["--passwords-dir", "pw"]));
        eventually(what, PATIENCE, async || {
            let mut root = root.clone();
            let there = root.role_list().await?.roles().len();
            let names = root.user_list().await?.users().len();
            Ok::<_, etcd_client::Error>(there >= roles && names >= users).and_then(|enough| {
                if enough {
                    Ok(())
                } else {
                    Err(etcd_client::Error::InvalidArgs(format!("{there} {names}")))
                }
            })
        })
        .await;
        process.signal(Signal::SIGKILL);
        process.wait(PATIENCE).await;
    }
    assert!(root.user_list().await.unwrap().users().len() < 43, "it was too fast for this test");
    stage.apply().await;
    let (code, text) = stage.access(&["none"]).await;
    assert_eq!(code, 0, "{text}");
    stage.etcd.enable_auth(ROOT).await;
    for number in 0..40 {
        let mut client = stage.client(&format!("etcstack.controller.s{number}")).await;
        assert!(may_read(&mut client, "general/MYSQL_HOST").await);
        assert!(!may_read(&mut client, "general/UNUSED").await);
    }
}

/// etcd forgets all tokens when it restarts; the run gets a new one and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn etcd_restarts_half_way() {
    let mut stage = Stage::new().await;
    for number in 0..40 {
        stage.etcd.put(&format!("controller/s{number}/s.conf/DEFAULT/a"), "$MYSQL_HOST").await;
    }
    stage.etcd.enable_auth(ROOT).await;
    let mut command = stage.command("etcstack-loader", &["access", "none", "--apply"]);
    command.args(["--passwords-dir", "pw", "--user", "root", "--password-file", "root.pw"]);
    let mut process = Process::spawn(&mut command);
    let root = stage.etcd.client().await;
    eventually("some roles", PATIENCE, async || {
        let there = root.clone().role_list().await.map_err(|error| error.to_string())?;
        if there.roles().len() > 5 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    stage.etcd.stop_hard().await;
    assert!(process.status().is_none(), "it was too fast for this test");
    stage.etcd.start().await;
    let status = process.wait(PATIENCE).await;
    assert!(status.success(), "{status}");
    let (code, text) = stage.as_root(&["none"]).await;
    assert_eq!(code, 0, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_control_is_turned_on_with_a_root_only() {
    let stage = Stage::new().await;
    let arguments = ["none", "--apply", "--no-password", "--enable-auth"];
    let (code, text) = stage.access(&arguments).await;
    assert!(code == 78 && text.contains("etcdctl user grant-role root root"), "{code} {text}");
    let mut root = stage.etcd.client().await;
    root.user_add("root", ROOT, None).await.unwrap();
    root.user_grant_role("root", "root").await.unwrap();
    let (code, text) = stage.access(&arguments).await;
    assert!(code == 0 && text.contains("enable  access control"), "{code} {text}");
    let error = root.get("general/UNUSED", None).await.unwrap_err();
    assert!(error.to_string().contains("user name is empty"), "{error}");
    let (code, text) = stage.as_root(&arguments).await;
    assert!(code == 0 && text.contains("nothing to do"), "{code} {text}");
}

/// With tokens that are bound to a revision of users and roles, as etcd's JWTs are: a change of
/// rights ends all of them, and nobody may take that for a lack of rights.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_with_every_change() {
    let keys = TempDir::new().unwrap();
    let path = |name: &str| keys.path().join(name).display().to_string();
    for arguments in [
        ["genrsa", "-out", &path("private.pem"), "2048"].as_slice(),
        &["rsa", "-in", &path("private.pem"), "-pubout", "-out", &path("public.pem")],
    ] {
        assert!(
            Process::quiet(Command::new("openssl").args(arguments)).wait(PATIENCE).await.success()
        );
    }
    let (public, private) = (path("public.pem"), path("private.pem"));
    let token = format!("jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=10m");
    let mut stage = Stage::with_options(&["--auth-token", &token]).await;
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;
    let user = Some((GLANCE.to_owned(), stage.password(GLANCE)));
    let credentials = Credentials { user, ..Credentials::default() };
    let store = Store::open(stage.etcd.url().parse().unwrap(), credentials).unwrap();
    let view = View::new(vec!["controller/glance/".into()], |_| BTreeSet::new());
    store.snapshot(&view, PATIENCE).await.unwrap();
    for number in 0..3 {
        let service = format!("controller/s{number}/s.conf/DEFAULT/a");
        // A token of now: the one that the harness would use is from before.
        let mut root = stage.etcd.client().await;
        root.put(service, "$MYSQL_HOST", None).await.unwrap();
        let (code, text) = stage.as_root(&["none", "--apply", "--passwords-dir", "pw"]).await;
        assert_eq!(code, 0, "{text}");
        store.snapshot(&view, PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be() {
    let stage = Stage::new().await;
    stage.write("data/general/v", "A=1\n");
    stage.write("data/.access.toml", "[also]\nglance = [\n \"general/lower\",\n]\n");
    let dir = format!("dir:{}", stage.folder.path().join("data").display());
    for (arguments, code, message) in [
        (&["nowhere"][..], 66, "nowhere"),
        (&["data"], 65, "data/.access.toml:3:2: \"general/lower\""),
        (&["none", "--also", "glance"], 64, "SERVICE=KEY"),
        (&["none", "--also", "glanec=general/A"], 65, "a key of glanec"),
        (&["none", "--name-prefix", "a.b"], 64, "--name-prefix"),
        (&["none", "--store", &dir], 64, "in no etcd"),
        (&["none", "--store", &stage.etcd.url_with("empty")], 66, "nor the data has a key"),
    ] {
        let (found, text) = stage.access(arguments).await;
        assert!(found == code && text.contains(message), "{arguments:?}: {found} {text}");
    }
    stage.etcd.put("_etcstack/load", "somebody").await;
    let (code, text) = stage.access(&["none"]).await;
    assert!(code == 75 && text.contains("a load is under way"), "{code} {text}");
    assert!(!stage.folder.path().join("pw").exists());
}
