//! Writing one file: whole, or not at all.
//!
//! It is written beside its place under a temporary name, with owner and mode set before its
//! content, and synced; then it is renamed over the old one, which POSIX makes atomic. So a crash
//! leaves the old or the new file. Folders are not synced: after a crash of the machine the agent
//! starts and renders again, and the daemon need not wait for the disk.

use std::ffi::{OsStr, OsString};
use std::fs::{Metadata, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manifest::{Owner, Target};

/// Readable by the group and by nobody else: files hold passwords.
const DEFAULT_MODE: u32 = 0o640;

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
    /// For what nobody else may read: `None` for ourselves.
    pub(crate) fn private_to(owner: Option<(u32, u32)>) -> Self {
        Self { owner, mode: 0o600, owner_declared: owner.is_some() }
    }

    pub(crate) fn of(path: &Path) -> Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    fn from(metadata: &Metadata) -> Self {
        Self {
            owner: Some((metadata.uid(), metadata.gid())),
            mode: metadata.mode() & 0o7777,
            owner_declared: false,
        }
    }

    /// What the manifest says; else what the file has; else ours alone.
    pub(super) fn wanted(target: &Target) -> Self {
        let current = Self::of(&target.path).ok();
        let declared = target.owner.map(|Owner { user, group }| (user.as_raw(), group.as_raw()));
        Self {
            owner: declared.or(current.and_then(|current| current.owner)),
            mode: target.mode.or(current.map(|current| current.mode)).unwrap_or(DEFAULT_MODE),
            owner_declared: declared.is_some(),
        }
    }

    /// Whether a file has them.
    pub(super) fn are_of(self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|current| {
            current.mode == self.mode && self.owner.is_none_or(|owner| current.owner == Some(owner))
        })
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

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file that nobody can have put a link in the place of, and says whose it is: in folders
/// that a service may write, a link would make us read what the service may not.
pub(crate) fn read_regular(path: &Path) -> Result<(Vec<u8>, Attributes)> {
    let mut file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, Attributes::from(&metadata)))
}

/// A name that nobody else has: two agents may share a folder, each as PID 1 of its container.
pub(crate) fn unique() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// A file under a temporary name, removed when it is not renamed.
pub(super) struct Temporary(pub(super) PathBuf);

/// What stands between a file's name and the end of its temporary name.
const TEMPORARY: &str = ".etcstack-new-";

/// How old a temporary file is that some killed agent has left for sure.
const LEFT: Duration = Duration::from_secs(600);

impl Temporary {
    pub(super) fn write(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| Error::other("the path has no file name"))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(TEMPORARY);
        remove_left(folder(path), &hidden);
        hidden.push(unique());
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
