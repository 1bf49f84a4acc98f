//! The output of `oslo-config-generator --format json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::option::UNKNOWN_TYPE;
use super::{CatalogOption, Rules};
use crate::effect::references;

/// Longer defaults are left out, in bytes of JSON.
const LONGEST_DEFAULT: usize = 200;
/// Longer words are cut, in characters.
const LONGEST_WORDS: usize = 120;

/// What the generator prints.
#[derive(Deserialize)]
pub(super) struct Raw {
    options: BTreeMap<String, RawGroup>,
    /// Sections that the service makes up by itself. The generator knows none.
    #[serde(default)]
    sections: BTreeSet<String>,
}

#[derive(Deserialize)]
struct RawGroup {
    /// The option that lists the real names of the groups for which this one is an example.
    #[serde(default)]
    dynamic_group_owner: String,
    opts: Vec<RawOption>,
}

#[derive(Deserialize)]
struct RawOption {
    name: String,
    /// The name in a file.
    dest: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    sample_default: Value,
    /// Pairs of a value and its help.
    #[serde(default)]
    choices: Vec<(Value, Value)>,
    #[serde(default)]
    min: Value,
    #[serde(default)]
    max: Value,
    #[serde(default)]
    mutable: bool,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    deprecated_opts: Vec<Deprecated>,
    #[serde(default)]
    deprecated_for_removal: bool,
    deprecated_reason: Option<String>,
    help: Option<String>,
    /// What the generator does not say, but bootstrap-data/catalog/options.py.
    rules: Option<Rules>,
    multi: Option<bool>,
}

#[derive(Deserialize)]
struct Deprecated {
    group: String,
    name: String,
}

/// The options that a file can name, those of groups with made-up names, and the made-up names that
/// no option says.
pub(super) fn reduce(raw: Raw) -> (Vec<CatalogOption>, Vec<CatalogOption>, BTreeSet<String>) {
    let (mut options, mut templates) = (Vec::new(), Vec::new());
    for (name, group) in raw.options {
        let owner = group.dynamic_group_owner;
        let target = if owner.is_empty() { &mut options } else { &mut templates };
        let reduced = group.opts.into_iter().map(|option| reduce_option(name.clone(), option));
        target.extend(reduced.map(|option| CatalogOption { owner: owner.clone(), ..option }));
    }
    (options, templates, raw.sections)
}

fn reduce_option(group: String, raw: RawOption) -> CatalogOption {
    let name = raw.dest.unwrap_or_else(|| raw.name.replace('-', "_"));
    let mut deprecated: Vec<_> = raw
        .deprecated_opts
        .into_iter()
        // A former group alone comes with the option's name, which is not that in a file.
        .map(|old| (old.group, if old.name == raw.name { name.clone() } else { old.name }))
        .filter(|old| (&old.0, &old.1) != (&group, &name))
        .collect();
    deprecated.sort();
    deprecated.dedup();
    let mut refers = Vec::new();
    refer(&raw.default, &mut refers);
    refers.sort();
    refers.dedup();
    let kind = raw.kind.unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
    // The generator does not say which options take several values; those have lists for defaults.
    let scalar = matches!(raw.default, Value::Bool(_) | Value::Number(_) | Value::String(_));
    let single = match raw.multi {
        Some(multi) => !multi,
        None => scalar && kind != "multi valued" && kind != UNKNOWN_TYPE,
    };
    // Empty rules say something only where there are others than type, choices and bounds.
    let matters = |rules: &Rules| {
        *rules != Rules::default()
            || !raw.choices.is_empty()
            || matches!(&*kind, "list value" | "dict value" | "uri value" | "multi valued")
    };
    let rules = raw.rules.filter(matters);
    let removal = raw.deprecated_reason.map(|reason| first_sentence(&reason)).unwrap_or_default();
    // The real default of these is that of the machine on which the generator ran.
    let default = if raw.sample_default.is_null() { raw.default } else { raw.sample_default };
    CatalogOption {
        default: if default.to_string().len() > LONGEST_DEFAULT { Value::Null } else { default },
        choices: raw.choices.into_iter().map(|(value, _)| value).collect(),
        min: raw.min,
        max: raw.max,
        mutable: raw.mutable,
        secret: raw.secret,
        group,
        name,
        kind,
        single,
        refers,
        deprecated,
        owner: String::new(),
        rules,
        removal: raw.deprecated_for_removal.then_some(removal),
        help: raw.help.map(|help| first_sentence(&help)).unwrap_or_default(),
    }
}

/// The first sentence of a text for people, in one line, cut where it is long.
fn first_sentence(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = paragraph.split_whitespace().collect();
    let line = words.join(" ");
    let sentence = line.split_once(". ").map_or(line.as_str(), |(first, _)| first);
    let sentence = sentence.trim_end_matches(['.', ':']);
    match sentence.char_indices().nth(LONGEST_WORDS) {
        None => sentence.to_owned(),
        Some((end, _)) => {
            let cut = sentence.get(..end).unwrap_or_default();
            let cut = cut.rsplit_once(' ').map_or(cut, |(words, _)| words);
            format!("{cut} …")
        }
    }
}

/// Collects what a default refers to; oslo.config looks into lists and tables, too.
fn refer(default: &Value, found: &mut Vec<String>) {
    match default {
        Value::String(text) => found.extend(references(text)),
        Value::Array(items) => items.iter().for_each(|item| refer(item, found)),
        Value::Object(items) => {
            for (key, value) in items {
                found.extend(references(key));
                refer(value, found);
            }
        }
        _ => {}
    }
}
