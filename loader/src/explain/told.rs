//! One key: its value filled in, and where the variables in it come from.

use std::collections::BTreeSet;

use etcstack_config::dialect::Dialect;
use etcstack_config::document::{Document, Grammar};
use etcstack_config::key::{Key, OptionName, variable_key};
use etcstack_config::layers::{FileConfig, Sourced};
use etcstack_config::secret::{holds_any, looks_secret};
use etcstack_config::validate::Settings;
use etcstack_store::Revisions;
use serde::{Serialize, Serializer};

use super::origin::Written;
use crate::dialects::{self, Dialects};
use crate::overlay::{self, Known, itself};
use crate::sensitive::{is_harmless, sensitive};

/// What is told of a key.
#[derive(Serialize)]
pub(super) struct Told {
    pub(super) key: String,
    /// As it stands in the file, or will; none where it is masked or cannot be filled in.
    #[serde(rename = "rendered")]
    pub(super) value: Option<String>,
    /// As the key holds it; none where it is masked.
    #[serde(rename = "value")]
    pub(super) raw: Option<String>,
    pub(super) secret: bool,
    /// Whether the value is left out because it is secret.
    pub(super) masked: bool,
    /// Why it cannot be filled in.
    #[serde(rename = "problems", serialize_with = "list")]
    pub(super) problem: Option<String>,
    pub(super) variables: Vec<Variable>,
    pub(super) written: Written,
    /// The revision of the key's last change.
    #[serde(rename = "mod_revision")]
    pub(super) changed: Option<i64>,
    /// The same, its variables taken together with it.
    pub(super) newest: Option<i64>,
}

/// A variable that a value refers to, directly or by way of others.
#[derive(Serialize)]
pub(super) struct Variable {
    pub(super) name: String,
    #[serde(rename = "source")]
    pub(super) from: From,
}

/// Where a variable comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum From {
    /// Its key.
    General,
    /// The agent's environment: the data says so.
    Environment,
    /// The reference's own default, unless the agent's environment has it.
    Default,
    /// The agent's environment, or nobody.
    Unknown,
}

// As serde wants it.
#[allow(clippy::ref_option)]
fn list<S: Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(text)
}

/// Tells of keys of one state.
pub(super) struct Teller<'a> {
    read: &'a Revisions,
    known: Known<'a>,
    dialects: Dialects,
    hidden: BTreeSet<String>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(read: &'a Revisions, settings: &'a Settings) -> Self {
        let entries = &read.snapshot.entries;
        Self {
            read,
            known: Known::new(entries, &settings.environment),
            dialects: dialects::of_entries(entries),
            hidden: sensitive(&[entries], settings.catalogs.as_ref()),
        }
    }

    /// `None` where there is no such key.
    pub(super) fn tell(&self, key: &str, written: Written, show_secrets: bool) -> Option<Told> {
        let raw = self.read.snapshot.entries.get(key)?;
        let raw = String::from_utf8_lossy(raw).into_owned();
        let (value, problem) = match self.filled_in(key, &raw) {
            Ok(value) => (Some(value), None),
            Err(problem) => (None, Some(problem)),
        };
        let variables = self.variables(&raw);
        let secret = self.is_secret(key, &raw, value.as_deref());
        let masked = secret && !show_secrets;
        let keys = variables.iter().map(|variable| variable_key(&variable.name));
        let changed = self.read.changed.get(key).copied();
        let newest = keys.filter_map(|key| self.read.changed.get(&key)).copied().chain(changed);
        Some(Told {
            key: key.to_owned(),
            value: value.filter(|_| !masked),
            newest: newest.max(),
            raw: (!masked || is_harmless(&raw)).then_some(raw),
            secret,
            masked,
            problem,
            variables,
            written,
            changed,
        })
    }

    /// What agents write, as far as the store knows it.
    fn filled_in(&self, key: &str, raw: &str) -> Result<String, String> {
        match Key::parse(key) {
            Ok(Key::Option(file, option)) => {
                let dialect = self.dialects.of(&file);
                match dialect.grammar() {
                    Some(grammar) => self.rendered(key, option, raw, dialect, grammar),
                    None => self.known.fill_in(raw).map_err(|error| error.to_string()),
                }
            }
            _ => self.known.fill_in(raw).map_err(|error| error.to_string()),
        }
    }

    /// An option of a file that says some things in its own way.
    fn rendered(
        &self,
        key: &str,
        option: OptionName,
        raw: &str,
        dialect: Dialect,
        grammar: &'static dyn Grammar,
    ) -> Result<String, String> {
        let sourced = Sourced { key: key.to_owned(), layer: 0, value: raw.to_owned() };
        let config = FileConfig { whole: None, options: [(option, sourced)].into() };
        let inputs = self.known.inputs(dialect, &config);
        let bytes = overlay::text(&inputs).map_err(|problems| problems.to_string())?;
        let text = String::from_utf8_lossy(&bytes);
        let (document, _) = Document::parse_leniently(grammar, &text);
        let values: Vec<_> = document.assignments().into_iter().map(|found| found.value).collect();
        let mut value = values.join("\n");
        for name in inputs.scope.environment.keys() {
            // It was escaped as a variable's content is.
            value = value.replace(&format!("${}", itself(name)), &itself(name));
        }
        Ok(value)
    }

    fn variables(&self, raw: &str) -> Vec<Variable> {
        let lacking = self.known.lacking(raw);
        let from = |name: &String| {
            if self.known.general().contains_key(name) {
                From::General
            } else if self.known.is_in_environment(name) {
                From::Environment
            } else if lacking.contains(name) {
                From::Unknown
            } else {
                From::Default
            }
        };
        let needed = self.known.needed(raw).into_iter();
        needed.map(|name| Variable { from: from(&name), name }).collect()
    }

    fn is_secret(&self, key: &str, raw: &str, value: Option<&str>) -> bool {
        // What names say is among the hidden ones.
        let is_hidden = |name: &str| self.hidden.contains(&variable_key(name));
        let is_secret = |(name, _): &(&String, &String)| is_hidden(name);
        let secrets = self.known.general().iter().filter(is_secret);
        let secrets: Vec<_> = secrets.map(|(_, value)| value.as_str()).collect();
        let mut texts = value.into_iter().chain([raw]);
        // By their places: in the text, those of a few letters cannot be told from others.
        let puts_in =
            |variable: &Variable| variable.from == From::General && is_hidden(&variable.name);
        self.hidden.contains(key)
            || self.variables(raw).iter().any(puts_in)
            || texts.any(|text| looks_secret(text) || holds_any(text, &secrets))
    }
}
