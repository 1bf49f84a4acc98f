//! A value as oslo.config reads it.

use super::Entry;
use crate::dialect::Dialect;
use crate::document::split_values;
use crate::effect::references;
use crate::problem::Place;
use crate::variables::Scope;

/// One of the values of an option.
pub(super) struct Read {
    /// Where it starts.
    pub(super) place: Place,
    /// What is certainly read; `None` where that depends on the environment or on other options.
    pub(super) text: Option<String>,
}

/// The values of an option, variables filled in.
pub(super) fn read(entry: &Entry<'_>, scope: &Scope) -> Vec<Read> {
    let mut line = 0;
    let mut found = Vec::new();
    for lines in split_values(&entry.datum.value) {
        let place = entry.marks.line(line);
        line += lines.len();
        found.push(Read { place, text: fill(&lines.join("\n"), scope) });
    }
    found
}

/// Fills in what is known. The environment is not: a variable with a default has that one here.
fn fill(value: &str, scope: &Scope) -> Option<String> {
    let mut text = String::new();
    for piece in scope.pieces(value, Dialect::Oslo).ok()? {
        if piece.variable.is_none() {
            if !references(&piece.text).is_empty() {
                return None;
            }
            // oslo.config's own escapes.
            text.push_str(&piece.text.replace("\\$", "$$").replace("$$", "$"));
        } else {
            text.push_str(&piece.text);
        }
    }
    Some(text)
}
