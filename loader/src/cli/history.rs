//! The options of `history`.

use clap::Args;

use super::Common;

pub(super) const HELP: &str = "\
The newest comes first, and a star stands at the current release. Under KEYS stands how many were
added (+), changed (~) and deleted (-), and how many were kept as a hand had left them; or, for what
was done to single keys, which ones.

Exit codes: 0 done, 64 wrong usage, 66 no file of credentials, 69 the store does not answer, 77 it
refuses the user.

Examples:
  etcstack-loader history --limit 5
  etcstack-loader history --output json | jq .current";

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// How many entries to show; all that are kept where no number is given
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    #[command(flatten)]
    pub(crate) common: Common,
}
