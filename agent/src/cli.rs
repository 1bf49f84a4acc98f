//! The command line.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etcstack_config::layers::Layers;
use etcstack_store::args::OwnStoreArgs;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::observe::Listen;

/// Renders a service's files from etcd, runs the service, and tells it of changes
#[derive(Parser)]
#[command(name = "etcstack-agent", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Renders the files, runs the daemon, follows the store: the ENTRYPOINT of an image
    #[command(display_name = "etcstack-agent", after_long_help = RUN_HELP)]
    Run(Box<RunArgs>),
    /// Renders the files once and ends: for an init container
    #[command(after_long_help = RENDER_HELP)]
    Render(Box<RenderArgs>),
    /// Says what value an option has and where it comes from
    #[command(after_long_help = EXPLAIN_HELP)]
    Explain(Box<ExplainArgs>),
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

const RUN_HELP: &str = "\
Waits for the store, for the service's keys, and for what the manifest names; renders; does the
manifest's bootstrap steps, once for all replicas; starts the daemon, and follows the store. A later
revision is checked and put in place as a whole. The daemon is told by a reload or restarted, as the
manifest and the catalog of its options say; replicas take turns. A daemon that fails after a change
gets the last good files back, and the revision is marked bad for all replicas. A revision with a
mistake in it is refused by name. Without a manifest, files go to /etc/SERVICE/FILE, over what the
image has there, and each change restarts the daemon.

A HUP to the agent is a reload. TERM, INT and QUIT stop the daemon; WINCH is ignored; the rest is
passed on ([signals] in the manifest).

Exit codes: the daemon's own; 128+n where signal n ended it; 126 not executable, 127 not found;
64 wrong usage, 66 no manifest or no file of credentials, 69 nothing to start with within
--start-timeout, or a dependency not there in its time, 71 the system refuses, 73 the files from
before a bad change cannot be put back, 77 the agent may not become the user, 78 a mistake in the
manifest.

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

const EXPLAIN_HELP: &str = "\
Reads the store as render does, and writes nothing. Says the value as it stands in the file, the key
and the layer or the line of the default that it comes from, what it was put in the place of, the
variables in it, and the revision. What looks like a secret is printed as ***.

Exit codes: those of render.

Examples:
  etcstack-agent explain cinder.conf/database/connection
  etcstack-agent explain policy.yaml --output json";

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

    /// Where to answer /livez, /readyz, /metrics and /status over HTTP [default: nowhere]
    #[arg(long, env = "ETCSTACK_LISTEN", value_name = "HOST:PORT|unix:PATH")]
    pub(crate) listen: Option<Listen>,

    /// The daemon and its arguments, unless the manifest names its processes
    #[arg(last = true, value_name = "COMMAND")]
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
pub(crate) struct ExplainArgs {
    /// It reads the store as `render` does.
    #[command(flatten)]
    pub(crate) reads: RenderArgs,

    /// The option, as the end of its key: FILE/SECTION/OPTION, FILE/OPTION before the first section
    /// of a file, or FILE for a whole text
    #[arg(value_name = "FILE[/SECTION]/OPTION")]
    pub(crate) name: String,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    /// Print secrets as they are
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

/// The shells that a container may have.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines for people
    Text,
    /// An object, for machines
    Json,
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

    /// The name of this replica, which no other has [default: the host name]
    #[arg(long, env = "ETCSTACK_HOST", value_name = "NAME")]
    pub(crate) host: Option<String>,

    /// The image that this is, for bootstrap steps that are done once per image
    #[arg(long, env = "ETCSTACK_IMAGE", value_name = "NAME")]
    pub(crate) image: Option<String>,

    /// A folder of this agent alone, for what it stages and keeps [default: /run/etcstack]
    #[arg(long, env = "ETCSTACK_STATE_DIR", value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,

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
    pub(crate) store: OwnStoreArgs,
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
    let asked = std::env::var("ETCSTACK_LOG").ok().filter(|text| !text.is_empty());
    let asked = asked.and_then(|text| text.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A log that nobody takes must not end the agent: the complaint about it would.
        .log_internal_errors(false)
        .with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => {
            // As no-color.org has it.
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let colour = std::io::stderr().is_terminal() && !plain;
            registry.with(lines.with_ansi(colour)).init();
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
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
