//! Where a change by hand goes to: into a cloud that is none yet, or to a role or service that
//! nobody has and whose name looks like a slip.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::key::Key;
use etcstack_config::references::ServiceName;
use etcstack_config::status::parse_record_key;
use etcstack_config::validate::misspelt;

use super::Wanted;
use crate::plan::World;

/// Whether the store holds no key and no record of ours.
pub(super) fn is_new(world: &World<'_>, entries: &Entries) -> bool {
    let history = &world.history;
    !entries.keys().any(|key| Key::parse(key).is_ok())
        && history.current.is_none()
        && history.entries.is_empty()
        && history.pending.is_empty()
}

/// The names of the roles and of the services that there are.
#[derive(Default)]
struct Names {
    roles: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, name: ServiceName) {
        self.roles.insert(base(&name.role).to_owned());
        self.services.insert(name.service);
    }

    /// Those of other keys, of the current release, and of replicas that run.
    fn of(world: &World<'_>, entries: &Entries, wanted: &Wanted) -> Self {
        let mut names = Self::default();
        let others = entries.keys().filter(|key| !wanted.contains_key(*key));
        let released = world.base().into_iter().flat_map(|data| data.keys());
        for name in others.chain(released).filter_map(|key| service_of(key)) {
            names.add(name);
        }
        for (roles, service, _) in entries.keys().filter_map(|key| parse_record_key(key)) {
            for role in roles.split(',').map(str::trim).filter(|role| !role.is_empty()) {
                names.add(ServiceName { role: role.to_owned(), service: service.clone() });
            }
        }
        names
    }
}

/// The role itself: its layers have other names by design, those of racks and of hosts.
fn base(role: &str) -> &str {
    role.split('@').next().unwrap_or(role)
}

fn service_of(key: &str) -> Option<ServiceName> {
    match Key::parse(key) {
        Ok(Key::Option(file, _) | Key::File(file)) => {
            Some(ServiceName { role: file.role, service: file.service })
        }
        _ => None,
    }
}

/// A warning for each role and service that nobody has, and that is a slip away from one that is
/// there.
pub(super) fn names(wanted: &Wanted, world: &World<'_>, entries: &Entries) -> Vec<String> {
    let known = Names::of(world, entries, wanted);
    let mut warnings = Vec::new();
    let mut told = BTreeSet::new();
    let put = wanted.iter().filter(|(_, value)| value.is_some());
    for (key, name) in put.filter_map(|(key, _)| Some((key, service_of(key)?))) {
        let role = base(&name.role).to_owned();
        for (what, name, names) in
            [("role", role, &known.roles), ("service", name.service, &known.services)]
        {
            let is_new = !names.contains(&name) && told.insert((what, name.clone()));
            let near = misspelt(&name, names.iter().map(String::as_str));
            if let Some(near) = near.filter(|_| is_new) {
                warnings.push(format!(
                    "{}: nobody has the {what} {}: no replica that runs, no other key, no release; \
                     did you mean {}?",
                    key.escape_debug(),
                    name.escape_debug(),
                    near.escape_debug()
                ));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(there: &[&str], put: &[&str]) -> Vec<String> {
        let entries = there.iter().map(|key| ((*key).to_owned(), Vec::new())).collect();
        let wanted = put.iter().map(|key| ((*key).to_owned(), Some(String::new()))).collect();
        names(&wanted, &World::new(&entries), &entries)
    }

    #[test]
    fn slips() {
        let there = [
            "controller/glance/g.conf/a/b",
            "compute@rack7/nova/n.conf/a/b",
            "_etcstack/status/network,network@n1/neutron/n1",
        ];
        for (put, told) in [
            ("controler/glance/g.conf/a/b", Some("the role controler: no replica")),
            ("controller/glnace/g.conf/a/b", Some("did you mean glance?")),
            ("controller/glnace/policy.yaml", Some("the service glnace")),
            ("netwrok/neutron/n.conf/a/b", Some("did you mean network?")),
            ("network/nuetron/n.conf/a/b", Some("did you mean neutron?")),
            ("comptue@rack8/nova/n.conf/a/b", Some("did you mean compute?")),
            ("compute@rack8/nova/n.conf/a/b", None),
            ("controller/glance/other.conf/a/b", None),
            ("storage/swift/s.conf/a/b", None),
            ("general/CONTROLER", None),
        ] {
            let warnings = warnings(&there, &[put]);
            assert_eq!(warnings.is_empty(), told.is_none(), "{put}: {warnings:?}");
            let said = told.is_none_or(|told| warnings[0].contains(told));
            assert!(said && warnings.len() < 2, "{put}: {warnings:?}");
        }
        // Once, however many keys there are, and not once the key is there beside another.
        let twice = ["controler/glance/g.conf/a/b", "controler/glance/g.conf/a/c"];
        assert_eq!(warnings(&there, &twice).len(), 1);
        let there = [&there[..], &twice[..1]].concat();
        assert!(warnings(&there, &twice[1..]).is_empty());
        assert_eq!(warnings(&there, &twice[..1]).len(), 1);
    }

    #[test]
    fn a_new_cloud() {
        for (keys, new) in [
            (&[][..], true),
            (&["strange", "/registry"], true),
            (&["general/A"], false),
            (&["_etcstack/generation"], false),
        ] {
            let entries = keys.iter().map(|key| ((*key).to_owned(), Vec::new())).collect();
            assert_eq!(is_new(&World::new(&entries), &entries), new, "{keys:?}");
        }
    }
}
