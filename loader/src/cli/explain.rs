//! The options of `explain`.

use clap::Args;

use super::{Common, DataArgs};

pub(super) const HELP: &str = "\
KEY is a key of the store: general/NAME, ROLE/SERVICE/FILE/SECTION/OPTION, or ROLE/SERVICE/FILE for
a whole text or for all options of a file. It tells

  value      what agents write, with the variables of general/ filled in
  variables  where each of them comes from
  written    which load wrote the value and when, as far back as releases are kept; or a hand, and
             through which command
  layers     the keys of other roles for the same option
  used by    of a variable: the keys that refer to it, directly or by way of others
  option     what the catalog says of it, if there is one: DIR/catalog/RELEASE/SERVICE.json
  replicas   which agents have seen and applied it

What looks like a secret, by its name, by the catalog or as a URL with a password, is shown as ***
unless --show-secrets is there. To see what stands in the file of one replica, its image's own text
and its environment included, run etcstack-agent explain in it.

Exit codes: 0 done, 64 wrong usage or no key at all, 66 no such key (some that are near are named),
or a catalog that cannot be read, 69 the store does not answer, 74 the result cannot be printed, 76
it refuses the request, 77 it refuses the user.

Examples:
  etcstack-loader explain controller/glance/glance-api.conf/database/connection
  etcstack-loader explain general/RABBIT_HOST
  etcstack-loader explain controller/glance/glance-api.conf
  etcstack-loader explain general/DEBUG --output json | jq '.keys[].written'";

#[derive(Args)]
pub(crate) struct ExplainArgs {
    /// A key of the store, or a file of options
    // The store has an option of this name.
    #[arg(id = "wanted", value_name = "KEY")]
    pub(crate) key: String,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// Print secrets as well
    #[arg(long)]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}
