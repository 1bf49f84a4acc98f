//! The options of `diff`.

use clap::Args;

use super::Common;
use crate::history::Reference;

pub(super) const HELP: &str = "\
A release is named by its number, or as -1 for the one before the current one, -2 for the one
before that. Without a second release the first is compared with what is in the store now: with
what hands have changed and put as well.

Each line stands for a key: + added, - removed, ~ changed. What looks like a secret, by its name or
as a URL with a password, is shown as *** unless --show-secrets is there.

Exit codes: 0 done, whether or not something differs; 64 wrong usage, or the store is a directory,
65 the data of a release is damaged, 66 no such release, or it is not kept any more, 69 the store
does not answer, 74 the result cannot be printed, 76 it refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader diff 11 12
  etcstack-loader diff 12
  etcstack-loader diff -1 --output json | jq '.files[].file'";

#[derive(Args)]
pub(crate) struct DiffArgs {
    /// The release before
    #[arg(value_name = "RELEASE", allow_hyphen_values = true)]
    pub(crate) from: Reference,

    /// The release after; the store as it is now where none is named
    #[arg(value_name = "RELEASE", allow_hyphen_values = true)]
    pub(crate) to: Option<Reference>,

    /// Print secrets as well
    #[arg(long)]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}
