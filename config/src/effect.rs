//! What a change of a file means for a daemon that has read it.
//!
//! Said is only what is certain: a restart too many costs a moment, a reload in its place leaves a
//! daemon that runs on what no file says. Two things cannot be seen from here: an environment
//! variable `OS_<GROUP>__<OPTION>` beats the file, and a file that is read beside this one may refer
//! to its options.

mod references;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, CatalogOption};
use crate::dialect::Dialect;
use crate::document::{Document, Grammar, normal_section};
pub(crate) use references::references;

/// What a daemon has to do to run on the new text. Ordered: the strongest of several wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It reads the same as before.
    #[default]
    Nothing,
    /// It takes all that differs when it is told to read its files again.
    Mutable,
    /// It has to be started anew, or nobody knows.
    Other,
}

/// What a change of a file does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The least that has to be done.
    pub effect: Effect,
    /// What differs, as `[section] option`, or `[section]` where only that appears or goes. Never
    /// a value. Empty where the file is not read as options.
    pub options: BTreeSet<String>,
}

impl Change {
    /// Nobody knows what.
    fn unknown() -> Self {
        Self { effect: Effect::Other, options: BTreeSet::new() }
    }
}

/// Section in its normal form, and option.
type Name = (String, String);

/// A file as its reader reads it.
#[derive(PartialEq)]
struct Reading {
    values: BTreeMap<Name, Vec<String>>,
    /// As spelled: a program may ask for a list of them.
    sections: BTreeSet<String>,
    /// All that it acts on, in the order of the file: an option may win over another one, in a
    /// section that the program reads as well, and a directive has another file read in between.
    order: Vec<Name>,
}

/// Compares two texts of a file as its reader reads them; `None` where there is no file.
pub fn effect(
    dialect: Dialect,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    catalog: Option<&Catalog>,
) -> Change {
    if old == new {
        return Change::default();
    }
    let Some(grammar) = dialect.grammar() else { return Change::unknown() };
    let read = |text: Option<&[u8]>| text.and_then(|text| Reading::of(grammar, text));
    let (Some(old), Some(new)) = (read(old), read(new)) else {
        return Change::unknown();
    };
    if dialect != Dialect::Oslo {
        return if old == new { Change::default() } else { Change::unknown() };
    }
    let nothing_known = Catalog::default();
    compare(&old, &new, catalog.unwrap_or(&nothing_known))
}

fn compare(old: &Reading, new: &Reading, catalog: &Catalog) -> Change {
    let differing = differing_options(old, new, catalog);
    let sections: Vec<_> = old
        .sections
        .symmetric_difference(&new.sections)
        .filter(|section| !catalog.knows_section(section))
        .collect();
    let followers = followers(&differing, new, catalog);

    let effect = if differing.is_empty() && sections.is_empty() {
        Effect::Nothing
    } else if sections.is_empty()
        // Hooks of the daemon are not told of what changes by a reference only.
        && followers.is_empty()
        && differing.iter().all(|(section, option)| catalog.is_mutable(section, option))
    {
        Effect::Mutable
    } else {
        Effect::Other
    };
    let bare = sections.into_iter().filter(|section| {
        let normal = normal_section(section);
        !differing.iter().any(|(section, _)| *section == normal)
    });
    let options = bare
        .map(|section| format!("[{}]", section.escape_debug()))
        .chain(differing.iter().chain(&followers).map(show))
        .collect();
    Change { effect, options }
}

fn show((section, option): &Name) -> String {
    format!("[{}] {}", section.escape_debug(), option.escape_debug())
}

fn differing_options(old: &Reading, new: &Reading, catalog: &Catalog) -> BTreeSet<Name> {
    let names = old.values.keys().chain(new.values.keys());
    let differs = |name: &&Name| match (old.values.get(name), new.values.get(name)) {
        (Some(old), Some(new)) if catalog.is_single(&name.0, &name.1) => old.last() != new.last(),
        (old, new) => old != new,
    };
    names.filter(differs).cloned().collect()
}

/// The options that refer to those that differ, directly or by way of others.
fn followers(differing: &BTreeSet<Name>, new: &Reading, catalog: &Catalog) -> BTreeSet<Name> {
    if differing.is_empty() {
        return BTreeSet::new();
    }
    // All names under which a reference may mean one of them.
    let mut touched: BTreeSet<Name> = BTreeSet::new();
    for name in differing {
        touch(name, catalog, &mut touched);
    }
    let referring = referring(new, catalog);
    let mut followers = BTreeSet::new();
    loop {
        let before = followers.len();
        for (name, targets) in &referring {
            let is_new = !differing.contains(name) && !followers.contains(name);
            if is_new && !targets.is_disjoint(&touched) {
                followers.insert(name.clone());
                touch(name, catalog, &mut touched);
            }
        }
        if followers.len() == before {
            return followers;
        }
    }
}

/// Adds a name in a file, and all names of the options that read it.
fn touch(name: &Name, catalog: &Catalog, touched: &mut BTreeSet<Name>) {
    touched.insert(name.clone());
    for reader in catalog.find(&name.0, &name.1) {
        touched.extend(names(reader));
    }
}

fn names(option: &CatalogOption) -> impl Iterator<Item = Name> {
    option.names().map(|(group, name)| (normal_section(group), name.to_owned()))
}

/// All options whose values refer to others, and what these may be.
fn referring(new: &Reading, catalog: &Catalog) -> Vec<(Name, BTreeSet<Name>)> {
    let mut found = Vec::new();
    for (name, values) in &new.values {
        let references: Vec<_> = values.iter().flat_map(|value| references(value)).collect();
        if !references.is_empty() {
            // A reference starts from the group of the option, whatever section it was read from.
            let readers = catalog.find(&name.0, &name.1).map(|reader| reader.group.as_str());
            let groups: Vec<_> = std::iter::once(name.0.as_str()).chain(readers).collect();
            found.push((name.clone(), targets(&references, &groups)));
        }
    }
    for option in catalog.options().iter().filter(|option| !option.refers.is_empty()) {
        // Where the file says otherwise, the default does not count.
        if !names(option).any(|name| new.values.contains_key(&name)) {
            let name = (normal_section(&option.group), option.name.clone());
            found.push((name, targets(&option.refers, &[&option.group])));
        }
    }
    found
}

/// What references may mean: `$a` an option of the same group or of DEFAULT, `$a.b` also one of
/// another group.
fn targets(references: &[String], groups: &[&str]) -> BTreeSet<Name> {
    let mut targets = BTreeSet::new();
    for reference in references {
        for group in groups.iter().chain(&["DEFAULT"]) {
            targets.insert((normal_section(group), reference.clone()));
        }
        if let Some((group, option)) = reference.split_once('.') {
            targets.insert((normal_section(group), option.to_owned()));
        }
    }
    targets
}

impl Reading {
    /// `None` where its reader would not read it.
    fn of(grammar: &'static dyn Grammar, text: &[u8]) -> Option<Self> {
        let document = Document::parse(grammar, std::str::from_utf8(text).ok()?).ok()?;
        let mut values: BTreeMap<Name, Vec<String>> = BTreeMap::new();
        let directive = |(line, text): (usize, &str)| (line, (String::new(), text.to_owned()));
        let mut order: Vec<(usize, Name)> = document.directives().map(directive).collect();
        for found in document.assignments() {
            let section = found.section.map(|section| grammar.normal_section(section).into_owned());
            let option = grammar.normal_option(found.option).into_owned();
            let name = (section.unwrap_or_default(), option);
            order.push((found.line, name.clone()));
            values.entry(name).or_default().push(found.value);
        }
        let sections = document.sections().map(str::to_owned).collect();
        order.sort_unstable();
        let order = order.into_iter().map(|(_, name)| name).collect();
        Some(Self { values, sections, order })
    }
}

#[cfg(test)]
mod tests;
