//! Running a command to its end.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why a command has failed.
pub(crate) trait Failure: Error {
    /// By sysexits.h.
    fn exit_code(&self) -> u8;

    /// A last line below what is wrong: what became of it all, and what to do.
    fn outcome(&self) -> Option<String> {
        None
    }
}

/// What a command has come to: what is to be printed, and the exit code.
pub(crate) struct Done {
    text: Vec<u8>,
    code: u8,
    /// Where the text cannot be printed.
    unprinted: u8,
}

impl Done {
    /// Success, with this as the result.
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), code: 0, unprinted: 74 } // EX_IOERR
    }

    /// The same with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The same with this exit code where the result cannot be printed.
    pub(crate) fn or_code(self, unprinted: u8) -> Self {
        Self { unprinted, ..self }
    }

    /// Prints the result; gives the exit code.
    pub(crate) fn end(self) -> ExitCode {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(&self.text).and_then(|()| stdout.flush()) {
            Ok(()) => self.code.into(),
            // Who does not read on has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.code.into(),
            Err(error) => {
                let line = format!(
                    "error: the result cannot be written to standard output: {error}; what the \
                     command does besides is done\n"
                );
                let _ = io::stderr().lock().write_all(line.as_bytes());
                self.unprinted.into()
            }
        }
    }
}

/// Runs what a command does, on a runtime of its own. Prints the result, or says what went wrong.
pub(crate) fn to_end<E: Failure>(work: impl Future<Output = Result<Done, E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::from(71); // EX_OSERR
        }
    };
    let result = runtime.block_on(async {
        tokio::select! {
            result = work => Ok(result),
            signal = asked_to_end() => Err(signal),
        }
    });
    runtime.shutdown_background();
    result.map_or_else(|signal| ExitCode::from(128 + signal), ended)
}

/// Ends with the number of a signal that asks the program to end, where it is the first process of a
/// container: there the kernel passes over signals that nobody waits for (`pid_namespaces(7)`).
async fn asked_to_end() -> u8 {
    // Whoever has waited for a signal once does not end by it any more: that holds for the process.
    if std::process::id() != 1 {
        return std::future::pending().await;
    }
    let listen = |kind| signal(kind).ok();
    let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
    tokio::select! {
        Some(()) = receive(listen(interrupt)) => 2,
        Some(()) = receive(listen(terminate)) => 15,
        else => std::future::pending().await,
    }
}

async fn receive(signals: Option<Signal>) -> Option<()> {
    signals?.recv().await
}

/// The end of a command that needs no runtime: its exit code, with its result printed or what went
/// wrong said.
pub(crate) fn ended<E: Failure>(result: Result<Done, E>) -> ExitCode {
    match result {
        Ok(done) => done.end(),
        Err(error) => {
            // Nobody may be reading; the exit code says the same.
            let _ = io::stderr().lock().write_all(message(&error).as_bytes());
            ExitCode::from(error.exit_code())
        }
    }
}

/// One line for each problem, and the outcome.
fn message(error: &impl Failure) -> String {
    let mut text = String::new();
    for line in error.to_string().lines() {
        text.extend(["error: ", line, "\n"]);
    }
    if let Some(outcome) = error.outcome() {
        text.extend([&outcome, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("a\nb")]
    struct Broken;

    impl Failure for Broken {
        fn exit_code(&self) -> u8 {
            65
        }

        fn outcome(&self) -> Option<String> {
            Some("nothing was written".into())
        }
    }

    #[test]
    fn every_line_is_an_error_and_the_outcome_is_last() {
        assert_eq!(message(&Broken), "error: a\nerror: b\nnothing was written\n");
    }
}
