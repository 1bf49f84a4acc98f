//! Reading the tree of files below a directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcstack_config::Entries;
use etcstack_config::data::{Data, Datum, is_passed_over};
use etcstack_config::problem::Place;

use crate::StoreError;

/// Deeper than any data; a symlink that leads back up would go on for ever.
pub(super) const DEEPEST: usize = 16;

/// Reads a directory of bootstrap-data, or says everything that is wrong with it.
pub fn read_data(root: &Path) -> Result<BTreeMap<String, Datum>, StoreError> {
    gather_data(root)?.finish().map_err(StoreError::Data)
}

/// Reads a directory of bootstrap-data with all that is wrong with it.
pub fn gather_data(root: &Path) -> Result<Data, StoreError> {
    let mut data = Data::default();
    let unreadable = |error: std::io::Error| StoreError::Directory {
        path: root.to_owned(),
        reason: error.to_string(),
    };
    let children = std::fs::read_dir(root).map_err(unreadable)?;
    walk(children, &mut Vec::new(), &mut data);
    Ok(data)
}

pub(super) fn read_entries(root: &Path) -> Result<Entries, StoreError> {
    let data = read_data(root)?;
    Ok(data.into_iter().map(|(key, datum)| (key, datum.value.into_bytes())).collect())
}

fn walk(children: std::fs::ReadDir, parents: &mut Vec<String>, data: &mut Data) {
    let mut paths = Vec::new();
    for child in children {
        match child {
            Ok(child) => paths.push(child.path()),
            // What is not seen would count as deleted.
            Err(error) => {
                let folder: PathBuf = parents.iter().collect();
                data.problem(Place::file(&folder), format!("cannot be listed: {error}"));
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
            walk(std::fs::read_dir(path)?, parents, data);
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
