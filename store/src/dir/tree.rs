//! Reading the tree of files below a directory.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::data::{Data, Datum, SETTINGS, is_passed_over};
use etcstack_config::dialects::Dialects;
use etcstack_config::key::{GENERAL, service_prefix};
use etcstack_config::problem::{Place, Problem, Problems};

use crate::{StoreError, View};

/// Deeper than any data; a symlink that leads back up would go on for ever.
pub(super) const DEEPEST: usize = 16;

/// Reads a directory of bootstrap-data, or says everything that is wrong with it. What it says of
/// dialects is among the keys, as a load writes it.
pub fn read_data(root: &Path) -> Result<BTreeMap<String, Datum>, StoreError> {
    finish(gather_data(root)?).map_err(StoreError::Data)
}

/// Reads a directory of bootstrap-data with all that is wrong with it.
pub fn gather_data(root: &Path) -> Result<Data, StoreError> {
    gather(root, &Dialects::default())
}

/// All that was read, or all that is wrong with it. What the data says of dialects is among the keys,
/// as a load writes it.
pub fn finish(data: Data) -> Result<BTreeMap<String, Datum>, Problems> {
    let record = data.record();
    let mut found = data.finish()?;
    if !found.is_empty() {
        found.extend(record);
    }
    Ok(found)
}

/// `own` are the dialects of files, whatever the data says.
fn gather(root: &Path, own: &Dialects) -> Result<Data, StoreError> {
    let mut data = Data::default();
    let unreadable = |error: std::io::Error| StoreError::Directory {
        path: root.to_owned(),
        reason: error.to_string(),
    };
    let children = std::fs::read_dir(root).map_err(unreadable)?;
    let settings = root.join(SETTINGS);
    match std::fs::read_to_string(&settings) {
        Ok(text) => data.add_settings(&settings, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => data.problem(Place::file(&settings), format!("cannot be read: {error}")),
    }
    data.add_dialects(own);
    walk(children, root, &mut Vec::new(), &mut data);
    Ok(data)
}

/// What a directory holds, and what is wrong with it.
#[derive(PartialEq, Eq)]
pub(super) struct Read {
    pub(super) entries: Entries,
    problems: Problems,
}

impl Read {
    pub(super) fn new(root: &Path, own: &Dialects) -> Result<Self, StoreError> {
        let data = gather(root, own)?;
        let record = data.record();
        let (found, problems) = data.apart();
        let entries = found.into_iter().chain(record);
        let entries = entries.map(|(key, datum)| (key, datum.value.into_bytes())).collect();
        Ok(Self { entries, problems })
    }

    /// What is wrong with what a view reads. A mistake in a file of one service is nobody else's.
    pub(super) fn problems(&self, root: &Path, view: &View) -> Result<(), Problems> {
        let concerns = |problem: &&Problem| match &problem.place {
            Place::File { path, .. } => path.strip_prefix(root).map_or(true, |inside| {
                let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
                match parts.as_slice() {
                    // Agents go by their manifests.
                    [file] if *file == SETTINGS => view.is_of_all(),
                    [role, service, _, ..] if *role != GENERAL => {
                        view.touches(&service_prefix(role, service))
                    }
                    _ => true,
                }
            }),
            Place::Key(_) => true,
        };
        Problems(self.problems.0.iter().filter(concerns).cloned().collect()).or_ok(())
    }
}

fn walk(children: std::fs::ReadDir, folder: &Path, parents: &mut Vec<String>, data: &mut Data) {
    let mut paths = Vec::new();
    for child in children {
        match child {
            Ok(child) => paths.push(child.path()),
            // What is not seen would count as deleted.
            Err(error) => {
                data.problem(Place::file(folder), format!("cannot be listed: {error}"));
            }
        }
    }
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            data.problem(Place::file(&path), "the file's name is not UTF-8");
            continue;
        };
        if is_passed_over(name, parents.len()) {
            continue;
        }
        parents.push(name.to_owned());
        visit(&path, parents, data);
        parents.pop();
    }
}

/// Follows symlinks: a mounted `ConfigMap` consists of them.
fn visit(path: &Path, parents: &mut Vec<String>, data: &mut Data) {
    let result = std::fs::metadata(path).and_then(|metadata| {
        if metadata.is_dir() {
            if parents.len() >= DEEPEST {
                return Err(std::io::Error::other("too deep; does a symlink lead back up?"));
            }
            walk(std::fs::read_dir(path)?, path, parents, data);
        } else if !metadata.is_file() {
            return Err(std::io::Error::other("it is neither a file nor a folder"));
        } else {
            let bytes = std::fs::read(path)?;
            let parts: Vec<_> = parents.iter().map(String::as_str).collect();
            data.add_file(&parts, path, &bytes);
        }
        Ok(())
    });
    if let Err(error) = result {
        data.problem(Place::file(path), format!("cannot be read: {error}"));
    }
}
