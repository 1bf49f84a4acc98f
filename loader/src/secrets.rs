//! The secrets among the variables: made once, listed, replaced. No value is ever printed.

mod declared;
mod generate;
mod kind;
mod list;
mod rotate;
mod sources;
mod state;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use declared::FILE as DECLARED;
use etcstack_config::problem::{Place, Problem, Problems};
use etcstack_store::StoreError;
pub(crate) use kind::Kind;
pub(crate) use state::{loaded, merged};
use thiserror::Error;

use crate::cli::SecretsCommand;
use crate::hand::LOADING;
use crate::run::{self, Failure};
use crate::status::Lagging;

#[derive(Debug, Error)]
pub(crate) enum SecretsError {
    #[error("{0}")]
    Data(#[from] Problems),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("cannot read {}: {reason}", .path.display())]
    Input { path: PathBuf, reason: String },
    /// The catalogs.
    #[error("{0}")]
    Settings(Problem),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error("general/{name} is not in {store}; {}", hint(.near.as_deref()))]
    NotThere { name: String, store: String, near: Option<String> },
    #[error("{LOADING}")]
    Loading,
    #[error("others keep changing the store; not everything was written. Run this again")]
    Busy,
    #[error(
        "not all replicas that use these keys have applied the last change of them, and two shifts \
         that arrive as one take away the key that tokens are made with; nothing was written:\n{}\n\
         Run this again when `status --wait` is content; --force shifts them all the same",
        list(.0)
    )]
    Behind(Vec<Lagging>),
    #[error("general/{0} has been changed meanwhile; nothing was written. Run this again")]
    Changed(String),
}

/// One on each line.
fn list(replicas: &[Lagging]) -> String {
    let lines: Vec<_> = replicas.iter().map(|replica| format!("  {replica}")).collect();
    lines.join("\n")
}

/// Which variable may have been meant.
fn hint(near: Option<&str>) -> String {
    near.map_or_else(
        || "`secrets list` names what is there".to_owned(),
        |near| format!("perhaps this is meant: {near}"),
    )
}

/// The secrets that a directory of data declares, and their kinds.
pub(crate) fn declared_in(dir: &Path) -> Result<BTreeMap<String, Kind>, Problems> {
    declared::read(Some(dir)).map_err(|error| match error {
        SecretsError::Data(problems) => problems,
        other => Problem::new(Place::file(dir), other.to_string()).into(),
    })
}

impl Failure for SecretsError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Data(_) | Self::Refused(_) => 65, // EX_DATAERR
            Self::Store(error) => error.exit_code(),
            Self::Settings(_) | Self::Input { .. } | Self::NotThere { .. } => 66, // EX_NOINPUT
            Self::Usage(_) => 64,                                                 // EX_USAGE
            // EX_TEMPFAIL
            Self::Loading | Self::Busy | Self::Behind(_) | Self::Changed(_) => 75,
        }
    }
}

pub(crate) fn run(command: &SecretsCommand) -> ExitCode {
    let task = async {
        match command {
            SecretsCommand::Generate(args) => generate::run(args).await,
            SecretsCommand::Rotate(args) => rotate::run(args).await,
            SecretsCommand::List(args) => list::run(args).await,
        }
    };
    run::to_end(task)
}
