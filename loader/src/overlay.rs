//! Values as agents would fill them in, as far as that can be known without an agent.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::{FileName, Key};
use etcstack_config::layers::{FileConfig, Sourced};
use etcstack_config::problem::Problems;
use etcstack_config::references::ServiceName;
use etcstack_config::render::{FileInputs, render};
use etcstack_config::validate::Names;
use etcstack_config::variables::{Scope, VariableError};

use crate::dialects::Dialects;

/// The files of each role and service, by name. No layers: each role stands for itself.
pub(crate) type Services = BTreeMap<ServiceName, BTreeMap<String, FileConfig>>;

/// The variables of the store, and the names of those that only agents have.
pub(crate) struct Known<'a> {
    scope: Scope,
    environment: &'a Names,
}

impl<'a> Known<'a> {
    pub(crate) fn new(entries: &Entries, environment: &'a Names) -> Self {
        let variable = |(key, value): (&String, &Vec<u8>)| match Key::parse(key) {
            Ok(Key::Variable(name)) => Some((name, String::from_utf8_lossy(value).into_owned())),
            _ => None,
        };
        let general = entries.iter().filter_map(variable).collect();
        Self { scope: Scope { general, ..Scope::default() }, environment }
    }

    /// What `general/` holds.
    pub(crate) fn general(&self) -> &BTreeMap<String, String> {
        &self.scope.general
    }

    /// Whether the data says that agents have this in their environment.
    pub(crate) fn is_in_environment(&self, name: &str) -> bool {
        self.environment.contain(name)
    }

    /// The names that a value refers to, directly or by way of others.
    pub(crate) fn needed(&self, value: &str) -> BTreeSet<String> {
        self.scope.needed([value])
    }

    /// What a file's bytes depend on. Variables that only agents can know stand for themselves;
    /// where a reference has a default, nothing is taken to be there.
    pub(crate) fn inputs(&self, dialect: Dialect, config: &FileConfig) -> FileInputs {
        let scope = self.scope_of(&config.values().collect::<Vec<_>>());
        FileInputs::new(dialect, config.clone(), &scope)
    }

    /// A value that stands in no file, filled in.
    pub(crate) fn fill_in(&self, value: &str) -> Result<String, VariableError> {
        self.scope_of(&[value]).fill_in(value)
    }

    /// The names that a value lacks: in no key, and no default to take.
    pub(crate) fn lacking(&self, value: &str) -> BTreeSet<String> {
        self.scope_of(&[value]).environment.into_keys().collect()
    }

    fn scope_of(&self, values: &[&str]) -> Scope {
        let needed = self.scope.needed(values.iter().copied());
        let mut scope = self.scope.restrict(&needed);
        for name in needed {
            if !scope.general.contains_key(&name) && self.environment.contain(&name) {
                let itself = itself(&name);
                scope.environment.insert(name, itself);
            }
        }
        for value in values {
            while let Err(VariableError::Unknown { name, .. }) = scope.fill_in(value) {
                let itself = itself(&name);
                if scope.environment.insert(name, itself).is_some() {
                    break;
                }
            }
        }
        scope
    }
}

/// What stands for a variable that nobody knows.
pub(crate) fn itself(name: &str) -> String {
    format!("${{{name}}}")
}

/// What would stand in the file if the image shipped none.
pub(crate) fn text(inputs: &FileInputs) -> Result<Vec<u8>, Problems> {
    Ok(render(inputs, None)?.unwrap_or_default())
}

/// The dialect in which a file is read, unless a manifest says otherwise.
pub(crate) fn dialect(file: &FileName, config: &FileConfig, dialects: &Dialects) -> Dialect {
    let by_name = || {
        if config.whole.is_some() { Dialect::Text } else { Dialect::by_name(&file.file) }
    };
    dialects.said(file).unwrap_or_else(by_name)
}

/// All services among the entries.
pub(crate) fn services(entries: &Entries) -> Services {
    let mut services = Services::new();
    for (key, value) in entries {
        let sourced = |key: &String| {
            let value = String::from_utf8_lossy(value).into_owned();
            Sourced { key: key.clone(), layer: 0, value }
        };
        let (file, option) = match Key::parse(key) {
            Ok(Key::Option(file, option)) => (file, Some(option)),
            Ok(Key::File(file)) => (file, None),
            _ => continue,
        };
        let name = ServiceName { role: file.role, service: file.service };
        let config = services.entry(name).or_default().entry(file.file).or_default();
        match option {
            Some(option) => _ = config.options.insert(option, sourced(key)),
            None => config.whole = Some(sourced(key)),
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_stands_for_itself() {
        let entries = [("general/HOST", "db.$DOMAIN"), ("general/EMPTY", "")];
        let entries =
            entries.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).into();
        let environment = Names::new(["POD_*".to_owned()]);
        let known = Known::new(&entries, &environment);
        for (value, expected) in [
            ("x", "x"),
            ("$HOST", "db.${DOMAIN}"),
            ("${NONE:-d}-$NOWHERE", "d-${NOWHERE}"),
            ("${POD_IP:-d}", "${POD_IP}"),
            ("${EMPTY:-$OTHER}", "${OTHER}"),
        ] {
            assert_eq!(known.fill_in(value).unwrap(), expected, "{value}");
        }
        let lacking: Vec<_> = known.lacking("$HOST ${NONE:-d}").into_iter().collect();
        assert_eq!(lacking, ["DOMAIN"]);
    }
}
