//! What is wrong with the state that a change by hand leads to, and was not before.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::data::{Data, normal_key};
use etcstack_config::key::{Key, variable_key};
use etcstack_config::problem::{Place, Problem, Problems};
use etcstack_config::validate::{Code, Finding, Names, Settings, Severity, validate};
use etcstack_config::variables::references;

use super::{HandError, is_record};
use crate::dialects::{self, Dialects};
use crate::said::Said;

/// What keys are to hold; `None` for those that are to go.
pub(crate) type Wanted = BTreeMap<String, Option<String>>;

/// What keys are checked against, and what is let through.
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    /// What the catalogs call an error.
    pub(crate) force: bool,
    /// Variables that nobody has.
    pub(crate) allow_unknown: bool,
}

/// Checks the change of a state; gives the warnings.
pub(super) fn check(
    entries: &Entries,
    wanted: &Wanted,
    rules: &Rules,
) -> Result<Vec<String>, HandError> {
    let mut problems = other_spellings(entries, wanted);
    let (mut waived_by, mut is_waivable) = (BTreeSet::new(), problems.0.is_empty());
    let mut warnings = Vec::new();
    let settings = settings(entries, rules);
    for finding in introduced(entries, wanted, settings.clone()) {
        let waiver = waiver(finding.code);
        let text = Problem::new(finding.place.clone(), text(&finding, entries, wanted, &settings));
        match waiver {
            _ if finding.severity == Severity::Warning => warnings.push(text.to_string()),
            Some(waiver) if rules.waives(waiver) => warnings.push(text.to_string()),
            Some(waiver) => {
                waived_by.insert(waiver);
                problems.0.push(text);
            }
            None => {
                is_waivable = false;
                problems.0.push(text);
            }
        }
    }
    let removes = wanted.values().all(Option::is_none);
    let waive = match Vec::from_iter(waived_by).as_slice() {
        _ if !is_waivable => None,
        [Waiver::Catalog] => Some("--force"),
        _ if removes => Some("--force"),
        [Waiver::Unknown] => Some("--allow-unknown"),
        _ => Some("--allow-unknown and --force"),
    };
    problems.or_ok(warnings).map_err(|problems| HandError::Refused { problems, waive })
}

/// By which option an error is let through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Waiver {
    /// The catalog may be another release's.
    Catalog,
    /// The agents' environment may have the variable.
    Unknown,
}

impl Rules {
    fn waives(&self, waiver: Waiver) -> bool {
        match waiver {
            Waiver::Catalog => self.force,
            Waiver::Unknown => self.allow_unknown,
        }
    }
}

/// Agents refuse the rest in any case.
fn waiver(code: Code) -> Option<Waiver> {
    match code {
        Code::UnknownVariable => Some(Waiver::Unknown),
        Code::UnknownSection
        | Code::UnknownOption
        | Code::RemovedOption
        | Code::WrongType
        | Code::OutOfRange
        | Code::NotAChoice => Some(Waiver::Catalog),
        _ => None,
    }
}

/// Two keys for one option are refused by agents, whatever they hold.
fn other_spellings(entries: &Entries, wanted: &Wanted) -> Problems {
    let put: BTreeSet<&str> =
        wanted.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key.as_str()).collect();
    let stays = |key: &&String| !wanted.contains_key(*key);
    let dialects = dialects::of_entries(entries);
    let mut problems = Problems::default();
    for key in entries.keys().filter(stays) {
        let normal = normal_key(key, &dialects);
        if normal != *key && put.contains(normal.as_str()) {
            let spelled = key.escape_debug();
            let message = format!(
                "the store has this option as {spelled} as well; first: etcstack-loader unset \
                 {spelled}"
            );
            problems.0.push(Problem::key(normal, message));
        }
    }
    problems
}

/// What the data says, and what a load has taken into the store of it.
fn settings(entries: &Entries, rules: &Rules) -> Settings {
    let mut settings = rules.settings.clone();
    let Said { environment, used, .. } = Said::of_entries(entries);
    settings.environment.extend(environment);
    settings.used.extend(used);
    // They are there or they are not: this is the store.
    settings.generated = Names::default();
    settings
}

/// What is wrong with the keys themselves, or was not wrong before.
fn introduced(entries: &Entries, wanted: &Wanted, mut settings: Settings) -> Vec<Finding> {
    let removed = removed(entries, wanted);
    // Agents may have them as well; whether they do, only they know.
    settings.environment = settings.environment.without(&removed);
    let before = BTreeSet::from_iter(validate(data(entries, &Wanted::new()), &settings));
    let after = validate(data(entries, wanted), &settings);
    let is_own = |finding: &Finding| match &finding.place {
        Place::Key(key) => wanted.contains_key(key),
        Place::File { .. } => false,
    };
    let mut found = after;
    found.retain(|finding| {
        // A variable is set before it is used, and what uses it goes before it does. Of names that
        // look like slips, the store knows more than its keys say.
        !matches!(finding.code, Code::UnusedVariable | Code::UnknownRole | Code::UnknownService)
            && (is_own(finding) || !before.contains(finding))
    });
    for finding in &mut found {
        // Agents may have what is customary, but they have had this value until now.
        if finding.code == Code::EnvironmentVariable
            && let Place::Key(key) = &finding.place
            && let Some(value) = value(entries, wanted, key)
            && references(value).iter().any(|name| removed.contains(name))
        {
            finding.severity = Severity::Error;
            finding.code = Code::UnknownVariable;
        }
    }
    let needed = settings.used.single().filter(|name| removed.contains(*name));
    found.extend(needed.map(still_needed));
    found
}

/// What a key holds after the change.
fn value<'a>(entries: &'a Entries, wanted: &'a Wanted, key: &str) -> Option<&'a str> {
    match wanted.get(key) {
        Some(value) => value.as_deref(),
        None => str::from_utf8(entries.get(key)?).ok(),
    }
}

/// The variables that go.
fn removed(entries: &Entries, wanted: &Wanted) -> BTreeSet<String> {
    let gone = wanted.iter().filter(|(key, value)| value.is_none() && entries.contains_key(*key));
    let name = |key: &String| match Key::parse(key) {
        Ok(Key::Variable(name)) => Some(name),
        _ => None,
    };
    gone.filter_map(|(key, _)| name(key)).collect()
}

/// No key tells of it, but the data does.
fn still_needed(name: &str) -> Finding {
    Finding {
        place: Place::Key(variable_key(name)),
        severity: Severity::Error,
        code: Code::UnknownVariable,
        message: "manifests or others still need it, as `used` of validate.toml says".to_owned(),
        remedy: String::new(),
    }
}

/// The keys of a state, changed.
fn data(entries: &Entries, wanted: &Wanted) -> Data {
    let mut data = Data::with_dialects(dialects::of_entries(entries));
    for (key, value) in entries {
        if let Ok(value) = str::from_utf8(value)
            && !is_record(key)
            && !wanted.contains_key(key)
        {
            data.add_key(key, value);
        }
    }
    for (key, value) in wanted {
        if let Some(value) = value {
            data.add_key(key, value);
        }
    }
    data
}

/// A finding, in the words of somebody who removes a variable where that is its cause.
fn text(finding: &Finding, entries: &Entries, wanted: &Wanted, settings: &Settings) -> String {
    let removed = |key: &str| {
        let value = str::from_utf8(entries.get(key)?).ok()?;
        let removed = |name: &String| wanted.get(&format!("general/{name}")) == Some(&None);
        references(value).into_iter().find(removed)
    };
    let name = match (&finding.place, finding.code) {
        (Place::Key(key), Code::UnknownVariable) if !wanted.contains_key(key) => removed(key),
        _ => None,
    };
    match name {
        Some(name) if settings.environment.contain(&name) => {
            format!("it still uses ${name}, which then only the agents' environment has")
        }
        Some(name) => format!("it still uses ${name}"),
        None => finding.text(),
    }
}

/// The key as data spells it, or why it is none.
pub(crate) fn normal(key: &str, dialects: &Dialects) -> Result<String, HandError> {
    check_key(key)?;
    Ok(normal_key(key, dialects))
}

/// Whether a hand may write this key.
pub(crate) fn check_key(key: &str) -> Result<(), HandError> {
    match Key::parse(key) {
        Ok(Key::System(_)) => Err(HandError::Usage(
            "_etcstack/ holds the system's own records; no hand writes them".into(),
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(HandError::Refused {
            problems: Problem::key(key, format!("this is no key: {error}")).into(),
            waive: None,
        }),
    }
}
