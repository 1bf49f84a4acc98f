//! What the verbs of the loader have in common: a result that cannot be printed is no success,
//! secrets are masked by their places, and messages name what was asked for.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use etcstack_tests::{Etcd, PATIENCE, Process, Ran, binary, folder, run, write};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    async fn new(files: &[(&str, &str)]) -> Self {
        Self { etcd: Etcd::new().await, folder: folder(files) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).current_dir(&self.folder);
        command.env("ETCSTACK_STORE", self.etcd.url()).env_remove("ETCSTACK_DATA");
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments)).await
    }

    async fn good(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}: {ran:#?}");
        ran.out
    }
}

/// Every verb, in an order in which each has something to tell, and what it ends with where that
/// cannot be told.
const WALK: [(&[&str], i32); 24] = [
    (&["validate", "data"], 74),
    (&["validate", "data", "--output", "json"], 74),
    (&["plan", "data"], 1),
    (&["plan", "data", "--output", "json"], 1),
    (&["secrets", "generate", "data"], 74),
    (&["secrets", "list", "data"], 74),
    (&["secrets", "rotate", "DB_PASSWORD"], 74),
    (&["load", "data"], 74),
    (&["load", "--abort"], 74),
    (&["set", "general/HOST", "other"], 74),
    (&["unset", "general/HOST", "--force"], 74),
    (&["get", "general/HOST"], 74),
    (&["get", "general/", "--output", "json"], 74),
    (&["history"], 74),
    (&["diff", "2"], 74),
    (&["diff", "2", "--output", "json"], 74),
    (&["rollback", "2"], 74),
    (&["explain", "general/HOST"], 74),
    (&["explain", "general/HOST", "--output", "json"], 74),
    (&["status"], 74),
    // As text it has nothing to tell where there is no replica.
    (&["status", "--watch", "--output", "json"], 74),
    (&["export", "out"], 74),
    (&["access", "data"], 74),
    (&["completions", "bash"], 74),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_printed_is_no_success() {
    let stage = Stage::new(&[
        ("data/general/list", "HOST=db\n"),
        ("data/r/s/s.conf", "[x]\nurl = x://u:$DB_PASSWORD@$HOST\n"),
    ])
    .await;
    // What was set is to be got.
    let restored = ["unset", "rollback"];
    for (arguments, code) in WALK {
        if arguments[0] == "get" {
            stage.etcd.put("general/HOST", "db").await;
        }
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = stage.command(arguments);
        command.stdout(Stdio::from(full)).stderr(Stdio::piped());
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains("No space left on device"), "{arguments:?}: {err}");
        // Whoever has gone has seen enough.
        if !restored.contains(&arguments[0]) && !arguments.contains(&"--watch") {
            let mut command = stage.command(arguments);
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            command.stdout(writer).stderr(Stdio::null());
            let status = tokio::process::Command::from(command).status().await.unwrap();
            // The data has a variable that is to be made, and the export is there.
            let code = match arguments[0] {
                "validate" => 65,
                "export" => 73,
                _ => 0,
            };
            let has_ended = status.code().is_some_and(|found| [0, 2, code].contains(&found));
            assert!(has_ended, "{arguments:?}: {status}");
        }
    }
    // What they do besides was done.
    assert!(stage.folder.path().join("out/r/s/s.conf").is_file());
    let history = stage.good(&["history"]).await;
    assert!(history.contains("secrets") && history.contains("unset"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verb_is_left_out() {
    let help = run({
        let mut command = Command::new(binary("etcstack-loader"));
        command.arg("--help");
        command
    })
    .await
    .out;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs = lines.take_while(|line| !line.is_empty());
    let verbs: BTreeSet<_> = verbs.filter_map(|line| line.split_whitespace().next()).collect();
    // A catalog has tests of its own, and a manual goes to files.
    let walked = WALK.iter().map(|(arguments, _)| arguments[0]);
    let walked: BTreeSet<_> = walked.chain(["catalog", "help", "man"]).collect();
    assert_eq!(walked, verbs);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_known_by_their_places() {
    let stage = Stage::new(&[
        ("data/general/list", "ACCOUNT=sesame-a\nSST=sesame-b\nUSER=galera\nPIN_PASSWORD=abc\n"),
        (
            "data/r/swift/proxy-server.conf",
            "[filter:tempauth]\nuser_admin_admin = $ACCOUNT .admin\n\
             user_test_tester = sesame-c .admin http://h/v1\nreseller_prefix = AUTH\n",
        ),
        ("data/r/mariadb/my.cnf", "[mysqld]\nwsrep_sst_auth = \"$USER:$SST\"\n"),
        ("data/r/s/s.conf", "[x]\nshort = <$PIN_PASSWORD>\nother = abc\n"),
    ])
    .await;
    stage.good(&["load", "data"]).await;
    let keys = [
        "general/ACCOUNT",
        "general/SST",
        "general/PIN_PASSWORD",
        "r/swift/proxy-server.conf/filter:tempauth/user_admin_admin",
        "r/swift/proxy-server.conf/filter:tempauth/user_test_tester",
        "r/mariadb/my.cnf/mysqld/wsrep_sst_auth",
        "r/s/s.conf/x/short",
    ];
    for key in keys {
        let out = stage.good(&["explain", key]).await;
        assert!(out.contains("value:      ***"), "{key}: {out}");
        assert!(!out.contains("sesame") && !out.contains("<abc>"), "{key}: {out}");
        let out = stage.good(&["explain", key, "--output", "json"]).await;
        assert!(!out.contains("sesame") && !out.contains("abc"), "{key}: {out}");
    }
    for (key, value) in [
        ("general/USER", "galera"),
        ("r/swift/proxy-server.conf/filter:tempauth/reseller_prefix", "AUTH"),
        ("r/s/s.conf/x/other", "abc"),
    ] {
        let out = stage.good(&["explain", key]).await;
        assert!(out.contains(&format!("value:      {value}\n")), "{key}: {out}");
    }
    let ran = stage.run(&["get", keys[0]]).await;
    assert!(ran.code == 77 && ran.out.is_empty(), "{ran:#?}");
    let out = stage.good(&["get", "r/swift/", "r/mariadb/", "general/"]).await;
    assert!(!out.contains("sesame") && out.contains("USER = galera"), "{out}");
    // What becomes of them, in plans and differences.
    write(
        &stage.folder.path().join("data/general/list"),
        "ACCOUNT=sesame-x\nSST=sesame-y\nUSER=galera\nPIN_PASSWORD=xyz\n",
    );
    let ran = stage.run(&["plan", "data"]).await;
    assert!(ran.code == 2 && !ran.out.contains("sesame") && !ran.out.contains("xyz"), "{ran:#?}");
    stage.good(&["load", "data"]).await;
    let out = stage.good(&["diff", "1"]).await;
    assert!(out.contains("ACCOUNT") && !out.contains("sesame") && !out.contains("xyz"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_has_the_same_fields_whatever_it_knows() {
    let stage = Stage::new(&[("data/r/s/s.conf", "[x]\na = 1\n")]).await;
    std::fs::create_dir(stage.folder.path().join("data/general")).unwrap();
    stage.good(&["load", "data", "-m", "first"]).await;
    stage.etcd.put("r/s/s.conf/x/b", "2").await;
    let ran = stage.run(&["set", "r/s/s.conf/x/c", "3"]).await;
    assert!(ran.code == 0 && ran.err.starts_with("note: there are no catalogs: "), "{ran:#?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:#?}");
    let record = json!({"state": "current", "revisions": {"seen": 9, "applied": 8, "good": 7}});
    stage.etcd.put("_etcstack/status/r/s/n1", record.to_string()).await;
    let mut all = BTreeSet::new();
    for (arguments, how, entry) in [
        (&["explain", "r/s/s.conf/x/a"][..], "release", json!(1)),
        (&["explain", "r/s/s.conf/x/b"], "hand", Value::Null),
        (&["explain", "r/s/s.conf/x/c"], "command", json!(2)),
        (&["explain", "r/s/s.conf/x/a", "--store", "dir:data"], "file", Value::Null),
    ] {
        let out = stage.good(&[arguments, &["--output", "json"]].concat()).await;
        let json: Value = serde_json::from_str(&out).unwrap();
        let written = &json["keys"][0]["written"];
        assert_eq!((&written["how"], &written["entry"]), (&json!(how), &entry), "{out}");
        all.insert(written.as_object().unwrap().keys().cloned().collect::<Vec<_>>());
        for replica in json["replicas"].as_array().unwrap() {
            let revisions = json!({"seen": 9, "applied": 8, "good": 7});
            assert_eq!(replica["revisions"], revisions, "{out}");
        }
    }
    assert_eq!(all.len(), 1, "{all:?}");
    let fields = all.pop_first().unwrap();
    for name in ["at", "author", "entry", "kind", "message", "release", "place"] {
        assert!(fields.contains(&name.to_owned()), "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_replica_is_named() {
    let stage = Stage::new(&[]).await;
    let url = format!("http://{}", stage.etcd.address());
    let out = stage.good(&["status"]).await;
    assert!(out.contains(&format!("no agent has left a status in {url}\n")), "{out}");
    let out = stage.good(&["status", "--role", "compute"]).await;
    assert!(out.contains("role compute: no replica"), "{out}");
    assert!(out.contains("neither of role compute nor of others"), "{out}");
    stage.etcd.put("_etcstack/status/r/s/n1", "{\"state\":\"current\"}").await;
    let out =
        stage.good(&["status", "--role", "compute", "--service", "nova", "--service", "s"]).await;
    assert!(
        out.contains(&format!(
            "no agent of service nova or s, role compute has left a status in {url}; 1 other has"
        )),
        "{out}"
    );
    let out = stage.good(&["status", "--role", "r"]).await;
    assert!(!out.contains("no agent"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_have_a_directory_or_nothing_is_done() {
    let stage =
        Stage::new(&[("data/general/a", "A=1\n"), ("data/r/s/s.conf", "[x]\na = 1\n")]).await;
    write(&stage.folder.path().join("file"), "");
    for dir in ["file", "file/below"] {
        // Before the data and the store are looked at.
        for (data, store) in
            [("data", stage.etcd.url()), ("none-such", "etcd://127.0.0.1:1".into())]
        {
            let arguments = ["access", data, "--apply", "--passwords-dir", dir, "--store", &store];
            let ran = stage.run(&arguments).await;
            assert!(ran.code == 73 && ran.out.is_empty(), "{ran:#?}");
            assert!(ran.err.contains(&format!("cannot write {dir}: ")), "{ran:#?}");
        }
    }
    let ran = stage.run(&["access", "data", "--apply", "--passwords-dir", "new/deep"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(stage.folder.path().join("new/deep/etcstack.r.s").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_nothing_of_a_store() {
    let stage = Stage::new(&[("data/general/a", "A=1\n"), ("empty/general/a", "\n")]).await;
    let url = format!("http://{}", stage.etcd.address());
    for (arguments, code) in [
        (&["history"][..], 0),
        (&["load", "--abort"], 0),
        (&["get", "general/A"], 66),
        (&["get", "r/"], 66),
        (&["explain", "general/A"], 66),
        (&["export", "out"], 66),
        (&["unset", "general/A"], 66),
        (&["secrets", "list", "none"], 0),
        (&["secrets", "rotate", "A_PASSWORD"], 66),
        (&["access", "none"], 66),
        (&["status"], 0),
    ] {
        let ran = stage.run(arguments).await;
        let said = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == code && said.contains(&url), "{arguments:?}: {ran:#?}");
    }
    // Who wrote a secret, as far as anybody knows.
    stage.good(&["load", "data"]).await;
    stage.etcd.put("general/HAND_PASSWORD", "x").await;
    stage.etcd.put("r/s/s.conf/x/a", "$MADE_PASSWORD $HAND_PASSWORD $SET_PASSWORD").await;
    stage.run(&["set", "general/SET_PASSWORD", "sesame"]).await;
    stage.good(&["secrets", "generate", "data"]).await;
    let out = stage.good(&["secrets", "list", "data"]).await;
    for (name, by) in
        [("HAND_PASSWORD", "by hand"), ("MADE_PASSWORD", "by secrets"), ("SET_PASSWORD", "by set")]
    {
        let line = out.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(&format!("store ({by})")), "{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_called_as_the_variables_are() {
    let stage = Stage::new(&[("data/r/general/s.conf", "[x]\na = 1\n")]).await;
    let ran = stage.run(&["load", "data"]).await;
    assert!(ran.code == 65 && ran.err.contains("make an empty general/ in it"), "{ran:#?}");
    std::fs::create_dir(stage.folder.path().join("data/general")).unwrap();
    stage.good(&["load", "data"]).await;
    assert!(stage.etcd.get("r/general/s.conf/x/a").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_a_store_without_it() {
    let stage = Stage::new(&[("ca.pem", "")]).await;
    for (name, value, says) in [
        ("ETCDCTL_ENDPOINTS", "http://127.0.0.1:1", "ETCDCTL_ENDPOINTS: http:// is without TLS"),
        ("ETCDCTL_ENDPOINTS", "", "no store is named, and etcd://127.0.0.1:2379"),
    ] {
        let mut command = stage.command(&["history", "--cacert", "ca.pem"]);
        command.env_remove("ETCSTACK_STORE").env(name, value);
        let mut process = Process::spawn(&mut command);
        let code = process.wait(PATIENCE).await.code();
        let said = process.lines().join("\n");
        assert!(code == Some(64) && said.contains(says), "{said}");
    }
}
