//! What the data says of dialects, and means no file.

use std::collections::BTreeMap;

use super::{Code, Entry, Finding};
use crate::dialects::Dialects;
use crate::key::Key;
use crate::problem::Place;

pub(super) fn check(
    entries: &[Entry<'_>],
    dialects: &Dialects,
    patterns: &BTreeMap<String, Place>,
    findings: &mut Vec<Finding>,
) {
    if patterns.is_empty() {
        return;
    }
    let files = entries.iter().filter_map(|entry| match &entry.key {
        Key::Option(file, _) | Key::File(file) => Some(file),
        Key::Variable(_) | Key::System(_) => None,
    });
    // A file that cannot be read has no keys, and its pattern is none too many.
    let is_sure = !findings.iter().any(|finding| matches!(finding.code, Code::Syntax));
    for pattern in dialects.unused(files).into_iter().filter(|_| is_sure) {
        let Some(place) = patterns.get(&pattern) else { continue };
        let message = format!("the data has no file {pattern}");
        let finding = Finding::warning(place.clone(), Code::UnusedDialect, message);
        findings.push(finding.remedy("correct the pattern, or remove it"));
    }
}
