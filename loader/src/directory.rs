//! The directory of the data: reading it, and telling one that is meant from the one that was named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcstack_config::data::{Data, Datum, is_beside};
use etcstack_config::key::GENERAL;
use etcstack_config::problem::{Place, Problem, Problems};
use etcstack_store::{StoreError, finish_data, gather_data};
use thiserror::Error;

use crate::said;

/// How many folders data stands below its directory.
const DEEPEST: usize = 3;

/// Why there is no data to be had.
#[derive(Debug, Error)]
pub(crate) enum DataError {
    #[error("{problems}")]
    Mistakes { dir: PathBuf, problems: Problems },
    #[error("{0}")]
    Elsewhere(Problem),
    #[error("{0}")]
    Store(StoreError),
}

impl DataError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Mistakes { .. } | Self::Elsewhere(_) => 65, // EX_DATAERR
            Self::Store(error) => error.exit_code(),
        }
    }

    /// What is to be said once, below all problems.
    pub(crate) fn outcome(&self) -> Option<String> {
        let (dir, problems) = match self {
            Self::Mistakes { dir, problems } => (dir, problems),
            Self::Elsewhere(_) => return Some("nothing was written".to_owned()),
            Self::Store(_) => return None,
        };
        let count = problems.0.len();
        let s = if count == 1 { "" } else { "s" };
        Some(format!(
            "{count} problem{s} in the data; nothing was written. What else is wrong with it says: \
             etcstack-loader validate {}",
            dir.display()
        ))
    }
}

impl From<DataError> for StoreError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Mistakes { problems, .. } => Self::Data(problems),
            DataError::Elsewhere(problem) => Self::Data(problem.into()),
            DataError::Store(error) => error,
        }
    }
}

/// All that the data says, or all that is wrong with its form.
pub(crate) fn read(dir: &Path) -> Result<BTreeMap<String, Datum>, DataError> {
    let data = gather_data(dir).map_err(DataError::Store)?;
    if let Some(problem) = elsewhere(dir, &data) {
        return Err(DataError::Elsewhere(problem));
    }
    let mistakes = |problems| DataError::Mistakes { dir: dir.to_owned(), problems };
    let mut data = finish_data(data).map_err(mistakes)?;
    // Without any data there is nothing to say something of.
    if !data.is_empty() {
        data.extend(said::record(dir).map_err(mistakes)?);
    }
    Ok(data)
}

/// Says which directory is probably meant, where this one is above it or in it. What is in it would be
/// mistakes, all of it; what is above it may look like data, with folders for roles.
pub(crate) fn elsewhere(dir: &Path, data: &Data) -> Option<Problem> {
    if has_variables(dir) {
        return None;
    }
    // With anything in its place it may well be the right one.
    let is_none = data.has_mistakes() && !data.holds_keys();
    let meant = below(dir).or_else(|| above(dir).filter(|_| is_none))?;
    let message = format!(
        "this is no directory of bootstrap-data, which holds general/ and role/service/FILE; did \
         you mean {}, which looks like one? If this is the one, make an empty general/ in it",
        meant.display()
    );
    Some(Problem::new(Place::file(dir), message))
}

fn has_variables(dir: &Path) -> bool {
    dir.join(GENERAL).is_dir()
}

/// A folder in it that has variables: the first one by name.
fn below(dir: &Path) -> Option<PathBuf> {
    let children = std::fs::read_dir(dir).ok()?.filter_map(|child| Some(child.ok()?.path()));
    let is_passed_over =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_none_or(is_beside);
    children.filter(|path| !is_passed_over(path) && has_variables(path)).min()
}

/// The nearest of the folders around it that has variables: a role, a service or a file was named.
fn above(dir: &Path) -> Option<PathBuf> {
    let parents = std::iter::successors(parent(dir), |dir| parent(dir));
    parents.take(DEEPEST).find(|dir| has_variables(dir))
}

/// As the user would write it.
fn parent(dir: &Path) -> Option<PathBuf> {
    match dir.parent() {
        Some(parent) if dir.file_name().is_some() && !parent.as_os_str().is_empty() => {
            Some(parent.to_owned())
        }
        // Of a name alone, of . and of ..
        _ => dir.canonicalize().ok()?.parent().map(Path::to_owned),
    }
}
