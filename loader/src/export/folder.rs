//! The directory that an export fills: complete, or as it was.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcstack_config::data::is_ignored;
use etcstack_store::read_data;
use thiserror::Error;

/// Why a directory cannot be written.
#[derive(Debug, Error)]
pub(super) enum FolderError {
    #[error("cannot write {}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(
        "{} is not empty; name a new directory, or replace what is in it with --force",
        .0.display()
    )]
    NotEmpty(PathBuf),
    #[error(
        "{} holds more than data: {what}; --force would remove it. Name another directory, or \
         clear this one yourself",
        .path.display()
    )]
    NotData { path: PathBuf, what: String },
    #[error("{} is where a volume is mounted; name a directory below it", .0.display())]
    Mounted(PathBuf),
}

/// A place for a directory, and whether something is to be replaced there.
pub(super) struct Folder {
    /// Without symlinks in it, where it exists.
    path: PathBuf,
    replaces: bool,
}

impl Folder {
    /// Looks whether a directory may be written.
    pub(super) fn at(path: &Path, force: bool) -> Result<Self, FolderError> {
        let failed = |error| FolderError::Io { path: path.to_owned(), error };
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let path = std::path::absolute(path).map_err(failed)?;
                return Ok(Self { path, replaces: false });
            }
            Err(error) => return Err(failed(error)),
        };
        let replaces = fs::read_dir(&path).map_err(failed)?.next().is_some();
        if replaces && !force {
            return Err(FolderError::NotEmpty(path));
        }
        if replaces {
            check_is_data(&path)?;
        }
        Ok(Self { path, replaces })
    }

    /// Writes the files beside the directory, and puts them in its place.
    pub(super) fn write(&self, files: &BTreeMap<String, String>) -> Result<(), FolderError> {
        let new = self.beside("new");
        let result = fill(&new, files).and_then(|()| self.put(&new));
        if result.is_err() {
            let _ = fs::remove_dir_all(&new);
        }
        result
    }

    fn put(&self, new: &Path) -> Result<(), FolderError> {
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::ResourceBusy | ErrorKind::CrossesDevices => {
                FolderError::Mounted(self.path.clone())
            }
            _ => FolderError::Io { path: self.path.clone(), error },
        };
        if !self.replaces {
            // The system puts it over an empty directory, and over nothing else: whatever came
            // there since we looked is safe.
            return fs::rename(new, &self.path).map_err(failed);
        }
        let old = self.beside("old");
        fs::rename(&self.path, &old).map_err(failed)?;
        if let Err(error) = fs::rename(new, &self.path) {
            let _ = fs::rename(&old, &self.path);
            return Err(failed(error));
        }
        fs::remove_dir_all(&old).map_err(|error| FolderError::Io { path: old, error })
    }

    /// A hidden name in the same folder, and so on the same file system.
    fn beside(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.etcstack-{what}-{}", std::process::id()))
    }
}

/// What an export may remove: data that could be loaded, and nothing besides.
fn check_is_data(path: &Path) -> Result<(), FolderError> {
    let not_data = |what: String| FolderError::NotData { path: path.to_owned(), what };
    if let Some(other) = other_than_data(path).map_err(|error| not_data(error.to_string()))? {
        return Err(not_data(format!("{}", other.display())));
    }
    read_data(path).map_err(|error| {
        not_data(error.to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    Ok(())
}

/// Something that a load does not read.
fn other_than_data(folder: &Path) -> io::Result<Option<PathBuf>> {
    for child in fs::read_dir(folder)? {
        let child = child?;
        let kind = child.file_type()?;
        let ignored = child.file_name().to_str().is_none_or(is_ignored);
        if ignored || !(kind.is_file() || kind.is_dir()) {
            return Ok(Some(child.path()));
        }
        if kind.is_dir()
            && let Some(other) = other_than_data(&child.path())?
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

fn fill(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), FolderError> {
    make(folder).map_err(|error| FolderError::Io { path: folder.to_owned(), error })?;
    for (name, text) in files {
        let path = folder.join(name);
        create(&path, text.as_bytes()).map_err(|error| FolderError::Io { path, error })?;
    }
    Ok(())
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
