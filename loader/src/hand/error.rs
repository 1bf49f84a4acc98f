//! Why keys were not written.

use std::path::PathBuf;

use etcstack_config::problem::{Problem, Problems};
use etcstack_store::StoreError;
use thiserror::Error;

use super::LOADING;
use crate::run::Failure;

#[derive(Debug, Error)]
pub(crate) enum HandError {
    #[error("{problems}")]
    Refused {
        problems: Problems,
        /// The options with which it would be written.
        waive: Option<&'static str>,
    },
    #[error("{0}")]
    Usage(String),
    #[error("the store is a directory, which is read only here; edit its files")]
    Directory,
    #[error("{0}")]
    Settings(Problem),
    #[error("cannot read {}: {reason}", .path.display())]
    Input { path: PathBuf, reason: String },
    #[error("{}: there is no such key in {store}{hint}", .key.escape_debug())]
    NotThere { key: String, store: String, hint: String },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{LOADING}")]
    Loading,
    #[error("{}: changed meanwhile; nothing was written. Look at it with get, and run this again",
        .0.escape_debug())]
    Changed(String),
    #[error(
        "{}: it does not hold what was expected; nothing was written. Look at it with get",
        .0.escape_debug()
    )]
    Unexpected(String),
    #[error("others keep writing to the store; nothing was written. Run this again")]
    Busy,
}

impl Failure for HandError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Directory => 64, // EX_USAGE
            Self::Refused { .. } => 65,             // EX_DATAERR
            Self::Settings(_) | Self::Input { .. } | Self::NotThere { .. } => 66, // EX_NOINPUT
            Self::Store(error) => error.exit_code(),
            // EX_TEMPFAIL
            Self::Loading | Self::Changed(_) | Self::Unexpected(_) | Self::Busy => 75,
        }
    }

    fn outcome(&self) -> Option<String> {
        let Self::Refused { waive, .. } = self else { return None };
        let waive = waive
            .map_or_else(String::new, |option| format!("; with {option} it is done all the same"));
        Some(format!("nothing was written{waive}"))
    }
}
