//! The options of `rollback`.

use clap::Args;

use super::WriteArgs;
use crate::history::Reference;

pub(super) const HELP: &str = "\
The data of the release is loaded as a new release, by the rules of load: what a hand has changed
stays and is reported, unless --overwrite is there. The data in its directory is not touched: the
next load of it goes forward again.

-1 is the release before the current one; after a rollback that is the one that was left.

Exit codes: as those of load; 65 also if the data of the release is damaged or a newer loader has
written it, 66 if there is no such release, or it is not kept any more.

Examples:
  etcstack-loader rollback -1
  etcstack-loader rollback 12 --message 'the new memcached is too slow'";

#[derive(Args)]
pub(crate) struct RollbackArgs {
    /// The release's number, or -1 for the one before the current one
    #[arg(allow_hyphen_values = true)]
    pub(crate) release: Reference,

    #[command(flatten)]
    pub(crate) write: WriteArgs,
}
