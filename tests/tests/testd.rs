//! The daemon of the tests misbehaves as it is told to. What it says is what they believe.

// These are tests throughout, helpers included.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use etcstack_tests::{PATIENCE, Process, binary, children, eventually, http, is_alive};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn orders(&self, orders: &str) {
        std::fs::write(self.path("file"), format!("[DEFAULT]\norders = {orders}\n")).unwrap();
    }

    fn testd(&self, arguments: &[&str]) -> Process {
        let mut testd = Command::new(binary("testd"));
        testd.args(["--name", "d", "--file"]).arg(self.path("file"));
        testd.arg("--register").arg(self.path("register"));
        Process::spawn(testd.args(arguments))
    }

    fn step(&self, arguments: &[&str]) -> Process {
        let mut step = Command::new(binary("testd"));
        step.args(["step", "one", "--record"]).arg(self.path("record"));
        Process::spawn(step.args(arguments))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn ways_to_die() {
    let stage = Stage::new();
    for (orders, code, signal) in [
        ("die-on-start", Some(1), None),
        ("die-on-start:7", Some(7), None),
        ("die-after:50:3", Some(3), None),
        ("die-on-start:KILL", None, Some(9)),
    ] {
        stage.orders(orders);
        let status = stage.testd(&[]).wait(PATIENCE).await;
        let signalled = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!((status.code(), signalled), (code, signal), "{orders}");
    }
    stage.orders("");
    let mut testd = stage.testd(&[]);
    testd.wait_for_line("d ready", PATIENCE).await;
    stage.orders("die-on-hup:5");
    testd.signal(Signal::SIGHUP);
    assert_eq!(testd.wait(PATIENCE).await.code(), Some(5));
}

#[tokio::test]
async fn readiness_follows_the_file_at_each_hup() {
    let stage = Stage::new();
    stage.orders("");
    let (socket, ready, needed) = (stage.path("socket"), stage.path("ready"), stage.path("needed"));
    let options =
        ["--listen", text(&socket), "--ready-file", text(&ready), "--needs", text(&needed)];
    let mut testd = stage.testd(&options);
    testd.wait_for_line("d ready", PATIENCE).await;
    let status = async || http(text(&socket), "GET", "/").await.map(|answer| answer.status).ok();
    eventually("it lacks a file", PATIENCE, async || status().await == Some(503)).await;
    std::fs::write(&needed, "").unwrap();
    assert_eq!((status().await, ready.exists()), (Some(200), true));
    stage.orders("not-ready");
    testd.signal(Signal::SIGHUP);
    testd.wait_for_line("not ready", PATIENCE).await;
    assert_eq!((status().await, ready.exists()), (Some(503), false));
    stage.orders("ready-after:200");
    testd.signal(Signal::SIGHUP);
    testd.wait_for_line("d ready", PATIENCE).await;
    assert_eq!(status().await, Some(200));
    stage.orders("deaf");
    testd.signal(Signal::SIGHUP);
    eventually("nobody listens", PATIENCE, async || status().await.is_none()).await;
    stage.orders("");
    testd.signal(Signal::SIGHUP);
    eventually("it listens again", PATIENCE, async || status().await == Some(200)).await;
}

#[tokio::test]
async fn the_register_and_the_end() {
    let stage = Stage::new();
    stage.orders("stop-after:100");
    let mut testd = stage.testd(&["--on-term", "4"]);
    testd.wait_for_line("d ready", PATIENCE).await;
    assert_eq!(stage.read("register"), "up d\n");
    testd.signal(Signal::SIGTERM);
    assert_eq!(testd.wait(PATIENCE).await.code(), Some(4));
    assert!(stage.read("register").starts_with("up d\ndown d\n"));
    stage.orders("ignore-term");
    let mut testd = stage.testd(&[]);
    testd.wait_for_line("d ready", PATIENCE).await;
    for (signal, name) in [(Signal::SIGTERM, "TERM"), (Signal::SIGINT, "INT")] {
        testd.signal(signal);
        testd.wait_for_line(&format!("got {name}"), PATIENCE).await;
    }
    assert_eq!(testd.status(), None);
}

#[tokio::test]
async fn signals_by_name_and_what_it_is() {
    let stage = Stage::new();
    let mut testd = stage.testd(&["--show", "PATH", "--show", "NO_SUCH_VARIABLE"]);
    testd.wait_for_line("listening", PATIENCE).await;
    for name in ["WINCH", "ALRM", "RTMIN+3", "USR2"] {
        let kill = format!("kill -s {name} {}", testd.pid());
        assert!(Command::new("bash").args(["-c", &kill]).status().unwrap().success());
        testd.wait_for_line(&format!("d got {name}"), PATIENCE).await;
    }
    let line = testd.wait_for_line("d is ", PATIENCE).await;
    let is: Value = serde_json::from_str(line.strip_prefix("d is ").unwrap()).unwrap();
    assert_eq!(is["pid"], testd.pid().as_raw());
    assert_eq!(is["process_group"], testd.pid().as_raw());
    assert_eq!(is["uid"][0], nix::unistd::getuid().as_raw());
    assert_eq!(is["files"]["0"], "/dev/null");
    assert!(is["shown"]["PATH"].is_string() && is["shown"]["NO_SUCH_VARIABLE"].is_null(), "{is}");
}

#[tokio::test]
async fn orphans_and_stubborn_children() {
    set_child_subreaper(true).unwrap();
    let stage = Stage::new();
    stage.orders("held-orphans:100 stubborn:2");
    let mut testd = stage.testd(&[]);
    testd.wait_for_line("d ready", PATIENCE).await;
    let stubborn: Vec<_> = children(testd.pid());
    assert_eq!(stubborn.len(), 2);
    for child in &stubborn {
        nix::sys::signal::kill(*child, Signal::SIGTERM).unwrap();
    }
    // They have come to us, among others that the test may have.
    let orphans: Vec<_> = children(Pid::this())
        .into_iter()
        .filter(|pid| nix::unistd::getpgid(Some(*pid)) == Ok(testd.pid()) && *pid != testd.pid())
        .collect();
    assert_eq!(orphans.len(), 100);
    assert!(orphans.iter().all(|pid| is_alive(*pid)));
    testd.signal(Signal::SIGTERM);
    testd.wait(PATIENCE).await;
    eventually("all orphans end with it", PATIENCE, async || {
        !orphans.iter().any(|pid| is_alive(*pid))
    })
    .await;
    assert!(stubborn.iter().all(|pid| is_alive(*pid)));
    nix::sys::signal::killpg(testd.pid(), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_step() {
    let stage = Stage::new();
    let go = stage.path("go");
    let mut step = stage.step(&["--fail-first", "1", "--say", "hello"]);
    assert_eq!(step.wait(PATIENCE).await.code(), Some(1));
    assert!(step.lines().contains(&"hello on standard error".to_owned()));
    let mut step = stage.step(&["--fail-first", "1", "--until", text(&go)]);
    step.wait_for_line("step {", PATIENCE).await;
    assert_eq!(stage.read("record"), "begin one\nbegin one\n");
    std::fs::write(&go, "").unwrap();
    assert_eq!(step.wait(PATIENCE).await.code(), Some(0));
    assert_eq!(stage.read("record"), "begin one\nbegin one\nend one\n");
}
