//! Putting files in their place: whole, or not at all.
//!
//! Each file is written beside its place under a temporary name, with owner and mode set before its
//! content, and synced. Only when all are there, each is renamed over the old one, which POSIX makes
//! atomic. So a crash leaves the old or the new file. Folders are not synced: after a crash of the
//! machine the agent starts and renders again, and the daemon need not wait for the disk.

use std::fs::{OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::manifest::{OnChange, Owner, Target};
use crate::reconcile::Wanted;

/// Readable by the group and by nobody else: files hold passwords.
const DEFAULT_MODE: u32 = 0o640;

/// Why a file is not in its place. The files that were there still are.
#[derive(Debug, Error)]
#[error("{}: {action}: {source}{}", .path.display(), hint(.source))]
pub(crate) struct ApplyError {
    path: PathBuf,
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

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The files that hold other bytes now.
    pub(crate) written: Vec<PathBuf>,
    /// The daemon is to be told.
    pub(crate) reload: bool,
}

/// Owner and mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    owner: Option<(u32, u32)>,
    mode: u32,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { owner: None, mode: DEFAULT_MODE }
    }
}

impl Attributes {
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { owner: Some((metadata.uid(), metadata.gid())), mode: metadata.mode() & 0o7777 })
    }

    /// What the manifest says; else what the file has; else ours alone.
    fn wanted(target: &Target) -> Self {
        let current = Self::of(&target.path).ok();
        let declared = target.owner.map(|Owner { user, group }| (user.as_raw(), group.as_raw()));
        Self {
            owner: declared.or(current.and_then(|current| current.owner)),
            mode: target.mode.or(current.map(|current| current.mode)).unwrap_or(DEFAULT_MODE),
        }
    }
}

/// Makes the files as wanted, and adds to `applied` what was done.
///
/// After an error nothing has been replaced, unless the error is one of renaming itself. Doing it
/// again completes it; `applied` then tells of both times.
pub(crate) fn apply(
    wanted: &[Wanted],
    applied: &mut Applied,
) -> std::result::Result<(), ApplyError> {
    let mut staged = Vec::new();
    for file in wanted {
        staged.extend(stage(file)?);
    }
    for change in staged {
        let Change { target, temporary } = &change;
        let path = &target.path;
        match temporary {
            Some(temporary) => std::fs::rename(&temporary.0, path)
                .map_err(|source| failed(path, "cannot be replaced", source))?,
            None => std::fs::remove_file(path)
                .map_err(|source| failed(path, "cannot be removed", source))?,
        }
        applied.reload |= target.on_change == OnChange::Reload;
        applied.written.push(path.clone());
    }
    Ok(())
}

/// Writes one file, whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<()> {
    std::fs::create_dir_all(folder(path))?;
    let temporary = Temporary::write(path, bytes, attributes)?;
    std::fs::rename(&temporary.0, path)
}

/// A file that is ready to take its place, or to leave it.
struct Change<'a> {
    target: &'a Target,
    temporary: Option<Temporary>,
}

/// Prepares a file; `None` where it is already as it should be.
fn stage(wanted: &Wanted) -> std::result::Result<Option<Change<'_>>, ApplyError> {
    let target = &wanted.target;
    let path = &target.path;
    let current = match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(source) => return Err(failed(path, "cannot be read", source)),
    };
    if current == wanted.bytes {
        return Ok(None);
    }
    let temporary = match &wanted.bytes {
        None => None,
        Some(bytes) => {
            let folder = folder(path);
            std::fs::create_dir_all(folder)
                .map_err(|source| failed(folder, "cannot be created", source))?;
            let written = Temporary::write(path, bytes, Attributes::wanted(target));
            Some(written.map_err(|source| failed(path, "cannot be written", source))?)
        }
    };
    Ok(Some(Change { target, temporary }))
}

fn failed(path: &Path, action: &'static str, source: Error) -> ApplyError {
    ApplyError { path: path.to_owned(), action, source }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file under a temporary name, removed when it is not renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn write(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| Error::other("the path has no file name"))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".etcstack-new");
        let path = path.with_file_name(hidden);
        // One that an agent left that was killed. It is never followed, if it is a symlink.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let temporary = Self(path);
        if let Some((user, group)) = attributes.owner {
            let created = file.metadata()?;
            if (created.uid(), created.gid()) != (user, group) {
                fchown(&file, Some(user), Some(group))?;
            }
        }
        file.set_permissions(Permissions::from_mode(attributes.mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing under this name.
        let _ = std::fs::remove_file(&self.0);
    }
}
