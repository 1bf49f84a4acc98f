//! How fast the agent is, and how little it needs, beside a bare etcd client in the same run: their
//! ratio means something where milliseconds do not.

// A bench fails as a test does.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod change;
mod daemon;
mod idle;
mod loader;
mod memory;
mod render;
mod stage;
mod start;
mod times;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Measures an agent beside a bare etcd client
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Command {
    /// The daemon that the agent runs
    #[command(hide = true)]
    Daemon { socket: PathBuf },
}

#[derive(clap::Args)]
struct Bench {
    /// The agent's program
    #[arg(long, default_value = "etcstack-agent")]
    agent: PathBuf,
    /// The loader's program; without it, the loader is not measured
    #[arg(long)]
    loader: Option<PathBuf>,
    /// How many keys to load and export
    #[arg(long, default_value_t = 100_000)]
    keys: usize,
    /// Measure the loader and not the agent
    #[arg(long, requires = "loader")]
    only_loader: bool,
    /// The default file of nova; without it, rendering is not measured
    #[arg(long)]
    sample: Option<PathBuf>,
    /// How many puts to time
    #[arg(long, default_value_t = 300)]
    rounds: usize,
    /// How many starts to time
    #[arg(long, default_value_t = 50)]
    starts: usize,
    /// After how many revisions to look at the memory, each of them applied and told
    #[arg(long, default_value_t = 5000)]
    revisions: u32,
    /// For how many seconds nothing changes
    #[arg(long, default_value_t = 10)]
    idle: u64,
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(Command::Daemon { socket }) = arguments.command {
        return daemon::run(&socket);
    }
    let Bench { agent, loader, keys, only_loader, sample, rounds, starts, revisions, idle } =
        arguments.bench;
    if let Some(sample) = &sample {
        render::measure(sample, rounds);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if let Some(loader) = &loader {
            loader::measure(loader, keys).await;
        }
        if only_loader {
            return;
        }
        change::measure(&agent, rounds).await;
        start::measure(&agent, starts).await;
        idle::measure(&agent, Duration::from_secs(idle)).await;
        memory::measure(&agent, revisions).await;
    });
}
