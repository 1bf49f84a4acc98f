//! What running daemons would do after a change, for each role and service.
//!
//! Layers are put over one another as the replicas that run have them. A role that none of them has
//! is looked at for itself: whether another layer has the last word is for the agents to find out.
//! So is what the files of the image hold.

#[cfg(test)]
mod tests;
mod unit;

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

pub(crate) use self::unit::Replicas;
use self::unit::Unit;
use crate::dialects::{self, Dialects};
use crate::overlay::{self, Known, Services};

/// What a running daemon does. Ordered: the strongest of several wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
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

impl Action {
    /// As JSON has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Keep => "keep",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Start => "start",
        }
    }
}

/// An option, or a text, that is not the same afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Decider {
    pub(crate) file: String,
    /// `[section] option`, or `(text)`.
    pub(crate) option: String,
    /// The changed variables that it is different by; empty where its own key has changed.
    #[serde(rename = "by_way_of")]
    pub(crate) by: Vec<String>,
    /// It is the same, and refers, as oslo.config has it, to an option that is not.
    pub(crate) refers: bool,
    /// Whether a daemon takes it while it runs; `None` where there is no catalog.
    pub(crate) mutable: Option<bool>,
}

/// What the daemons of a service in one role do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Daemons {
    /// The roles, with commas, as far as they have keys of the service.
    pub(crate) role: String,
    /// The other lists of roles that are run, and for which all of this is the same.
    pub(crate) also: Vec<String>,
    pub(crate) service: String,
    #[serde(rename = "effect")]
    pub(crate) action: Action,
    /// Whether there is a catalog of the service.
    #[serde(rename = "has_catalog")]
    pub(crate) catalog: bool,
    #[serde(rename = "decided_by")]
    pub(crate) options: Vec<Decider>,
    /// Why agents would refuse it.
    #[serde(rename = "problems")]
    pub(crate) refused: Vec<String>,
}

impl Daemons {
    /// Whether it is about what a service has in this role.
    pub(crate) fn concerns(&self, name: &ServiceName) -> bool {
        let mut lists = std::iter::once(&self.role).chain(&self.also);
        self.service == name.service
            && lists.any(|roles| roles.split(',').any(|role| role == name.role))
    }

    /// Whether the same is told of other roles.
    fn is_like(&self, other: &Self) -> bool {
        let Self { role: _, also: _, service, action, catalog: _, options, refused } = self;
        (service, action, options, refused)
            == (&other.service, &other.action, &other.options, &other.refused)
    }
}

/// A state of the keys, understood.
pub(crate) struct State<'a> {
    known: Known<'a>,
    services: Services,
    dialects: Dialects,
}

impl<'a> State<'a> {
    pub(crate) fn new(entries: &Entries, known: Known<'a>) -> Self {
        Self {
            known,
            services: overlay::services(entries),
            dialects: dialects::of_entries(entries),
        }
    }

    fn files<'b>(&'b self, unit: &Unit) -> impl Iterator<Item = &'b String> {
        unit.names().filter_map(|name| self.services.get(&name)).flat_map(BTreeMap::keys)
    }

    /// A file as the layers make it.
    fn file(&self, unit: &Unit, file: &str) -> FileConfig {
        let mut config = FileConfig::default();
        for (layer, name) in unit.names().enumerate() {
            let files = self.services.get(&name);
            let Some(own) = files.and_then(|files| files.get(file)) else { continue };
            let over = |sourced: &Sourced| Sourced { layer, ..sourced.clone() };
            config.whole = own.whole.as_ref().map(over).or(config.whole);
            let options = own.options.iter();
            config.options.extend(options.map(|(name, sourced)| (name.clone(), over(sourced))));
        }
        config
    }

    /// Whether the service has keys in these roles, or in one that may be a layer together with
    /// them.
    fn has(&self, unit: &Unit) -> bool {
        let base = |role: &str| role.split('@').next().unwrap_or_default().to_owned();
        let is_near = |other: &ServiceName| {
            other.service == unit.service
                && unit.roles.iter().any(|role| base(role) == base(&other.role))
        };
        self.services.keys().any(is_near)
    }
}

/// All services whose files would differ, in the layers of these replicas.
pub(crate) fn daemons(
    before: &State<'_>,
    after: &State<'_>,
    replicas: &Replicas,
    catalogs: Option<&Catalogs>,
) -> Vec<Daemons> {
    let names = before.services.keys().chain(after.services.keys()).cloned().collect();
    let variables = changed_variables(before, after);
    let mut found: Vec<Daemons> = Vec::new();
    for unit in unit::units(&names, replicas) {
        let catalog = catalogs.and_then(|catalogs| catalogs.find(&unit.service));
        let look = Look { before, after, variables: &variables, catalog };
        let Some(daemons) = look.at(&unit) else { continue };
        // Hosts may have hundreds of layers; single roles are told one by one.
        let is_layered = |daemons: &Daemons| daemons.role.contains(',');
        let same = found.iter_mut().find(|other| is_layered(other) && other.is_like(&daemons));
        match same {
            Some(other) if is_layered(&daemons) => other.also.push(daemons.role),
            _ => found.push(daemons),
        }
    }
    found
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
    fn at(&self, unit: &Unit) -> Option<Daemons> {
        let files: BTreeSet<_> = self.before.files(unit).chain(self.after.files(unit)).collect();
        let mut daemons = Daemons {
            role: unit.roles.join(","),
            also: Vec::new(),
            service: unit.service.clone(),
            action: Action::Nothing,
            catalog: self.catalog.is_some(),
            options: Vec::new(),
            refused: Vec::new(),
        };
        // A key that another layer has the last word on is told as well.
        let (before, after) = (&self.before.services, &self.after.services);
        let mut differs = unit.names().any(|name| before.get(&name) != after.get(&name));
        for file in files {
            let [old, new] = [self.before, self.after].map(|state| state.file(unit, file));
            // A text on either side: then it is one.
            let name = unit.file(file);
            let was = overlay::dialect(&name, &old, &self.before.dialects);
            let is = overlay::dialect(&name, &new, &self.after.dialects);
            let dialect = was.max(is);
            let old_inputs = self.before.known.inputs(dialect, &old);
            let new_inputs = self.after.known.inputs(dialect, &new);
            if old_inputs != new_inputs {
                differs = true;
                self.add(&mut daemons, file, &old_inputs, &new_inputs);
            }
        }
        if !self.before.has(unit) {
            daemons.action = Action::Start;
        } else if !self.after.has(unit) {
            daemons.action = Action::Keep;
        }
        differs.then_some(daemons)
    }

    fn add(&self, daemons: &mut Daemons, file: &str, old: &FileInputs, new: &FileInputs) {
        let rendered = overlay::text(new);
        let change = match (overlay::text(old), &rendered) {
            (Ok(old_text), Ok(new_text)) => {
                effect(new.dialect, Some(&old_text), Some(new_text), self.catalog)
            }
            _ => Change { effect: Effect::Other, options: BTreeSet::new() },
        };
        // What stands for a variable that only agents have is no base64.
        let is_known = new.dialect != Dialect::Binary || new.scope.environment.is_empty();
        if let Err(problems) = rendered
            && is_known
        {
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
