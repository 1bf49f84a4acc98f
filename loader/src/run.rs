//! Running a command to its end.

use std::process::ExitCode;

use crate::load::LoadError;
use crate::report;

/// Runs what a command does, on a runtime of its own. Gives the exit code, and says what went wrong.
pub(crate) fn to_end(work: impl Future<Output = Result<(), LoadError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            runtime.shutdown_background();
            result
        }
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::from(71); // EX_OSERR
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::print_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
