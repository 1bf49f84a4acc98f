//! The default files of the image.
//!
//! Where an image has no separate default, what it ships in the file's own place is one. It is
//! copied aside before the file is written for the first time, so that a container that starts
//! again does not take its own rendering for the image's text.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etcstack_config::problem::{Place, Problem};

use crate::apply::{Attributes, write_file};
use crate::manifest::{DefaultAt, Target};

/// What is put behind a file's name for the copy of the image's text.
const SUFFIX: &str = ".etcstack-default";

/// The default of a file: where it stands and what it holds.
pub(crate) fn read(target: &Target) -> Result<Option<(PathBuf, Vec<u8>)>, Problem> {
    let problem = |path: &Path, message: String| Problem::new(Place::file(path), message);
    match &target.default {
        DefaultAt::Declared(path) => match std::fs::read(path) {
            Ok(bytes) => Ok(Some((path.clone(), bytes))),
            Err(error) => Err(problem(path, format!("the default file cannot be read: {error}"))),
        },
        DefaultAt::Found(shared) => {
            let aside = aside(&target.path);
            for path in [shared, &aside] {
                if let Some(bytes) = read_if_there(path)
                    .map_err(|error| problem(path, format!("cannot be read: {error}")))?
                {
                    return Ok(Some((path.clone(), bytes)));
                }
            }
            let Some(bytes) = read_if_there(&target.path)
                .map_err(|error| problem(&target.path, format!("cannot be read: {error}")))?
            else {
                return Ok(None);
            };
            let attributes = Attributes::of(&target.path)
                .map_err(|error| problem(&target.path, format!("cannot be read: {error}")))?;
            write_file(&aside, &bytes, attributes).map_err(|error| {
                problem(&aside, format!("the image's file cannot be copied aside: {error}"))
            })?;
            Ok(Some((aside, bytes)))
        }
    }
}

/// The files of a folder, by their names, whose image text was copied aside.
pub(crate) fn kept_in(folder: &Path) -> Vec<String> {
    let Ok(children) = std::fs::read_dir(folder) else { return Vec::new() };
    let name = |child: std::fs::DirEntry| {
        let name = child.file_name().into_string().ok()?;
        name.strip_suffix(SUFFIX).map(str::to_owned)
    };
    children.flatten().filter_map(name).collect()
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

fn read_if_there(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
