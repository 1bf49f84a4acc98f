//! Who runs just now, by the records of their status.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::references::ServiceName;
use etcstack_config::status::parse_record_key;

use super::wanted::base;

/// The services of the replicas that run, in each layer of their first role. Other roles that they
/// name count for nothing: who writes a record chooses its name, and may not get rights by it.
pub(super) fn layers(entries: &Entries) -> BTreeSet<ServiceName> {
    let mut layers = BTreeSet::new();
    for (roles, service, _) in entries.keys().filter_map(|key| parse_record_key(key)) {
        let first = roles.split(',').next().unwrap_or_default();
        let own = roles.split(',').filter(|role| !role.is_empty() && base(role) == base(first));
        let name = |role: &str| ServiceName { role: role.to_owned(), service: service.clone() };
        layers.extend(own.map(name));
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_of_the_first_role() {
        let keys = [
            "_etcstack/status/compute,compute@r7,controller,controller@x/nova/n1",
            "_etcstack/status/controller/glance/h",
            "_etcstack/status/broken",
            "compute@n9/nova/n.conf/a/b",
        ];
        let entries = keys.map(|key| (key.to_owned(), Vec::new())).into();
        let found: Vec<_> = layers(&entries).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["compute/nova", "compute@r7/nova", "controller/glance"]);
    }
}
