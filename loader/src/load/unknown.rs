//! Variables that values refer to and that nobody has after a load.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::key::{GENERAL, Key, SYSTEM};
use etcstack_config::variables::Scope;

use crate::dialects;
use crate::plan::Plan;
use crate::release::Data;

/// Their names: only agents that have them in their environment can fill in what refers to them.
pub(super) fn variables(data: &Data, plan: &Plan, entries: &Entries) -> BTreeSet<String> {
    // Everything else refers to nothing, and nothing to it.
    let counts = |key: &str, value: &[u8]| key.starts_with(GENERAL) || value.contains(&b'$');
    let stays = |key: &String| !key.starts_with(SYSTEM) && !plan.deleted.contains(key);
    let found = entries.iter().filter(|(key, value)| counts(key, value));
    let found = found.filter(|(key, _)| stays(key) && !data.contains_key(*key));
    let found = found.filter_map(|(key, value)| Some((key, std::str::from_utf8(value).ok()?)));
    let ours = data.iter().filter(|(key, value)| counts(key, value.as_bytes()));
    let all = found.chain(ours.map(|(key, value)| (key, value.as_str())));
    let dialects = dialects::of_data(data);
    let mut scope = Scope::default();
    let mut values = Vec::new();
    for (key, value) in all {
        match Key::parse(key) {
            Ok(Key::Variable(name)) => _ = scope.general.insert(name, value.to_owned()),
            Ok(Key::Option(file, _) | Key::File(file)) => {
                values.push((value, dialects.of(&file)));
            }
            _ => {}
        }
    }
    scope.lacking(values)
}
