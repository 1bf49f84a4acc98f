//! A daemon that tells what happens to it, and misbehaves when it is told to.
//!
//! `testd [--file PATH] [--handlers-after MS] [--on-term CODE|ignore] [--orphans N] [--exit CODE]`

// A program for tests fails as a test does.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::exit)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

#[derive(Default)]
struct Orders {
    /// Printed at the start and at each HUP.
    file: Option<PathBuf>,
    /// How late it comes to listen to signals.
    handlers_after: Duration,
    /// The exit code after TERM; `None` where it does not care.
    on_term: Option<i32>,
    /// How many processes it leaves to whoever reaps them.
    orphans: usize,
    /// Ends at once.
    exit: Option<i32>,
}

fn main() {
    let orders = orders();
    if let Some(code) = orders.exit {
        std::process::exit(code);
    }
    println!("started {} {}", std::process::id(), show(&orders));
    for _ in 0..orders.orphans {
        // The shell ends at once and leaves its child behind.
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 0.1 & exit 0"]).stdin(Stdio::null()).stdout(Stdio::null());
        shell.status().expect("sh runs");
    }
    std::thread::sleep(orders.handlers_after);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(listen(&orders));
}

fn orders() -> Orders {
    let mut orders = Orders { on_term: Some(0), ..Orders::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().expect("every option has a value");
        match word.as_str() {
            "--file" => orders.file = Some(value.into()),
            "--handlers-after" => {
                orders.handlers_after = Duration::from_millis(value.parse().unwrap());
            }
            "--on-term" => orders.on_term = value.parse().ok(),
            "--orphans" => orders.orphans = value.parse().unwrap(),
            "--exit" => orders.exit = Some(value.parse().unwrap()),
            _ => unreachable!("unknown option {word}"),
        }
    }
    orders
}

fn show(orders: &Orders) -> String {
    let text = orders.file.as_ref().map(|file| std::fs::read_to_string(file).unwrap_or_default());
    format!("{:?}", text.unwrap_or_default())
}

async fn listen(orders: &Orders) {
    let mut hup = signal(SignalKind::hangup()).unwrap();
    let mut usr1 = signal(SignalKind::user_defined1()).unwrap();
    let mut int = signal(SignalKind::interrupt()).unwrap();
    let mut term = signal(SignalKind::terminate()).unwrap();
    println!("listening");
    loop {
        tokio::select! {
            _ = hup.recv() => println!("got HUP {}", show(orders)),
            _ = usr1.recv() => println!("got USR1 {}", show(orders)),
            _ = int.recv() => {
                println!("got INT");
                std::process::exit(0);
            }
            _ = term.recv() => {
                println!("got TERM");
                if let Some(code) = orders.on_term {
                    std::process::exit(code);
                }
            }
        }
    }
}
