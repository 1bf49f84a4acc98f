//! Files whose keys say them in another form than their names do.

use std::collections::BTreeSet;

use super::{Code, Entry, Finding};
use crate::dialects::Dialects;
use crate::key::{FileName, Key};

/// Agents refuse options of a text, and the whole text of a file of options, unless their manifest
/// says another dialect.
pub(super) fn check(entries: &[Entry<'_>], dialects: &Dialects, findings: &mut Vec<Finding>) {
    let mut told: BTreeSet<&FileName> = BTreeSet::new();
    for entry in entries {
        let (file, message, remedy) = match &entry.key {
            Key::Option(file, _) if dialects.of(file).grammar().is_none() => (
                file,
                "this is an option, and by its name the file is one whole",
                "put all of it at role/service/file",
            ),
            Key::File(file) if dialects.of(file).grammar().is_some() => (
                file,
                "this is the whole text of a file, which by its name is set option by option",
                "put its options at role/service/file/section/option",
            ),
            _ => continue,
        };
        if told.insert(file) {
            let dialect = dialects.of(file);
            let finding = Finding::warning(
                entry.marks.key(),
                Code::OtherDialect,
                format!("{message}, in the dialect {dialect}; agents refuse it"),
            );
            let remedy = format!(
                "{remedy}; or say its dialect, as the image's manifest does, in [dialects] of validate.toml"
            );
            findings.push(finding.remedy(remedy));
        }
    }
}
