//! How long it takes from the agent's start to its daemon's.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use etcstack_tests::{PATIENCE, Process};
use nix::sys::signal::Signal;

use crate::stage::{KEY, Stage};
use crate::times::{line, title};

pub(crate) async fn measure(agent: &Path, starts: usize) {
    let stage = Stage::new(agent).await;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..starts {
        let [client, daemon, agent] = &mut times;
        let begun = Instant::now();
        stage.etcd.get(KEY).await.expect("the key is there");
        client.push(begun.elapsed());
        daemon.push(start(&stage, stage.daemon()).await);
        agent.push(start(&stage, stage.agent()).await);
    }
    title(&format!("{starts} starts, a default file of 6,000 lines"));
    let [client, daemon, agent] = &mut times;
    let base = line("bare client: connect, get", client, None);
    let alone = line("the daemon without an agent", daemon, Some(base));
    let with = line("agent, until the daemon is up", agent, Some(base));
    println!("from the agent's start to the daemon's exec: {:.2} ms", with - alone);
}

/// Starts a program, waits until the daemon is up, and ends it.
async fn start(stage: &Stage, mut command: Command) -> Duration {
    let begun = Instant::now();
    let mut process = Process::quiet(&mut command);
    stage.heard();
    let time = begun.elapsed();
    process.signal(Signal::SIGTERM);
    process.wait(PATIENCE).await;
    time
}
