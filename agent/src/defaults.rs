//! The default files of the image.
//!
//! Where an image has no separate default, what it ships in the file's own place is one. It is
//! copied aside before the file is written for the first time, and where there is nothing, that is
//! noted: so a container that starts again does not take its own rendering for the image's text.

use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

use etcstack_config::problem::{Place, Problem};

use crate::apply::{Attributes, read_regular, write_new};
use crate::manifest::{DefaultAt, Target};

/// What is put behind a file's name for the copy of the image's text.
const COPY: &str = ".etcstack-default";
/// And for the note that the image has none.
const NONE: &str = ".etcstack-no-default";

/// A default file: where it stands and what it holds.
type Found = (PathBuf, Vec<u8>);

/// The default of a file; `None` if there is none.
pub(crate) fn read(target: &Target) -> std::result::Result<Option<Found>, Problem> {
    read_by(find, target)
}

/// The same for who only looks: nothing is noted.
pub(crate) fn look(target: &Target) -> std::result::Result<Option<Found>, Problem> {
    read_by(find_without_noting, target)
}

fn read_by(
    find: impl FnOnce(&Path, &Path) -> Result<Option<Found>>,
    target: &Target,
) -> std::result::Result<Option<Found>, Problem> {
    let (path, read) = match &target.default {
        DefaultAt::Declared(path) => {
            (path, std::fs::read(path).map(|bytes| Some((path.clone(), bytes))))
        }
        DefaultAt::Found(shared) => (&target.path, find(shared, &target.path)),
    };
    read.map_err(|error| {
        let message = format!(
            "the image's default for it cannot be read or noted beside it: {error}; \
             name a default in the manifest, or mount a writable folder"
        );
        Problem::new(Place::file(path), message)
    })
}

/// Looks in the image's folder of defaults, then aside, then in the file's own place.
fn find(shared: &Path, path: &Path) -> Result<Option<Found>> {
    if let Some(bytes) = read_if_there(shared)? {
        return Ok(Some((shared.to_owned(), bytes)));
    }
    // Another agent may share this folder. Each notes the default before it writes the file: as
    // long as there is no note after the file was read, what was read is the image's.
    let mut bytes = None;
    for reading in [false, true] {
        if reading {
            bytes = read_if_there(path)?;
        }
        match note(path)? {
            Note::Copy(found) => return Ok(Some(found)),
            Note::NoDefault => return Ok(None),
            Note::Nothing => {}
        }
    }
    match &bytes {
        Some(bytes) => write_new(&beside(path, COPY), bytes, Attributes::of(path)?)?,
        None => write_new(&beside(path, NONE), b"", Attributes::default())?,
    }
    // If two have come so far, the first note counts for both.
    Ok(match note(path)? {
        Note::Copy(found) => Some(found),
        Note::NoDefault | Note::Nothing => None,
    })
}

fn find_without_noting(shared: &Path, path: &Path) -> Result<Option<Found>> {
    if let Some(bytes) = read_if_there(shared)? {
        return Ok(Some((shared.to_owned(), bytes)));
    }
    match note(path)? {
        Note::Copy(found) => Ok(Some(found)),
        Note::NoDefault => Ok(None),
        Note::Nothing => Ok(read_if_there(path)?.map(|bytes| (path.to_owned(), bytes))),
    }
}

/// What an agent has noted of a default.
enum Note {
    Copy(Found),
    NoDefault,
    Nothing,
}

fn note(path: &Path) -> Result<Note> {
    let copy = beside(path, COPY);
    if let Some(bytes) = read_note(&copy)? {
        return Ok(Note::Copy((copy, bytes)));
    }
    Ok(if read_note(&beside(path, NONE))?.is_some() { Note::NoDefault } else { Note::Nothing })
}

/// Not through a link: where the service may write the folder, it could have us put any file of
/// the system into its own.
fn read_note(path: &Path) -> Result<Option<Vec<u8>>> {
    match read_regular(path) {
        Ok((bytes, _)) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files of a service, by their names, of which the image has a default or an agent has noted
/// whether there is one.
pub(crate) fn known_files(folder: &Path, shared: &Path) -> Vec<String> {
    let mut known = files_below(shared);
    let noted =
        |name: String| name.strip_suffix(COPY).or(name.strip_suffix(NONE)).map(str::to_owned);
    known.extend(files_below(folder).into_iter().filter_map(noted));
    known
}

/// The files below a folder, by their paths inside it.
fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, inside)) = folders.pop() {
        for child in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(name) = child.file_name().into_string() else { continue };
            // What is behind a symlink is not the agent's.
            match child.file_type() {
                Ok(kind) if kind.is_dir() => {
                    folders.push((child.path(), format!("{inside}{name}/")));
                }
                Ok(kind) if kind.is_file() => files.push(format!("{inside}{name}")),
                _ => {}
            }
        }
    }
    files
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
