//! Variables of the store in the environment of the programs.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use etcstack_tests::{PATIENCE, Process, binary};
use serde_json::Value;

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, count, text};

const NAMES: [&str; 4] = ["MYSQL_HOST", "MYSQL_PASSWORD", "REGION", "OTHER"];
const SHOW: [&str; 8] =
    ["--show", "MYSQL_HOST", "--show", "MYSQL_PASSWORD", "--show", "REGION", "--show", "OTHER"];

async fn stage() -> Stage {
    let stage = Stage::loaded().await;
    for (name, value) in NAMES.into_iter().zip(["db", "hunter2", "it's \"one\" `x`", "x"]) {
        stage.etcd.put(&format!("general/{name}"), value).await;
    }
    stage
}

/// What the last daemon was given.
fn shown(process: &Process) -> Value {
    let lines = process.lines();
    let is = lines.iter().rev().find_map(|line| line.strip_prefix("n1 is "));
    serde_json::from_str::<Value>(is.expect("a daemon")).unwrap()["shown"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_manifest_exports() {
    let stage = stage().await;
    let record = text(&stage.path("record"));
    let mut step = vec![text(&binary("testd")), "step".into(), "sync".into()];
    step.extend(["--record".to_owned(), record]);
    step.extend(SHOW.map(str::to_owned));
    let more = format!(
        "[environment]\nexport = ['MYSQL_*', 'REGION']\n\
         [[bootstrap]]\nname = 'sync'\nonce_per = 'ever'\ncommand = {step:?}\n"
    );
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let process = replica.start(&SHOW).await;
    let shown = shown(&process);
    assert_eq!(shown["MYSQL_HOST"], "db");
    assert_eq!(shown["MYSQL_PASSWORD"], "hunter2");
    assert_eq!(shown["REGION"], "it's \"one\" `x`");
    assert_eq!(shown["OTHER"], Value::Null);
    // The step prints what it is given, into the log, which tells no secret.
    assert_eq!(count(&process, "MYSQL_PASSWORD = Some("), 1);
    assert_eq!(count(&process, "OTHER = None"), 1);
    let lines = process.lines();
    let mut own = lines.iter().filter(|line| !line.starts_with("n1 "));
    assert_eq!(own.find(|line| line.contains("hunter2")), None);
    assert!(!replica.status().await.unwrap().to_string().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_unless_it_is_asked_for() {
    let stage = stage().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let process = replica.start(&SHOW).await;
    for name in NAMES {
        assert_eq!(shown(&process)[name], Value::Null, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_exported_variable() {
    for (on_change, starts, value) in [("restart", 2, "other-db"), ("none", 1, "db")] {
        let stage = stage().await;
        let more = format!("[environment]\nexport = ['MYSQL_*']\non_change = '{on_change}'\n");
        let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
        let process = replica.start(&SHOW).await;
        stage.etcd.put("general/MYSQL_HOST", "other-db").await;
        // One that nobody is given, and then a change that all can see.
        stage.etcd.put("general/OTHER", "y").await;
        let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
        replica.settled(revision).await;
        assert_eq!(replica.starts(&process), starts, "{on_change}");
        assert_eq!(shown(&process)["MYSQL_HOST"], value, "{on_change}");
    }
}

/// A variable that nobody had, below an exported prefix.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_variable_below_an_exported_prefix() {
    let stage = stage().await;
    let more = "[environment]\nexport = ['MYSQL_*']\n";
    let replica = Replica::new(&stage, "n1", Manifest { more, ..USUAL });
    let mut process = replica.start(&["--show", "MYSQL_PORT"]).await;
    assert_eq!(shown(&process)["MYSQL_PORT"], Value::Null);
    stage.etcd.put("general/MYSQL_PORT", "3307").await;
    process.wait_for_line("n1 ready", PATIENCE).await;
    assert_eq!(shown(&process)["MYSQL_PORT"], "3307");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_shell_can_read() {
    let stage = stage().await;
    let more = "[environment]\nexport = ['MYSQL_*', 'REGION']\nfile = 'run/env'\n";
    let replica = Replica::new(&stage, "n1", Manifest { more, ..USUAL });
    let _process = replica.start(&[]).await;
    let path = replica.path("run/env");
    let script = ". \"$0\" && printf '%s|%s|%s' \"$MYSQL_HOST\" \"$MYSQL_PASSWORD\" \"$REGION\"";
    let output = Command::new("sh").args(["-c", script]).arg(&path).output().unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    assert_eq!(read, "db|hunter2|it's \"one\" `x`", "{}", replica.read("run/env"));
    let others = path.metadata().unwrap().permissions().mode() & 0o007;
    assert_eq!(others, 0, "it holds passwords");
    assert!(!replica.read("run/env").contains("OTHER"));
}

/// oslo.config would take it over the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_stray_variable_that_beats_the_files_is_reported() {
    let stage = stage().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut agent = replica.agent();
    agent.env("OS_DATABASE__CONNECTION", "mysql://hunter2").env("OS_REGION_NAME", "x");
    let mut process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    let line = process.wait_for_line("OS_DATABASE__CONNECTION", PATIENCE).await;
    assert!(line.contains("WARN"), "{line}");
    process.wait_for_line("n1 ready", PATIENCE).await;
    assert_eq!(count(&process, "mysql://hunter2"), 0);
    let warned = process
        .lines()
        .into_iter()
        .find(|line| !line.starts_with("n1 ") && line.contains("OS_REGION_NAME"));
    assert_eq!(warned, None, "one underscore is no option");
}
