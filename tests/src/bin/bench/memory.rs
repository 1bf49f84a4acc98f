//! How much memory the agent takes, and whether it takes more with the revisions.

use std::path::Path;
use std::time::Instant;

use nix::unistd::Pid;

use crate::stage::{KEY, Stage};

/// At how many points on the way to look.
const POINTS: u32 = 5;

pub(crate) async fn measure(agent: &Path, revisions: u32) {
    let stage = Stage::new(agent).await;
    let agent = stage.start();
    println!("\n{revisions} revisions, each applied and told: KiB of the agent");
    println!("{:<28} {:>8} {:>8}", "", "resident", "its own");
    show("after the start", agent.pid());
    let mut client = stage.etcd.client().await;
    let begun = Instant::now();
    let step = revisions.div_ceil(POINTS).max(1);
    for revision in 1..=revisions {
        client.put(KEY, format!("revision {revision}"), None).await.unwrap();
        stage.heard();
        if revision % step == 0 || revision == revisions {
            show(&format!("after {revision} revisions"), agent.pid());
        }
        if revision % 10_000 == 0 {
            stage.etcd.compact(stage.etcd.revision().await).await;
        }
    }
    println!("revisions in a second: {:.0}", f64::from(revisions) / begun.elapsed().as_secs_f64());
}

fn show(when: &str, agent: Pid) {
    let status = std::fs::read_to_string(format!("/proc/{agent}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_end_matches("kB").trim().to_owned()
    };
    // What is not its own is the program's file, which replicas on one machine share.
    println!("{when:<28} {:>8} {:>8}", field("VmRSS:"), field("RssAnon:"));
}
