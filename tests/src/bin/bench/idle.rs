//! What the agent does while nothing changes.

use std::path::Path;
use std::time::Duration;

use etcstack_tests::cpu_ticks;
use nix::unistd::Pid;

use crate::stage::Stage;

/// Until the start is over and found good, and its status written.
const CALM: Duration = Duration::from_secs(3);

pub(crate) async fn measure(agent: &Path, time: Duration) {
    let stage = Stage::new(agent).await;
    let agent = stage.start();
    tokio::time::sleep(CALM).await;
    let before = (cpu_ticks(agent.pid()), wakeups(agent.pid()));
    tokio::time::sleep(time).await;
    let after = (cpu_ticks(agent.pid()), wakeups(agent.pid()));
    println!("\n{time:?} without a change: what the agent does");
    println!("{:<28} {:>8}", "processor, in 1/100 s", after.0 - before.0);
    println!("{:<28} {:>8}", "wake-ups of its threads", after.1 - before.1);
}

/// How often any of its threads has begun to wait.
fn wakeups(pid: Pid) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let count = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default()
    };
    tasks.flatten().map(count).sum()
}
