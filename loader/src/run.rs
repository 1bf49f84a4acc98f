//! Running a command to its end.

use std::error::Error;
use std::io::{self, Write};
use std::process::{ExitCode, Termination};

/// Why a command has failed.
pub(crate) trait Failure: Error {
    /// By sysexits.h.
    fn exit_code(&self) -> u8;

    /// A last line below what is wrong: what became of it all, and what to do.
    fn outcome(&self) -> Option<String> {
        None
    }
}

/// Runs what a command does, on a runtime of its own. Gives the exit code, and says what went wrong.
pub(crate) fn to_end<T: Termination, E: Failure>(
    work: impl Future<Output = Result<T, E>>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::from(71); // EX_OSERR
        }
    };
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    ended(result)
}

/// The end of a command that needs no runtime: its exit code, with what went wrong said.
pub(crate) fn ended<T: Termination, E: Failure>(result: Result<T, E>) -> ExitCode {
    match result {
        Ok(done) => done.report(),
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
