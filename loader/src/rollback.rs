//! Going back: the data of an earlier release is loaded again, as a new release.

use std::process::ExitCode;

use crate::cli::RollbackArgs;
use crate::history::Kind;
use crate::load::execute;
use crate::load::job::Goal;
use crate::stored::release;

/// The command.
pub(crate) fn run(args: &RollbackArgs) -> ExitCode {
    crate::run::to_end(async {
        let store = args.write.common.open_etcd()?;
        let (entry, data) = release(&store, args.release, args.write.common.start_timeout).await?;
        let message = format!("back to {}", entry.number);
        execute(&args.write, Goal::Release(Kind::Rollback, data), Some(message)).await
    })
}
