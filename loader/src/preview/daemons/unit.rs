//! What has files of its own: a service in the roles that its replicas run with.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::key::FileName;
use etcstack_config::references::ServiceName;
use etcstack_config::status::parse_record_key;

/// The roles of a service, in order: later ones win.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    pub(super) roles: Vec<String>,
    pub(super) service: String,
}

impl Unit {
    /// The service in each of the roles.
    pub(super) fn names(&self) -> impl Iterator<Item = ServiceName> {
        let name =
            |role: &String| ServiceName { role: role.clone(), service: self.service.clone() };
        self.roles.iter().map(name)
    }

    /// A file of it; its layers have the same ones.
    pub(super) fn file(&self, file: &str) -> FileName {
        let role = self.roles.first().cloned().unwrap_or_default();
        FileName { role, service: self.service.clone(), file: file.to_owned() }
    }
}

/// The roles and services of the replicas that run, by their records.
#[derive(Default)]
pub(crate) struct Replicas(BTreeSet<Unit>);

impl Replicas {
    pub(crate) fn of(entries: &Entries) -> Self {
        let unit = |key: &String| {
            let (roles, service, _) = parse_record_key(key)?;
            let roles = roles.split(',').map(|role| role.trim().to_owned()).collect();
            Some(Unit { roles, service })
        };
        Self(entries.keys().filter_map(unit).collect())
    }
}

/// The services that have keys, in the layers that replicas run with, roles without keys left out;
/// and, each for itself, in the roles that no replica has.
pub(super) fn units(names: &BTreeSet<ServiceName>, replicas: &Replicas) -> BTreeSet<Unit> {
    let mut units = BTreeSet::new();
    let mut alone = names.clone();
    for replica in &replicas.0 {
        let mut roles: Vec<String> = Vec::new();
        for name in replica.names().filter(|name| names.contains(name)) {
            alone.remove(&name);
            // One that is named twice counts where it is named last.
            roles.retain(|role| *role != name.role);
            roles.push(name.role);
        }
        if !roles.is_empty() {
            units.insert(Unit { roles, service: replica.service.clone() });
        }
    }
    let single = |name: ServiceName| Unit { roles: vec![name.role], service: name.service };
    units.extend(alone.into_iter().map(single));
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_replicas_run_them() {
        let name = |text: &str| {
            let (role, service) = text.split_once('/').unwrap();
            ServiceName { role: role.into(), service: service.into() }
        };
        let names =
            ["site/nova", "compute/nova", "compute@n1/nova", "site/glance", "old/nova"].map(name);
        let records = [
            "_etcstack/status/site,compute,compute@n1/nova/n1",
            "_etcstack/status/site,compute,compute@n2/nova/n2",
            "_etcstack/status/site,compute,compute@n3/nova/n3",
            "_etcstack/status/compute,site,compute/other/n3",
            "_etcstack/status/broken",
            "site/nova/n.conf/a/b",
        ];
        let entries = records.map(|key| (key.to_owned(), Vec::new())).into();
        let found: Vec<_> = units(&names.into(), &Replicas::of(&entries))
            .into_iter()
            .map(|unit| format!("{}/{}", unit.roles.join(","), unit.service))
            .collect();
        assert_eq!(
            found,
            ["old/nova", "site/glance", "site,compute/nova", "site,compute,compute@n1/nova"]
        );
    }
}
