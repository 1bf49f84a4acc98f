//! The load: reads the data, plans, writes in transactions.

pub(crate) mod job;
mod progress;
mod standstill;
mod steps;
#[cfg(test)]
mod tests;
mod unknown;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use etcstack_store::StoreError;
use thiserror::Error;

use self::job::{Goal, Job, own_id};
use self::standstill::Begun;
use crate::cli::{LoadArgs, WriteArgs};
use crate::directory::{self, DataError};
use crate::history::Kind;
use crate::plan::Rules;
use crate::report;
use crate::run::{self, Done, Failure};

/// Why a command has failed.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Data(#[from] DataError),
    #[error(
        "there is no data in {}; is the volume mounted? (--allow-empty deletes all that was loaded)",
        .0.display()
    )]
    Empty(PathBuf),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error(
        "{0}\nthe load is half done: agents keep what they have until a load is complete. Mend what \
         is wrong and load again, or go back with: etcstack-loader load --abort"
    )]
    HalfDone(StoreError),
    #[error(
        "the release holds what this loader does not know, and a newer loader has written: {}. Use \
         the newer loader{}; nothing was written",
        .records.join(", "),
        if *.is_abort { ", or load data, which replaces what was begun" } else { "" }
    )]
    Newer { records: Vec<String>, is_abort: bool },
    #[error(
        "the store has refused {0} plans in a row, though no other loader has written meanwhile: \
         either somebody keeps changing keys of this data, or it holds what only a newer loader \
         reads. Stop whoever writes, or use the newer loader, and run this again; until then agents \
         keep what they have{cure}",
        cure = .1.cure()
    )]
    Standstill(usize, Begun),
    #[error("another load has overtaken this one; agents see one of them whole. Load again")]
    Overtaken,
    #[error(
        "another load is under way, or has died: {}. Nothing was written. Without --no-wait this \
         waits for it, and completes it if it has died",
        .0.escape_debug()
    )]
    Busy(String),
    #[error(
        "there is no complete release to go back to, or its data cannot be read. Load again: that \
         completes or replaces what was begun"
    )]
    NothingToGoBackTo,
    #[error("{0}")]
    NoSuchRelease(String),
    #[error("the data of release {0} cannot be read: parts of it are gone or damaged")]
    Damaged(u64),
    #[error("the data cannot be packed: {0}")]
    Pack(std::io::Error),
}

impl Failure for LoadError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Data(error) => error.exit_code(),
            Self::Damaged(_) | Self::Newer { .. } => 65, // EX_DATAERR
            Self::Empty(_) | Self::NothingToGoBackTo | Self::NoSuchRelease(_) => 66, // EX_NOINPUT
            Self::Store(error) | Self::HalfDone(error) => error.exit_code(),
            Self::Overtaken | Self::Busy(_) | Self::Standstill(..) => 75, // EX_TEMPFAIL
            Self::Pack(_) => 70,                                          // EX_SOFTWARE
        }
    }

    fn outcome(&self) -> Option<String> {
        match self {
            Self::Data(error) => error.outcome(),
            _ => None,
        }
    }
}

/// The command.
pub(crate) fn run(args: &LoadArgs) -> ExitCode {
    run::to_end(load(args))
}

async fn load(args: &LoadArgs) -> Result<Done, LoadError> {
    let goal = if args.abort {
        Goal::Abort
    } else {
        let data = directory::read(&args.dir)?;
        if data.is_empty() && !args.allow_empty {
            return Err(LoadError::Empty(args.dir.clone()));
        }
        let data = data.into_iter().map(|(key, datum)| (key, datum.value)).collect();
        Goal::Release(Kind::Load, data)
    };
    execute(&args.write, goal, None).await
}

/// Does it, and tells what was done.
pub(crate) async fn execute(
    args: &WriteArgs,
    goal: Goal,
    message: Option<String>,
) -> Result<Done, LoadError> {
    let job = Job {
        store: args.common.open_etcd()?,
        goal,
        author: args.note.author(),
        message: args.note.message.clone().or(message).unwrap_or_default(),
        rules: Rules { overwrite: args.overwrite, adopt: args.adopt },
        wait: !args.no_wait,
        keep: args.keep,
        timeout: args.common.start_timeout,
        id: own_id(),
    };
    let mut report = job.run().await?;
    report.store = job.store.to_string();
    Ok(report::done(&report, args.common.output))
}
