//! The directory that an export fills: complete, or as it was.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use etcstack_config::Entries;
use etcstack_config::data::{SETTINGS, is_beside, is_ignored};
use etcstack_config::dialect::Dialect;
use etcstack_config::key::Key;
use etcstack_store::read_data;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use thiserror::Error;
use toml::Value;

use crate::dialects::Dialects;
use crate::said::Said;
use crate::secrets::{DECLARED, Kind};

/// What stands beside the data under a hidden name, and is kept.
const HIDDEN: [&str; 2] = [DECLARED, ".access.toml"];

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
    #[error(
        "{} stays, and gives {file} another dialect than the store: {ours}. Write that there, under \
         [dialects], or export to another directory",
        .path.display()
    )]
    Dialects { path: PathBuf, file: String, ours: Dialect },
}

/// A place for a directory, and whether something is to be replaced there.
pub(super) struct Folder {
    /// Without symlinks in it, where it exists.
    path: PathBuf,
    replaces: bool,
    /// What stands beside the data there, for `validate`: it stays.
    beside: Vec<PathBuf>,
}

impl Folder {
    /// Looks whether a directory may be written.
    pub(super) fn at(path: &Path, force: bool) -> Result<Self, FolderError> {
        let failed = |error| FolderError::Io { path: path.to_owned(), error };
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let path = std::path::absolute(path).map_err(failed)?;
                return Ok(Self { path, replaces: false, beside: Vec::new() });
            }
            Err(error) => return Err(failed(error)),
        };
        let replaces = fs::read_dir(&path).map_err(failed)?.next().is_some();
        if replaces && !force {
            return Err(FolderError::NotEmpty(path));
        }
        let beside = if replaces { check_is_data(&path)? } else { Vec::new() };
        Ok(Self { path, replaces, beside })
    }

    /// What has to stand in `validate.toml` for the files to read back, and what else it says. One
    /// that is there stays, and has to say the same of the files.
    pub(super) fn settings(
        &self,
        entries: &Entries,
        dialects: &Dialects,
    ) -> Result<Option<(String, String)>, FolderError> {
        let is_settings = |path: &&PathBuf| path.ends_with(SETTINGS);
        let Some(path) = self.beside.iter().find(is_settings) else {
            let text = lists(&Said::of_entries(entries)) + &table(dialects);
            return Ok((!text.is_empty()).then(|| (SETTINGS.to_owned(), text)));
        };
        let there = fs::read_to_string(path)
            .map_err(|error| FolderError::Io { path: path.clone(), error })?;
        let (there, ..) = Dialects::read(&there);
        let file = |key: &String| match Key::parse(key) {
            Ok(Key::Option(file, _) | Key::File(file)) => Some(file),
            _ => None,
        };
        let mut files = entries.keys().filter_map(file);
        match files.find(|file| there.of(file) != dialects.of(file)) {
            None => Ok(None),
            Some(file) => Err(FolderError::Dialects {
                path: path.clone(),
                ours: dialects.of(&file),
                file: format!("{}/{}/{}", file.role, file.service, file.file),
            }),
        }
    }

    /// What has to stand in `.secrets.toml`. One that is there stays.
    pub(super) fn secrets(&self, entries: &Entries) -> Option<(String, String)> {
        let Said { secrets, .. } = Said::of_entries(entries);
        let is_there = self.beside.iter().any(|path| path.ends_with(DECLARED));
        let line = |(name, kind): (&String, &Kind)| format!("{name} = \"{}\"\n", kind.name());
        let text: String = secrets.iter().map(line).collect();
        (!is_there && !text.is_empty()).then(|| (DECLARED.to_owned(), text))
    }

    /// Writes the files beside the directory, and puts them in its place.
    pub(super) fn write(&self, files: &BTreeMap<String, String>) -> Result<(), FolderError> {
        let new = self.hidden("new");
        let filled = fill(&new, files).and_then(|()| self.keep_beside(&new));
        let result = filled.and_then(|()| self.put(&new));
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
        // In one go, where the file system can: there is no moment without a directory.
        match renameat_with(CWD, new, CWD, &self.path, RenameFlags::EXCHANGE) {
            Ok(()) => return remove(new),
            Err(error) if cannot_exchange(error) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let old = self.hidden("old");
        fs::rename(&self.path, &old).map_err(failed)?;
        if let Err(error) = fs::rename(new, &self.path) {
            let _ = fs::rename(&old, &self.path);
            return Err(failed(error));
        }
        remove(&old)
    }

    /// Copies what stands beside the data: the old directory is whole until the new one is.
    fn keep_beside(&self, new: &Path) -> Result<(), FolderError> {
        self.beside.iter().try_for_each(|path| {
            let to = new.join(path.file_name().unwrap_or_default());
            copy(path, &to).map_err(|error| FolderError::Io { path: path.clone(), error })
        })
    }

    /// A hidden name in the same folder, and so on the same file system.
    fn hidden(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.etcstack-{what}-{}", std::process::id()))
    }
}

/// What an export may remove: data that could be loaded, and nothing besides. Gives what stands
/// beside it and is to be kept.
fn check_is_data(path: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let not_data = |what: String| FolderError::NotData { path: path.to_owned(), what };
    let mut beside = Vec::new();
    let other = other_than_data(path, Some(&mut beside));
    if let Some(other) = other.map_err(|error| not_data(error.to_string()))? {
        return Err(not_data(format!("{}", other.display())));
    }
    read_data(path).map_err(|error| {
        not_data(error.to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    Ok(beside)
}

/// Something that a load does not read. What may stand beside the data, at its top, goes to `beside`.
fn other_than_data(
    folder: &Path,
    mut beside: Option<&mut Vec<PathBuf>>,
) -> io::Result<Option<PathBuf>> {
    for child in fs::read_dir(folder)? {
        let child = child?;
        let kind = child.file_type()?;
        let name = child.file_name();
        let is_kept = name.to_str().is_some_and(|name| HIDDEN.contains(&name));
        let ignored = !is_kept && name.to_str().is_none_or(is_ignored);
        if let Some(beside) = &mut beside
            && !ignored
            && name.to_str().is_some_and(is_beside)
        {
            beside.push(child.path());
            continue;
        }
        if ignored || is_kept || !(kind.is_file() || kind.is_dir()) {
            return Ok(Some(child.path()));
        }
        if kind.is_dir()
            && let Some(other) = other_than_data(&child.path(), None)?
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

/// What a `validate.toml` says of variables.
fn lists(said: &Said) -> String {
    let Said { environment, generated, used, .. } = said;
    let lists = [("environment", environment), ("generated", generated), ("used", used)];
    let list = |(name, names): &(&str, &Vec<String>)| {
        let lines: Vec<_> = names.iter().map(|name| format!("    {},\n", quoted(name))).collect();
        format!("{name} = [\n{}]\n\n", lines.concat())
    };
    lists.iter().filter(|(_, names)| !names.is_empty()).map(list).collect()
}

/// The same of the dialects.
fn table(dialects: &Dialects) -> String {
    if dialects.is_empty() {
        return String::new();
    }
    let line = |(pattern, dialect): (&String, &String)| {
        let [pattern, dialect] = [pattern, dialect].map(|text| quoted(text));
        format!("{pattern} = {dialect}\n")
    };
    format!("[dialects]\n{}", dialects.table().iter().map(line).collect::<String>())
}

fn quoted(text: &str) -> Value {
    Value::from(text)
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

/// Copies a file, a symlink, or a folder with all that is in it, whatever it is called.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let kind = from.symlink_metadata()?;
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_file() {
        fs::copy(from, to)?;
        return File::open(to)?.sync_all();
    }
    if !kind.is_dir() {
        return Err(io::Error::other("it is neither a file nor a folder; it cannot be kept"));
    }
    make(to)?;
    for child in fs::read_dir(from)? {
        let child = child?;
        copy(&child.path(), &to.join(child.file_name()))?;
    }
    fs::set_permissions(to, kind.permissions())
}

fn remove(folder: &Path) -> Result<(), FolderError> {
    fs::remove_dir_all(folder).map_err(|error| FolderError::Io { path: folder.to_owned(), error })
}

/// Whether the file system, or the kernel, does not know how to exchange two directories.
fn cannot_exchange(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM)
}
