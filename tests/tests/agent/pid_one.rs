//! The agent as PID 1 of a PID namespace, as in a container.

use etcstack_tests::{PATIENCE, Process, binary, eventually};
use nix::sys::signal::Signal;

use crate::stage::{Stage, text, unshare};

/// The agent behind `unshare`, which has no say in signals: they go to the agent itself.
async fn start(stage: &Stage, arguments: &[&str]) -> Process {
    let mut command = unshare();
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(binary("etcstack-agent")).args(["run", "--store", &stage.etcd.url()]);
    command.args(["--manifest", &text(&stage.path("agent.toml")), "--"]);
    let mut agent = Process::spawn(command.args(stage.daemon(arguments)));
    agent.wait_for_line("listening", PATIENCE).await;
    agent
}

/// The agent's process, seen from outside.
fn pid_one(unshare: &Process) -> i32 {
    let children = format!("/proc/{0}/task/{0}/children", unshare.pid());
    std::fs::read_to_string(children).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_orphans_and_exit_code_as_pid_one() {
    let stage = Stage::loaded().await;
    let mut unshare = start(&stage, &["--orphans", "20", "--on-term", "9"]).await;
    // The daemon is the second process of its world.
    assert!(unshare.lines().iter().any(|line| line.starts_with("started 2 ")));
    let agent = pid_one(&unshare);
    let children = format!("/proc/{agent}/task/{agent}/children");
    eventually("only the daemon is left", PATIENCE, async || {
        std::fs::read_to_string(&children).unwrap().split_whitespace().count() == 1
    })
    .await;
    stage.put("DEFAULT/debug", "true").await;
    unshare.wait_for_line("got HUP", PATIENCE).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(agent), Signal::SIGTERM).unwrap();
    assert_eq!(unshare.wait(PATIENCE).await.code(), Some(9));
}
