//! The keys of other roles for the same option or text.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::data::normal_key;
use etcstack_config::key::{FileName, Key};
use etcstack_config::status::{STATUS, parse_record_key};
use serde::Serialize;

use crate::dialects;

/// A key of another role.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Layer {
    pub(super) key: String,
    /// Roles in the order in which it has the last word.
    pub(super) wins: Option<String>,
    /// Roles in the order in which the one that was asked for has it.
    pub(super) loses: Option<String>,
}

/// All other keys of the same service, file and option.
pub(super) fn layers(parsed: &Key, entries: &Entries) -> Vec<Layer> {
    let Some(own) = file(parsed) else { return Vec::new() };
    let dialects = dialects::of_entries(entries);
    let lists = role_lists(entries, &own.service);
    let layer = |key: &String| {
        let other = Key::parse(&normal_key(key, &dialects)).ok()?;
        let role = file(&other)?.role.clone();
        if role == own.role || in_role(other, &own.role) != *parsed {
            return None;
        }
        let order = |one: &str, two: &str| {
            let known = lists.iter().find(|list| comes_before(list, one, two));
            // A layer of a role is called so: compute@rack7.
            let usual = two.starts_with(&format!("{one}@"));
            known.cloned().or_else(|| usual.then(|| format!("{one},{two}")))
        };
        let (wins, loses) = (order(&own.role, &role), order(&role, &own.role));
        Some(Layer { key: key.clone(), wins, loses })
    };
    entries.keys().filter_map(layer).collect()
}

fn file(key: &Key) -> Option<&FileName> {
    match key {
        Key::Option(file, _) | Key::File(file) => Some(file),
        Key::Variable(_) | Key::System(_) => None,
    }
}

/// The same key in another role.
fn in_role(key: Key, role: &str) -> Key {
    let file = |file: FileName| FileName { role: role.to_owned(), ..file };
    match key {
        Key::Option(name, option) => Key::Option(file(name), option),
        Key::File(name) => Key::File(file(name)),
        key => key,
    }
}

/// The lists of roles that replicas of the service run with.
fn role_lists(entries: &Entries, service: &str) -> BTreeSet<String> {
    let records = entries.range(STATUS.to_owned()..).map(|(key, _)| key);
    let records = records.take_while(|key| key.starts_with(STATUS));
    let of_service = |(roles, of, _): (String, String, String)| (of == service).then_some(roles);
    records.filter_map(|key| of_service(parse_record_key(key)?)).collect()
}

fn comes_before(list: &str, one: &str, two: &str) -> bool {
    let at = |role: &str| list.split(',').position(|name| name.trim() == role);
    at(one).zip(at(two)).is_some_and(|(one, two)| one < two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_has_the_last_word() {
        let keys = [
            "_etcstack/status/site,compute/nova/n1",
            "_etcstack/status/compute,site/glance/n1",
            "compute/nova/nova.conf/DEFAULT/debug",
            "compute/nova/nova.conf/DEFAULT/other",
            "compute@n1/nova/nova.conf/default/debug",
            "compute@n1/nova/nova.conf/DEFAULT/debug",
            "other/nova/nova.conf/DEFAULT/debug",
            "site/nova/nova.conf/DEFAULT/debug",
            "site/nova/other.conf/DEFAULT/debug",
        ];
        let entries: Entries = keys.map(|key| (key.to_owned(), Vec::new())).into();
        let asked = Key::parse("compute/nova/nova.conf/DEFAULT/debug").unwrap();
        let found = layers(&asked, &entries);
        let found: Vec<_> =
            found.iter().map(|l| (l.key.as_str(), l.wins.as_deref(), l.loses.as_deref())).collect();
        assert_eq!(
            found,
            [
                (keys[5], Some("compute,compute@n1"), None),
                (keys[6], None, None),
                (keys[7], None, Some("site,compute")),
            ]
        );
        assert_eq!(layers(&Key::Variable("A".into()), &entries), []);
    }
}
