//! Before the daemon runs: the store, the manifest, the command line.

use std::process::Command;

use etcstack_tests::{PATIENCE, Port, Process, binary};

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_starts_when_the_store_comes_and_has_been_loaded() {
    let mut stage = Stage::new().await;
    stage.etcd.stop().await;
    let daemon = stage.daemon(&[]);
    let mut agent = Process::spawn(stage.agent("run").arg("--").args(daemon));
    let line = agent.wait_for_line("does not answer", PATIENCE).await;
    assert!(line.contains(&stage.etcd.address()), "{line}");
    stage.etcd.start().await;
    agent.wait_for_line("has it been loaded?", PATIENCE).await;
    stage.put("DEFAULT/debug", "$LATER").await;
    agent.wait_for_line("unknown variable $LATER", PATIENCE).await;
    agent.wait_for_line("the daemon is not started", PATIENCE).await;
    stage.etcd.put("general/LATER", "true").await;
    agent.wait_for_line("listening", PATIENCE).await;
    assert!(stage.read("etc/s.conf").contains("debug = true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_timeout_names_the_endpoints() {
    let stage = Stage::new().await;
    let ports = [Port::claim(), Port::claim()];
    let store = format!("etcd://{},{}", ports[0].address(), ports[1].address());
    for command in ["run", "render"] {
        let mut agent = Command::new(binary("etcstack-agent"));
        agent.args([command, "--store", &store]);
        agent.args(["--start-timeout", "1s", "--manifest"]).arg(stage.path("agent.toml"));
        if command == "run" {
            agent.args(["--", "true"]);
        }
        let mut agent = Process::spawn(&mut agent);
        assert_eq!(agent.wait(PATIENCE).await.code(), Some(69));
        let line = agent.wait_for_line("error:", PATIENCE).await;
        assert!(line.contains("refused"), "{line}");
        assert!(ports.iter().all(|port| line.contains(&port.address())), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_is_waited_for_unless_told_otherwise() {
    let stage = Stage::new().await;
    let mut render = Process::spawn(&mut stage.agent("render"));
    assert_eq!(render.wait(PATIENCE).await.code(), Some(66));
    let daemon = stage.daemon(&[]);
    let mut agent = Process::spawn(stage.agent("run").arg("--allow-empty").arg("--").args(daemon));
    agent.wait_for_line("listening", PATIENCE).await;
    assert_eq!(stage.read("etc/s.conf"), stage.read("default.conf"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_manifest_and_on_the_command_line() {
    let stage = Stage::new().await;
    stage.write("agent.toml", "service = 's'\nrole = 'r'\n[[file]]\nname = 's.conf'\n");
    let mut agent = Process::spawn(stage.agent("run").args(["--", "true"]));
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(78));
    agent.wait_for_line("agent.toml:3:1: missing field `path`", PATIENCE).await;
    for (arguments, code, message) in [
        (&["run", "--role", "r", "--service", "s"][..], 64, "COMMAND"),
        (
            &["run", "--role", "r", "--service", "s", "--store", "etcd://u:secret@h", "--", "true"],
            64,
            "--password-file",
        ),
        (&["run", "--service", "s", "--", "true"], 64, "--role"),
        (&["run", "--role", "r", "--", "true"], 64, "--service"),
        (&["run", "--manifest", "/no/such/file", "--", "true"], 66, "/no/such/file"),
        (&["--help"], 0, "Usage"),
        (&["--version"], 0, "etcstack-agent 0"),
        (&["run", "--version"], 0, "etcstack-agent 0"),
    ] {
        let mut agent = Process::spawn(Command::new(binary("etcstack-agent")).args(arguments));
        assert_eq!(agent.wait(PATIENCE).await.code(), Some(code), "{arguments:?}");
        agent.wait_for_line(message, PATIENCE).await;
        assert!(!agent.lines().join("\n").contains("secret"));
    }
    let mut help = Command::new(binary("etcstack-agent"));
    help.args(["run", "--help"]).env("ETCSTACK_STORE", "etcd://u:secret@h");
    let mut help = Process::spawn(&mut help);
    assert!(help.wait(PATIENCE).await.success());
    assert!(!help.lines().join("\n").contains("secret"));
}

/// A volume that is mounted late, or one that is full for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_default_that_cannot_be_read_is_tried_again() {
    let stage = Stage::loaded().await;
    std::fs::rename(stage.path("default.conf"), stage.path("away")).unwrap();
    let daemon = stage.daemon(&[]);
    let mut agent = Process::spawn(stage.agent("run").arg("--").args(daemon));
    agent.wait_for_line("default.conf: the image's default", PATIENCE).await;
    std::fs::rename(stage.path("away"), stage.path("default.conf")).unwrap();
    agent.wait_for_line("listening", PATIENCE).await;
    assert!(stage.read("etc/s.conf").contains("debug = false"));
}
