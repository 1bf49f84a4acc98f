//! `etcstack-loader explain`, as a user runs it.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Process, Ran, binary, eventually, run, write};
use serde_json::{Value, json};
use tempfile::TempDir;

const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","default":false,"mutable":true,"single":true,"help":"More words in the log."},
{"group":"DEFAULT","name":"mode","type":"string value","default":"safe","choices":["fast","safe"],"single":true,"removal":"always safe","deprecated":[["api","api_mode"]]},
{"group":"DEFAULT","name":"sesame","type":"string value","secret":true,"single":true}
]}
"#;

const DEBUG: &str = "c/s/s.conf/DEFAULT/debug";
const URL: &str = "c/s/s.conf/database/connection";

/// An etcd, and a directory of data.
struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let stage = Self { etcd: Etcd::new().await, folder: TempDir::new().unwrap() };
        write(&stage.path("data/catalog/2026.1/s.json"), CATALOG);
        stage
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn loader(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).env("ETCSTACK_STORE", self.etcd.url());
        command.env("ETCSTACK_DATA", self.path("data"));
        run(command).await
    }

    async fn good(&self, arguments: &[&str]) -> String {
        let ran = self.loader(arguments).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
        ran.out
    }

    /// Loads just these pairs.
    async fn load(&self, message: &str, pairs: &[(&str, &str)]) {
        let lines: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        write(&self.path("data/list/all"), &lines.concat());
        self.good(&["load", "--author", "ann", "--message", message]).await;
    }

    async fn explain(&self, key: &str) -> String {
        self.good(&["explain", key]).await
    }

    async fn json(&self, key: &str) -> Value {
        let text = self.good(&["explain", key, "--output", "json"]).await;
        serde_json::from_str(&text).unwrap()
    }

    /// How the value was written, and by which entry of the history.
    async fn written(&self, key: &str) -> (String, Value, bool, Value) {
        let json = self.json(key).await;
        let written = &json["keys"][0]["written"];
        let how = written["how"].as_str().unwrap().to_owned();
        let earlier = written["or_earlier"].as_bool().unwrap();
        (how, written["entry"].clone(), earlier, written["differs_from"]["release"].clone())
    }
}

fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line:?} is not in\n{text}");
    }
}

/// The time in the first line of who wrote it, which no test knows before.
fn without_time(text: &str) -> String {
    let at = text.find("Z, by").unwrap();
    format!("{}TIME{}", &text[..at - 19], &text[at + 1..])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_loaded() {
    let stage = Stage::new().await;
    write(&stage.path("data/validate.toml"), "environment = [\"POD_IP\"]\n");
    stage
        .load(
            "first",
            &[
                ("general/NAME", "$INNER"),
                ("general/INNER", "deep"),
                (DEBUG, "${NAME}-$POD_IP-${OTHER:-d}-$NOWHERE"),
                ("c@n1/s/s.conf/DEFAULT/debug", "true"),
                ("c@n1/s/s.conf/DEFAULT/mode", "fast"),
                ("c/s/s.conf/api/api_mode", "fast"),
            ],
        )
        .await;
    let revision = stage.etcd.revision().await;
    let expected = format!(
        "\
{DEBUG}
  value:      deep-${{POD_IP}}-d-${{NOWHERE}}
  key holds:  ${{NAME}}-$POD_IP-${{OTHER:-d}}-$NOWHERE
  variables:  INNER from general/INNER
              NAME from general/NAME
              NOWHERE not in general/: the agent's environment has it, or agents refuse the value
              OTHER not in general/: the default counts, unless the agent's environment has it
              POD_IP from the agent's environment
  written:    release 1 (TIME, by ann: first); revision {revision}
  layers:     c@n1/s/s.conf/DEFAULT/debug overrides it where the layers are c,c@n1
  option:     boolean value; default false; taken by a reload
              More words in the log.
  replicas:   no agent has told of itself
  revision:   {revision}
"
    );
    assert_eq!(without_time(&stage.explain(DEBUG).await), expected);

    assert_lines(
        &stage.explain("general/INNER").await,
        &["  value:      deep", &format!("  used by:    {DEBUG}, by way of $NAME")],
    );
    assert_lines(
        &stage.explain("c/s/s.conf/api/api_mode").await,
        &[
            "  option:     string value; default \"safe\"; one of fast, safe; needs a restart",
            "              this is a former name of [DEFAULT] mode",
            "              deprecated: always safe",
        ],
    );
    // A file that is set option by option, and a spelling that the loader does not use.
    let file = stage.explain("c@n1/s/s.conf").await;
    assert_lines(&file, &["  [DEFAULT] debug = true", "  [DEFAULT] mode = fast"]);
    assert!(
        stage.explain("c/s/s.conf/API/api_mode").await.starts_with("c/s/s.conf/api/api_mode\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wrote_it() {
    const A: &str = "c/s/s.conf/x/a";
    const B: &str = "c/s/s.conf/x/b";
    const C: &str = "general/C";
    const D: &str = "general/D";
    const E: &str = "c/s/s.conf/x/e";
    let stage = Stage::new().await;
    let of = |how: &str, number: Value| (how.to_owned(), number, false, Value::Null);
    stage.load("1", &[(A, "1"), (B, "1")]).await;
    stage.load("2", &[(A, "2"), (B, "1")]).await;
    stage.load("3", &[(A, "2"), (B, "3")]).await;
    assert_eq!(stage.written(A).await, of("release", json!(2)));
    assert_eq!(stage.written(B).await, of("release", json!(3)));

    // By a hand, and that it is drift.
    stage.etcd.put(A, "hand").await;
    assert_eq!(stage.written(A).await, ("hand".into(), Value::Null, false, json!(3)));
    let text = stage.explain(A).await;
    assert!(text.contains("written:    by hand, not through the loader; revision"), "{text}");
    assert!(text.contains("release 3 gives it another value: a load keeps this one"), "{text}");
    stage.etcd.put("c/s/s.conf/x/new", "hand").await;
    assert_eq!(stage.written("c/s/s.conf/x/new").await, of("hand", Value::Null));

    // Through a command; then, without it, again.
    stage.etcd.put("c/s/s.conf/x/uses", "$APP_PASSWORD").await;
    stage.good(&["secrets", "generate", "none", "--author", "bob"]).await;
    let secret = String::from_utf8(stage.etcd.get("general/APP_PASSWORD").await.unwrap()).unwrap();
    assert_eq!(stage.written("general/APP_PASSWORD").await, of("command", json!(4)));
    let text = stage.explain("general/APP_PASSWORD").await;
    assert!(text.contains("by hand, with etcstack-loader secrets; entry 4 ("), "{text}");
    assert!(text.contains("by bob"), "{text}");
    for key in ["general/APP_PASSWORD", "c/s/s.conf/x/uses"] {
        let ran = [stage.explain(key).await, stage.json(key).await.to_string()].concat();
        assert!(!ran.contains(&secret), "{key}");
        let shown = stage.good(&["explain", key, "--show-secrets"]).await;
        assert!(shown.contains(&format!("  value:      {secret}\n")), "{shown}");
    }
    stage.etcd.put("general/APP_PASSWORD", "other").await;
    assert_eq!(stage.written("general/APP_PASSWORD").await, of("hand", Value::Null));

    // The same value as a release gives, by somebody else: after it, and before it.
    stage.etcd.put(B, "3").await;
    assert_eq!(stage.written(B).await, of("hand", Value::Null));
    stage.etcd.put(D, "5").await;
    stage.good(&["set", C, "5"]).await;
    stage.load("6", &[(A, "2"), (B, "3"), (C, "5"), (D, "5"), (E, "6")]).await;
    assert_eq!(stage.written(C).await, of("command", json!(5)));
    assert_eq!(stage.written(D).await, of("hand", Value::Null));

    // Where older releases are not kept any more.
    for n in 7..10 {
        let value = n.to_string();
        let data = [(A, "2"), (E, "6"), ("c/s/s.conf/x/n", &value)];
        let lines = data.map(|(key, value)| format!("{key}={value}\n")).concat();
        write(&stage.path("data/list/all"), &lines);
        stage.good(&["load", "--keep", "2"]).await;
    }
    let (how, number, or_earlier, _) = stage.written(E).await;
    assert_eq!((how.as_str(), number, or_earlier), ("release", json!(8), true));
    assert!(stage.explain(E).await.contains("release 8 or earlier ("));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_masked() {
    let stage = Stage::new().await;
    let sesame = "c/s/s.conf/DEFAULT/sesame";
    stage
        .load(
            "",
            &[
                ("general/PW", "hunter2"),
                ("general/MAGIC", "hunter3"),
                (URL, "mysql://u:${PW|url}@db/x"),
                // By the catalog.
                (sesame, "$MAGIC"),
                // By what is filled in.
                ("c/s/s.conf/DEFAULT/harmless", "<$MAGIC>"),
                ("c/s/s.conf/DEFAULT/clear_password", "hunter4"),
            ],
        )
        .await;
    for key in [
        "general/PW",
        "general/MAGIC",
        URL,
        sesame,
        "c/s/s.conf/DEFAULT/harmless",
        "c/s/s.conf/DEFAULT/clear_password",
        "c/s/s.conf",
    ] {
        let text = stage.explain(key).await;
        assert!(!text.contains("hunter") && text.contains("***"), "{text}");
        let json = stage.json(key).await;
        assert!(!json.to_string().contains("hunter"), "{json}");
        assert_eq!(
            (&json["keys"][0]["masked"], &json["keys"][0]["rendered"]),
            (&json!(true), &Value::Null)
        );
        let shown = stage.good(&["explain", key, "--show-secrets"]).await;
        assert!(shown.contains("hunter"), "{shown}");
    }
    // What stands for the secret is none.
    let text = stage.explain(URL).await;
    assert_lines(
        &text,
        &[
            "  value:      ***  (a secret; --show-secrets prints it)",
            "  key holds:  mysql://u:${PW|url}@db/x",
            "  variables:  PW from general/PW",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes() {
    let stage = Stage::new().await;
    stage.load("", &[(DEBUG, "true"), ("general/HOST", "h")]).await;
    for (arguments, code, message) in [
        (&["c/s/s.conf/DEFAULT/debgu"][..], 66, format!("; perhaps this is meant: {DEBUG}\n")),
        (&["general/HOTS"], 66, "; perhaps this is meant: general/HOST\n".into()),
        (
            &["s.conf/DEFAULT/debug/x"],
            66,
            "s.conf/DEFAULT/debug/x: there is no such key in http://".into(),
        ),
        (&["other/entirely/x.conf"], 66, "etcstack-loader get /".into()),
        (&["nonsense"], 64, "a key is general/NAME".into()),
        (&["_etcstack/load"], 64, "docs/keys.md".into()),
        (&[DEBUG, "--release", "1999.1"], 66, "no catalogs of 1999.1".into()),
        (&[], 64, "KEY".into()),
    ] {
        let ran = stage.loader(&[&["explain"], arguments].concat()).await;
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(&message), "{arguments:?}: {}", ran.err);
    }
    // What agents would refuse is explained all the same, and so is the middle of a load.
    stage.etcd.put("general/A", "$A").await;
    stage.etcd.put(DEBUG, "$A").await;
    stage.etcd.put("_etcstack/load", "x").await;
    let text = stage.explain(DEBUG).await;
    assert!(text.contains("agents refuse it: ") && text.contains("a load is under way"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn which_replicas_have_it() {
    let stage = Stage::new().await;
    stage.load("", &[(DEBUG, "$D"), ("general/D", "1"), ("other/s/s.conf/DEFAULT/x", "1")]).await;
    let folder = stage.path("n1");
    write(&folder.join("agent.toml"), "[[file]]\nname = 's.conf'\npath = 's.conf'\n");
    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["run", "--role", "c,c@n1", "--service", "s", "--host", "n1"]);
    agent.args(["--store", &stage.etcd.url(), "--manifest", "agent.toml"]);
    agent.env("ETCSTACK_STATE_DIR", folder.join("state")).current_dir(&folder);
    agent.arg("--").arg(binary("testd")).args(["--file", "s.conf", "--name", "n1"]);
    let agent = Process::spawn(&mut agent);
    let has = async |key: &str| {
        eventually("the record tells", PATIENCE, async || {
            stage.json(key).await["replicas"][0]["has_applied"] == true
        })
        .await;
    };
    has(DEBUG).await;
    has("general/D").await;
    let text = stage.explain(DEBUG).await;
    assert!(text.contains("  replicas:   n1 (c,c@n1/s) has it: seen "), "{text}");
    assert_eq!(stage.json("other/s/s.conf/DEFAULT/x").await["replicas"], json!([]));

    // It does not see what comes now; the variable is newer than the key that refers to it.
    agent.signal(nix::sys::signal::Signal::SIGSTOP);
    stage.etcd.put("general/D", "2").await;
    for key in [DEBUG, "general/D"] {
        let text = stage.explain(key).await;
        assert!(text.contains("n1 (c,c@n1/s) has not read it: seen "), "{text}");
    }
    agent.signal(nix::sys::signal::Signal::SIGCONT);
    has(DEBUG).await;
}
