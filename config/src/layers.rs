//! Which key wins: the roles of a service, one over the other, option by option.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::Entries;
use crate::key::{GENERAL, Key, OptionName, service_prefix};
use crate::problem::{Problem, Problems};
use crate::variables::Variables;

/// The roles of a service, in order: later ones win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers(Vec<String>);

impl Layers {
    /// The roles, in order.
    pub fn roles(&self) -> &[String] {
        &self.0
    }

    /// The prefixes below which the keys of a service stand.
    pub fn prefixes(&self, service: &str) -> Vec<String> {
        self.0.iter().map(|role| service_prefix(role, service)).collect()
    }
}

impl FromStr for Layers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let roles: Vec<String> = text.split(',').map(|role| role.trim().to_owned()).collect();
        for role in &roles {
            if role.is_empty() || role.starts_with('_') || role == GENERAL {
                return Err(format!(
                    "{role:?} is no role; write one name, or several with commas between them, \
                     and none of them empty, {GENERAL:?} or with a leading _"
                ));
            }
        }
        Ok(Self(roles))
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A value and the key that it comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Sourced {
    /// The key in the store.
    pub key: String,
    /// The layer, counted from 0; the higher one wins.
    pub layer: usize,
    /// What the key holds.
    pub value: String,
}

impl fmt::Debug for Sourced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ***", self.key)
    }
}

/// What the store holds for one file of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileConfig {
    /// The file's whole text.
    pub whole: Option<Sourced>,
    /// Its options.
    pub options: BTreeMap<OptionName, Sourced>,
}

impl FileConfig {
    /// All values, whatever they are for.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.whole.iter().chain(self.options.values()).map(|sourced| sourced.value.as_str())
    }
}

/// What the store holds for a service, its layers resolved.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServiceConfig {
    /// The files, by name.
    pub files: BTreeMap<String, FileConfig>,
    /// The variables among the entries.
    pub general: Variables,
}

impl fmt::Debug for ServiceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with {:?}", self.files, self.general.keys())
    }
}

impl ServiceConfig {
    /// Picks a service's keys out of the entries and puts its layers over one another.
    ///
    /// Keys of other services and other roles are passed over. A key below one of the service's
    /// own prefixes that means nothing, or a value that is not UTF-8, is a problem: whoever wrote
    /// it believes that it works.
    pub fn resolve(entries: &Entries, layers: &Layers, service: &str) -> Result<Self, Problems> {
        let mut config = Self::default();
        let mut problems = Problems::default();
        let own = layers.prefixes(service);
        let general = format!("{GENERAL}/");
        for (key, value) in entries {
            let layer = own.iter().rposition(|prefix| key.starts_with(prefix));
            if layer.is_some() || key.starts_with(&general) {
                problems.take(config.add(key, value, layer.unwrap_or_default()));
            }
        }
        problems.or_ok(config)
    }

    fn add(&mut self, key: &str, value: &[u8], layer: usize) -> Result<(), Problems> {
        let parsed = Key::parse(key).map_err(|error| Problem::key(key, error))?;
        let value = String::from_utf8(value.to_vec())
            .map_err(|_| Problem::key(key, "its value is not UTF-8; put text there"))?;
        let sourced = Sourced { key: key.to_owned(), layer, value };
        match parsed {
            Key::Variable(name) => {
                self.general.insert(name, sourced.value);
            }
            Key::File(name) => {
                let whole = &mut self.files.entry(name.file).or_default().whole;
                if whole.as_ref().is_none_or(|earlier| earlier.layer <= layer) {
                    *whole = Some(sourced);
                }
            }
            Key::Option(name, option) => {
                let options = &mut self.files.entry(name.file).or_default().options;
                if options.get(&option).is_none_or(|earlier| earlier.layer <= layer) {
                    options.insert(option, sourced);
                }
            }
            Key::System(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Entries {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect()
    }

    #[test]
    fn later_layers_win_option_by_option() {
        let entries = entries(&[
            ("compute/nova/nova.conf/DEFAULT/a", "base"),
            ("compute/nova/nova.conf/DEFAULT/b", "base"),
            ("compute@a/nova/nova.conf/DEFAULT/b", "block"),
            ("compute@a/nova/nova.conf/DEFAULT/c", "block"),
            ("compute@a/nova/policy.yaml", "block"),
            ("compute/nova/policy.yaml", "base"),
            ("compute@z/nova/nova.conf/DEFAULT/a", "not ours"),
            ("compute/glance/x.conf/DEFAULT/a", "not ours"),
            ("general/HOST", "db"),
            ("_etcstack/load", "x"),
        ]);
        // The order of the roles counts, not the order of their names.
        for (roles, b) in [("compute,compute@a", "block"), ("compute@a,compute", "base")] {
            let layers: Layers = roles.parse().unwrap();
            let config = ServiceConfig::resolve(&entries, &layers, "nova").unwrap();
            let file = &config.files["nova.conf"];
            let values: Vec<_> = file.options.values().map(|s| s.value.as_str()).collect();
            assert_eq!(values, ["base", b, "block"]);
            assert_eq!(config.files["policy.yaml"].whole.as_ref().unwrap().value, b);
            assert_eq!(config.files.len(), 2);
            assert_eq!(config.general["HOST"], "db");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named_all_at_once() {
        let mut entries = entries(&[("r/s/f%x/a/b", "secret"), ("r/s/f.conf//x", "secret")]);
        entries.insert("r/s/f.conf/A/bin".into(), vec![0xff]);
        let problems = ServiceConfig::resolve(&entries, &"r".parse().unwrap(), "s").unwrap_err();
        assert_eq!(problems.0.len(), 3, "{problems}");
        assert!(!problems.to_string().contains("secret"));
    }

    #[test]
    fn roles() {
        assert_eq!("a, b".parse::<Layers>().unwrap().to_string(), "a,b");
        for bad in ["", "a,", "_x", "general"] {
            assert!(bad.parse::<Layers>().is_err(), "{bad}");
        }
    }
}
