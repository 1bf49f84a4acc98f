//! The command line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etcstack_store::args::StoreArgs;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Loads the configuration of OpenStack services into etcd
#[derive(Parser)]
#[command(name = "etcstack-loader", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Writes what a directory of bootstrap-data says, and only what differs
    #[command(after_long_help = LOAD_HELP)]
    Load(Box<LoadArgs>),
    /// Reduces what oslo-config-generator prints to the catalog that an image holds
    #[command(after_long_help = CATALOG_HELP)]
    Catalog(CatalogArgs),
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const LOAD_HELP: &str = "\
The directory holds three forms:
  general/FILE            lines NAME=value, the variables
  ROLE/SERVICE/FILE       options, in the file's own syntax; or the whole text of a text file
  FOLDER/FILE             lines ROLE/SERVICE/FILE/SECTION/OPTION=value, whole keys

Keys that an earlier load wrote and that the data no longer holds are deleted; keys that were put
by hand stay. All of a load becomes visible to the agents at once. With mistakes in the data nothing
is written, and all of them are named. A load waits for another one that is under way.

Exit codes: 0 done, 64 wrong usage, 65 mistakes in the data, 66 no directory, no data or no file of
credentials, 69 the store does not answer, 75 another load has overtaken this one, 76 the store
refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader load bootstrap-data
  etcstack-loader load --store etcd://10.0.0.5,10.0.0.6/cloud1 /data
  etcstack-loader load --output json | jq .written";

const CATALOG_HELP: &str = "\
The catalog says of each option of a service which type it has, whether a running daemon takes a new
value, and whether it is secret. The agent looks for it at /usr/share/etcstack/catalog.json: with
it, a change of mutable options is a reload and not a restart, and a change that the daemon does not
see is nothing.

Make it in the build of the service's image, where the service's packages are:

  oslo-config-generator --format json --output-file /tmp/cinder.json \\
      --config-file /usr/share/cinder/cinder-config-generator.conf
  etcstack-loader catalog --output /usr/share/etcstack/catalog.json /tmp/cinder.json

Name all namespaces that the service uses, those of the libraries as well: debug and
log_config_append are options of oslo.log. The service's source has a list of them in
etc/SERVICE/*config-generator*.conf or tools/config/. An option that is not in the catalog counts
as one that needs a restart.

Exit codes: 0 done, 64 wrong usage, 65 a file is not what oslo-config-generator prints, 66 a file
cannot be read, 73 the output cannot be written.

Examples:
  oslo-config-generator --format json --namespace cinder --namespace oslo.log | \\
      etcstack-loader catalog
  etcstack-loader catalog --output catalog.json nova.json libraries.json";

#[derive(Args)]
pub(crate) struct CatalogArgs {
    /// What oslo-config-generator printed, one or more files; - for standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// The file to write, as a whole or not at all; standard output where there is none
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct LoadArgs {
    /// The directory of bootstrap-data
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    /// Accept a directory without any data: deletes all that was loaded before
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// How to print what was done
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    /// How long to try when the store does not answer
    #[arg(
        long,
        env = "ETCSTACK_START_TIMEOUT",
        value_name = "TIME",
        default_value = "60s",
        value_parser = etcstack_store::args::duration
    )]
    pub(crate) start_timeout: Duration,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines for people
    Text,
    /// One JSON object for programs
    Json,
}

/// Warnings go to standard error; `ETCSTACK_LOG=debug` shows more.
pub(crate) fn start_logging() {
    let asked = std::env::var("ETCSTACK_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // Nobody may be reading; the complaint about that would end the load.
        .log_internal_errors(false)
        .with_target(false);
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    tracing_subscriber::registry().with(filter).with(lines).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
