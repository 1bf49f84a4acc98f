//! Directories as people, editors and the kubelet change them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use etcstack_config::Entries;
use etcstack_config::key::Key;
use tempfile::TempDir;

/// Writes a file in place, and makes the folders that it stands in.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_ref()).unwrap();
}

/// Writes a file beside the place and renames it there, as editors do.
pub(crate) fn replace(path: &Path, text: impl AsRef<[u8]>) {
    let beside = beside(path);
    write(&beside, text);
    fs::rename(&beside, path).unwrap();
}

/// Makes a symlink point elsewhere, in one step.
pub(crate) fn point(link: &Path, target: &Path) {
    let beside = beside(link);
    symlink(target, &beside).unwrap();
    fs::rename(&beside, link).unwrap();
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap();
    path.with_file_name(format!(".{name}.new"))
}

/// The files that hold these entries, in the layout of bootstrap-data: a file for each variable
/// and each whole file, and a listing of options for each service.
fn files(entries: &Entries) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (key, value) in entries {
        match Key::parse(key).unwrap() {
            Key::Variable(_) => {
                files.insert(key.into(), [value.as_slice(), b"\n"].concat());
            }
            Key::File(_) => {
                files.insert(key.into(), value.clone());
            }
            Key::Option(file, _) => {
                let listing = files.entry(format!("{}/{}.list", file.role, file.service).into());
                let line = [key.as_bytes(), b"=", value, b"\n"].concat();
                listing.or_default().extend(line);
            }
            Key::System(_) => panic!("a directory holds no {key}"),
        }
    }
    files
}

/// A mounted `ConfigMap`: `..data` points to a folder with all of the files, each name at the top
/// points into `..data`, and a change is a new folder and one swap of `..data`.
pub(crate) struct ConfigMap {
    folder: TempDir,
    version: usize,
}

impl ConfigMap {
    pub(crate) fn new() -> Self {
        let mut map = Self { folder: tempfile::tempdir().unwrap(), version: 0 };
        map.set(&Entries::new());
        map
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Does what the kubelet does, in its order.
    pub(crate) fn set(&mut self, entries: &Entries) {
        let root = self.root().to_owned();
        let before = root.join(format!("..{}", self.version));
        self.version += 1;
        let name = format!("..{}", self.version);
        let folder = root.join(&name);
        fs::create_dir(&folder).unwrap();
        for (path, bytes) in files(entries) {
            write(&folder.join(path), bytes);
        }
        point(&root.join("..data"), Path::new(&name));
        for child in fs::read_dir(&folder).unwrap() {
            let name = child.unwrap().file_name();
            if !root.join(&name).is_symlink() {
                symlink(Path::new("..data").join(&name), root.join(&name)).unwrap();
            }
        }
        for child in fs::read_dir(&root).unwrap() {
            let path = child.unwrap().path();
            if path.is_symlink() && !path.exists() {
                fs::remove_file(path).unwrap();
            }
        }
        if before.exists() {
            fs::remove_dir_all(before).unwrap();
        }
    }
}

/// A plain directory. A change is one after the other of its files.
pub(crate) struct Plain {
    folder: TempDir,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Plain {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), files: BTreeMap::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces the files that differ, and no others.
    pub(crate) fn set(&mut self, entries: &Entries) {
        let files = files(entries);
        for (path, bytes) in &files {
            if self.files.get(path) != Some(bytes) {
                replace(&self.root().join(path), bytes);
            }
        }
        for path in self.files.keys().filter(|path| !files.contains_key(*path)) {
            fs::remove_file(self.root().join(path)).unwrap();
        }
        self.files = files;
    }
}
