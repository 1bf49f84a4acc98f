//! Files that several processes write to, a whole line at a time, so that the order of the lines
//! is the order of the events.

use std::io::Write;
use std::path::Path;

/// Adds a line.
pub(crate) fn append(path: &Path, line: &str) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let mut file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.write_all(format!("{line}\n").as_bytes()).expect("a line is written");
}
