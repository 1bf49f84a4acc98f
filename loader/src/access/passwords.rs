//! The passwords of new users: in files for their owner alone, before there are the users.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::AccessError;
use crate::secrets::Kind;

/// Looks whether passwords may be written to a directory, before anything is done.
pub(super) fn check(dir: &Path) -> Result<(), AccessError> {
    let failed = |reason: String| AccessError::Password { path: dir.to_owned(), reason };
    match std::fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => {
            Err(failed("it is not a directory; --passwords-dir names one for the files".into()))
        }
        // It is made when there is something to write.
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error.to_string())),
        _ => Ok(()),
    }
}

/// How new users get in.
pub(super) enum Passwords {
    /// By a password, which stands in a file with the user's name in this directory.
    In(PathBuf),
    /// By a certificate.
    None,
}

impl Passwords {
    /// The password of a user: the one of its file, which a run that was killed may have left, or a
    /// new one, which is in its file when this returns.
    pub(super) fn of(&self, user: &str) -> Result<Option<String>, AccessError> {
        let Self::In(dir) = self else { return Ok(None) };
        let path = dir.join(user);
        match std::fs::read_to_string(&path) {
            Ok(text) => match text.lines().next() {
                Some(password) if !password.is_empty() => Ok(Some(password.to_owned())),
                _ => {
                    let reason = "its first line is empty; remove it, or write a password".into();
                    Err(AccessError::Input { path, reason })
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let password = Kind::Password.generate().unwrap_or_default();
                let failed = |error: io::Error| AccessError::Password {
                    path: path.clone(),
                    reason: error.to_string(),
                };
                create(dir, &path, &password).map_err(failed)?;
                Ok(Some(password))
            }
            Err(error) => Err(AccessError::Input { path, reason: error.to_string() }),
        }
    }
}

/// A whole file or none, on disk before its password counts.
fn create(dir: &Path, path: &Path, password: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = dir.join(format!(".{name}.{}", std::process::id()));
    let written = write(&temporary, password).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    File::open(dir)?.sync_all()
}

fn write(path: &Path, password: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{password}")?;
    file.sync_all()
}
