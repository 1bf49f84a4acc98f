//! `set`: its arguments and its help, and what it shares with `unset`.

use std::path::PathBuf;

use clap::Args;

use super::{Common, DataArgs, NoteArgs};

pub(super) const HELP: &str = "\
Two forms, told apart by an = in the first word:
  set KEY VALUE           one key; - as the VALUE reads it from standard input
  set KEY --from-file F   one key, and a file with its value
  set KEY=VALUE…          several keys, at one revision; all after the first = is the value
A value that starts with a dash goes behind --. A file's or an input's last line break is dropped,
unless the key is a whole file; that of a binary file is put into base64, unless it is base64. What
is given as a VALUE can be seen by all users of the machine: give secrets by - or --from-file.

Checked before anything is written, in the state that it leads to: the form of the key (sections
are written in lower case), whether its file can say the value, its references to variables. A
variable that nobody has is an error, unless agents have it in their environment:
DIR/validate.toml lists those, --allow-unknown takes any. With catalogs of the services,
DIR/catalog or --catalog, the option is checked as oslo.config reads it, as `validate` does;
--force writes it all the same. Without catalogs only the syntax is checked, which a note says. A
role or service that no replica, no other key and no release has, with the name of another but for
a slip, is a warning, and so is the first key of a store or prefix: it begins a new cloud.

The write happens only if the key still holds what was read. --expect and --expect-absent say what
you have seen yourself. Where a load or another hand was faster, it is tried again, or ends with 75
if the key itself was changed. Nothing is written where the key holds the value already.

The history notes author, message and keys, never a value. What differs from the current release is
drift to the next load, which keeps it: take it into the data as well.

Exit codes: 0 done or nothing to do, 2 with --dry-run: there is something to do, 64 wrong usage or
the store is a directory, 65 the key, the value or what it leads to is wrong, 66 a file cannot be
read, 69 the store does not answer, 74 the result cannot be printed, 75 a load is under way, or the
key was changed or does not hold what was expected, 76 the store refuses a request, 77 it refuses
the user.

Examples:
  etcstack-loader set controller/glance/glance-api.conf/DEFAULT/debug true -m 'find the slow calls'
  etcstack-loader set general/MYSQL_HOST=db2 general/MYSQL_PORT=3307
  pwgen 32 1 | etcstack-loader set general/GLANCE_DB_PASSWORD -
  etcstack-loader set controller/glance/policy.yaml --from-file policy.yaml --dry-run
  etcstack-loader set general/WORKERS 8 --expect 4";

#[derive(Args)]
pub(crate) struct SetArgs {
    /// KEY VALUE, or KEY=VALUE for one key or several
    #[arg(value_name = "KEY VALUE|KEY=VALUE", required = true, allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,

    /// A file with the value of the one key
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,

    /// Write only if the one key holds this
    #[arg(
        long,
        value_name = "VALUE",
        conflicts_with = "expect_absent",
        allow_hyphen_values = true
    )]
    pub(crate) expect: Option<String>,

    /// Write only if the one key is not there
    #[arg(long)]
    pub(crate) expect_absent: bool,

    /// Take variables that neither the store nor a default has: the agents' environment has them
    #[arg(long)]
    pub(crate) allow_unknown: bool,

    /// Write what the catalog calls an error all the same
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) hand: HandArgs,
}

/// What all have in common that write single keys.
#[derive(Args)]
pub(crate) struct HandArgs {
    #[command(flatten)]
    pub(crate) note: NoteArgs,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) sources: DataArgs,

    #[command(flatten)]
    pub(crate) common: Common,
}
