//! Putting the files of a revision in their place: all of them, or none; and back again.
//!
//! All are staged beside their places, then each is renamed over the old one; if one cannot be,
//! those before it get their old bytes back.

mod write;

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use etcstack_config::render::FileInputs;
use thiserror::Error;
pub(crate) use write::{Attributes, read_regular, unique, write_file, write_new};
use write::{Temporary, folder};

use crate::manifest::Target;

/// Why a file is not in its place. The files that were there still are.
#[derive(Debug, Error)]
#[error("{}: {action}: {source}{}", .path.display(), hint(.source))]
pub(crate) struct ApplyError {
    pub(crate) path: PathBuf,
    action: &'static str,
    source: Error,
}

fn hint(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::ResourceBusy | ErrorKind::CrossesDevices => {
            "; is the file itself a mount? mount its folder instead"
        }
        ErrorKind::PermissionDenied => "; the agent needs to write to this folder",
        ErrorKind::ReadOnlyFilesystem => "; put a writable volume there",
        _ => "",
    }
}

/// A file as it should be.
pub(crate) struct Wanted {
    pub(crate) target: Target,
    /// `None` where it should not be there.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What the bytes were made of.
    pub(crate) inputs: FileInputs,
}

/// A file that is not as it should be.
pub(crate) struct Difference<'a> {
    pub(crate) wanted: &'a Wanted,
    /// What is there now.
    pub(crate) before: Option<Vec<u8>>,
    attributes_before: Option<Attributes>,
    attributes: Attributes,
}

impl<'a> Difference<'a> {
    /// `None` if the file is already as it should be.
    fn of(wanted: &'a Wanted) -> Result<Option<Self>, ApplyError> {
        let path = &wanted.target.path;
        let before = match std::fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(failed(path, "cannot be read", source)),
        };
        let attributes = Attributes::wanted(&wanted.target);
        if before == wanted.bytes && (before.is_none() || attributes.are_of(path)) {
            return Ok(None);
        }
        let attributes_before = Attributes::of(path).ok();
        Ok(Some(Self { wanted, before, attributes_before, attributes }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.wanted.target.path
    }

    /// A new mode or owner alone is nothing that a daemon has to hear of.
    pub(crate) fn other_bytes(&self) -> bool {
        self.before != self.wanted.bytes
    }

    fn stage(&self) -> Result<Option<Temporary>, ApplyError> {
        let Some(bytes) = &self.wanted.bytes else { return Ok(None) };
        let (path, folder) = (self.path(), folder(self.path()));
        std::fs::create_dir_all(folder)
            .map_err(|source| failed(folder, "cannot be created", source))?;
        let written = Temporary::write(path, bytes, self.attributes);
        written.map(Some).map_err(|source| failed(path, "cannot be written", source))
    }

    fn replace(&self, temporary: Option<&Temporary>) -> Result<(), ApplyError> {
        let path = self.path();
        match temporary {
            Some(temporary) => std::fs::rename(&temporary.0, path)
                .map_err(|source| failed(path, "cannot be replaced", source)),
            None => std::fs::remove_file(path)
                .map_err(|source| failed(path, "cannot be removed", source)),
        }
    }

    fn old(&self) -> Old {
        Old { bytes: self.before.clone(), attributes: self.attributes_before.unwrap_or_default() }
    }
}

/// The files that are not as they should be.
pub(crate) fn differences(wanted: &[Wanted]) -> Result<Vec<Difference<'_>>, ApplyError> {
    let mut differences = Vec::new();
    for wanted in wanted {
        differences.extend(Difference::of(wanted)?);
    }
    Ok(differences)
}

/// Makes the files as wanted, and adds what was there before to `undo`.
///
/// After an error the files are as they were: those that were replaced already get their old bytes
/// back. Only where even that fails, `undo` tells of them.
pub(crate) fn apply(differences: &[Difference<'_>], undo: &mut Undo) -> Result<(), ApplyError> {
    let mut staged = Vec::new();
    for difference in differences {
        staged.push((difference, difference.stage()?));
    }
    let mut done = Undo::default();
    for (difference, temporary) in &staged {
        if let Err(error) = difference.replace(temporary.as_ref()) {
            done.restore();
            undo.add(done);
            return Err(error);
        }
        done.files.push((difference.path().to_owned(), difference.old()));
    }
    undo.add(done);
    Ok(())
}

/// What a file held before.
#[derive(Debug)]
struct Old {
    bytes: Option<Vec<u8>>,
    attributes: Attributes,
}

/// The files as they were when all was well.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    /// In the order in which they were changed.
    files: Vec<(PathBuf, Old)>,
}

impl Undo {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What is there now is good.
    pub(crate) fn forget(&mut self) {
        self.files.clear();
    }

    /// Adds later changes: of a file that has changed before, the older bytes are the good ones.
    fn add(&mut self, later: Self) {
        for (path, old) in later.files {
            if self.files.iter().all(|(known, _)| *known != path) {
                self.files.push((path, old));
            }
        }
    }

    /// Puts the old bytes back, and forgets the files where that went well. `false` if it did not
    /// everywhere.
    ///
    /// The last one first: where the order on the way there has kept a set of files usable, this
    /// does so on the way back.
    pub(crate) fn restore(&mut self) -> bool {
        self.files.reverse();
        self.files.retain(|(path, old)| {
            let restored = match &old.bytes {
                Some(bytes) => write_file(path, bytes, old.attributes),
                None => match std::fs::remove_file(path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    result => result,
                },
            };
            if let Err(error) = &restored {
                let path = path.display();
                tracing::error!(%error, %path, "the bytes from before cannot be put back");
            }
            restored.is_err()
        });
        self.files.reverse();
        self.files.is_empty()
    }
}

fn failed(path: &Path, action: &'static str, source: Error) -> ApplyError {
    ApplyError { path: path.to_owned(), action, source }
}
