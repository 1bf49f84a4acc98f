//! `unset`: its arguments and its help.

use clap::Args;

use super::set::HandArgs;

pub(super) const HELP: &str = "\
All keys go at one revision, or none does. An option that goes has the value of the image's own
file again, or the service's default.

A variable that values still need, and for which they have no default, is not removed: those keys
are named. Nor is one that DIR/validate.toml lists under `used`. That it is listed under
`environment`, or has a name that containers have by custom (HOME, POD_IP), does not count: only
the agents know whether they have it. --force removes it, and the agents that do not have it refuse
these files until it is there again.

A key that a load wrote comes back with the next load: take it out of the data as well.

Exit codes: 0 done, 2 with --dry-run: there is something to do, 64 wrong usage or the store is a
directory, 65 a variable is still needed, 66 a key is not there, 69 the store does not answer, 74
the result cannot be printed, 75 a load is under way, or a key was changed meanwhile, 76 the store
refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader unset controller/glance/glance-api.conf/DEFAULT/debug -m 'found them'
  etcstack-loader unset general/OLD_HOST general/OLD_PORT --dry-run";

#[derive(Args)]
pub(crate) struct UnsetArgs {
    /// The keys
    #[arg(value_name = "KEY", required = true)]
    pub(crate) keys: Vec<String>,

    /// Remove variables that are still needed
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) hand: HandArgs,
}
