//! A daemon that tells what happens to it, and misbehaves when it is told to.
//!
//! What it says, a line each: `started PID FILE`, `is JSON` (what it was made of: user, groups,
//! signals, open files, …), `listening` once it has its handlers, `ready` and `not ready`,
//! `got SIGNAL`, and after USR2 once more `is JSON`.
//!
//! How it misbehaves is said in orders (see [`orders`]): some on the command line, others in the
//! file that it is given, so that a value in the store can be the one that breaks it.
//! `testd step` is a step of a bootstrap instead.

// A program for tests fails as a test does.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::exit)]

mod daemon;
mod family;
mod identity;
mod orders;
mod record;
mod say;
mod signals;
mod step;
mod web;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use orders::Orders;
use step::Step;

/// A daemon that tells what happens to it, and misbehaves when it is told to
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    daemon: Args,
}

#[derive(Subcommand)]
enum Command {
    /// A step of a bootstrap
    Step(Step),
}

#[derive(clap::Args)]
struct Args {
    /// Printed at the start and at each HUP and USR1; its line `orders = …` gives more orders
    #[arg(long)]
    file: Option<PathBuf>,
    /// Stands before each line that it prints, and in the register
    #[arg(long)]
    name: Option<String>,
    /// How it misbehaves all the time
    #[arg(long, default_value = "")]
    orders: Orders,
    /// How many milliseconds it takes to have its handlers
    #[arg(long, default_value_t = 0)]
    handlers_after: u64,
    /// The exit code after TERM, or `ignore`
    #[arg(long, default_value = "0")]
    on_term: String,
    /// Processes that it leaves to whoever reaps them
    #[arg(long, default_value_t = 0)]
    orphans: usize,
    /// Ends at once
    #[arg(long)]
    exit: Option<i32>,
    /// Answers HTTP here, 200 or 503: HOST:PORT or the path of a socket
    #[arg(long)]
    listen: Option<String>,
    /// A file that is there as long as it is ready
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Answers 503 as long as this file is not there
    #[arg(long)]
    needs: Option<PathBuf>,
    /// Where it writes `up NAME` when it is ready and `down NAME` when it is about to end
    #[arg(long)]
    register: Option<PathBuf>,
    /// A variable of the environment whose value is shown
    #[arg(long)]
    show: Vec<String>,
}

fn main() {
    // Before anything else: what follows opens files and installs handlers.
    let inherited = identity::Inherited::read();
    let cli = Cli::parse();
    if let Some(Command::Step(step)) = cli.command {
        step.run(&inherited);
    }
    if let Some(code) = cli.daemon.exit {
        std::process::exit(code);
    }
    say::set_name(cli.daemon.name.as_deref());
    daemon::run(cli.daemon, inherited);
}
