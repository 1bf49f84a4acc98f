//! The answer, found by rendering just the option that was asked for.

use std::collections::BTreeSet;
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::Document;
use etcstack_config::key::{Key, OptionName, variable_key};
use etcstack_config::layers::{FileConfig, Layers, Sourced};
use etcstack_config::problem::{Place, Problem, Problems};
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::secret::{holds_any, is_secret_name, is_secret_option, looks_secret};
use etcstack_config::variables::{Scope, Variables};
use etcstack_store::Snapshot;
use serde::Serialize;

/// What is asked, and what is there to answer it.
pub(super) struct Question<'a> {
    pub(super) layers: &'a Layers,
    pub(super) service: &'a str,
    pub(super) file: &'a str,
    pub(super) dialect: Dialect,
    /// `None` for a whole text.
    pub(super) option: Option<&'a OptionName>,
    /// Where the image's own text stands, and what it is.
    pub(super) default: Option<(&'a Path, &'a [u8])>,
    pub(super) environment: Variables,
    /// Whether the option is a secret, where somebody knows.
    pub(super) secret: Option<bool>,
}

/// Where a value comes from.
#[derive(Serialize)]
pub(super) struct Explanation {
    pub(super) file: String,
    pub(super) section: Option<String>,
    /// `None` for a whole text.
    pub(super) option: Option<String>,
    /// As they stand in the file; empty where nobody sets it.
    pub(super) values: Vec<String>,
    pub(super) secret: bool,
    /// The values stand here as `***`.
    pub(super) masked: bool,
    /// `None` where nobody sets it.
    pub(super) from: Option<Origin>,
    /// What it was put in the place of, the strongest first.
    pub(super) instead_of: Vec<Origin>,
    pub(super) variables: Vec<Variable>,
    pub(super) revision: i64,
}

/// A place that sets an option.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Origin {
    /// A key of the store.
    Key { key: String, layer: String },
    /// The image's own text; without lines where it counts as a whole.
    Default { path: String, lines: Vec<usize> },
}

/// A variable that the value refers to, directly or by way of others.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Variable {
    pub(super) name: String,
    /// A key, `environment`, or nothing: then the reference's own default counts.
    pub(super) from: Option<String>,
}

impl Explanation {
    /// Hides the values of a secret.
    pub(super) fn mask(&mut self) {
        if self.secret {
            self.values.iter_mut().for_each(|value| "***".clone_into(value));
            self.masked = true;
        }
    }
}

/// A key that sets what was asked for.
struct Setting {
    /// As this key spells it; `None` for a whole text.
    option: Option<OptionName>,
    sourced: Sourced,
}

impl Question<'_> {
    /// Answers by a state of the store, or says all that keeps the option from being rendered.
    pub(super) fn answer(self, snapshot: &Snapshot) -> Result<Explanation, Problems> {
        let settings = self.settings(&snapshot.entries)?;
        let scope = self.scope(&snapshot.entries, &settings)?;
        let inputs = FileInputs::new(self.dialect, config(&settings), &scope);
        let default = self.default.map(|(path, bytes)| DefaultFile { path, bytes });
        let rendered = render(&inputs, default)?.unwrap_or_default();
        let text = self.text(&rendered)?;
        let values = self.find(text).into_iter().map(|(value, _)| value).collect::<Vec<_>>();
        let mut origins = self.origins(&settings)?.into_iter();
        let variables =
            settings.first().map(|winner| variables(winner, &scope)).unwrap_or_default();
        Ok(Explanation {
            file: self.file.to_owned(),
            section: self.option.and_then(|name| name.section.clone()),
            option: self.option.map(|name| name.option.clone()),
            secret: self.is_secret(&values, &variables, &scope),
            values,
            masked: false,
            from: origins.next(),
            instead_of: origins.collect(),
            variables,
            revision: snapshot.revision,
        })
    }

    /// The keys that set it, of all layers, the strongest first. Mistakes in the keys of other
    /// options are not asked for.
    fn settings(&self, entries: &Entries) -> Result<Vec<Setting>, Problems> {
        let prefixes = self.layers.prefixes(self.service);
        let mut problems = Problems::default();
        let mut settings = Vec::new();
        for (key, value) in entries {
            let layer = prefixes.iter().rposition(|prefix| key.starts_with(prefix));
            let (Some(layer), Ok(parsed)) = (layer, Key::parse(key)) else { continue };
            let option = match (parsed, self.option) {
                (Key::File(name), None) if name.file == self.file => None,
                (Key::Option(name, option), Some(wanted))
                    if name.file == self.file && self.same(wanted, &option) =>
                {
                    Some(option)
                }
                _ => continue,
            };
            let Ok(value) = String::from_utf8(value.clone()) else {
                problems.0.push(not_text(key));
                continue;
            };
            settings.push(Setting { option, sourced: Sourced { key: key.clone(), layer, value } });
        }
        settings.sort_by_key(|setting| std::cmp::Reverse(setting.sourced.layer));
        problems.or_ok(settings)
    }

    /// Whether two names are the same option to the file's reader.
    fn same(&self, one: &OptionName, other: &OptionName) -> bool {
        let Some(grammar) = self.dialect.grammar() else { return one == other };
        let option = |name: &OptionName| grammar.normal_option(&name.option).into_owned();
        let section = |name: &OptionName| {
            let section = name.section.as_deref();
            section.map(|section| grammar.normal_section(section).into_owned())
        };
        option(one) == option(other) && section(one) == section(other)
    }

    /// The variables that the value may refer to.
    fn scope(&self, entries: &Entries, settings: &[Setting]) -> Result<Scope, Problems> {
        let mut general = Variables::new();
        let mut unreadable = BTreeSet::new();
        for (key, value) in entries {
            let Ok(Key::Variable(name)) = Key::parse(key) else { continue };
            match String::from_utf8(value.clone()) {
                Ok(value) => _ = general.insert(name, value),
                Err(_) => _ = unreadable.insert(name),
            }
        }
        let scope = Scope { general, environment: self.environment.clone() };
        let needed = scope.needed(settings.iter().map(|setting| setting.sourced.value.as_str()));
        let problem = |name: &String| not_text(&variable_key(name));
        Problems(needed.intersection(&unreadable).map(problem).collect()).or_ok(scope)
    }

    fn text<'b>(&self, bytes: &'b [u8]) -> Result<&'b str, Problems> {
        std::str::from_utf8(bytes).map_err(|error| {
            let path = self.default.map_or(Path::new(self.file), |(path, _)| path);
            Problem::new(Place::not_utf8(path, bytes, error), "the default file is not UTF-8")
                .into()
        })
    }

    /// The values in a text of the file, each with its line.
    fn find(&self, text: &str) -> Vec<(String, usize)> {
        let Some(wanted) = self.option else {
            return if text.is_empty() { Vec::new() } else { vec![(text.to_owned(), 1)] };
        };
        let Some(grammar) = self.dialect.grammar() else { return Vec::new() };
        let (document, _) = Document::parse_leniently(grammar, text);
        let is_wanted = |found: &OptionName| self.same(wanted, found);
        document
            .assignments()
            .into_iter()
            .filter(|found| {
                let option = found.option.to_owned();
                is_wanted(&OptionName { section: found.section.map(str::to_owned), option })
            })
            .map(|found| (found.value, found.line))
            .collect()
    }

    /// All places that set it, the strongest first: the layers, then the image.
    fn origins(&self, settings: &[Setting]) -> Result<Vec<Origin>, Problems> {
        let roles = self.layers.roles();
        let from_key = |Setting { sourced, .. }: &Setting| Origin::Key {
            key: sourced.key.clone(),
            layer: roles.get(sourced.layer).cloned().unwrap_or_default(),
        };
        let mut origins: Vec<_> = settings.iter().map(from_key).collect();
        if let Some((path, bytes)) = self.default {
            let found = self.find(self.text(bytes)?);
            let lines = if self.option.is_some() {
                found.iter().map(|(_, line)| *line).collect()
            } else {
                Vec::new()
            };
            if self.option.is_none() || !found.is_empty() {
                origins.push(Origin::Default { path: path.display().to_string(), lines });
            }
        }
        Ok(origins)
    }

    fn is_secret(&self, values: &[String], variables: &[Variable], scope: &Scope) -> bool {
        let named = || match self.option {
            Some(name) => is_secret_option(name),
            None => is_secret_name(self.file),
        };
        let secrets: Vec<&str> = scope
            .general
            .iter()
            .chain(&scope.environment)
            .filter(|(name, _)| is_secret_name(name))
            .map(|(_, value)| value.as_str())
            .collect();
        self.secret.unwrap_or_else(named)
            || variables.iter().any(|variable| is_secret_name(&variable.name))
            || values.iter().any(|value| looks_secret(value) || holds_any(value, &secrets))
    }
}

fn config(settings: &[Setting]) -> FileConfig {
    let mut config = FileConfig::default();
    // The strongest last, so that it is the one that stays.
    for Setting { option, sourced } in settings.iter().rev() {
        match option {
            Some(option) => _ = config.options.insert(option.clone(), sourced.clone()),
            None => config.whole = Some(sourced.clone()),
        }
    }
    config
}

fn not_text(key: &str) -> Problem {
    Problem::key(key, "its value is not UTF-8; put text there")
}

fn variables(winner: &Setting, scope: &Scope) -> Vec<Variable> {
    let from = |name: &String| {
        if scope.general.contains_key(name) {
            Some(variable_key(name))
        } else {
            scope.environment.contains_key(name).then(|| "environment".to_owned())
        }
    };
    let needed = scope.needed([winner.sourced.value.as_str()]);
    needed.into_iter().map(|name| Variable { from: from(&name), name }).collect()
}
