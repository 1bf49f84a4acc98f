//! `[[wait_for]]` of the manifest.

use std::path::PathBuf;
use std::time::Duration;

use etcstack_config::key::{Key, SYSTEM};
use etcstack_config::variables::Scope;
use serde::{Deserialize, Deserializer};

use super::{Dependency, Goal};
use crate::probe::recipe::{self, Asked, Recipe};

/// What has to be there before the first start, with its variables not filled in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub(crate) struct WaitFor {
    what: What,
    /// `None` waits for ever.
    timeout: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Probe(Recipe),
    File(String),
    Key(String),
    /// `SERVICE/STEP`
    Bootstrap(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default, deserialize_with = "recipe::address")]
    tcp: Option<String>,
    #[serde(default, deserialize_with = "recipe::url")]
    http: Option<String>,
    status: Option<Vec<u16>>,
    ca: Option<PathBuf>,
    #[serde(default, deserialize_with = "recipe::arguments")]
    command: Option<Vec<String>>,
    #[serde(default, deserialize_with = "file")]
    file: Option<String>,
    #[serde(default, deserialize_with = "key")]
    key: Option<String>,
    #[serde(default, deserialize_with = "bootstrap")]
    bootstrap: Option<String>,
    #[serde(default, deserialize_with = "timeout")]
    timeout: Option<Duration>,
}

impl TryFrom<Table> for WaitFor {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { tcp, http, status, ca, command, file, key, bootstrap, timeout } = table;
        let recipes = Asked { tcp, http, status, ca, command }.recipes()?;
        let rest = [file.map(What::File), key.map(What::Key), bootstrap.map(What::Bootstrap)];
        let all = recipes.into_iter().map(What::Probe).chain(rest.into_iter().flatten());
        let Ok([what]) = <[What; 1]>::try_from(all.collect::<Vec<_>>()) else {
            let message = "write one of tcp, http, command, file, key and bootstrap in each \
                           [[wait_for]], and no second";
            return Err(message.into());
        };
        Ok(Self { what, timeout })
    }
}

impl WaitFor {
    /// The texts that variables are filled into, for [`Scope::needed`].
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (probe, file) = match &self.what {
            What::Probe(recipe) => (Some(recipe), None),
            What::File(text) => (None, Some(text.as_str())),
            What::Key(_) | What::Bootstrap(_) => (None, None),
        };
        probe.into_iter().flat_map(Recipe::texts).chain(file)
    }

    pub(crate) fn is_command(&self) -> bool {
        matches!(&self.what, What::Probe(recipe) if recipe.is_command())
    }

    /// Whether only the store can tell.
    pub(crate) fn is_in_store(&self) -> bool {
        matches!(self.what, What::Key(_) | What::Bootstrap(_))
    }

    /// The dependency, with what the variables hold now.
    pub(crate) fn fill_in(&self, scope: &Scope) -> Result<Dependency, String> {
        let goal = match &self.what {
            What::Probe(recipe) => Goal::Probe(recipe.fill_in(scope)?),
            What::File(text) => {
                let path = scope.fill_in(text).map_err(|error| error.to_string());
                let path = path.and_then(|path| recipe::absolute(&path));
                Goal::File(path.map_err(|error| format!("file: {error}"))?)
            }
            What::Key(key) => Goal::Key(key.clone()),
            What::Bootstrap(step) => Goal::Bootstrap(step.clone()),
        };
        Ok(Dependency { goal, timeout: self.timeout })
    }
}

fn file<'de, D: Deserializer<'de>>(read: D) -> Result<Option<String>, D::Error> {
    recipe::checked(read, |text| recipe::shape(text, recipe::absolute))
}

fn key<'de, D: Deserializer<'de>>(read: D) -> Result<Option<String>, D::Error> {
    recipe::checked(read, |text| Key::parse(text).map(drop).map_err(|error| error.to_string()))
}

fn bootstrap<'de, D: Deserializer<'de>>(read: D) -> Result<Option<String>, D::Error> {
    recipe::checked(read, |text| {
        let parts: Vec<_> = text.split('/').collect();
        match parts.as_slice() {
            [service, step] if !service.is_empty() && !step.is_empty() => Ok(()),
            _ => Err("write SERVICE/STEP, as in keystone/endpoints".into()),
        }
    })
}

fn timeout<'de, D: Deserializer<'de>>(read: D) -> Result<Option<Duration>, D::Error> {
    recipe::duration(read).map(Some)
}

/// The key of a step's record.
pub(super) fn record_key(step: &str) -> String {
    format!("{SYSTEM}/bootstrap/{step}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WaitFor, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            wait_for: [WaitFor; 1],
        }
        toml::from_str::<File>(&format!("[[wait_for]]\n{text}")).map(|file| {
            let [entry] = file.wait_for;
            entry
        })
    }

    fn scope() -> Scope {
        let general = [("HOST", "db"), ("DIR", "/etc/ceph")];
        let general = general.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Scope { general: general.into(), ..Scope::default() }
    }

    #[test]
    fn every_kind() {
        for (text, needs, shown) in [
            ("tcp = '$HOST:3306'", &["$HOST:3306"][..], "tcp db:3306"),
            ("http = 'http://$HOST/v3?$HOST'", &["http://$HOST/v3?$HOST"], "http://db/v3"),
            ("command = ['ping', '$HOST']", &["ping", "$HOST"], "command ping"),
            ("file = '$DIR/ceph.conf'", &["$DIR/ceph.conf"], "file /etc/ceph/ceph.conf"),
            ("key = 'r/s/f.conf/DEFAULT/x'", &[], "key r/s/f.conf/DEFAULT/x"),
            ("bootstrap = 'keystone/endpoints'", &[], "bootstrap keystone/endpoints"),
        ] {
            let entry = read(text).unwrap();
            assert_eq!(entry.texts().collect::<Vec<_>>(), needs);
            assert_eq!(entry.timeout, None);
            assert_eq!(entry.fill_in(&scope()).unwrap().to_string(), shown);
        }
        let entry = read("tcp = 'a:1'\ntimeout = '10m'").unwrap();
        assert_eq!(entry.timeout, Some(Duration::from_secs(600)));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, place, message) in [
            ("", 0, "write one of tcp, http, command, file, key and bootstrap"),
            ("tcp = 'a:1'\nkey = 'a/b/c'", 0, "and no second"),
            ("tcp = 'a:1'\nhttp = 'http://a'", 0, "and no second"),
            ("timeout = '1s'", 0, "write one of tcp"),
            ("tcp = 'a:1'\nstatus = [200]", 0, "status and ca say more about http"),
            ("tcp = '$HOST'\nx = 1", 27, "unknown field `x`"),
            ("tcp = 'secret'", 19, "write HOST:PORT"),
            ("file = 'ceph.conf'", 20, "write an absolute path"),
            ("key = 'DEFAULT'", 19, "a key is general/NAME"),
            ("bootstrap = 'endpoints'", 25, "write SERVICE/STEP"),
            ("bootstrap = 'a/b/c'", 25, "write SERVICE/STEP"),
            ("tcp = 'a:1'\ntimeout = '1'", 35, "time unit needed"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().contains(message), "{text}: {error}");
            assert_eq!(error.span().unwrap().start, place, "{text}: {error}");
        }
    }

    #[test]
    fn a_variable_may_be_missing_or_hold_the_wrong_thing() {
        for (text, message) in [
            ("tcp = '$NONE:1'", "tcp: unknown variable $NONE"),
            ("tcp = '$DIR:1'", "tcp: the host holds a character"),
            ("file = '$HOST'", "file: write an absolute path"),
            ("command = ['x', '$NONE']", "command x: unknown variable $NONE"),
        ] {
            let error = read(text).unwrap().fill_in(&scope()).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("ceph"), "{error}");
        }
    }
}
