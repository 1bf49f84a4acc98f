//! `etcstack-agent`: the entrypoint of a service's container.
//!
//! The modules follow the way of the data: [`manifest`] says what the image needs, [`reconcile`]
//! turns a state of the store into the files that should be there, [`check`] asks whether they may
//! go live, [`apply`] puts them there, [`action`] knows what that calls for, and [`supervise`] runs
//! the daemons and tells them. [`life`] is the loop that joins them; [`run`] stands around it.

mod action;
mod apply;
mod bad;
mod bootstrap;
mod check;
mod cli;
mod defaults;
mod explain;
mod hold;
mod last_good;
mod life;
mod manifest;
mod mask;
mod observe;
mod probe;
mod ready;
mod reconcile;
mod render;
mod run;
mod supervise;
mod sys;
mod wait_for;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use clap_complete::Generator;
use cli::{Cli, Command, Shell};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_panic));
    sys::keep_files_to_ourselves();
    let cli = match etcstack_store::args::parse::<Cli>() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and version are asked for; anything else is EX_USAGE of sysexits.h.
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let result = match &cli.command {
        Command::Run(args) => {
            start(&args.common, Some(&args.command)).and_then(|setup| run::run(setup, args))
        }
        Command::Render(args) => {
            start(&args.common, None).and_then(|setup| render::run(setup, args))
        }
        Command::Explain(args) => {
            start(&args.reads.common, None).and_then(|setup| explain::run(setup, args))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let mut command = Cli::command();
            command.set_bin_name("etcstack-agent");
            command.build();
            let generator: &dyn Generator = match shell {
                Shell::Bash => &clap_complete::aot::Bash,
                Shell::Fish => &clap_complete::aot::Fish,
                Shell::Zsh => &clap_complete::aot::Zsh,
            };
            generator.generate(&command, &mut script);
            let _ = std::io::stdout().write_all(&script);
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|failure| {
        let mut stderr = std::io::stderr();
        for line in failure.message.lines() {
            // Nobody may be reading; the exit code is there for them all the same.
            let _ = writeln!(stderr, "error: {line}");
        }
        ExitCode::from(failure.code)
    })
}

/// Says where, and not what: the usual message of a panic may quote a value, and may panic itself.
fn report_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a mistake in the agent itself; please report it");
}

/// Why the agent ends without a daemon's exit code.
#[derive(Debug)]
struct Failure {
    /// One line for each problem.
    message: String,
    /// By sysexits.h.
    code: u8,
}

impl Failure {
    fn new(code: u8, message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), code }
    }
}

impl From<etcstack_store::StoreError> for Failure {
    fn from(error: etcstack_store::StoreError) -> Self {
        Self::new(error.exit_code(), &error)
    }
}

/// What the commands need.
struct Setup {
    store: etcstack_store::Store,
    reconciler: reconcile::Reconciler,
    runtime: tokio::runtime::Runtime,
}

fn start(args: &cli::CommonArgs, command: Option<&[OsString]>) -> Result<Setup, Failure> {
    cli::start_logging(args.log_format);
    let mut manifest = manifest::Manifest::load(args)?;
    if let Some(command) = command {
        manifest = manifest.with_command(command)?;
        manifest.check_accounts()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(71, format!("cannot start: {error}")))?; // EX_OSERR
    Ok(Setup {
        store: args.store.open()?.with_dialects(manifest.dialects()),
        reconciler: reconcile::Reconciler::new(Arc::new(manifest), environment()),
        runtime,
    })
}

/// The variables that values may refer to besides those of `general/`.
fn environment() -> etcstack_config::variables::Variables {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut variables: etcstack_config::variables::Variables = std::env::vars_os()
        .filter_map(text)
        .filter(|(name, _)| etcstack_config::variables::is_name(name))
        .collect();
    variables.entry("HOSTNAME".into()).or_insert_with(manifest::host_name);
    variables
}
