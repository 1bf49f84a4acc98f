//! The command line.

mod access;
mod catalogs;
mod common;
mod diff;
mod explain;
mod export;
mod get;
mod history;
mod load;
mod note;
mod plan;
mod rollback;
mod secrets;
mod set;
mod status;
mod unset;
mod validate;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use self::access::AccessArgs;
pub(crate) use self::catalogs::{CatalogsArgs, DataArgs};
use self::common::Common;
pub(crate) use self::diff::DiffArgs;
pub(crate) use self::explain::ExplainArgs;
pub(crate) use self::export::ExportArgs;
pub(crate) use self::get::GetArgs;
pub(crate) use self::history::HistoryArgs;
pub(crate) use self::load::{LoadArgs, WriteArgs};
pub(crate) use self::note::NoteArgs;
pub(crate) use self::plan::PlanArgs;
pub(crate) use self::rollback::RollbackArgs;
pub(crate) use self::secrets::{GenerateArgs, ListArgs, RotateArgs, SecretsArgs, SecretsCommand};
pub(crate) use self::set::{HandArgs, SetArgs};
pub(crate) use self::status::StatusArgs;
pub(crate) use self::unset::UnsetArgs;
pub(crate) use self::validate::ValidateArgs;

/// Loads the configuration of OpenStack services into etcd
#[derive(Parser)]
#[command(name = "etcstack-loader", version, after_long_help = CONNECTION_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Says everything that is wrong with a directory of bootstrap-data, without a store
    #[command(after_long_help = validate::HELP)]
    Validate(ValidateArgs),
    /// Shows what a load would change, and which daemons it would reload or restart
    #[command(after_long_help = plan::HELP)]
    Plan(Box<PlanArgs>),
    /// Writes what a directory of bootstrap-data says, and only what differs
    #[command(after_long_help = load::HELP)]
    Load(Box<LoadArgs>),
    /// Shows how all agents are, or waits until they run on the newest configuration
    #[command(after_long_help = status::HELP)]
    Status(Box<StatusArgs>),
    /// Tells all about a key: its value, who wrote it and when, and which replicas have it
    #[command(after_long_help = explain::HELP)]
    Explain(Box<ExplainArgs>),
    /// Prints what keys hold
    #[command(after_long_help = get::HELP)]
    Get(Box<GetArgs>),
    /// Sets keys by hand, checked and with a note in the history
    #[command(after_long_help = set::HELP)]
    Set(Box<SetArgs>),
    /// Removes keys by hand, checked and with a note in the history
    #[command(after_long_help = unset::HELP)]
    Unset(Box<UnsetArgs>),
    /// Lists the releases and what else was done to the store
    #[command(after_long_help = history::HELP)]
    History(Box<HistoryArgs>),
    /// Shows what differs between two releases, or a release and the store now
    #[command(after_long_help = diff::HELP)]
    Diff(Box<DiffArgs>),
    /// Loads the data of an earlier release again
    #[command(after_long_help = rollback::HELP)]
    Rollback(Box<RollbackArgs>),
    /// Writes what the store holds as a directory of bootstrap-data
    #[command(after_long_help = export::HELP)]
    Export(Box<ExportArgs>),
    /// Makes, lists and replaces the secrets among the variables, and never prints one
    Secrets(SecretsArgs),
    /// Gives each service a user in etcd with just the rights that it needs
    #[command(after_long_help = access::HELP)]
    Access(Box<AccessArgs>),
    /// Reduces what oslo-config-generator prints to the catalog that an image holds
    #[command(after_long_help = CATALOG_HELP)]
    Catalog(CatalogArgs),
    /// Writes the manual pages of all commands
    #[command(after_long_help = MAN_HELP)]
    Man {
        /// The directory to write them to
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Prints completions for a shell
    #[command(after_long_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const CONNECTION_HELP: &str = "\
What no option and no variable of ours says of the store is taken from etcdctl's variables:
ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY, ETCDCTL_USER and ETCDCTL_PASSWORD.
The agent does not take them.

Colour is used on a terminal, unless NO_COLOR is set.";

const MAN_HELP: &str = "\
Exit codes: 0 done, 64 wrong usage, 73 the directory cannot be written.

Examples:
  etcstack-loader man /usr/local/share/man/man1
  etcstack-loader man /tmp/man && man -l /tmp/man/etcstack-loader-plan.1";

const COMPLETIONS_HELP: &str = "\
Exit codes: 0 done, 64 wrong usage, 74 the result cannot be printed.

Examples:
  source <(etcstack-loader completions bash)
  etcstack-loader completions zsh > \"${fpath[1]}/_etcstack-loader\"
  etcstack-loader completions fish > ~/.config/fish/completions/etcstack-loader.fish";

const CATALOG_HELP: &str = "\
The catalog says of each option of a service which type it has, whether a running daemon takes a
new value, and whether it is secret. The agent looks for it at /usr/share/etcstack/catalog.json:
with it, a change of mutable options is a reload and not a restart, and a change that the daemon
does not see is nothing.

Make it in the build of the service's image, where the service's packages are. options.py and
services.toml stand in bootstrap-data/catalog:

  python options.py cinder | etcstack-loader catalog --lean -o /usr/share/etcstack/catalog.json

For a service that is not in services.toml, oslo-config-generator lists the options. Name all
namespaces that the service uses, those of the libraries as well: debug and log_config_append are
options of oslo.log. The service's source has a list of them in etc/SERVICE/*config-generator*.conf
or tools/config/. An option that is not in the catalog counts as one that needs a restart.

--lean leaves out what only `validate` and people read. A catalog for bootstrap-data/catalog is
made without it.

Exit codes: 0 done, 64 wrong usage, 65 a file is not what oslo-config-generator prints, 66 a file
cannot be read, 73 the output cannot be written.

Examples:
  oslo-config-generator --format json --namespace cinder --namespace oslo.log | \\
      etcstack-loader catalog
  oslo-config-generator --format json --output-file /tmp/cinder.json \\
      --config-file /usr/share/cinder/cinder-config-generator.conf
  etcstack-loader catalog --output /usr/share/etcstack/catalog.json /tmp/cinder.json
  etcstack-loader catalog --output catalog.json nova.json libraries.json";

#[derive(Args)]
pub(crate) struct CatalogArgs {
    /// What oslo-config-generator printed, one or more files; - for standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// The file to write, as a whole or not at all; standard output where there is none
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Write only what agents read
    #[arg(long)]
    pub(crate) lean: bool,
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
    let asked = std::env::var("ETCSTACK_LOG").ok().filter(|text| !text.is_empty());
    let asked = asked.and_then(|text| text.parse::<Targets>().ok());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !no_color())
        // Nobody may be reading; the complaint about that would end the load.
        .log_internal_errors(false)
        .with_target(false);
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    tracing_subscriber::registry().with(filter).with(lines).init();
}

/// Whether `NO_COLOR` is there and not empty, as <https://no-color.org> has it.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    /// As wide as what is written by hand may be.
    const WIDTH: usize = 99;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    /// clap wraps to the terminal, which makes stumps of lines that are longer: of those of a whole
    /// verb, and of each line that was written for it.
    #[test]
    fn help_fits_on_a_terminal() {
        let mut verbs = 0;
        walk(super::Cli::command().term_width(100), &mut |verb| {
            verbs += 1;
            let name = verb.get_name().to_owned();
            let written = verb.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            for line in written.lines() {
                assert!(line.chars().count() <= WIDTH, "{name}: {line}");
            }
            for help in [verb.render_long_help(), verb.render_help()] {
                let help = help.to_string();
                let long = help.lines().find(|line| line.chars().count() > 100);
                assert_eq!(long, None, "{name}");
            }
        });
        assert!(verbs > 20, "{verbs}");
    }

    fn walk(mut command: Command, look: &mut impl FnMut(&mut Command)) {
        look(&mut command);
        for verb in command.get_subcommands() {
            walk(verb.clone().term_width(100), look);
        }
    }
}
