//! The answer as people read it.

use std::fmt;

use etcstack_config::catalog::CatalogOption;
use etcstack_config::document::normal_section;
use etcstack_config::key::Key;
use serde_json::Value;

use super::layers::Layer;
use super::origin::{How, ReleaseNumber, Written};
use super::replicas::Holder;
use super::told::{From, Told, Variable};
use super::{CatalogSays, Explanation, User};
use crate::difference::mask::MASK;
use crate::difference::printable;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", printable(&self.key))?;
        match self.keys.as_slice() {
            [told] if told.key == self.key => told.whole(f)?,
            several => {
                for told in several {
                    told.short(f)?;
                }
            }
        }
        block(f, "layers", &self.layers.iter().map(Layer::line).collect::<Vec<_>>())?;
        if let Some(users) = &self.used_by {
            let lines: Vec<_> = users.iter().map(User::line).collect();
            let nobody = vec!["no key; manifests of images may still".to_owned()];
            block(f, "used by", if lines.is_empty() { &nobody } else { &lines })?;
        }
        block(f, "option", &self.catalog.lines(&self.key))?;
        let replicas: Vec<_> = self.replicas.iter().map(Holder::line).collect();
        let none = vec!["no agent has told of itself".to_owned()];
        block(f, "replicas", if replicas.is_empty() { &none } else { &replicas })?;
        if self.loading {
            let line = "a load is under way, or has died half-way: this may be half of something";
            block(f, "mind", &[line.to_owned()])?;
        }
        block(f, "revision", &[self.revision.to_string()])
    }
}

/// Lines under one name; none of them, no name.
fn block(f: &mut fmt::Formatter<'_>, name: &str, lines: &[String]) -> fmt::Result {
    let mut name = format!("{name}:");
    for line in lines.iter().flat_map(|line| line.split('\n')) {
        writeln!(f, "{}", format!("  {name:<12}{}", printable(line)).trim_end())?;
        name.clear();
    }
    Ok(())
}

impl Told {
    fn whole(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        block(f, "value", &[self.value_text()])?;
        if let Some(raw) = self.raw.as_ref().filter(|raw| Some(*raw) != self.value.as_ref()) {
            block(f, "key holds", std::slice::from_ref(raw))?;
        }
        block(f, "variables", &self.variables.iter().map(Variable::line).collect::<Vec<_>>())?;
        let mut written = self.written.lines();
        if let (Some(revision), Some(first)) = (self.changed, written.first_mut()) {
            first.push_str("; revision ");
            first.push_str(&revision.to_string());
        }
        block(f, "written", &written)
    }

    /// One of several.
    fn short(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match Key::parse(&self.key) {
            Ok(Key::Option(_, option)) => option.to_string(),
            _ => self.key.clone(),
        };
        let value = self.value_text().replace('\n', "\n      ");
        let value: Vec<_> = value.split('\n').map(printable).collect();
        writeln!(f, "  {} = {}", printable(&name), value.join("\n"))?;
        let written = self.written.lines();
        writeln!(f, "      {}", printable(written.first().map_or("", String::as_str)))
    }

    fn value_text(&self) -> String {
        match (&self.value, &self.problem) {
            (_, Some(problem)) => format!("agents refuse it: {problem}"),
            (None, None) => format!("{MASK}  (a secret; --show-secrets prints it)"),
            (Some(value), None) if value.is_empty() => "(empty)".to_owned(),
            (Some(value), None) => value.clone(),
        }
    }
}

impl Variable {
    fn line(&self) -> String {
        let from = match self.from {
            From::General => format!("from general/{}", self.name),
            From::Environment => "from the agent's environment".to_owned(),
            From::Default => {
                "not in general/: the default counts, unless the agent's environment has it"
                    .to_owned()
            }
            From::Unknown => {
                "not in general/: the agent's environment has it, or agents refuse the value"
                    .to_owned()
            }
        };
        format!("{} {from}", self.name)
    }
}

impl Written {
    fn lines(&self) -> Vec<String> {
        let entry = self.entry.as_ref().map(|entry| {
            let colon = if entry.message.is_empty() { "" } else { ": " };
            let (author, message) = (&entry.author, &entry.message);
            (entry, format!("({}, by {author}{colon}{message})", entry.at))
        });
        let first = match (self.how, entry) {
            (How::Release, Some((entry, details))) => {
                let earlier = if self.or_earlier { " or earlier" } else { "" };
                format!("release {}{earlier} {details}", entry.number)
            }
            (How::Unfinished, Some((entry, details))) => {
                format!("the load of release {}, which was not completed {details}", entry.number)
            }
            (How::Command, Some((entry, details))) => {
                format!(
                    "by hand, with etcstack-loader {}; entry {} {details}",
                    entry.kind, entry.number
                )
            }
            (How::File, _) => match &self.place {
                Some(place) => format!("in {place}"),
                None => "in a file of the directory".to_owned(),
            },
            _ => "by hand, not through the loader".to_owned(),
        };
        let drift = self.differs_from.map(|ReleaseNumber { release }| {
            format!("release {release} gives it another value: a load keeps this one, as drift")
        });
        std::iter::once(first).chain(drift).collect()
    }
}

impl Layer {
    fn line(&self) -> String {
        match (&self.wins, &self.loses) {
            (Some(roles), _) => format!("{} overrides it where the layers are {roles}", self.key),
            (None, Some(roles)) => {
                format!("{} is overridden by it where the layers are {roles}", self.key)
            }
            (None, None) => {
                format!(
                    "{} is there as well; of two layers, the later one in --role wins",
                    self.key
                )
            }
        }
    }
}

impl User {
    fn line(&self) -> String {
        let way: Vec<_> = self.by_way_of.iter().map(|name| format!("${name}")).collect();
        let way =
            if way.is_empty() { String::new() } else { format!(", by way of {}", way.join(", ")) };
        format!("{}{way}", self.key)
    }
}

impl CatalogSays {
    fn lines(&self, key: &str) -> Vec<String> {
        let Some(release) = &self.catalog_release else { return Vec::new() };
        if self.options.is_empty() {
            return vec![format!(
                "the catalog of {release} does not have it; options of sections that a service \
                 makes up are not in there"
            )];
        }
        self.options.iter().flat_map(|option| describe(option, key)).collect()
    }
}

fn describe(option: &CatalogOption, key: &str) -> Vec<String> {
    let mut first = vec![option.kind.clone()];
    if !option.default.is_null() {
        first.push(format!("default {}", option.default));
    }
    for (what, limit) in [("at least", &option.min), ("at most", &option.max)] {
        if !limit.is_null() {
            first.push(format!("{what} {limit}"));
        }
    }
    if !option.choices.is_empty() {
        let choices: Vec<_> = option.choices.iter().map(plain).collect();
        first.push(format!("one of {}", choices.join(", ")));
    }
    let taken = if option.mutable { "taken by a reload" } else { "needs a restart" };
    first.push(taken.to_owned());
    let mut lines = vec![first.join("; ")];
    if !is_named(option, key) {
        lines.push(format!("this is a former name of [{}] {}", option.group, option.name));
    }
    if let Some(why) = &option.removal {
        let colon = if why.is_empty() { "" } else { ": " };
        lines.push(format!("deprecated{colon}{why}"));
    }
    lines.extend((!option.help.is_empty()).then(|| option.help.clone()));
    lines
}

/// Whether the key uses the option's present name.
fn is_named(option: &CatalogOption, key: &str) -> bool {
    let Ok(Key::Option(_, name)) = Key::parse(key) else { return true };
    let section = normal_section(name.section.as_deref().unwrap_or_default());
    (section, name.option.as_str()) == (normal_section(&option.group), option.name.as_str())
}

/// A text without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Holder {
    fn line(&self) -> String {
        let has = match (self.has_seen, self.has_applied) {
            (_, Some(true)) => "has it",
            (Some(true), _) => "has read it, and not applied it",
            (Some(false), _) => "has not read it",
            (None, _) => "nobody knows whether it has it",
        };
        let number = |revision: Option<i64>| {
            revision.map_or_else(|| "nothing".to_owned(), |revision| revision.to_string())
        };
        format!(
            "{} ({}/{}) {has}: seen {}, applied {}",
            self.host,
            self.role,
            self.service,
            number(self.revisions.seen),
            number(self.revisions.applied)
        )
    }
}
