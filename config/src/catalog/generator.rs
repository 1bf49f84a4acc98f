//! The output of `oslo-config-generator --format json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{CatalogOption, UNKNOWN_TYPE};
use crate::effect::references;

/// Longer defaults are left out, in bytes of JSON.
const LONGEST_DEFAULT: usize = 200;

/// What the generator prints.
#[derive(Deserialize)]
pub(super) struct Raw {
    options: BTreeMap<String, RawGroup>,
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
}

#[derive(Deserialize)]
struct Deprecated {
    group: String,
    name: String,
}

/// The options that a file can name.
pub(super) fn options(raw: Raw) -> impl Iterator<Item = CatalogOption> {
    let fixed = raw.options.into_iter().filter(|(_, group)| group.dynamic_group_owner.is_empty());
    fixed.flat_map(|(name, group)| {
        group.opts.into_iter().map(move |option| reduce(name.clone(), option))
    })
}

fn reduce(group: String, raw: RawOption) -> CatalogOption {
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
    let single = scalar && kind != "multi valued" && kind != UNKNOWN_TYPE;
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
