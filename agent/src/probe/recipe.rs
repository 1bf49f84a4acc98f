//! A probe as the manifest has it: checked as far as that goes before its variables are known.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcstack_config::dialect::Dialect;
use etcstack_config::variables::{self, Scope, Variables};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::address::Address;
use super::url::Url;
use super::{Probe, Status};

/// A probe with its variables not filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    Tcp(String),
    Http { url: String, status: Status, ca: Option<PathBuf> },
    Command(Vec<String>),
}

/// The fields of a table that say what is asked.
pub(crate) struct Asked {
    pub(crate) tcp: Option<String>,
    pub(crate) http: Option<String>,
    pub(crate) status: Option<Vec<u16>>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) command: Option<Vec<String>>,
}

impl Asked {
    /// The probes that a table asks for: one is right.
    pub(crate) fn recipes(self) -> Result<Vec<Recipe>, String> {
        if self.http.is_none() && (self.status.is_some() || self.ca.is_some()) {
            return Err("status and ca say more about http, which is not there".into());
        }
        if self.ca.as_ref().is_some_and(|ca| !ca.is_absolute()) {
            return Err("ca is to be an absolute path".into());
        }
        let good =
            |codes: &Vec<u16>| !codes.is_empty() && codes.iter().all(|c| (200..=599).contains(c));
        if self.status.as_ref().is_some_and(|codes| !good(codes)) {
            return Err("status is to be a list of codes from 200 to 599, as in [200, 300]".into());
        }
        let (status, ca) = (Status(self.status), self.ca);
        let recipes = [
            self.tcp.map(Recipe::Tcp),
            self.http.map(|url| Recipe::Http { url, status, ca }),
            self.command.map(Recipe::Command),
        ];
        Ok(recipes.into_iter().flatten().collect())
    }
}

impl Recipe {
    pub(crate) fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// The texts that variables are filled into, for [`Scope::needed`].
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::Tcp(text) | Self::Http { url: text, .. } => std::slice::from_ref(text),
            Self::Command(texts) => texts.as_slice(),
        };
        texts.iter().map(String::as_str)
    }

    /// The probe, with what the variables hold now.
    pub(crate) fn fill_in(&self, scope: &Scope) -> Result<Probe, String> {
        let fill = |text: &String| scope.fill_in(text).map_err(|error| error.to_string());
        match self {
            Self::Tcp(text) => {
                let address = fill(text).and_then(|text| Address::parse(&text));
                Ok(Probe::Tcp(address.map_err(|error| format!("tcp: {error}"))?))
            }
            Self::Http { url, status, ca } => {
                let url = fill(url).and_then(|text| Url::parse(&text));
                let url = url.map_err(|error| format!("http: {error}"))?;
                Ok(Probe::Http { url, status: status.clone(), ca: ca.clone() })
            }
            Self::Command(texts) => {
                let name = texts.first().cloned().unwrap_or_default();
                let command = texts.iter().map(fill).collect::<Result<_, _>>();
                let command = command.map_err(|error| format!("command {name}: {error}"))?;
                Ok(Probe::Command { name, command })
            }
        }
    }
}

/// What variables may hold, as far as it matters to the shape of a text.
const SAMPLES: [&str; 9] = ["h", "1", "h:1", "::1", "[::1]", "http", "http://h", "/", ""];

/// Checks a text whose variables are not known: it is wrong if nothing that they may hold would
/// make it right. One of them may differ from the others, as in `$HOST:$PORT`.
pub(crate) fn shape<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(), String> {
    variables::check(text, Dialect::Text).map_err(|error| error.to_string())?;
    let names = variables::references(text);
    let attempt = |one: &str, its: &str, others: &str| {
        let value = |name: &String| if name == one { its } else { others }.to_owned();
        let environment = names.iter().map(|name| (name.clone(), value(name))).collect();
        let scope = Scope { general: Variables::new(), environment };
        scope.fill_in(text).map_err(|error| error.to_string()).and_then(|text| parse(&text))
    };
    let Err(first) = attempt("", "", SAMPLES[0]) else { return Ok(()) };
    let possible = names.iter().any(|one| {
        SAMPLES.iter().any(|its| SAMPLES.iter().any(|others| attempt(one, its, others).is_ok()))
    });
    if possible { Ok(()) } else { Err(first) }
}

/// Reads `tcp =`.
pub(crate) fn address<'de, D: Deserializer<'de>>(read: D) -> Result<Option<String>, D::Error> {
    checked(read, |text| shape(text, Address::parse))
}

/// Reads `http =`.
pub(crate) fn url<'de, D: Deserializer<'de>>(read: D) -> Result<Option<String>, D::Error> {
    checked(read, |text| shape(text, Url::parse))
}

/// Reads a text that has to pass a check.
pub(crate) fn checked<'de, D: Deserializer<'de>>(
    read: D,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(read)?;
    check(&text).map_err(Error::custom)?;
    Ok(Some(text))
}

/// Reads `command =`.
pub(crate) fn arguments<'de, D: Deserializer<'de>>(
    read: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let arguments = Vec::<String>::deserialize(read)?;
    if arguments.first().is_none_or(String::is_empty) {
        return Err(Error::custom("write the program first, as in [\"mysqladmin\", \"ping\"]"));
    }
    for argument in &arguments {
        variables::check(argument, Dialect::Text).map_err(Error::custom)?;
    }
    Ok(Some(arguments))
}

/// Reads a duration such as `500ms`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(read: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(read)?;
    etcstack_store::args::duration(&text).map_err(Error::custom)
}

/// A path that means the same wherever the agent runs.
pub(crate) fn absolute(text: &str) -> Result<PathBuf, String> {
    if Path::new(text).is_absolute() {
        Ok(text.into())
    } else {
        Err("write an absolute path".into())
    }
}
