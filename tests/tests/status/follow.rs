//! `--watch`: every change, as a line, an object, or a table that is drawn anew.

use std::process::Command;

use etcstack_tests::{PATIENCE, Process};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::agents::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_changes() {
    let stage = Stage::loaded().await;
    let mut watch = Process::spawn(&mut stage.command(&["--watch"]));
    let mut agent = stage.start("s", "n1").await;
    watch.wait_for_line("Z s controller n1: ", PATIENCE).await;
    stage.wait(&[]).await;
    watch.wait_for_line("n1: current, applied", PATIENCE).await;
    let revision = stage.put("DEFAULT/url", "$NOWHERE").await;
    let line = watch.wait_for_line("n1: refused", PATIENCE).await;
    assert!(line.contains(&format!("newest {revision}: ")), "{line}");
    assert!(line.contains("unknown variable $NOWHERE"), "{line}");
    stage.etcd.put("_etcstack/load", "somebody").await;
    watch.wait_for_line("a load is under way", PATIENCE).await;
    stage.etcd.delete("_etcstack/load").await;
    watch.wait_for_line("the load has ended", PATIENCE).await;
    agent.signal(Signal::SIGTERM);
    agent.wait(PATIENCE).await;
    watch.wait_for_line("Z s controller n1: gone", PATIENCE).await;
    // What happens elsewhere is nothing.
    let before = watch.lines().len();
    stage.etcd.put("controller/other/s.conf/DEFAULT/x", "1").await;
    stage.etcd.put("_etcstack/status/controller/t/n9", "{}").await;
    watch.wait_for_line("t controller n9: ", PATIENCE).await;
    assert_eq!(watch.lines().len(), before + 1, "{:?}", watch.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_for_each_change() {
    let stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    let mut watch = Process::spawn(&mut stage.command(&["--watch", "--output", "json"]));
    watch.wait_for_line("\"converged\":true", PATIENCE).await;
    stage.put("DEFAULT/url", "$NOWHERE").await;
    watch.wait_for_line("\"stuck\":true", PATIENCE).await;
    let lines = watch.lines();
    let mut objects: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for object in &mut objects {
        object["revision"] = Value::Null;
    }
    for pair in objects.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

/// A command whose output is a terminal.
fn in_terminal(stage: &Stage, arguments: &str, environment: &[(&str, &str)]) -> Process {
    let program = stage.command(&[]).get_program().to_str().unwrap().to_owned();
    let line = format!("stty rows 40 cols 100; {program} status {arguments}");
    let mut command = Command::new("script");
    command.args(["--quiet", "--command", &line, "/dev/null"]);
    command.env("ETCSTACK_STORE", stage.etcd.url()).env_remove("NO_COLOR");
    command.envs(environment.iter().copied());
    Process::spawn(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_table() {
    let stage = Stage::loaded().await;
    let _agent = stage.start("s", "n1").await;
    stage.wait(&[]).await;
    let mut watch = in_terminal(&stage, "--watch", &[]);
    watch.wait_for_line("\x1b[H\x1b[2JSERVICE", PATIENCE).await;
    watch.wait_for_line("\x1b[32mcurrent", PATIENCE).await;
    stage.put("DEFAULT/url", "$NOWHERE").await;
    watch.wait_for_line("\x1b[31mrefused", PATIENCE).await;
    watch.wait_for_line("s: 1 replica, 0 converged", PATIENCE).await;
    let lines = watch.lines();
    let length = |line: &String| {
        let controls = ["\x1b[H\x1b[2J", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"];
        let plain = controls.iter().fold(line.clone(), |line, control| line.replace(control, ""));
        plain.trim_end().chars().count()
    };
    assert!(lines.iter().all(|line| length(line) <= 100), "{lines:?}");

    let mut plain = in_terminal(&stage, "", &[("NO_COLOR", "1")]);
    plain.wait(PATIENCE).await;
    let text = plain.lines().join("\n");
    assert!(text.contains("refused") && !text.contains('\x1b'), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_nobody_reads() {
    let stage = Stage::loaded().await;
    for arguments in [&[][..], &["--watch"], &["--watch", "--output", "json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = stage.command(arguments);
        command.stdout(writer);
        // Otherwise there is nothing to say.
        stage.etcd.put("_etcstack/status/controller/t/n9", "{}").await;
        assert_eq!(command.status().unwrap().code(), Some(0));
    }
}
