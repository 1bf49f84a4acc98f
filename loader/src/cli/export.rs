//! The command line of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use etcstack_config::data;

use super::Common;

pub(crate) const HELP: &str = "\
Loading what was exported, into the same store or into an empty one, gives each key the value that
it had, to the byte. All is of one revision. The files:
  general/variables.conf  lines NAME=value
  general/NAME            a variable of several lines
  ROLE/SERVICE/FILE       options of oslo files, in the file's own syntax; or a text file
  ROLE/SERVICE.keys       whole keys, for what the other forms cannot say

The system's own records below _etcstack/ are not exported. A key that no file can say, such as one
that is not UTF-8, is named, and nothing is written; --partial writes all others. A load that is
under way is waited for.

Such a load changes nothing, and what hands have put, secrets among it, stays theirs: no later load
of other data deletes it. Into an empty store it writes all of it; before you load data without the
secrets there, run secrets generate with that data. To make the exported data the one that says
what is in the store, load it with --adopt.

The directory is new or empty. --force replaces one that holds data and nothing else, but for the
folder catalog and the file validate.toml at its top: they are kept. Without one, the dialects that
the store has for files are written to validate.toml; one that stays has to say the same of them.
The files are written beside the directory and put in its place when they are complete, so that it
is never half written. They hold every secret of the cloud: only you can read them (0600, folders
0700). Keep it so.

Exit codes: 0 done, 64 wrong usage, 65 a key cannot be written as data, 66 no file of credentials,
69 the store does not answer, 73 the directory cannot be written, 74 the result cannot be printed,
75 a load does not come to its end, 76 the store refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader export backup
  etcstack-loader export --store etcd://10.0.0.5/cloud1 --force cloud1
  etcstack-loader export --layout listings --output json backup | jq .key_count";

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The directory to write
    pub(crate) dir: PathBuf,

    /// Which form options take
    #[arg(long, value_enum, default_value_t = Layout::Overlays)]
    pub(crate) layout: Layout,

    /// Replace a directory that holds data and nothing else; catalog and validate.toml are kept
    #[arg(long)]
    pub(crate) force: bool,

    /// Leave out the keys that no file can say; they are named
    ///
    /// A load never deletes them, since no load has written them.
    #[arg(long)]
    pub(crate) partial: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// The file's own syntax, where it can say them
    Overlays,
    /// Whole keys, where one line can hold them
    Listings,
}

impl From<Layout> for data::write::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Overlays => Self::Overlays,
            Layout::Listings => Self::Listings,
        }
    }
}
