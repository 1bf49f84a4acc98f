//! Folders of files for the programs.

use std::path::Path;

use tempfile::TempDir;

/// Writes a file, and makes the folders that it is in.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[allow(clippy::disallowed_methods)]
    std::fs::write(path, text).unwrap();
}

/// A folder of its own, from files and what they hold. It goes when it is dropped.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        write(&folder.path().join(name), text);
    }
    folder
}
