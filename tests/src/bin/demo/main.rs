//! The whole idea on one machine: real OpenStack daemons, configured from a store, changed live.
//!
//! Everything that it shows it also checks: what does not happen ends it with a message.

// A demonstration that does not work fails as a test does.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::exit)]

mod home;
mod services;
mod show;
mod steps;

use std::path::PathBuf;

use clap::Parser;
use home::Home;
use services::Services;
use show::Show;
use tokio::signal::unix::{SignalKind, signal};

/// Runs cinder-scheduler and the glance API under etcstack-agent and changes them live
#[derive(Parser)]
struct Arguments {
    /// The Python environment with OpenStack in it
    #[arg(long)]
    venv: PathBuf,

    /// Where the configuration is kept
    #[arg(long, value_enum, default_value_t = home::Kind::Etcd)]
    store: home::Kind,

    /// End by itself
    #[arg(long)]
    once: bool,
}

fn main() {
    let arguments = Arguments::parse();
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let owned = payload.downcast_ref::<String>().map(String::as_str);
        let reason = owned.or(payload.downcast_ref().copied()).unwrap_or_default();
        eprintln!("\nThis did not happen: {reason}");
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).unwrap();
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        tokio::select! {
            () = demonstrate(&arguments) => true,
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
        }
    });
    if !ended {
        println!("\nInterrupted; everything has been stopped and removed.");
        if arguments.once {
            std::process::exit(130);
        }
    }
}

async fn demonstrate(arguments: &Arguments) {
    let folder = tempfile::Builder::new().prefix("etcstack-demo-").tempdir().unwrap();
    let show = Show::default();
    show.title("Preparing");
    let mut home = Home::start(arguments.store, folder.path()).await;
    services::prepare(&arguments.venv, folder.path()).await;
    home.load();
    let mut services = Services::start(&arguments.venv, folder.path(), &home, &show).await;

    steps::one_option(&mut home, &mut services, &show).await;
    steps::one_variable(&mut home, &mut services, &show).await;
    steps::a_stream_of_requests(&mut home, &mut services, &show).await;
    steps::a_transaction(&mut home, &mut services, &show).await;
    steps::a_mistake(&mut home, &mut services, &show).await;

    show.title("All of it happened");
    if !arguments.once {
        home.invite(&services);
        services.echo().await;
    }
    services.stop().await;
}
