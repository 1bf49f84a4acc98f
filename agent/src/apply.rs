//! Putting files in their place: whole, or not at all.
//!
//! Each file is written beside its place under a temporary name, with owner and mode set before its
//! content, and synced. Only when all are there, each is renamed over the old one, which POSIX makes
//! atomic; if one cannot be, those before it get their old bytes back. So a crash leaves the old or the new file. Folders are not synced: after a crash of the
//! machine the agent starts and renders again, and the daemon need not wait for the disk.

use std::ffi::{OsStr, OsString};
use std::fs::{OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcstack_config::render::FileInputs;
use thiserror::Error;

use crate::manifest::{OnChange, Owner, Target};

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

/// A file as it should be.
pub(crate) struct Wanted {
    pub(crate) target: Target,
    /// `None` where it should not be there.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What the bytes were made of.
    pub(crate) inputs: FileInputs,
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
    /// The manifest demands the owner; one that was only found is kept if that is allowed.
    owner_declared: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { owner: None, mode: DEFAULT_MODE, owner_declared: false }
    }
}

impl Attributes {
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            owner: Some((metadata.uid(), metadata.gid())),
            mode: metadata.mode() & 0o7777,
            owner_declared: false,
        })
    }

    /// What the manifest says; else what the file has; else ours alone.
    fn wanted(target: &Target) -> Self {
        let current = Self::of(&target.path).ok();
        let declared = target.owner.map(|Owner { user, group }| (user.as_raw(), group.as_raw()));
        Self {
            owner: declared.or(current.and_then(|current| current.owner)),
            mode: target.mode.or(current.map(|current| current.mode)).unwrap_or(DEFAULT_MODE),
            owner_declared: declared.is_some(),
        }
    }

    /// Whether a file has them.
    fn are_of(self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|current| {
            current.mode == self.mode && self.owner.is_none_or(|owner| current.owner == Some(owner))
        })
    }
}

/// Makes the files as wanted, and adds to `applied` what was done.
///
/// After an error the files are as they were: those that were replaced already get their old bytes
/// back. Only if even that fails, `applied` tells of them.
pub(crate) fn apply(
    wanted: &[Wanted],
    applied: &mut Applied,
) -> std::result::Result<(), ApplyError> {
    let mut staged = Vec::new();
    for file in wanted {
        staged.extend(stage(file)?);
    }
    let mut done = Vec::new();
    for mut change in staged {
        if let Err(error) = change.replace() {
            done.retain(|earlier: &Change<'_>| !earlier.undo());
            applied.add(&done);
            return Err(error);
        }
        done.push(change);
    }
    applied.add(&done);
    Ok(())
}

impl Applied {
    fn add(&mut self, changes: &[Change<'_>]) {
        // A new mode is nothing that a daemon has to hear of.
        for change in changes.iter().filter(|change| change.other_bytes()) {
            self.reload |= change.wanted.target.on_change == OnChange::Reload;
            self.written.push(change.wanted.target.path.clone());
        }
    }
}

/// Writes one file, whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<()> {
    std::fs::create_dir_all(folder(path))?;
    let temporary = Temporary::write(path, bytes, attributes)?;
    std::fs::rename(&temporary.0, path)
}

/// Writes a file only if there is none: of two agents the first one's stays.
pub(crate) fn write_new(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<()> {
    std::fs::create_dir_all(folder(path))?;
    let temporary = Temporary::write(path, bytes, attributes)?;
    match std::fs::hard_link(&temporary.0, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// A file that is ready to take its place, or to leave it.
struct Change<'a> {
    wanted: &'a Wanted,
    /// What was there before.
    before: Option<Vec<u8>>,
    attributes_before: Option<Attributes>,
    temporary: Option<Temporary>,
}

impl Change<'_> {
    fn path(&self) -> &Path {
        &self.wanted.target.path
    }

    fn other_bytes(&self) -> bool {
        self.before != self.wanted.bytes
    }

    fn replace(&mut self) -> std::result::Result<(), ApplyError> {
        let path = self.path();
        match &self.temporary {
            Some(temporary) => std::fs::rename(&temporary.0, path)
                .map_err(|source| failed(path, "cannot be replaced", source)),
            None => std::fs::remove_file(path)
                .map_err(|source| failed(path, "cannot be removed", source)),
        }
    }

    /// Puts the old bytes back; tells whether that went well.
    fn undo(&self) -> bool {
        let path = self.path();
        match &self.before {
            Some(bytes) => {
                let attributes = self.attributes_before.unwrap_or_default();
                write_file(path, bytes, attributes).is_ok()
            }
            None => std::fs::remove_file(path).is_ok(),
        }
    }
}

/// Prepares a file; `None` if it is already as it should be.
fn stage(wanted: &Wanted) -> std::result::Result<Option<Change<'_>>, ApplyError> {
    let target = &wanted.target;
    let path = &target.path;
    let before = match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(source) => return Err(failed(path, "cannot be read", source)),
    };
    let attributes = Attributes::wanted(target);
    if before == wanted.bytes && (before.is_none() || attributes.are_of(path)) {
        return Ok(None);
    }
    let temporary = match &wanted.bytes {
        None => None,
        Some(bytes) => {
            let folder = folder(path);
            std::fs::create_dir_all(folder)
                .map_err(|source| failed(folder, "cannot be created", source))?;
            let written = Temporary::write(path, bytes, attributes);
            Some(written.map_err(|source| failed(path, "cannot be written", source))?)
        }
    };
    let attributes_before = Attributes::of(path).ok();
    Ok(Some(Change { wanted, before, attributes_before, temporary }))
}

fn failed(path: &Path, action: &'static str, source: Error) -> ApplyError {
    ApplyError { path: path.to_owned(), action, source }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file under a temporary name, removed when it is not renamed.
struct Temporary(PathBuf);

/// What stands between a file's name and the end of its temporary name.
const TEMPORARY: &str = ".etcstack-new-";

/// How old a temporary file is that some killed agent has left for sure.
const LEFT: Duration = Duration::from_secs(600);

impl Temporary {
    fn write(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| Error::other("the path has no file name"))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(TEMPORARY);
        remove_left(folder(path), &hidden);
        // Two agents may share a folder, each as PID 1 of its container.
        hidden.push(format!("{:016x}", RandomState::new().build_hasher().finish()));
        let path = path.with_file_name(hidden);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let temporary = Self(path);
        if let Some((user, group)) = attributes.owner {
            let created = file.metadata()?;
            if (created.uid(), created.gid()) != (user, group) {
                match fchown(&file, Some(user), Some(group)) {
                    // Only root gives files away, and not to users that its namespace does not
                    // know (EINVAL). A file that is ours instead does as well.
                    Err(error)
                        if !attributes.owner_declared
                            && matches!(
                                error.kind(),
                                ErrorKind::PermissionDenied | ErrorKind::InvalidInput
                            ) => {}
                    result => result?,
                }
            }
        }
        file.set_permissions(Permissions::from_mode(attributes.mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }
}

fn remove_left(folder: &Path, start: &OsStr) {
    for child in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_temporary =
            child.file_name().as_encoded_bytes().starts_with(start.as_encoded_bytes());
        let age = || child.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_temporary && age().is_some_and(|age| age > LEFT) {
            let _ = std::fs::remove_file(child.path());
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing under this name.
        let _ = std::fs::remove_file(&self.0);
    }
}
