//! How long a change takes: put → file rendered → daemon told, beside a bare etcd watch.
//!
//! Each round is one put, seen by all three at once: a bare watch of the key, the folder of the
//! rendered file, and a daemon that answers each SIGHUP. So they share the machine's every mood,
//! and their ratio means something where their milliseconds do not.

// A bench fails as a test does.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::exit)]

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use etcd_client::WatchOptions;
use etcstack_tests::{Etcd, PATIENCE, Process};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tempfile::TempDir;

const KEY: &str = "controller/bench/bench.conf/DEFAULT/option";
const WARM_UP: usize = 20;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match words[..] {
        ["daemon", socket] => runtime.block_on(daemon(socket)),
        ["--agent", agent] => runtime.block_on(bench(Path::new(agent), 300)),
        ["--agent", agent, "--rounds", rounds] => {
            runtime.block_on(bench(Path::new(agent), rounds.parse().expect("a number")));
        }
        _ => {
            eprintln!("usage: bench --agent PATH [--rounds N]");
            std::process::exit(64);
        }
    }
}

/// Answers each HUP with a datagram, and its start with the first.
async fn daemon(socket: &str) {
    use tokio::signal::unix::{SignalKind, signal};
    let answer = UnixDatagram::unbound().unwrap();
    let mut hup = signal(SignalKind::hangup()).unwrap();
    let mut term = signal(SignalKind::terminate()).unwrap();
    answer.send_to(b"x", socket).unwrap();
    loop {
        tokio::select! {
            _ = hup.recv() => {
                answer.send_to(b"x", socket).unwrap();
            }
            _ = term.recv() => return,
        }
    }
}

async fn bench(agent: &Path, rounds: usize) {
    let folder = TempDir::new().unwrap();
    let etcd = Etcd::new().await;
    etcd.put(KEY, "0").await;
    let told = UnixDatagram::bind(folder.path().join("told")).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    let _agent = start_agent(agent, folder.path(), &etcd);
    told.recv(&mut [0]).expect("the daemon starts");

    let rendered = renamed(&folder.path().join("etc"));
    let told = forward(move || told.recv(&mut [0]).is_ok());
    let watched = watch(&etcd).await;
    let mut times = [const { Vec::new() }; 3];
    for round in 0..rounds + WARM_UP {
        let begun = Instant::now();
        etcd.put(KEY, format!("round {round}")).await;
        for (times, source) in times.iter_mut().zip([&watched, &rendered, &told]) {
            let at = source.recv_timeout(PATIENCE).expect("every change arrives everywhere");
            if round >= WARM_UP {
                times.push(at - begun);
            }
        }
    }
    report(rounds, &mut times);
}

fn start_agent(agent: &Path, folder: &Path, etcd: &Etcd) -> Process {
    let default = "[DEFAULT]\n".to_owned() + &"# A line of prose.\n#an_option = 1\n\n".repeat(2000);
    let manifest = "service = 'bench'\nrole = 'controller'\n[[file]]\nname = 'bench.conf'\n\
                    path = 'etc/bench.conf'\ndefault = 'default.conf'\non_change = 'reload'\n\
                    [reload]\nmin_interval = '0s'\n";
    for (name, text) in [("default.conf", default.as_str()), ("agent.toml", manifest)] {
        #[allow(clippy::disallowed_methods)]
        std::fs::write(folder.join(name), text).unwrap();
    }
    let own: PathBuf = std::env::current_exe().unwrap();
    let mut command = Command::new(agent);
    command.args(["run", "--store", &etcd.url(), "--manifest"]).arg(folder.join("agent.toml"));
    command.arg("--").arg(own).arg("daemon").arg(folder.join("told")).env("ETCSTACK_LOG", "warn");
    Process::quiet(&mut command)
}

/// The moments at which a file takes its place in a folder.
fn renamed(folder: &Path) -> mpsc::Receiver<Instant> {
    let inotify = Inotify::init(InitFlags::empty()).unwrap();
    inotify.add_watch(folder, AddWatchFlags::IN_MOVED_TO).unwrap();
    forward(move || inotify.read_events().is_ok())
}

async fn watch(etcd: &Etcd) -> mpsc::Receiver<Instant> {
    let (sender, receiver) = mpsc::channel();
    let mut client = etcd.client().await;
    let mut stream = client.watch(KEY, Some(WatchOptions::new())).await.unwrap();
    stream.message().await.unwrap();
    tokio::spawn(async move {
        while let Ok(Some(_)) = stream.message().await {
            let _ = sender.send(Instant::now());
        }
    });
    receiver
}

/// The moments at which a blocking wait comes back.
fn forward(mut wait: impl FnMut() -> bool + Send + 'static) -> mpsc::Receiver<Instant> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || while wait() && sender.send(Instant::now()).is_ok() {});
    receiver
}

fn report(rounds: usize, times: &mut [Vec<Duration>; 3]) {
    println!("{rounds} puts, a default file of 6,000 lines; milliseconds since before the put");
    println!("{:<16} {:>8} {:>8} {:>8} {:>16}", "", "median", "p95", "max", "ratio of medians");
    let mut first = None;
    for (name, times) in ["bare watch", "file rendered", "daemon told"].into_iter().zip(times) {
        times.sort();
        let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        let base = *first.get_or_insert(at(50));
        let ratio = at(50) / base;
        println!("{name:<16} {:>8.2} {:>8.2} {:>8.2} {ratio:>15.2}x", at(50), at(95), at(100));
    }
}
