//! `explain`: where an option's value comes from.

use std::process::Command;

use etcstack_tests::{PATIENCE, Process};
use serde_json::{Value, json};

use crate::stage::{CONF, Stage};

/// Asks, and gives the exit code and what was printed.
async fn explain(stage: &Stage, arguments: &[&str]) -> (i32, String) {
    asked(stage.agent("explain").args(arguments)).await
}

async fn asked(command: &mut Command) -> (i32, String) {
    let mut process = Process::spawn(command);
    let code = process.wait(PATIENCE).await.code().unwrap();
    (code, process.lines().join("\n"))
}

async fn json(stage: &Stage, arguments: &[&str]) -> Value {
    let (code, text) = explain(stage, &[arguments, &["--output", "json"]].concat()).await;
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_its_default() {
    let stage = Stage::loaded().await;
    stage.write("default.conf", "[DEFAULT]\n#debug = false\ndebug = true\n");
    let (code, text) = explain(&stage, &["s.conf/DEFAULT/debug"]).await;
    assert_eq!(code, 0, "{text}");
    let revision = stage.etcd.revision().await;
    let default = stage.path("default.conf");
    assert_eq!(
        text,
        format!(
            "s.conf [DEFAULT] debug\n  value:      false\n  \
             from:       {CONF}/DEFAULT/debug (layer controller)\n  \
             instead of: {}:3\n  revision:   {revision}",
            default.display()
        )
    );
    let other = json(&stage, &["other.conf/DEFAULT/debug"]).await;
    assert_eq!(other["from"], json!({"path": default, "lines": [3]}));
    let unset = json(&stage, &["s.conf/DEFAULT/verbose"]).await;
    assert_eq!((&unset["from"], &unset["values"]), (&Value::Null, &json!([])));
    assert!(!stage.path("etc").exists(), "nothing is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_and_variables() {
    let stage = Stage::loaded().await;
    stage.put("x/hosts", "$DB_HOST:$PORT").await;
    stage.etcd.put("controller@n1/s/s.conf/x/hosts", "$DB_HOST:$POD_PORT").await;
    stage.etcd.put("general/DB_HOST", "db.$DOMAIN").await;
    stage.etcd.put("general/DOMAIN", "example.com").await;
    let mut command = stage.agent("explain");
    command.args(["s.conf/x/hosts", "--output", "json", "--role", "controller,controller@n1"]);
    let (code, text) = asked(command.env("POD_PORT", "3306")).await;
    assert_eq!(code, 0, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["values"], json!(["db.example.com:3306"]));
    let key = "controller@n1/s/s.conf/x/hosts";
    assert_eq!(answer["from"], json!({"key": key, "layer": "controller@n1"}));
    let over = json!([{"key": format!("{CONF}/x/hosts"), "layer": "controller"}]);
    assert_eq!(answer["instead_of"], over);
    assert_eq!(
        answer["variables"],
        json!([
            {"name": "DB_HOST", "from": "general/DB_HOST"},
            {"name": "DOMAIN", "from": "general/DOMAIN"},
            {"name": "POD_PORT", "from": "environment"},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_printed_only_when_asked_for() {
    let stage = Stage::loaded().await;
    stage.put("database/connection", "mysql://u:${DB_PASSWORD|url}@db/s").await;
    stage.put("x/greeting", "hello hunter2!").await;
    stage.etcd.put("general/DB_PASSWORD", "hunter2!").await;
    for name in ["s.conf/database/connection", "s.conf/x/greeting"] {
        for output in ["text", "json"] {
            let (code, text) = explain(&stage, &[name, "--output", output]).await;
            assert_eq!(code, 0, "{text}");
            assert!(text.contains("***") && !text.contains("hunter2"), "{text}");
            let (_, text) = explain(&stage, &[name, "--output", output, "--show-secrets"]).await;
            assert!(text.contains("hunter2") && !text.contains("***"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_text() {
    let stage = Stage::loaded().await;
    stage.manifest("[[file]]\nname = 'policy.yaml'\npath = 'etc/policy.yaml'\n");
    let (code, text) = explain(&stage, &["policy.yaml"]).await;
    assert_eq!(code, 66, "{text}");
    stage.write("etc/policy.yaml", "from: image\n");
    let path = stage.path("etc/policy.yaml");
    let answer = json(&stage, &["policy.yaml"]).await;
    assert_eq!(answer["values"], json!(["from: image\n"]));
    assert_eq!(answer["from"], json!({"path": path, "lines": []}));
    stage.etcd.put("controller/s/policy.yaml", "debug: $POD_IP\n").await;
    let (code, text) = asked(stage.agent("explain").arg("policy.yaml").env("POD_IP", "::1")).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("value:      debug: ::1\n"), "{text}");
    assert!(text.contains(&format!("instead of: {}\n", path.display())), "{text}");
    let left = std::fs::read_dir(stage.path("etc")).unwrap().count();
    assert_eq!(left, 1, "the image's text is not noted");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes() {
    let stage = Stage::new().await;
    for (name, code, message) in [
        ("s.conf/DEFAULT/debug", 66, "the store has no key of s for the role controller"),
        ("no.conf/DEFAULT/debug", 64, "the manifest has no such file; it has s.conf, other.conf"),
        ("s.conf//debug", 64, "the section is empty"),
    ] {
        let (ended, text) = explain(&stage, &[name]).await;
        assert_eq!(ended, code, "{name}: {text}");
        assert!(text.contains(message), "{name}: {text}");
    }
    stage.put("x/bad", "$NO_SUCH_VARIABLE secret").await;
    stage.put("x/good", "1").await;
    for (name, code, message) in [
        ("s.conf/x/bad", 65, "unknown variable $NO_SUCH_VARIABLE"),
        ("s.conf/x/good", 0, "value:      1"),
        ("s.conf/option", 64, "no option before the first section"),
        ("s.conf/default/debug", 64, "write DEFAULT"),
        ("s.conf", 64, "it is set option by option"),
    ] {
        let (ended, text) = explain(&stage, &[name]).await;
        assert_eq!(ended, code, "{name}: {text}");
        assert!(text.contains(message), "{name}: {text}");
        assert!(!text.contains("secret"), "{name}: {text}");
    }
}
