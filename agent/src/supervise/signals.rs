//! The signals that the agent itself gets.

use nix::sys::signal::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether a signal asks for an end.
pub(crate) fn is_stop(signal: Number) -> bool {
    matches!(signal, Number::SIGTERM | Number::SIGINT | Number::SIGQUIT)
}

/// All signals that are listened to. As PID 1 the kernel drops those without a handler.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
    child: Signal,
}

impl Signals {
    /// Listens from now on, so that a signal in the middle of the start is not lost.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// The next signal. Several of one kind may come as one, as always. Cancelling loses none.
    pub(crate) async fn next(&mut self) -> Number {
        tokio::select! {
            // A request to stop comes before everything else that is waiting.
            biased;
            _ = self.term.recv() => Number::SIGTERM,
            _ = self.int.recv() => Number::SIGINT,
            _ = self.quit.recv() => Number::SIGQUIT,
            _ = self.child.recv() => Number::SIGCHLD,
            _ = self.hup.recv() => Number::SIGHUP,
            _ = self.usr1.recv() => Number::SIGUSR1,
            _ = self.usr2.recv() => Number::SIGUSR2,
        }
    }
}
