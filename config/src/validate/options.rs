//! Sections and options against the catalog of their service.

use std::collections::{BTreeMap, BTreeSet};

use super::nearest::{nearest, same_but_for_digits};
use super::removed::{Earlier, Removed};
use super::sections::{Words, anywhere, candidates, elsewhere};
use super::types::{Refusal, accepts};
use super::value::read;
use super::{Catalogs, Code, Entry, Finding, Severity};
use crate::catalog::{Catalog, CatalogOption};
use crate::dialect::Dialect;
use crate::document::normal_section;
use crate::effect::references;
use crate::variables::Scope;

/// What oslo.config itself has, in every service, whether or not the catalog says so.
const ALWAYS: [&str; 3] = ["config_dir", "config_file", "config_source"];

pub(super) fn check(
    entries: &[Entry<'_>],
    scope: &Scope,
    catalogs: &Catalogs,
    earlier: &[Earlier],
    findings: &mut Vec<Finding>,
) {
    let words = Words::of(entries, scope);
    let mut without: BTreeMap<&str, &Entry<'_>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for entry in entries {
        let Some((service, section, option)) = entry.oslo() else { continue };
        let Some(catalog) = catalogs.find(service) else {
            // Told once, at the first place.
            let first = without.entry(service).or_insert(entry);
            if entry.datum.place < first.datum.place {
                *first = entry;
            }
            continue;
        };
        let checked = Checked { entry, scope, catalog, earlier, service, section, option };
        if catalog.knows_section(section) {
            checked.known_section(findings);
        } else if catalog.makes_up(section) || words.name(service, section) {
            checked.made_up_section(findings);
        } else if let Some(removed) = checked.removed() {
            findings.push(checked.was_removed(&removed, Severity::Error));
        } else if told.insert((entry.marks.name_of_section(), section)) {
            findings.push(checked.unknown_section());
        }
    }
    findings.extend(without.into_iter().map(|(service, entry)| no_catalog(entry, service)));
}

fn no_catalog(entry: &Entry<'_>, service: &str) -> Finding {
    let message = format!("there is no catalog for {service}; its options are not checked");
    let remedy = format!(
        "make one with `make catalog`, or name another service's for it in validate.toml, under \
         [services] {service} = …"
    );
    Finding::warning(entry.marks.name(), Code::NoCatalog, message).remedy(remedy)
}

/// An option and what it is checked against.
struct Checked<'a> {
    entry: &'a Entry<'a>,
    scope: &'a Scope,
    catalog: &'a Catalog,
    earlier: &'a [Earlier],
    service: &'a str,
    section: &'a str,
    option: &'a str,
}

impl Checked<'_> {
    fn known_section(&self, findings: &mut Vec<Finding>) {
        let readers: Vec<_> = candidates(Some(self.catalog), self.section, self.option).collect();
        if readers.is_empty() {
            return findings.push(match self.removed() {
                Some(removed) => self.was_removed(&removed, Severity::Error),
                None => self.unknown_option(),
            });
        }
        self.names(&readers, findings);
        self.values(&readers, Severity::Error, findings);
        self.references(|name| self.is_option(name), findings);
    }

    /// Nobody knows what such a section is for: whatever is wrong may be meant so.
    fn made_up_section(&self, findings: &mut Vec<Finding>) {
        let readers = anywhere(self.catalog, self.option);
        if readers.is_empty() {
            if let Some(removed) = Removed::in_made_up(self.earlier, self.service, self.option) {
                return findings.push(self.was_removed(&removed, Severity::Warning));
            }
            let all = self.catalog.options().iter().chain(self.catalog.templates());
            let near = nearest(self.option, all.map(|known| known.name.as_str()));
            let message =
                format!("no section of the service has an option {}", self.option.escape_debug());
            let remedy = near.map_or_else(
                || "check its name".to_owned(),
                |near| format!("perhaps {near} is meant"),
            );
            let place = self.entry.marks.name();
            let finding = Finding::warning(place, Code::UnknownOption, message);
            return findings.push(finding.remedy(remedy));
        }
        self.values(&readers, Severity::Warning, findings);
        let known = |name: &str| self.is_option(name) || !anywhere(self.catalog, name).is_empty();
        self.references(known, findings);
    }

    fn removed(&self) -> Option<Removed<'_>> {
        Removed::find(self.earlier, self.service, self.section, self.option)
    }

    fn was_removed(&self, removed: &Removed<'_>, severity: Severity) -> Finding {
        let place = self.entry.marks.name();
        removed.finding(place, severity, self.section, self.option, self.catalog)
    }

    fn unknown_section(&self) -> Finding {
        let section = self.section.escape_debug();
        let near = nearest(self.section, self.catalog.sections());
        let near = near.filter(|near| !same_but_for_digits(near, self.section));
        let place = self.entry.marks.name_of_section();
        let message = format!("the service has no section [{section}]");
        match near {
            Some(near) => Finding::error(place, Code::UnknownSection, message)
                .remedy(format!("perhaps [{near}] is meant; as it stands, it is ignored")),
            None => Finding::warning(place, Code::UnknownSection, message)
                .remedy("check its name; it is ignored, unless the service's own file names it"),
        }
    }

    fn unknown_option(&self) -> Finding {
        let (section, option) = (self.section.escape_debug(), self.option.escape_debug());
        let normal = normal_section(self.section);
        let options = self.catalog.options();
        let here = options.iter().filter(|known| normal_section(&known.group) == normal);
        let elsewhere = elsewhere(self.catalog, self.option).next();
        let near = nearest(self.option, here.map(|known| known.name.as_str()));
        let remedy = match (near, elsewhere) {
            (Some(near), _) => format!("perhaps {near} is meant; as it stands, it is ignored"),
            (None, Some(known)) => {
                format!("[{}] has {}; as it stands, it is ignored", known.group, known.name)
            }
            (None, None) => "delete it, or check its name; as it stands, it is ignored".to_owned(),
        };
        let message = format!("the service has no option {option} in [{section}]");
        Finding::error(self.entry.marks.name(), Code::UnknownOption, message).remedy(remedy)
    }

    /// Former names, and options that are going to be removed.
    fn names(&self, readers: &[&CatalogOption], findings: &mut Vec<Finding>) {
        let normal = normal_section(self.section);
        let current = |reader: &&&CatalogOption| {
            reader.name == self.option
                && (normal_section(&reader.group) == normal || !reader.owner.is_empty())
        };
        let place = self.entry.marks.name();
        let option = self.option;
        if let Some(reader) = readers.iter().find(current) {
            if let Some(reason) = &reader.removal {
                let message = format!("{option} is going to be removed from the service");
                let remedy = if reason.is_empty() { "do without it" } else { reason };
                let finding = Finding::warning(place, Code::DeprecatedOption, message);
                findings.push(finding.remedy(remedy));
            }
        } else if let Some(reader) = readers.first() {
            let message = format!("{option} in [{}] is a former name", self.section);
            let remedy = format!("write {} in [{}]", reader.name, reader.group);
            let finding = Finding::warning(place, Code::DeprecatedName, message);
            findings.push(finding.remedy(remedy));
        }
    }

    /// Values of the wrong type. One that any of the readers takes is none.
    fn values(&self, readers: &[&CatalogOption], severity: Severity, findings: &mut Vec<Finding>) {
        let values = read(self.entry, self.scope);
        let single = readers.iter().all(|reader| reader.single);
        if single && values.len() > 1 {
            let message =
                format!("{} has several values, of which the last one counts", self.option);
            let finding = Finding::warning(self.entry.marks.name(), Code::SeveralValues, message);
            findings.push(finding.remedy("keep that one"));
        }
        for value in values {
            let Some(text) = value.text else { continue };
            let mut refusals = readers.iter().map(|reader| accepts(reader, &text));
            let Some(first) = refusals.next() else { continue };
            if let Err(Refusal { code, message, remedy }) = first
                && refusals.all(|other| other.is_err())
            {
                let message = format!("{}: {message}", self.option);
                findings.push(Finding { place: value.place, severity, code, message, remedy });
            }
        }
    }

    /// References of oslo.config to options that are not there: the service then fails to read the
    /// option that holds them.
    fn references(&self, known: impl Fn(&str) -> bool, findings: &mut Vec<Finding>) {
        let value = &self.entry.datum.value;
        let text = self.entry.scope_text(self.scope);
        for name in references(&text).into_iter().filter(|name| !known(name)) {
            let at = [format!("${name}"), format!("${{{name}}}")];
            let at = at.iter().find_map(|form| value.find(form.as_str())).unwrap_or_default();
            let message = format!("${name} refers to an option that the service does not have");
            let remedy = format!("write $${name}, if a dollar is meant");
            let place = self.entry.marks.offset(value, at);
            let finding = Finding::warning(place, Code::UnknownReference, message);
            findings.push(finding.remedy(remedy));
        }
    }

    /// Whether oslo.config finds an option for its reference: in a group that is named, else in the
    /// same one, else in DEFAULT.
    fn is_option(&self, name: &str) -> bool {
        let has = |section: &str, option: &str| {
            candidates(Some(self.catalog), section, option).next().is_some()
        };
        let (group, option) = name.split_once('.').unwrap_or((self.section, name));
        has(group, option) || has("DEFAULT", name) || ALWAYS.contains(&name)
    }
}

impl Entry<'_> {
    /// The value's own text, without what variables hold, which refers to nothing.
    fn scope_text(&self, scope: &Scope) -> String {
        let Ok(pieces) = scope.pieces(&self.datum.value, Dialect::Oslo) else {
            return String::new();
        };
        let own = pieces.into_iter().filter(|piece| piece.variable.is_none());
        own.map(|piece| piece.text).collect::<Vec<_>>().join(" ")
    }
}
