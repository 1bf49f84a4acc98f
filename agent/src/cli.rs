//! The command line.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etcstack_config::layers::Layers;
use etcstack_store::args::StoreArgs;
use tracing_subscriber::EnvFilter;

/// Renders a service's files from etcd, runs the service, and tells it of changes
#[derive(Parser)]
#[command(name = "etcstack-agent", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Renders the files, runs the daemon, follows the store: the ENTRYPOINT of an image
    #[command(after_long_help = RUN_HELP)]
    Run(Box<RunArgs>),
    /// Renders the files once and ends: for an init container
    #[command(after_long_help = RENDER_HELP)]
    Render(Box<RenderArgs>),
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const RUN_HELP: &str = "\
Waits for the store and for the service's keys, renders, starts the daemon, and applies every later
revision: all of its files, then one signal. A revision with a mistake in it is refused by name, and
the files and the daemon stay as they are. Without a manifest, files go to /etc/SERVICE/FILE, over
what the image has there, and the daemon gets HUP.

Exit codes: the daemon's own; 128+n where signal n ended it; 126 not executable, 127 not found;
64 wrong usage, 66 no manifest or no file of credentials, 69 nothing to start with within
--start-timeout, 71 the system refuses, 78 a mistake in the manifest.

Examples:
  etcstack-agent run --role controller --service cinder -- cinder-scheduler
  ENTRYPOINT [\"/etcstack-agent\", \"run\", \"--\"]   CMD [\"cinder-scheduler\"]
  etcstack-agent run --store dir:/data --role compute,compute@rack7 --service nova -- nova-compute";

const RENDER_HELP: &str = "\
Waits for the store and for a load that is under way, and writes the files in place.

Exit codes: 0 rendered, 64 wrong usage, 65 a mistake in the keys or the default files, 66 nothing
loaded, no manifest or no file of credentials, 69 no store within --start-timeout, 73 a file cannot
be read or written, 75 a load did not end within it, 77 the store refuses the user, 78 a mistake in
the manifest.";

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// How long to wait for the store and the first good state before giving up [default: for ever]
    #[arg(
        long,
        env = "ETCSTACK_START_TIMEOUT",
        value_name = "TIME",
        value_parser = etcstack_store::args::duration
    )]
    pub(crate) start_timeout: Option<Duration>,

    /// The daemon and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// How long to wait for the store and the first state before giving up
    #[arg(
        long,
        env = "ETCSTACK_START_TIMEOUT",
        value_name = "TIME",
        default_value = "60s",
        value_parser = etcstack_store::args::duration
    )]
    pub(crate) start_timeout: Duration,
}

#[derive(Args)]
pub(crate) struct CommonArgs {
    /// The role of this container; several with commas between them, later ones win
    #[arg(long, env = "ETCSTACK_ROLE", value_name = "ROLE[,ROLE…]")]
    pub(crate) role: Option<Layers>,

    /// The service, as in the keys ROLE/SERVICE/FILE/…
    #[arg(long, env = "ETCSTACK_SERVICE", value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// What the image needs [default: /etc/etcstack/agent.toml, if it exists]
    #[arg(long, env = "ETCSTACK_MANIFEST", value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,

    /// Where the folder of a service stands when no manifest names its files
    #[arg(long, env = "ETCSTACK_ETC", value_name = "FOLDER", default_value = "/etc")]
    pub(crate) etc: PathBuf,

    /// Start on the image's own files where the store has no key of the service
    #[arg(
        long,
        env = "ETCSTACK_ALLOW_EMPTY",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub(crate) allow_empty: bool,

    /// How to write the agent's own log, to standard error
    #[arg(long, env = "ETCSTACK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// An object on each line, for machines
    Json,
}

/// Messages go to standard error; `ETCSTACK_LOG=debug` shows more.
pub(crate) fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_env("ETCSTACK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that nobody takes must not end the agent: the complaint about it would.
        .log_internal_errors(false)
        .with_target(false);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
