//! Options of a role that its layers spell in another case, for readers that take names in lower
//! case.

use std::collections::BTreeMap;

use super::{Code, Entry, Finding};
use crate::key::{FileName, Key, OptionName};

/// An option of a file, whatever the layer, and as such readers compare it.
type Name = (String, String, String, Option<String>, String);

/// Agents put the layers of a role over the role itself, and refuse two such options there as they
/// do in one layer.
pub(super) fn check(entries: &[Entry<'_>], findings: &mut Vec<Finding>) {
    let folded: Vec<_> = entries.iter().filter_map(folded).collect();
    let is_base = |(_, file, _, _): &&(Name, &FileName, _, _)| !file.role.contains('@');
    let of_roles: BTreeMap<_, _> = folded
        .iter()
        .filter(is_base)
        .map(|(name, _, option, entry)| (name, (option, entry)))
        .collect();
    for (name, _, option, entry) in folded.iter().filter(|folded| !is_base(folded)) {
        let Some((known, base)) = of_roles.get(name).filter(|(known, _)| *known != option) else {
            continue;
        };
        let message = format!(
            "this differs from {} in case only, and some of the file's readers take names in lower \
             case",
            base.key.to_string().escape_debug()
        );
        let remedy = format!("write {}: agents that have both refuse both", known.escape_debug());
        let finding = Finding::error(entry.marks.key(), Code::Duplicate, message);
        findings.push(finding.remedy(remedy));
    }
}

fn folded<'a>(entry: &'a Entry<'a>) -> Option<(Name, &'a FileName, &'a str, &'a Entry<'a>)> {
    let Key::Option(file, OptionName { section, option }) = &entry.key else { return None };
    let grammar = entry.dialect.grammar().filter(|grammar| grammar.is_also_read_in_lower_case())?;
    let role = super::folders::base(&file.role).to_owned();
    let section = section.as_deref().map(|section| grammar.normal_section(section).into_owned());
    let name = (role, file.service.clone(), file.file.clone(), section, option.to_lowercase());
    Some((name, file, option, entry))
}
