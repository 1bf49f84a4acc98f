//! Which service uses which variables: the references of keys and values, followed to their ends.
//!
//! What the manifests of images refer to is not in any key and so not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::key::{Key, escape};
use crate::variables::references;

/// A service in one role, or layer, as keys name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ServiceName {
    /// The role, or layer, such as `controller` or `compute@node12`.
    pub role: String,
    /// The service, such as `glance`.
    pub service: String,
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", escape(&self.role), escape(&self.service))
    }
}

/// A key whose value uses a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Whose key it is.
    pub service: ServiceName,
    /// The key.
    pub key: String,
    /// The variables between them: the first is the one that the key itself refers to. Empty where
    /// the key refers to the variable directly.
    pub by_way_of: Vec<String>,
}

/// Who refers to what, in one state of keys and values, or in several put together.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// What each variable that is there refers to directly.
    variables: BTreeMap<String, BTreeSet<String>>,
    /// What each key of each service refers to directly.
    services: BTreeMap<ServiceName, BTreeMap<String, BTreeSet<String>>>,
}

impl References {
    /// Takes note of a key and its value. A key that is there already refers to what both values
    /// refer to; what is no variable and no key of a service is passed over.
    pub fn add(&mut self, key: &str, value: &str) {
        let names = references(value);
        match Key::parse(key) {
            Ok(Key::Variable(name)) => self.variables.entry(name).or_default().extend(names),
            Ok(Key::File(file) | Key::Option(file, _)) => {
                let name = ServiceName { role: file.role, service: file.service };
                let keys = self.services.entry(name).or_default();
                keys.entry(key.to_owned()).or_default().extend(names);
            }
            _ => {}
        }
    }

    /// The services that have keys.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.keys()
    }

    /// The names that are referred to or there.
    pub fn names(&self) -> BTreeSet<&str> {
        let keys = self.services.values().flat_map(BTreeMap::values);
        let referred = keys.chain(self.variables.values()).flatten();
        referred.chain(self.variables.keys()).map(String::as_str).collect()
    }

    /// The names that a service's values refer to, directly or by way of other variables, whether
    /// or not there are such variables.
    pub fn of_service(&self, service: &ServiceName) -> BTreeSet<String> {
        let keys = self.services.get(service).into_iter().flat_map(BTreeMap::values);
        self.reached_from(keys.flatten().cloned())
    }

    /// These names, and all that they refer to, directly or by way of other variables.
    pub fn reached_from(&self, names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut left: Vec<String> = names.into_iter().collect();
        while let Some(name) = left.pop() {
            if !reached.contains(&name) {
                left.extend(self.variables.get(&name).into_iter().flatten().cloned());
                reached.insert(name);
            }
        }
        reached
    }

    /// The keys whose values use a variable, directly or by way of others.
    pub fn uses(&self, name: &str) -> BTreeSet<Use> {
        let ways = self.ways_to(name);
        let mut uses = BTreeSet::new();
        for (service, keys) in &self.services {
            for (key, names) in keys {
                // The shortest way, where there are several.
                let way = names.iter().filter_map(|name| ways.get(name)).min_by_key(|w| w.len());
                uses.extend(way.map(|way| Use {
                    service: service.clone(),
                    key: key.clone(),
                    by_way_of: way.clone(),
                }));
            }
        }
        uses
    }

    /// From each variable that leads to this one, the variables on the way, itself included.
    fn ways_to(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        let mut ways = BTreeMap::from([(name.to_owned(), Vec::new())]);
        let mut latest = vec![name.to_owned()];
        while !latest.is_empty() {
            let mut next = Vec::new();
            for (from, names) in &self.variables {
                let Some(to) = latest.iter().find(|to| names.contains(*to)) else { continue };
                if ways.contains_key(from) {
                    continue;
                }
                let rest = ways.get(to).cloned().unwrap_or_default();
                ways.insert(from.clone(), [vec![from.clone()], rest].concat());
                next.push(from.clone());
            }
            latest = next;
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(pairs: &[(&str, &str)]) -> References {
        let mut references = References::default();
        for (key, value) in pairs {
            references.add(key, value);
        }
        references
    }

    fn service(role: &str, service: &str) -> ServiceName {
        ServiceName { role: role.into(), service: service.into() }
    }

    #[test]
    fn to_their_ends() {
        let references = references(&[
            ("general/URL", "rabbit://u:${PASS|url}@$HOST"),
            ("general/PASS", "x"),
            ("general/A", "$B"),
            ("general/B", "$A"),
            ("c/glance/g.conf/DEFAULT/transport_url", "${URL:-$FALLBACK}"),
            ("c/glance/g.conf/DEFAULT/plain", "$my_ip"),
            ("c/nova/n.conf/DEFAULT/a", "$A"),
            ("c/nova/n.conf/DEFAULT/b", "$PASS"),
            ("_etcstack/load", "$NOT"),
            ("strange", "$NOT"),
        ]);
        let glance: Vec<_> = references.of_service(&service("c", "glance")).into_iter().collect();
        assert_eq!(glance, ["FALLBACK", "HOST", "PASS", "URL"]);
        let nova: Vec<_> = references.of_service(&service("c", "nova")).into_iter().collect();
        assert_eq!(nova, ["A", "B", "PASS"]);
        assert!(references.of_service(&service("c", "none")).is_empty());
        let found: Vec<_> = references
            .uses("PASS")
            .into_iter()
            .map(|found| format!("{} {:?}", found.key, found.by_way_of))
            .collect();
        assert_eq!(
            found,
            ["c/glance/g.conf/DEFAULT/transport_url [\"URL\"]", "c/nova/n.conf/DEFAULT/b []"]
        );
        assert_eq!(references.uses("A").len(), 1, "a circle ends");
        assert!(!references.names().contains("NOT"));
    }

    #[test]
    fn two_states_together() {
        let references = references(&[
            ("r/s/f.conf/x/a", "$OLD"),
            ("r/s/f.conf/x/a", "$NEW"),
            ("general/NEW", "$MORE"),
        ]);
        let names: Vec<_> = references.of_service(&service("r", "s")).into_iter().collect();
        assert_eq!(names, ["MORE", "NEW", "OLD"]);
    }
}
