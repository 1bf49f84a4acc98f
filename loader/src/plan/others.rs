//! What the data leaves to others: the secrets that it refers to and does not hold.

use std::collections::BTreeSet;

use etcstack_config::key::{Key, variable_key};
use etcstack_config::secret::is_secret_name;
use etcstack_config::variables::references;

use crate::release::Data;
use crate::said::Said;

/// Those of these keys that the data counts on somebody else to put, as `secrets generate` does.
pub(super) fn left_to_others<'a>(
    data: &Data,
    keys: impl Iterator<Item = &'a String>,
) -> BTreeSet<String> {
    let said = Said::of_data(data);
    let names = keys.filter_map(|key| match Key::parse(key) {
        Ok(Key::Variable(name)) => Some(name),
        _ => None,
    });
    let (mut left, mut open): (BTreeSet<_>, BTreeSet<_>) =
        names.partition(|name| said.is_left_to_others(name));
    open.retain(|name| is_secret_name(name));
    if !open.is_empty() {
        let values = data.values().map(String::as_str);
        let referred: BTreeSet<_> =
            values.filter(|value| value.contains('$')).flat_map(references).collect();
        left.extend(open.intersection(&referred).cloned());
    }
    left.iter().map(|name| variable_key(name)).collect()
}
