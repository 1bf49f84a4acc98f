//! The daemon that the agent runs here: it answers its start and each HUP with a datagram.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Runs until TERM.
pub(crate) fn run(socket: &Path) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = UnixDatagram::unbound().unwrap();
        let mut hup = signal(SignalKind::hangup()).unwrap();
        let mut term = signal(SignalKind::terminate()).unwrap();
        loop {
            answer.send_to(b"x", socket).unwrap();
            tokio::select! {
                _ = hup.recv() => {}
                _ = term.recv() => return,
            }
        }
    });
}
