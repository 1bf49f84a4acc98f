//! What commands share: the data's directory, places in files, printing.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use etcstack_config::data::Datum;
use etcstack_config::problem::Place;
use etcstack_store::StoreError;
use serde::Serialize;

use crate::cli::Output;
use crate::directory;
use crate::run::Done;

/// The directory's name that says that there is none.
const NONE: &str = "none";

/// The directory, unless the user says that there is none.
pub(crate) fn directory(dir: &Path) -> Option<&Path> {
    (dir.as_os_str() != NONE).then_some(dir)
}

/// The data of a directory; nothing where the user says that there is none.
pub(crate) fn data(dir: &Path) -> Result<BTreeMap<String, Datum>, StoreError> {
    let Some(dir) = directory(dir) else { return Ok(BTreeMap::new()) };
    directory::read(dir).map_err(|error| match error.into() {
        StoreError::Directory { path, reason } => {
            let reason = format!("{reason}; write {NONE} if there is no data");
            StoreError::Directory { path, reason }
        }
        error => error,
    })
}

/// The line and the column of an offset into a file's text.
pub(crate) fn place(path: &Path, text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Place::position(path, line, column)
}

/// A report as the result of a command, as lines or as one JSON object.
pub(crate) fn report(output: Output, json: &impl Serialize, lines: &[String]) -> Done {
    let mut text = match output {
        Output::Json => serde_json::json!(json).to_string(),
        Output::Text => lines.join("\n"),
    };
    text.push('\n');
    Done::new(text)
}

/// A line on standard error for what is no result and no failure.
pub(crate) fn warn(message: impl Display) {
    let _ = writeln!(io::stderr(), "warning: {message}");
}

/// A line on standard error that says more of a result.
pub(crate) fn note(message: impl Display) {
    let _ = writeln!(io::stderr(), "note: {message}");
}

/// A file's last line break is its editor's, not the value's.
pub(crate) fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks() {
        assert_eq!(without_line_break("a\r\n"), "a");
        assert_eq!(without_line_break("a\n\n"), "a\n");
    }
}
