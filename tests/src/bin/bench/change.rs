//! How long a change takes: put → file rendered → daemon told.
//!
//! Each round is one put, seen by all three at once: a bare watch of the key, the folder of the
//! rendered file, and the daemon. So they share the machine's every mood.

use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use etcd_client::WatchOptions;
use etcstack_tests::{Etcd, PATIENCE};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::stage::{KEY, Stage};
use crate::times::{line, title};

const WARM_UP: usize = 20;

pub(crate) async fn measure(agent: &Path, rounds: usize) {
    let stage = Stage::new(agent).await;
    let _agent = stage.start();
    let rendered = renamed(&stage.path("etc"));
    let ear = stage.ear();
    let told = forward(move || ear.recv(&mut [0]).is_ok());
    let watched = watch(&stage.etcd).await;
    let mut times = [const { Vec::new() }; 3];
    for round in 0..rounds + WARM_UP {
        let begun = Instant::now();
        stage.etcd.put(KEY, format!("round {round}")).await;
        for (times, source) in times.iter_mut().zip([&watched, &rendered, &told]) {
            let at = source.recv_timeout(PATIENCE).expect("every change arrives everywhere");
            if round >= WARM_UP {
                times.push(at - begun);
            }
        }
    }
    title(&format!("{rounds} puts, a default file of 6,000 lines: since before the put"));
    let [watched, rendered, told] = &mut times;
    let base = line("bare watch", watched, None);
    line("file rendered", rendered, Some(base));
    line("daemon told", told, Some(base));
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
