//! Who is to have which rights: a pure function of what refers to what.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::key::{escape, service_prefix, variable_key};
use etcstack_config::problem::{Problem, Problems};
use etcstack_config::references::{References, ServiceName};
use etcstack_store::{Kind, LOAD_MARK, Rights, Span};

use super::AccessError;
use super::declared::{Extra, What};
use super::names::Names;

/// What the rights follow from.
pub(super) struct Cloud<'a> {
    /// What people call it.
    pub(super) store: &'a str,
    /// The store's.
    pub(super) prefix: &'a str,
    pub(super) names: &'a Names,
    pub(super) references: &'a References,
    pub(super) extras: &'a [Extra],
    /// The services of replicas that run, in each of their layers.
    pub(super) running: &'a BTreeSet<ServiceName>,
    /// The roles of etcd that are there.
    pub(super) there: &'a BTreeMap<String, Rights>,
    pub(super) operator_read: bool,
}

/// The roles of etcd that are to be there, and the users with the same names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) roles: BTreeMap<String, Rights>,
    /// Of the roles, those that are to have a user.
    pub(super) users: BTreeSet<String>,
}

impl Wanted {
    pub(super) fn new(cloud: &Cloud<'_>) -> Result<Self, AccessError> {
        let mut services = cloud.services()?;
        if services.is_empty() {
            return Err(AccessError::Empty(cloud.store.to_owned()));
        }
        services.extend(cloud.survivors());
        let mut wanted = Self::default();
        for service in &services {
            let name = cloud.names.service(&service.role, &service.service);
            wanted.roles.insert(name.clone(), cloud.rights(service));
            wanted.users.insert(name);
        }
        let all = |kind| Rights::from([(Span::below(cloud.prefix), kind)]);
        wanted.roles.insert(cloud.names.loader(), all(Kind::ReadWrite));
        wanted.users.insert(cloud.names.loader());
        if cloud.operator_read {
            wanted.roles.insert(cloud.names.operator_read(), all(Kind::Read));
        }
        Ok(wanted)
    }

    /// All rights, and who is to have them.
    pub(super) fn rights(&self) -> impl Iterator<Item = (&String, &Span)> {
        self.roles.iter().flat_map(|(role, rights)| rights.keys().map(move |span| (role, span)))
    }
}

impl Cloud<'_> {
    /// The services, each in its role without layers.
    fn services(&self) -> Result<BTreeSet<ServiceName>, Problems> {
        let mut services: BTreeSet<ServiceName> = self
            .references
            .services()
            .map(|name| ServiceName { role: base(&name.role).to_owned(), ..name.clone() })
            .collect();
        let mut problems = Problems::default();
        for extra in self.extras {
            if let Some(role) = &extra.role {
                let service = extra.service.clone();
                services.insert(ServiceName { role: role.clone(), service });
            } else if !services.iter().any(|name| name.service == extra.service) {
                let message = format!(
                    "neither the store nor the data has a key of {}; write ROLE/SERVICE if it is \
                     to have a user all the same",
                    extra.service
                );
                problems.0.push(Problem::new(extra.place.clone(), message));
            }
        }
        problems.or_ok(services)
    }

    /// Services that run and have no keys any more. They keep what they have, and nobody gets a new
    /// user because of a record.
    fn survivors(&self) -> impl Iterator<Item = ServiceName> {
        let own =
            |name: &ServiceName| ServiceName { role: base(&name.role).to_owned(), ..name.clone() };
        self.running
            .iter()
            .map(own)
            .filter(|name| self.there.contains_key(&self.names.service(&name.role, &name.service)))
    }

    /// The rights of a service, as docs/security.md lists them.
    fn rights(&self, name: &ServiceName) -> Rights {
        let ServiceName { role, service } = name;
        let folder = format!("{}/{}", escape(role), escape(service));
        let mut rights = Rights::new();
        let mut may = |kind, span| _ = rights.entry(span).or_insert(kind);
        may(Kind::ReadWrite, self.key(&format!("_etcstack/bad/{folder}")));
        may(Kind::ReadWrite, self.below(&format!("_etcstack/turns/{folder}/")));
        for records in ["bootstrap", "locks/bootstrap"] {
            let records = format!("_etcstack/{records}/{}/", escape(service));
            may(Kind::ReadWrite, self.below(&records));
        }
        may(Kind::Write, self.below(&format!("_etcstack/status/{folder}/")));
        let layers = self.layers(name);
        let any = self.extras_of(name).any(|extra| matches!(extra.what, What::Layers(_)));
        if any || layers.len() > 1 {
            // The record's name lists all layers of the replica, and which, nobody knows here.
            may(Kind::Write, self.below(&format!("_etcstack/status/{},", escape(role))));
        }
        may(Kind::Read, self.key(LOAD_MARK));
        let mut variables = BTreeSet::new();
        for layer in &layers {
            let own = service_prefix(&layer.role, &layer.service);
            may(Kind::Read, self.below(&own));
            may(Kind::Read, self.below(&format!("_etcstack/loaded/{own}")));
            variables.extend(self.references.of_service(layer));
        }
        for extra in self.extras_of(name) {
            match &extra.what {
                What::Variable(name) => {
                    variables.extend(self.references.reached_from([name.clone()]));
                }
                What::Variables(start) => {
                    let names = self.references.names();
                    let names = names.into_iter().filter(|name| name.starts_with(start));
                    variables.extend(self.references.reached_from(names.map(str::to_owned)));
                    may(Kind::Read, self.below(&variable_key(start)));
                }
                What::Layer(_) => {}
                What::Layers(start) => {
                    may(Kind::Read, self.below(start));
                    may(Kind::Read, self.below(&format!("_etcstack/loaded/{start}")));
                }
                What::Key(key) => may(Kind::Read, self.key(key)),
                What::Below(start) => may(Kind::Read, self.below(start)),
            }
        }
        for name in variables {
            may(Kind::Read, self.key(&variable_key(&name)));
        }
        rights
    }

    /// The service in its role, in all layers of that role that are known from any service, since
    /// a machine has the same layers for all of its services; and in those that were named.
    fn layers(&self, name: &ServiceName) -> BTreeSet<ServiceName> {
        let roles = self.references.services().chain(self.running).map(|other| &other.role);
        let roles = roles.filter(|role| base(role) == name.role);
        let mut layers: BTreeSet<ServiceName> = roles
            .map(|role| ServiceName { role: role.clone(), service: name.service.clone() })
            .collect();
        layers.insert(name.clone());
        layers.extend(self.extras_of(name).filter_map(|extra| match &extra.what {
            What::Layer(layer) => Some(layer.clone()),
            _ => None,
        }));
        layers
    }

    fn extras_of(&self, name: &ServiceName) -> impl Iterator<Item = &Extra> {
        self.extras.iter().filter(move |extra| {
            extra.service == name.service
                && extra.role.as_ref().is_none_or(|role| *role == name.role)
        })
    }

    fn key(&self, key: &str) -> Span {
        Span::key_itself(&format!("{}{key}", self.prefix))
    }

    fn below(&self, start: &str) -> Span {
        Span::below(&format!("{}{start}", self.prefix))
    }
}

/// `compute` of `compute@node1`.
pub(super) fn base(role: &str) -> &str {
    match role.split_once('@') {
        Some((base, _)) if !base.is_empty() => base,
        _ => role,
    }
}

#[cfg(test)]
mod tests {
    use etcstack_config::problem::Place;

    use super::*;

    fn wanted(keys: &[(&str, &str)], extras: &[Extra]) -> Result<Wanted, AccessError> {
        wanted_with(keys, extras, &[])
    }

    fn wanted_with(
        keys: &[(&str, &str)],
        extras: &[Extra],
        running: &[(&str, &str)],
    ) -> Result<Wanted, AccessError> {
        let name = |(role, service): &(&str, &str)| ServiceName {
            role: (*role).to_owned(),
            service: (*service).to_owned(),
        };
        let mut references = References::default();
        for (key, value) in keys {
            references.add(key, value);
        }
        Wanted::new(&Cloud {
            store: "etcd://x",
            prefix: "cloud/",
            names: &Names::of_store("cloud/"),
            references: &references,
            extras,
            running: &running.iter().map(name).collect(),
            there: &[("cloud.c.there".to_owned(), Rights::new())].into(),
            operator_read: false,
        })
    }

    fn extra(role: Option<&str>, service: &str, what: What) -> Extra {
        let role = role.map(str::to_owned);
        Extra { role, service: service.into(), what, place: Place::Key("--also".into()) }
    }

    fn lines(wanted: &Wanted, role: &str) -> Vec<String> {
        wanted.roles[role].iter().map(|(span, kind)| format!("{kind} {span}")).collect()
    }

    #[test]
    fn just_what_is_needed() {
        let wanted = wanted(
            &[
                ("general/URL", "mysql://${PW|url}@$HOST"),
                ("general/OTHER", "x"),
                ("controller/glance/g.conf/database/connection", "$URL"),
                ("controller/nova/n.conf/x/y", "$OTHER"),
            ],
            &[],
        );
        let wanted = wanted.unwrap();
        assert_eq!(
            lines(&wanted, "cloud.controller.glance"),
            [
                "readwrite cloud/_etcstack/bad/controller/glance",
                "readwrite cloud/_etcstack/bootstrap/glance/*",
                "read cloud/_etcstack/load",
                "read cloud/_etcstack/loaded/controller/glance/*",
                "readwrite cloud/_etcstack/locks/bootstrap/glance/*",
                "write cloud/_etcstack/status/controller/glance/*",
                "readwrite cloud/_etcstack/turns/controller/glance/*",
                "read cloud/controller/glance/*",
                "read cloud/general/HOST",
                "read cloud/general/PW",
                "read cloud/general/URL",
            ]
        );
        assert_eq!(lines(&wanted, "cloud.loader"), ["readwrite cloud/*"]);
        assert_eq!(wanted.users.len(), 3);
    }

    #[test]
    fn layers_belong_to_their_role() {
        let wanted = wanted(
            &[
                ("compute/nova/n.conf/x/a", "$A"),
                ("compute@n1/nova/n.conf/x/a", "$B"),
                ("compute@n2/neutron/n.conf/x/a", "$C"),
            ],
            &[],
        )
        .unwrap();
        let nova = lines(&wanted, "cloud.compute.nova");
        for right in [
            "read cloud/compute/nova/*",
            "read cloud/compute@n1/nova/*",
            "read cloud/compute@n2/nova/*",
            "read cloud/_etcstack/loaded/compute@n2/nova/*",
            "write cloud/_etcstack/status/compute,*",
            "read cloud/general/B",
        ] {
            assert!(nova.iter().any(|line| line == right), "{right} is not in {nova:?}");
        }
        assert!(!nova.iter().any(|line| line.ends_with("general/C") || line.contains("neutron")));
        assert!(wanted.users.contains("cloud.compute.neutron"));
        assert_eq!(wanted.users.len(), 3);
    }

    #[test]
    fn who_runs_keeps_what_is_theirs() {
        let keys = [("c/s/s.conf/x/a", "1")];
        let running = [("c@n1", "s"), ("c", "there"), ("c", "nobody"), ("d@x", "s")];
        let wanted = wanted_with(&keys, &[], &running).unwrap();
        let found = lines(&wanted, "cloud.c.s");
        for right in ["read cloud/c@n1/s/*", "write cloud/_etcstack/status/c,*"] {
            assert!(found.iter().any(|line| line == right), "{right} is not in {found:?}");
        }
        let users: Vec<_> = wanted.users.iter().map(String::as_str).collect();
        assert_eq!(users, ["cloud.c.s", "cloud.c.there", "cloud.loader"]);
        // They are no keys of a service.
        assert!(matches!(wanted_with(&[], &[], &running), Err(AccessError::Empty(_))));
    }

    #[test]
    fn what_is_said_besides() {
        let keys = [("general/E_A", "$F"), ("general/G", "$H"), ("c/s/s.conf/x/a", "1")];
        let layer = ServiceName { role: "c@n".into(), service: "s".into() };
        let extras = [
            extra(None, "s", What::Variable("G".into())),
            extra(Some("c"), "s", What::Variables("E_".into())),
            extra(Some("c"), "s", What::Layer(layer)),
            extra(Some("other"), "s", What::Key("_etcstack/bootstrap/x/y".into())),
        ];
        let wanted = wanted(&keys, &extras).unwrap();
        let found = lines(&wanted, "cloud.c.s");
        for right in ["general/E_*", "general/F", "general/G", "general/H", "c@n/s/*"] {
            let right = format!("read cloud/{right}");
            assert!(found.contains(&right), "{right} is not in {found:?}");
        }
        let other = lines(&wanted, "cloud.other.s");
        assert!(other.contains(&"read cloud/_etcstack/bootstrap/x/y".to_owned()));
    }

    #[test]
    fn layers_that_nobody_knows_yet() {
        let keys = [("compute/nova/n.conf/x/a", "1"), ("compute/libvirt/l.conf/x/a", "1")];
        let extras = [extra(Some("compute"), "nova", What::Layers("compute@".into()))];
        let wanted = wanted(&keys, &extras).unwrap();
        let found = lines(&wanted, "cloud.compute.nova");
        for right in [
            "read cloud/compute@*",
            "read cloud/_etcstack/loaded/compute@*",
            "write cloud/_etcstack/status/compute,*",
        ] {
            assert!(found.iter().any(|line| line == right), "{right} is not in {found:?}");
        }
        let other = lines(&wanted, "cloud.compute.libvirt");
        assert!(!other.iter().any(|line| line.contains('@') || line.contains("compute,")));
    }

    #[test]
    fn nothing_and_nobody() {
        assert!(matches!(wanted(&[("general/A", "x")], &[]), Err(AccessError::Empty(_))));
        let unknown = [extra(None, "glanec", What::Variable("A".into()))];
        let error = wanted(&[("c/s/s.conf/x/a", "1")], &unknown).unwrap_err();
        assert!(error.to_string().contains("a key of glanec"), "{error}");
    }
}
