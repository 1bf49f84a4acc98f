//! The command line of `status`.

use std::time::Duration;

use clap::Args;
use etcstack_store::args::duration;

use super::Common;

pub(crate) const HELP: &str = "\
Each agent keeps a record of itself in etcd, which goes when the agent does. This command reads the
records, and says besides whether they are up to date: a replica has *converged* when its daemon
has proved to run on the newest revision that concerns it, which is the newest change of the
service's own keys, in the replica's layers, or of a variable that their values refer to. While a
load is under way, nothing has converged.

  STATE     what the agent says; but `behind` whenever it has not read the newest revision,
            and `unreadable` for a record that no agent has written
  APPLIED   the revision whose files are in their places
  NEWEST    the newest revision that concerns the replica
  DAEMONS   how they are, and how often they were started again
  AGE       since when the daemon runs that was started last
  REASON    what keeps the replica from converging

With --wait, the command ends when all chosen replicas have converged, at least --count of each
chosen service, and at least one for each --service, --role and --host. A replica that has refused
the newest revision, undone it or holds it back will not converge by itself: it ends the wait at
once, unless --keep-waiting says that somebody is about to mend that. A replica that vanishes
meanwhile is not waited for: with --count it is.

Exit codes: 0 shown, or converged; 64 wrong usage, or a store that is a directory; 65 a replica
will not converge by itself; 66 no file of credentials; 69 the store does not answer; 74 standard
output cannot be written; 75 not converged in time; 76 the store refuses a request; 77 it refuses
the user. --watch goes on until Ctrl-C; as JSON it prints an object on a line at each change.

Examples:
  etcstack-loader status
  etcstack-loader status --service glance --output json
  etcstack-loader load data && etcstack-loader status --wait --timeout 10m
  etcstack-loader status --service nova --service neutron --wait --count 3
  etcstack-loader status --watch --role compute";

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Only replicas of this service; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Vec<String>,

    /// Only replicas with this role among theirs; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Vec<String>,

    /// Only replicas on this host; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// Wait until all have converged
    #[arg(long)]
    pub(crate) wait: bool,

    /// How long to wait
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5m",
        value_parser = duration,
        requires = "wait"
    )]
    pub(crate) timeout: Duration,

    /// How many replicas of each chosen service have to be there, and converged
    #[arg(long, value_name = "N", requires = "wait")]
    pub(crate) count: Option<usize>,

    /// Wait on when a replica has refused the newest revision, undone it or holds it back
    #[arg(long, requires = "wait")]
    pub(crate) keep_waiting: bool,

    /// Show every change, until Ctrl-C
    #[arg(long, conflicts_with = "wait")]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}
