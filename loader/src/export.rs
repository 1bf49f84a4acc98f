//! The export: the store, at one revision, as a directory of data.

mod folder;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use etcstack_config::data::write;
use etcstack_config::problem::{Problem, Problems};
use etcstack_store::{Event, LOAD_MARK, Snapshot, Store, StoreError, View};
use folder::{Folder, FolderError};
use serde::Serialize;
use thiserror::Error;

use crate::cli::{ExportArgs, Output};
use crate::run::{self, Done, Failure};
use crate::{dialects, stored};

#[derive(Debug, Error)]
enum ExportError {
    #[error("{0}")]
    Unsayable(Problems),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Folder(#[from] FolderError),
    #[error(
        "a load is under way and did not come to its end within {0:?}; if it has died, load again"
    )]
    Loading(Duration),
    #[error("there is no data in {0}; does --store name the right prefix?")]
    Empty(String),
}

impl Failure for ExportError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Unsayable(_) => 65, // EX_DATAERR
            Self::Store(error) => error.exit_code(),
            Self::Folder(_) => 73,  // EX_CANTCREAT
            Self::Loading(_) => 75, // EX_TEMPFAIL
            Self::Empty(_) => 66,   // EX_NOINPUT
        }
    }

    fn outcome(&self) -> Option<String> {
        let Self::Unsayable(problems) = self else { return None };
        let count = problems.0.len();
        let keys = if count == 1 { "key" } else { "keys" };
        Some(format!(
            "{count} {keys} that no file of data can say; nothing was written; mend them, or leave \
             them out with --partial"
        ))
    }
}

/// What an export did.
#[derive(Serialize)]
struct Report {
    directory: PathBuf,
    /// The revision that all of it is of.
    revision: i64,
    #[serde(rename = "key_count")]
    keys: usize,
    #[serde(rename = "file_count")]
    files: usize,
    /// What no file could say.
    left_out: Vec<LeftOut>,
}

/// A key that no file could say.
#[derive(Serialize)]
struct LeftOut {
    key: String,
    reason: String,
}

impl From<&Problem> for LeftOut {
    fn from(problem: &Problem) -> Self {
        Self { key: problem.place.to_string(), reason: problem.message.clone() }
    }
}

pub(crate) fn run(args: &ExportArgs) -> ExitCode {
    run::to_end(async {
        let report = export(args).await?;
        Ok::<_, ExportError>(Done::new(told(&report, args.common.output)))
    })
}

async fn export(args: &ExportArgs) -> Result<Report, ExportError> {
    // Before all else: what cannot be written need not be read.
    let folder = Folder::at(&args.dir, args.force)?;
    let store = args.common.store.open()?;
    let snapshot = read(&store, args.common.start_timeout).await?;
    let dialects = dialects::of_entries(&snapshot.entries);
    let mut written = write::files(&snapshot.entries, args.layout.into(), &dialects)
        .map_err(ExportError::Unsayable)?;
    if !args.partial && !written.left_out.0.is_empty() {
        return Err(ExportError::Unsayable(written.left_out));
    }
    if written.keys == 0 {
        return Err(ExportError::Empty(store.to_string()));
    }
    written.files.extend(folder.settings(&snapshot.entries, &dialects)?);
    written.files.extend(folder.secrets(&snapshot.entries));
    folder.write(&written.files)?;
    Ok(Report {
        directory: args.dir.clone(),
        revision: snapshot.revision,
        keys: written.keys,
        files: written.files.len(),
        left_out: written.left_out.0.iter().map(LeftOut::from).collect(),
    })
}

/// A state that no load is in the middle of.
async fn read(store: &Store, limit: Duration) -> Result<Snapshot, ExportError> {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let snapshot = store.snapshot(&stored::view(), limit).await?;
        if !snapshot.entries.contains_key(LOAD_MARK) {
            return Ok(snapshot);
        }
        drop(snapshot);
        tracing::warn!("a load is under way; waiting for its end");
        match tokio::time::timeout_at(deadline, loaded(store)).await {
            Ok(result) => result?,
            Err(_) => return Err(ExportError::Loading(limit)),
        }
    }
}

/// Waits until there is no mark of a load.
async fn loaded(store: &Store) -> Result<(), StoreError> {
    let mark = View::new(vec![LOAD_MARK.into()], |_| BTreeSet::new());
    let mut follower = store.follow(mark);
    loop {
        match follower.next().await {
            Some(Event::State(_)) | None => return Ok(()),
            Some(Event::Lost(error)) if error.is_final() => return Err(error),
            Some(_) => {}
        }
    }
}

/// What was done; what was left out is said on standard error as well.
fn told(report: &Report, output: Output) -> String {
    let mut stderr = io::stderr().lock();
    for LeftOut { key, reason } in &report.left_out {
        let _ = writeln!(stderr, "left out: {key}: {reason}");
    }
    match output {
        Output::Json => format!("{}\n", serde_json::json!(report)),
        Output::Text => format!(
            "{} keys of revision {} written to {} files in {}, {} left out\n",
            report.keys,
            report.revision,
            report.files,
            report.directory.display(),
            report.left_out.len()
        ),
    }
}
