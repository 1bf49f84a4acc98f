//! The options of `plan`.

use std::path::PathBuf;

use clap::Args;

use super::{CatalogsArgs, Common};

pub(super) const HELP: &str = "\
Reads the directory as load does, and the store once, at one revision. Writes nothing; the right to
read is enough.

First come the keys that would be added +, changed ~ and deleted -, by file. What looks like a
secret, by its name, by the catalog or as a URL with a password, is shown as *** unless
--show-secrets is there. Then the drift: what stays as a hand has made it, and what --overwrite
would do instead.

Last comes what running daemons would do, for each role and service whose files would differ:
nothing, a reload or a restart, and which options decide it. An option that refers to a changed
variable counts as well. This takes catalogs, as validate does: DIR/catalog/RELEASE/SERVICE.json.
Without one, every change is a restart. Layers count as the replicas have them that run just now;
a role that none of them has is looked at alone. on_change in a manifest may say otherwise; and
what the files of an image hold is not known here, nor what stands in the agents' environment.

Exit codes, for scripts: 0 nothing to do, also with drift; 2 something to do; 1 an error, also a
load that is under way; 64 wrong usage or the store is a directory.

Examples:
  etcstack-loader plan bootstrap-data
  etcstack-loader plan --overwrite --release 2026.1 /data
  etcstack-loader plan --output json | jq '.services[] | select(.effect == \"restart\")'
  etcstack-loader plan /data; [ $? -eq 2 ] && etcstack-loader load /data";

#[derive(Args)]
pub(crate) struct PlanArgs {
    /// The directory of bootstrap-data
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    /// Plan as if keys that a hand has changed were to get the data's value
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Accept a directory without any data: plans to delete all that was loaded before
    #[arg(long)]
    pub(crate) allow_empty: bool,

    #[command(flatten)]
    pub(crate) catalogs: CatalogsArgs,

    /// Print secrets as well
    #[arg(long)]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}
