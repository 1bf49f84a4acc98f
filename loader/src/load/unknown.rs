//! What nobody knows: variables that values refer to and that nobody has after a load, and records
//! of the data that only a newer loader reads.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::key::{GENERAL, Key, SYSTEM};
use etcstack_config::variables::Scope;

use crate::dialects;
use crate::plan::Plan;
use crate::release::Data;
use crate::stored::is_data;

/// The records of a release that are not read here, as those of a newer loader: what is not read cannot
/// be expected, so that no plan with them would ever happen.
pub(super) fn records(data: &Data) -> Vec<String> {
    data.keys().filter(|key| !is_data(key)).map(|key| key.escape_debug().to_string()).collect()
}

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
