//! What running daemons would do after a change, for each role and service.
//!
//! A role is looked at for itself: whether another layer has the last word is for the agents to
//! find out. So is what the files of the image hold.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::catalog::Catalog;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::normal_section;
use etcstack_config::effect::{Change, Effect, effect};
use etcstack_config::key::OptionName;
use etcstack_config::layers::{FileConfig, Sourced};
use etcstack_config::references::ServiceName;
use etcstack_config::render::FileInputs;
use etcstack_config::validate::Catalogs;
use serde::Serialize;

use crate::overlay::{self, Known, Services};

/// What a running daemon does. Ordered: the strongest of several wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// It reads the same as before.
    Nothing,
    /// All keys go, and agents go on with what they have.
    Keep,
    /// It takes the change while it runs.
    Reload,
    /// Or nobody knows.
    Restart,
    /// There was no key: agents that wait for the first one start it.
    Start,
}

/// An option, or a text, that is not the same afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Decider {
    pub(super) file: String,
    /// `[section] option`, or `(text)`.
    pub(super) option: String,
    /// The changed variables that it is different by; empty where its own key has changed.
    pub(super) by: Vec<String>,
    /// It is the same, and refers, as oslo.config has it, to an option that is not.
    pub(super) refers: bool,
    /// Whether a daemon takes it while it runs; `None` where there is no catalog.
    pub(super) mutable: Option<bool>,
}

/// What the daemons of a service in one role do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Daemons {
    pub(super) role: String,
    pub(super) service: String,
    pub(super) action: Action,
    /// Whether there is a catalog of the service.
    pub(super) catalog: bool,
    pub(super) options: Vec<Decider>,
    /// Why agents would refuse it.
    pub(super) refused: Vec<String>,
}

/// A state of the keys, understood.
pub(super) struct State<'a> {
    known: Known<'a>,
    services: Services,
}

impl<'a> State<'a> {
    pub(super) fn new(entries: &Entries, known: Known<'a>) -> Self {
        Self { known, services: overlay::services(entries) }
    }

    fn file(&self, service: &ServiceName, file: &str) -> FileConfig {
        let files = self.services.get(service);
        files.and_then(|files| files.get(file)).cloned().unwrap_or_default()
    }

    /// Whether the service has keys in this role, or in one that may be a layer together with it.
    fn has(&self, name: &ServiceName) -> bool {
        let base = |role: &str| role.split('@').next().unwrap_or_default().to_owned();
        let is_near = |other: &ServiceName| {
            other.service == name.service && base(&other.role) == base(&name.role)
        };
        self.services.keys().any(is_near)
    }
}

/// All services whose files would differ.
pub(super) fn daemons(
    before: &State<'_>,
    after: &State<'_>,
    catalogs: Option<&Catalogs>,
) -> Vec<Daemons> {
    let names: BTreeSet<_> = before.services.keys().chain(after.services.keys()).collect();
    let variables = changed_variables(before, after);
    let look = |name: &ServiceName| {
        let catalog = catalogs.and_then(|catalogs| catalogs.find(&name.service));
        Look { before, after, variables: &variables, catalog }.at(name)
    };
    names.into_iter().filter_map(look).collect()
}

/// The variables that hold something else afterwards.
fn changed_variables(before: &State<'_>, after: &State<'_>) -> BTreeSet<String> {
    let (before, after) = (before.known.general(), after.known.general());
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// What a service is looked at with.
struct Look<'a> {
    before: &'a State<'a>,
    after: &'a State<'a>,
    variables: &'a BTreeSet<String>,
    catalog: Option<&'a Catalog>,
}

impl Look<'_> {
    /// `None` where nothing of it changes.
    fn at(&self, name: &ServiceName) -> Option<Daemons> {
        let all = [self.before, self.after].into_iter().filter_map(|s| s.services.get(name));
        let files: BTreeSet<_> = all.flat_map(BTreeMap::keys).collect();
        let mut found: Option<Daemons> = None;
        for file in files {
            let [old, new] = [self.before, self.after].map(|state| state.file(name, file));
            // A text on either side: then it is one.
            let dialect = overlay::dialect(file, &old).max(overlay::dialect(file, &new));
            let old_inputs = self.before.known.inputs(dialect, &old);
            let new_inputs = self.after.known.inputs(dialect, &new);
            if old_inputs == new_inputs {
                continue;
            }
            let daemons = found.get_or_insert_with(|| Daemons {
                role: name.role.clone(),
                service: name.service.clone(),
                action: Action::Nothing,
                catalog: self.catalog.is_some(),
                options: Vec::new(),
                refused: Vec::new(),
            });
            self.add(daemons, file, &old_inputs, &new_inputs);
        }
        if let Some(daemons) = &mut found {
            if !self.before.has(name) {
                daemons.action = Action::Start;
            } else if !self.after.has(name) {
                daemons.action = Action::Keep;
            }
        }
        found
    }

    fn add(&self, daemons: &mut Daemons, file: &str, old: &FileInputs, new: &FileInputs) {
        let rendered = overlay::text(new);
        let change = match (overlay::text(old), &rendered) {
            (Ok(old_text), Ok(new_text)) => {
                effect(new.dialect, Some(&old_text), Some(new_text), self.catalog)
            }
            _ => Change { effect: Effect::Other, options: BTreeSet::new() },
        };
        if let Err(problems) = rendered {
            daemons.refused.extend(problems.0.iter().map(ToString::to_string));
        }
        daemons.action = daemons.action.max(match change.effect {
            Effect::Nothing => Action::Nothing,
            Effect::Mutable => Action::Reload,
            Effect::Other => Action::Restart,
        });
        daemons.options.extend(self.deciders(file, &change, old, new));
    }

    fn deciders(
        &self,
        file: &str,
        change: &Change,
        old: &FileInputs,
        new: &FileInputs,
    ) -> Vec<Decider> {
        if change.effect == Effect::Nothing {
            return Vec::new();
        }
        if new.dialect != Dialect::Oslo {
            let by = self.by(old.config.whole.as_ref(), new.config.whole.as_ref());
            let option = "(text)".to_owned();
            let file = file.to_owned();
            return vec![Decider { file, option, by, refers: false, mutable: None }];
        }
        let names = old.config.options.keys().chain(new.config.options.keys());
        let names: BTreeMap<String, &OptionName> = names.map(|name| (shown(name), name)).collect();
        let decider = |option: &String| {
            let name = names.get(option);
            let [was, is] = [old, new].map(|inputs| inputs.config.options.get(*(name?)));
            let by = self.by(was, is);
            // What no key names is a section, or an option that refers by its default.
            let is_same = match name {
                Some(_) => is_same(was, is),
                None => !option.ends_with(']'),
            };
            let mutable = self.catalog.map(|catalog| {
                name.is_some_and(|OptionName { section, option }| {
                    catalog.is_mutable(section.as_deref().unwrap_or_default(), option)
                })
            });
            let refers = by.is_empty() && is_same;
            Decider { file: file.to_owned(), option: option.clone(), by, refers, mutable }
        };
        change.options.iter().map(decider).collect()
    }

    /// The changed variables that a value refers to, where the value itself is the same.
    fn by(&self, old: Option<&Sourced>, new: Option<&Sourced>) -> Vec<String> {
        let Some(new) = new.filter(|_| is_same(old, new)) else { return Vec::new() };
        let needed = |state: &State<'_>| state.known.needed(&new.value);
        let needed: BTreeSet<_> = needed(self.before).union(&needed(self.after)).cloned().collect();
        needed.intersection(self.variables).cloned().collect()
    }
}

fn is_same(one: Option<&Sourced>, two: Option<&Sourced>) -> bool {
    one.zip(two).is_some_and(|(one, two)| one.value == two.value)
}

/// As an effect names it.
fn shown(name: &OptionName) -> String {
    let section = normal_section(name.section.as_deref().unwrap_or_default());
    format!("[{}] {}", section.escape_debug(), name.option.escape_debug())
}
