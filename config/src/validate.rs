//! What is wrong with the data, all of it at once, without a store and without a service.
//!
//! With the catalog of a service, its options are checked as oslo.config would read them. Where it is
//! not certain that something is wrong, it is a warning or nothing.

mod dialects;
mod finding;
mod folders;
mod forms;
mod layers;
mod names;
mod nearest;
mod options;
mod quotes;
mod removed;
mod secrets;
mod sections;
pub mod types;
mod value;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use finding::{Code, Finding, Severity};
pub use names::Names;
pub use nearest::{misspelt, nearest};
pub use removed::Earlier;

use crate::catalog::Catalog;
use crate::data::{Data, Datum, Gathered, Marks};
use crate::dialect::Dialect;
use crate::key::{Key, OptionName};
use crate::problem::Place;
use crate::variables::Scope;

/// What the data is checked against.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The catalogs of the services; `None` where there are none at all.
    pub catalogs: Option<Catalogs>,
    /// Those of the releases before, the newest first.
    pub earlier: Vec<Earlier>,
    /// The variables that the agents have in their environment.
    pub environment: Names,
    /// The variables that are made in the store and never stand in the data, as secrets are.
    pub generated: Names,
    /// The variables that somebody else than the data uses.
    pub used: Names,
    /// Warnings that are meant so: their kind, and the file below the data's directory.
    pub accepted: Vec<(Code, PathBuf)>,
}

impl Settings {
    /// Whether somebody has said that this is meant so. Errors never are.
    fn accepts(&self, finding: &Finding) -> bool {
        let Place::File { path, .. } = &finding.place else { return false };
        finding.severity == Severity::Warning
            && self
                .accepted
                .iter()
                .any(|(code, file)| *code == finding.code && path.ends_with(file))
    }
}

/// The catalogs of a release.
#[derive(Clone, Debug, Default)]
pub struct Catalogs {
    /// By the name of the service.
    pub by_service: BTreeMap<String, Catalog>,
    /// Services that have the catalog of another one.
    pub aliases: BTreeMap<String, String>,
}

impl Catalogs {
    /// The catalog of a service: that of its alias, that of its name, or that of the longest name
    /// that its own one starts with and goes on after a dash, as `nova-compute` does.
    pub fn find(&self, service: &str) -> Option<&Catalog> {
        let mut name = self.aliases.get(service).map_or(service, String::as_str);
        loop {
            if let Some(catalog) = self.by_service.get(name) {
                return Some(catalog);
            }
            name = name.rsplit_once('-')?.0;
        }
    }
}

/// A key of the data with all that is known of it.
pub(crate) struct Entry<'a> {
    key: Key,
    datum: &'a Datum,
    marks: &'a Marks,
    /// In which the value is read.
    dialect: Dialect,
}

impl Entry<'_> {
    /// The service's name, the section and the option, where this is an option of an oslo file.
    fn oslo(&self) -> Option<(&str, &str, &str)> {
        match &self.key {
            Key::Option(file, OptionName { section: Some(section), option })
                if self.dialect == Dialect::Oslo =>
            {
                Some((&file.service, section, option))
            }
            _ => None,
        }
    }
}

/// Everything that is wrong with the data, in the order of the places.
pub fn validate(data: Data, settings: &Settings) -> Vec<Finding> {
    let Gathered { dialects, patterns, found, marks, mut findings } = data.gathered();
    let entry = |(key, datum): (&String, _)| {
        let (key, marks) = (Key::parse(key).ok()?, marks.get(key)?);
        let dialect = match &key {
            Key::Option(file, _) => dialects.of(file),
            _ => Dialect::Text,
        };
        Some(Entry { key, datum, marks, dialect })
    };
    let entries: Vec<_> = found.iter().filter_map(entry).collect();
    let mut scope = Scope::default();
    for entry in &entries {
        if let Key::Variable(name) = &entry.key {
            scope.general.insert(name.clone(), entry.datum.value.clone());
        }
    }
    variables::check(&entries, &scope, settings, &mut findings);
    quotes::check(&entries, &scope, &mut findings);
    secrets::check(&entries, settings, &mut findings);
    folders::check(&entries, settings, &mut findings);
    forms::check(&entries, &dialects, &mut findings);
    layers::check(&entries, &mut findings);
    dialects::check(&entries, &dialects, &patterns, &mut findings);
    if let Some(catalogs) = &settings.catalogs {
        options::check(&entries, &scope, catalogs, &settings.earlier, &mut findings);
    }
    findings.retain(|finding| !settings.accepts(finding));
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests;
