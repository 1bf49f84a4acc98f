//! `get`.

use std::process::Stdio;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{PATIENCE, Process};
use serde_json::json;

use super::stage::{Stage, run};

#[tokio::test(flavor = "multi_thread")]
async fn one_key_prints_its_value_and_nothing_else() {
    let stage = Stage::new().await;
    for (key, value, printed) in [
        ("general/HOST", "db", "db\n"),
        ("general/BREAK", "db\n", "db\n"),
        ("general/EMPTY", "", "\n"),
        ("general/LINES", "a\n  b\nc", "a\n  b\nc\n"),
        ("r/s/f.conf/x/y", "\u{1b}[31m é", "\u{1b}[31m é\n"),
    ] {
        stage.etcd.put(key, value).await;
        let ended = stage.run(&["get", key]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (0, printed), "{key}");
    }
    let ended = stage.run(&["get", "general/HOTS"]).await;
    ended.is(
        66,
        &[
            &format!(
                "error: general/HOTS: there is no such key in http://{}",
                stage.etcd.address()
            ),
            "; perhaps this is meant: general/HOST",
        ],
    );
    ended.is_silent();
    let ended = stage.run(&["get", "r/s"]).await;
    ended.is(66, &["there are keys below it: etcstack-loader get r/s/"]);
    stage.run(&["get", "r/x/"]).await.is(66, &["there are no keys below it in http://"]);
    let below = format!("{}/cloud1", stage.etcd.url());
    let ended = run(stage.command_at(&below, &["get", "general/HOST"]), "").await;
    ended.is(66, &["general/HOST: there is no such key in http://", " below cloud1/; `etcstack"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing() {
    let stage = Stage::new().await;
    stage.etcd.put("general/HOST", "db").await;
    stage.etcd.put("general/NOTE", "a\n\u{1b}b\n").await;
    stage.etcd.put("general/DB_PASSWORD", "sesame").await;
    stage.etcd.put("r/s/f.conf/x/url", "mysql://u:sesame@h/x").await;
    stage.etcd.put("_etcstack/data/00000001/0000", "sesame").await;
    let ended = stage.run(&["get", "general/", "r/s/f.conf/x/url"]).await;
    assert_eq!(
        ended.stdout,
        "general/DB_PASSWORD = ***\ngeneral/HOST = db\ngeneral/NOTE =\n    a\n    \u{fffd}b\n\
         r/s/f.conf/x/url = ***\n"
    );
    let all = stage.run(&["get", "/"]).await;
    assert_eq!(all.stdout, ended.stdout);
    let shown = stage.run(&["get", "--show-secrets", "general/", "r/"]).await;
    shown.is(0, &["DB_PASSWORD = sesame\n", "url = mysql://u:sesame@h/x\n"]);
    let report = stage.json(&["get", "general/"]).await;
    assert_eq!(
        report["keys"],
        json!([
            {"key": "general/DB_PASSWORD", "value": null, "masked": true},
            {"key": "general/HOST", "value": "db", "masked": false},
            {"key": "general/NOTE", "value": "a\n\u{1b}b\n", "masked": false},
        ])
    );
    assert!(report["revision"].as_i64().unwrap() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_for_those_who_ask_for_it() {
    let stage = Stage::new().await;
    for key in ["general/DB_PASSWORD", "r/s/f.conf/x/dsn", "r/s/keyring", "strange"] {
        stage.etcd.put(key, "sesame").await;
        for more in [&[][..], &["--output", "json"]] {
            let ended = stage.run(&[&["get", key], more].concat()).await;
            ended.is(77, &["it holds a secret; --show-secrets prints it"]);
            ended.is_silent();
            assert!(!ended.stderr.contains("sesame"));
        }
        let ended = stage.run(&["get", "--show-secrets", key]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "sesame\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_read_and_not_written() {
    let stage = Stage::new().await;
    stage.write("data/general/HOST", "db");
    let ended = run(stage.command_at("dir:data", &["get", "general/HOST"]), "").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "db\n"));
    for arguments in [&["set", "general/HOST", "db2"][..], &["unset", "general/HOST", "--dry-run"]]
    {
        let ended = run(stage.command_at("dir:data", arguments), "").await;
        ended.is(64, &["the store is a directory, which is read only here; edit its files"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_gone_is_no_error() {
    let stage = Stage::new().await;
    stage.etcd.put("general/LONG", "x".repeat(1 << 20)).await;
    let mut command = stage.command(&["get", "general/LONG"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    let mut process = Process::spawn(&mut stage.command(&["get", "general/LONG"]));
    assert!(process.wait(PATIENCE).await.success());
}

/// A variable holds a secret where a secret option refers to it, by way of others as well.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_secret_option_makes_secret() {
    let mut stage = Stage::new().await;
    for (key, value) in [
        ("c/s/s.conf/x/admin_password", "$SPELL"),
        ("c/s/s.conf/x/host", "$HOST"),
        ("c/cinder/cinder.conf/vault/approle_role_id", "$ROLE"),
        ("general/HOST", "db"),
        ("general/MAGIC", "sesame"),
        ("general/ROLE", "sesame"),
        ("general/SPELL", "$MAGIC"),
        ("general/LOGIN", "u:sesame@h"),
        ("general/HEADER", "Bearer sesame123456"),
        ("general/ADMIN", "admin@example.com"),
    ] {
        stage.etcd.put(key, value).await;
    }
    for key in ["general/MAGIC", "general/LOGIN", "general/HEADER"] {
        let ended = stage.run(&["get", key]).await;
        ended.is(77, &["it holds a secret; --show-secrets prints it"]);
        ended.is_silent();
        let shown = stage.run(&["get", "--show-secrets", key]).await;
        assert!(shown.code == 0 && shown.stdout.contains("sesame"), "{shown:?}");
    }
    for (key, value) in [("general/HOST", "db\n"), ("general/ADMIN", "admin@example.com\n")] {
        let ended = stage.run(&["get", key]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (0, value));
    }
    // By the catalog, where there is one.
    let catalogs = Stage::catalogs();
    let with = ["--catalog", catalogs.as_str()];
    assert_eq!(stage.run(&["get", "general/ROLE"]).await.code, 0);
    stage.run(&[&["get", "general/ROLE"], &with[..]].concat()).await.is(77, &[]);
    let ended = stage.run(&[&["get", "general/"], &with[..]].concat()).await;
    assert_eq!(
        ended.stdout,
        "general/ADMIN = admin@example.com\ngeneral/HEADER = ***\ngeneral/HOST = db\n\
         general/LOGIN = ***\ngeneral/MAGIC = ***\ngeneral/ROLE = ***\ngeneral/SPELL = ***\n"
    );
    let report = stage.json(&[&["get", "general/"], &with[..]].concat()).await;
    assert!(!report.to_string().contains("sesame"), "{report}");
    stage.run(&["get", "general/HOST", "--catalog", "/nowhere"]).await.is(66, &["/nowhere"]);

    // Who may read one key gets it, and knows nothing of the rest.
    let rights =
        ["general/HOST", "_etcstack/load"].map(|key| Permission::new(PermissionType::Read, key));
    stage.etcd.add_user("agent", "agent", rights.into()).await;
    stage.etcd.enable_auth("root").await;
    stage.write("agent", "agent");
    let user = ["--user", "agent", "--password-file", "agent"];
    let ended = stage.run(&[&["get", "general/HOST"], &user[..]].concat()).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "db\n"), "{ended:?}");
}

/// Who may not read all keys is told what this means; the right to one record is enough to know the
/// secrets that the data declares.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_all_is_told() {
    let mut stage = Stage::new().await;
    stage.etcd.put("general/MYSQL_ROOT", "sesame").await;
    stage.etcd.put("general/HOST", "db").await;
    stage.etcd.put("_etcstack/variables", r#"{"secrets":{"MYSQL_ROOT":"password"}}"#).await;
    let read = |key: &str| Permission::new(PermissionType::Read, key);
    let general = || Permission::new(PermissionType::Read, "general/").with_prefix();
    let few = vec![general(), read("_etcstack/load")];
    let more = vec![general(), read("_etcstack/load"), read("_etcstack/variables")];
    stage.etcd.add_user("few", "pw", few).await;
    stage.etcd.add_user("more", "pw", more).await;
    stage.etcd.enable_auth("root").await;
    stage.write("pw", "pw");
    let get = async |user: &str, more: &[&str]| {
        let user = ["--user", user, "--password-file", "pw"];
        stage.run(&[&["get", "general/"], more, &user[..]].concat()).await
    };
    let ended = get("few", &[]).await;
    let note = "note: this user may not read _etcstack/variables: secrets are known by their names \
                and forms only, not those that the data declares; docs/security.md names the rights\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (0, note));
    // What is printed for programs is as it was.
    let json = get("few", &["--output", "json"]).await;
    assert_eq!((json.stderr.as_str(), json.stdout.lines().count()), (note, 1));
    let ended = get("more", &[]).await;
    assert_eq!(ended.stdout, "general/HOST = db\ngeneral/MYSQL_ROOT = ***\n", "{ended:?}");
    let note = "note: this user may not read all keys: which variables are secret because secret \
                options refer to them is not known\n";
    assert_eq!(ended.stderr, note);
    // Nothing is guessed where all is shown.
    assert_eq!(get("few", &["--show-secrets"]).await.stderr, "");
}

/// An address without a login is none, whatever its key is called; all else under such a name is.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_no_secret() {
    let stage = Stage::new().await;
    let shown = [
        ("c/neutron/ml2_conf.ini/ovn/ovn_nb_connection", "$OVN_NB_CONNECTION"),
        ("c/neutron/ml2_conf.ini/ovn/ovn_sb_connection", "ssl:[fd00::1]:6642,ssl:sb2:6642"),
        ("c/neutron/ml2_conf.ini/ovs/ovsdb_connection", "unix:/run/openvswitch/db.sock"),
        ("general/OVN_HOSTNAME", "ovn.internal"),
        ("general/OVN_NB_CONNECTION", "tcp:$OVN_HOSTNAME:6641"),
    ];
    let hidden = [
        ("c/glance/glance-api.conf/database/connection", "mysql://sesame-1@db/x"),
        ("c/neutron/ml2_conf.ini/ovn/a_connection", "tcp:u:sesame-2@h:6641"),
        ("c/neutron/ml2_conf.ini/ovn/b_connection", "$SESAME_CONNECTION"),
        ("c/neutron/ml2_conf.ini/ovn/c_connection", "$NOWHERE_CONNECTION"),
        ("c/neutron/ml2_conf.ini/ovn/secret_connection", "tcp:sesame-3:1"),
        ("general/SESAME_CONNECTION", "sesame-4"),
        ("c/neutron/ml2_conf.ini/ovn/d_connection", "tcp:$LOGIN:1"),
        ("general/LOGIN", "u:sesame-5"),
    ];
    for (key, value) in shown.into_iter().chain(hidden) {
        stage.etcd.put(key, value).await;
    }
    for (key, value) in shown {
        let ended = stage.run(&["get", key]).await;
        assert_eq!((ended.code, ended.stdout), (0, format!("{value}\n")), "{key}");
    }
    for (key, _) in hidden {
        stage.run(&["get", key]).await.is(77, &["it holds a secret"]);
    }
    let ended = stage.run(&["get", "/"]).await;
    assert!(!ended.stdout.contains("sesame"), "{ended:?}");
    let ended = stage.run(&["explain", shown[0].0]).await;
    ended.is(0, &["tcp:ovn.internal:6641"]);
    for (key, _) in hidden {
        let ended = stage.run(&["explain", key]).await;
        assert!(ended.code == 0 && !ended.stdout.contains("sesame-"), "{key}: {ended:?}");
    }

    // What was a password before, or is one afterwards, is hidden on both sides.
    stage
        .load("c/neutron/n.conf/x/a_connection=tcp:h:1\nc/neutron/n.conf/x/b_connection=tcp:h:1\n")
        .await;
    stage.write(
        "data/s/list",
        "c/neutron/n.conf/x/a_connection=tcp:h:2\nc/neutron/n.conf/x/b_connection=sesame\n",
    );
    let ended = stage.run(&["plan", "data"]).await;
    ended.is(2, &["a_connection = tcp:h:1 → tcp:h:2", "b_connection = *** → ***"]);
    let ended = stage.run(&["set", "general/X_CONNECTION", "tcp:h:1", "--dry-run"]).await;
    assert!(!ended.stderr.contains("a secret"), "{ended:?}");
}
