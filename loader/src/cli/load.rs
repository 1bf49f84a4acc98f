//! The options of `load`, and those that it shares with what else writes releases.

use std::path::PathBuf;

use clap::Args;

use super::{Common, NoteArgs};

pub(super) const HELP: &str = "\
The directory holds three forms:
  general/FILE            lines NAME=value, the variables
  ROLE/SERVICE/FILE       options, in the file's own syntax; or the whole text of a text file
  FOLDER/FILE             lines ROLE/SERVICE/FILE/SECTION/OPTION=value, whole keys

Only what differs is written, and all of a load becomes visible to the agents at once. With
mistakes in the form of the data nothing is written, and all of them are named. Whether options and
their values are right is for `etcstack-loader validate` to say; variables that nobody has are
named.

What a hand has changed since the last load stays as it is and is reported as drift; --overwrite
gives it the data's value, or deletes it if the data no longer has it. Keys that an earlier load
wrote and that the data no longer holds are deleted; keys that no load wrote stay in any case, also
if the data had them with the same value: --adopt takes those over. A key that a hand removed comes
back.

A load that changes something is a release: it gets a number, and its data is kept in the store for
history, diff and rollback. One that changes nothing writes nothing.

A load waits for another one that is under way, and completes what one that has died has left.
--abort undoes that instead: the store gets the data of the last complete release. Where no load
has died it says so, and does nothing.

Exit codes: 0 done, also with drift; 64 wrong usage or the store is a directory, 65 mistakes in the
data, or it holds what only a newer loader knows, 66 no directory, no data, no file of credentials
or nothing to go back to, 69 the store does not answer, 74 the result cannot be printed, 75 another
load has overtaken this one or, with --no-wait, is under way, or others keep changing these keys,
76 the store refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader load bootstrap-data --message 'more memory for glance'
  etcstack-loader load --store etcd://10.0.0.5,10.0.0.6/cloud1 /data
  etcstack-loader load --output json | jq '.drift[].key'
  etcstack-loader export data && etcstack-loader load data --adopt
  etcstack-loader load --abort";

#[derive(Args)]
pub(crate) struct LoadArgs {
    /// The directory of bootstrap-data
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    /// Accept a directory without any data: deletes all that was loaded before
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// Go back to the last complete release after a load that has died; reads no directory
    #[arg(long, conflicts_with_all = ["allow_empty", "overwrite", "adopt"])]
    pub(crate) abort: bool,

    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// What all have in common that write a release.
#[derive(Args)]
pub(crate) struct WriteArgs {
    /// Give keys that a hand has changed the data's value, or delete them with the data
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Take over keys that a hand has put and that hold the data's value: once the data no longer has
    /// them, a load deletes them
    #[arg(long)]
    pub(crate) adopt: bool,

    #[command(flatten)]
    pub(crate) note: NoteArgs,

    /// How many releases the store keeps, this one included
    #[arg(long, value_name = "N", default_value = "20", value_parser = at_least_two)]
    pub(crate) keep: usize,

    /// Do not wait for another load: end with 75
    #[arg(long)]
    pub(crate) no_wait: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// One more than the release before, which a rollback goes to and a load compares with.
fn at_least_two(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| (2..=1000).contains(number));
    number.ok_or("write a number from 2 to 1000")
}
