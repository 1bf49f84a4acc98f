//! Every signal that a process can catch, by its name.

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The first real-time signal that the C library leaves to programs.
const REAL_TIME: i32 = 34;
const LAST: i32 = 64;

/// Those that cannot be caught, that are the runtime's own, or that are a mistake of the program.
const LEFT_ALONE: [&str; 10] =
    ["KILL", "STOP", "CHLD", "PIPE", "SEGV", "BUS", "FPE", "ILL", "TRAP", "ABRT"];

/// Catches all of them, and gives their names as they come.
pub(crate) fn catch_all() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let standard = Signal::iterator()
        .map(|signal| (signal as i32, signal.as_str().trim_start_matches("SIG").to_owned()));
    let real_time = (REAL_TIME..=LAST).map(|number| (number, real_time_name(number)));
    for (number, name) in standard.chain(real_time) {
        if LEFT_ALONE.contains(&name.as_str()) {
            continue;
        }
        let mut stream = match signal(SignalKind::from_raw(number)) {
            Ok(stream) => stream,
            // The C library keeps some of the real-time ones to itself: musl one more than glibc.
            Err(_) if number >= REAL_TIME => continue,
            Err(error) => panic!("no handler for signal {number}: {error}"),
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() && sender.send(name.clone()).is_ok() {}
        });
    }
    receiver
}

fn real_time_name(number: i32) -> String {
    match number - REAL_TIME {
        0 => "RTMIN".to_owned(),
        offset => format!("RTMIN+{offset}"),
    }
}

/// Ends ourselves without a chance to do anything about it.
pub(crate) fn kill_self() -> ! {
    nix::sys::signal::raise(Signal::SIGKILL).expect("a signal to ourselves");
    unreachable!("killed")
}
