//! The options of `history`.

use clap::Args;

use super::Common;

pub(super) const HELP: &str = "\
The newest comes first. Entries of the kinds load and rollback are releases: diff and rollback take
their numbers, and a star stands at the current one. The others tell what was done to single keys,
by set, unset and secrets, and which loads were undone (abort).

Under KEYS stands how many were added (+), changed (~) and deleted (-), and how many were kept as a
hand had left them; or, for what was done to single keys, which ones.

Exit codes: 0 done, 64 wrong usage or the store is a directory, 66 no file of credentials, 69 the
store does not answer, 74 the result cannot be printed, 76 it refuses a request, 77 it refuses
the user.

Examples:
  etcstack-loader history --limit 5
  etcstack-loader history --output json | jq .release";

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// How many entries to show; all that are kept where no number is given
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    #[command(flatten)]
    pub(crate) common: Common,
}
