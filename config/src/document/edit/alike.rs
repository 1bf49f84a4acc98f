//! Options that some of the file's readers would take for the same.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::{Document, Grammar, Unwritable};
use super::Edit;

/// The options as they stand or are to stand, by what such readers compare.
pub(super) struct Alike {
    grammar: &'static dyn Grammar,
    names: BTreeMap<Name, Names>,
}

/// The section, and the option in lower case.
type Name = (Option<String>, String);

/// How such an option is spelled.
enum Names {
    One(String),
    Several,
}

impl Alike {
    /// Empty where all readers tell names apart.
    pub(super) fn of(document: &Document<'_>, edits: &[Edit<'_>]) -> Self {
        let mut alike = Self { grammar: document.grammar, names: BTreeMap::new() };
        if !alike.grammar.is_also_read_in_lower_case() {
            return alike;
        }
        let mut section = None;
        for line in &document.lines {
            section = line.section().or(section);
            if let Some(option) = line.option() {
                alike.add(section, option);
            }
        }
        for edit in edits {
            alike.add(edit.section, edit.option);
        }
        alike
    }

    fn add(&mut self, section: Option<&str>, option: &str) {
        match self.names.entry(self.name(section, option)) {
            Entry::Vacant(entry) => _ = entry.insert(Names::One(option.to_owned())),
            Entry::Occupied(mut entry) => {
                if !matches!(entry.get(), Names::One(known) if known == option) {
                    entry.insert(Names::Several);
                }
            }
        }
    }

    /// Checks that no other option is the same to a reader.
    pub(super) fn check(&self, edit: &Edit<'_>) -> Result<(), Unwritable> {
        if self.names.is_empty() {
            return Ok(());
        }
        match self.names.get(&self.name(edit.section, edit.option)) {
            Some(Names::Several) => Err(Unwritable::Alike),
            _ => Ok(()),
        }
    }

    fn name(&self, section: Option<&str>, option: &str) -> Name {
        let section = section.map(|section| self.grammar.normal_section(section).into_owned());
        (section, option.to_lowercase())
    }
}
