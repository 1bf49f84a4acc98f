//! `etcstack-loader`: loads bootstrap-data into the store.

mod access;
mod address;
mod catalog;
mod cli;
mod dialects;
mod diff;
mod difference;
mod directory;
mod explain;
mod export;
mod get;
mod hand;
mod history;
mod load;
mod man;
mod near;
mod overlay;
mod plan;
mod preview;
mod release;
mod report;
mod rollback;
mod run;
mod said;
mod secrets;
mod sensitive;
mod set;
mod status;
mod stored;
mod task;
mod unset;
mod validate;

use std::process::ExitCode;

use clap::CommandFactory;
use cli::{Cli, Command};
use run::Done;

fn main() -> ExitCode {
    // Where, and not what: the usual message of a panic may quote a value.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a mistake in the loader itself; please report it");
    }));
    let cli = match etcstack_store::args::parse::<Cli>() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and version are asked for; anything else is EX_USAGE of sysexits.h.
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    cli::start_logging();
    match cli.command {
        Command::Load(args) => load::run(&args),
        Command::Plan(args) => preview::run(&args),
        Command::History(args) => history::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Catalog(args) => catalog::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Secrets(args) => secrets::run(&args.command),
        Command::Access(args) => access::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Set(args) => set::run(&args),
        Command::Unset(args) => unset::run(&args),
        Command::Man { dir } => man::run(&dir),
        Command::Validate(args) => validate::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "etcstack-loader", &mut script);
            Done::new(script).end()
        }
    }
}
