//! `get`: its arguments and its help.

use clap::Args;

use super::{Common, DataArgs};

pub(super) const HELP: &str = "\
One key prints what it holds, alone, with a line break at the end. Several keys, or all below a
prefix, which ends in a slash, print lines KEY = value; the lines of a longer value stand below,
indented. / alone means all keys but the system's own records.

What looks like a secret is not shown, by its key's name, by its form, by what the catalogs say of
the option, or since a secret option refers to the variable, directly or by way of others: one key
alone ends with 77, and in a listing *** stands for it. --show-secrets prints it. Addresses without
a login, such as tcp:HOST:PORT, are none. Who may not read all keys is not told of references by
those that he may not; nor, without a right to _etcstack/variables, of secrets that the data
declares. A note says so.

This is what stands in the store, variables not filled in.

Exit codes: 0 done, 64 wrong usage, 66 a key is not there, or none below the prefix, or the
catalogs cannot be read, 69 the store does not answer, 74 the result cannot be printed, 76 the
store refuses a request, 77 it refuses the user, or it is a secret.

Examples:
  etcstack-loader get controller/glance/glance-api.conf/DEFAULT/debug
  etcstack-loader get general/ controller/glance/
  etcstack-loader get --show-secrets general/GLANCE_DB_PASSWORD
  etcstack-loader get / --output json | jq -r '.keys[].key'";

#[derive(Args)]
pub(crate) struct GetArgs {
    /// A key, or a prefix that ends in a slash
    #[arg(value_name = "KEY|PREFIX/", required = true)]
    pub(crate) keys: Vec<String>,

    /// Print secrets as well
    #[arg(long)]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) sources: DataArgs,

    #[command(flatten)]
    pub(crate) common: Common,
}
