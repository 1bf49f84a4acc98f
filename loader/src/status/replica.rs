//! The records of the agents, and whose are asked for.

use std::collections::BTreeSet;
use std::fmt;

use etcstack_config::Entries;
use etcstack_config::layers::Layers;
use etcstack_config::status::{STATUS, Status, parse_record_key};
use serde::Serialize;
use serde_json::{Map, Value};

const A_STATUS: &str = "the status of an agent";

/// What the replicas of a service in the same roles have in common: the same keys concern them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    /// All roles, with commas.
    pub(crate) role: String,
    pub(crate) service: String,
}

/// An agent's record, or something else in its place.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// By the record's key.
    pub(crate) group: Group,
    pub(crate) host: String,
    /// What the record says, or why it cannot be understood.
    pub(crate) record: Result<Record, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) layers: Layers,
    pub(crate) status: Status,
    /// All of it, with what only a newer version knows of.
    pub(crate) raw: Map<String, Value>,
}

impl Replica {
    fn new(key: &str, value: &[u8]) -> Self {
        let Some((role, service, host)) = parse_record_key(key) else {
            let host = key.strip_prefix(STATUS).unwrap_or(key).to_owned();
            let group = Group { role: String::new(), service: String::new() };
            let record = Err("its key is not _etcstack/status/ROLES/SERVICE/HOST".into());
            return Self { group, host, record };
        };
        let record = Record::new(&role, value);
        Self { group: Group { role, service }, host, record }
    }

    /// The newest revision that it has read.
    pub(crate) fn seen(&self) -> Option<i64> {
        self.record.as_ref().ok()?.status.revisions.seen
    }

    fn has_role(&self, role: &str) -> bool {
        self.group.role == role || self.group.role.split(',').any(|layer| layer == role)
    }
}

impl Record {
    fn new(role: &str, value: &[u8]) -> Result<Self, String> {
        let layers = role.parse().map_err(|error| format!("its key: {error}"))?;
        // The text of the error could quote the record.
        let unclear = |what: &str, error: serde_json::Error| {
            format!("its record is not {what} (line {} column {})", error.line(), error.column())
        };
        let json: Value = serde_json::from_slice(value).map_err(|e| unclear("JSON", e))?;
        let status = serde_json::from_slice(value).map_err(|e| unclear(A_STATUS, e))?;
        let Value::Object(raw) = json else { return Err(format!("its record is not {A_STATUS}")) };
        Ok(Self { layers, status, raw })
    }

    /// The agent's own word for its state, which may be one that we do not know.
    pub(crate) fn word(&self) -> &str {
        self.raw.get("state").and_then(Value::as_str).unwrap_or("unknown")
    }
}

/// Which replicas are asked for. An empty list stands for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) services: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) hosts: Vec<String>,
}

/// A name that was given and that no replica has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Missing {
    Service(String),
    Role(String),
    Host(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match self {
            Self::Service(name) => ("service", name),
            Self::Role(name) => ("role", name),
            Self::Host(name) => ("host", name),
        };
        write!(f, "{what} {name}: no replica")
    }
}

/// Whether a replica has the name that was given.
type IsThere<'a> = &'a dyn Fn(&str) -> bool;

/// What a name is of, the names that were given, and whether a replica has one.
type Named<'a> = (fn(String) -> Missing, &'a Vec<String>, IsThere<'a>);

impl Chosen {
    /// The chosen replicas, by service, role and host.
    pub(crate) fn replicas(&self, records: &Entries) -> Vec<Replica> {
        let all = records.iter().map(|(key, value)| Replica::new(key, value));
        let mut replicas: Vec<_> = all.filter(|replica| self.is_chosen(replica)).collect();
        let order = |replica: &Replica| {
            let Group { role, service } = replica.group.clone();
            (service, role, replica.host.clone())
        };
        replicas.sort_by_cached_key(order);
        replicas
    }

    /// What to say where none of the records in a store is a chosen one.
    pub(crate) fn nobody(&self, records: &Entries, store: &str) -> String {
        let lists = [("service", &self.services), ("role", &self.roles), ("host", &self.hosts)];
        let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let asked: Vec<_> =
            named.map(|(what, names)| format!("{what} {}", names.join(" or "))).collect();
        match (asked.as_slice(), records.len()) {
            ([], _) => format!("no agent has left a status in {store}"),
            (asked, 0) => format!(
                "no agent has left a status in {store}, neither of {} nor of others",
                asked.join(", ")
            ),
            (asked, others) => {
                let (s, have) = if others == 1 { ("", "has") } else { ("s", "have") };
                format!(
                    "no agent of {} has left a status in {store}; {others} other{s} {have}, which \
                     status without options shows",
                    asked.join(", ")
                )
            }
        }
    }

    fn is_chosen(&self, replica: &Replica) -> bool {
        let is_in = |names: &[String], is: &dyn Fn(&str) -> bool| {
            names.is_empty() || names.iter().any(|name| is(name))
        };
        is_in(&self.services, &|name| replica.group.service == name)
            && is_in(&self.roles, &|name| replica.has_role(name))
            && is_in(&self.hosts, &|name| replica.host == name)
    }

    /// What was named and has no replica.
    pub(crate) fn missing<'a>(&self, replicas: impl Iterator<Item = &'a Replica>) -> Vec<Missing> {
        let replicas: Vec<_> = replicas.collect();
        let service = |name: &str| replicas.iter().any(|r| r.group.service == name);
        let role = |name: &str| replicas.iter().any(|r| r.has_role(name));
        let host = |name: &str| replicas.iter().any(|r| r.host == name);
        let mut missing = Vec::new();
        let lists: [Named<'_>; 3] = [
            (Missing::Service, &self.services, &service),
            (Missing::Role, &self.roles, &role),
            (Missing::Host, &self.hosts, &host),
        ];
        for (named, names, is_there) in lists {
            let names: BTreeSet<_> = names.iter().filter(|name| !is_there(name)).collect();
            missing.extend(names.into_iter().cloned().map(named));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Entries {
        let pairs = [
            ("compute,compute@r7/nova/n2", r#"{"state": "current", "revisions": {"seen": 3}}"#),
            ("compute/nova/n1", r#"{"state": "dreaming"}"#),
            ("controller/glance/n1", "nonsense secret"),
            ("controller/glance/n2", r#"{"state": ["secret"]}"#),
            ("stray", "{}"),
            ("_x/s/h", "{}"),
        ];
        let pair = |(key, value): (&str, &str)| (format!("{STATUS}{key}"), value.into());
        pairs.into_iter().map(pair).collect()
    }

    fn names(chosen: &Chosen) -> Vec<String> {
        let replicas = chosen.replicas(&records()).into_iter();
        replicas.map(|r| format!("{} {} {}", r.group.service, r.group.role, r.host)).collect()
    }

    #[test]
    fn the_chosen_ones_in_their_order() {
        let all = names(&Chosen::default());
        let expected = [
            "  stray",
            "glance controller n1",
            "glance controller n2",
            "nova compute n1",
            "nova compute,compute@r7 n2",
            "s _x h",
        ];
        assert_eq!(all, expected);
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let chosen = Chosen { roles: named(&["compute@r7", "controller"]), ..Chosen::default() };
        assert_eq!(names(&chosen), [expected[1], expected[2], expected[4]]);
        let chosen = Chosen {
            services: named(&["nova", "heat"]),
            hosts: named(&["n1"]),
            ..Chosen::default()
        };
        assert_eq!(names(&chosen), [expected[3]]);
        assert_eq!(
            chosen.missing(chosen.replicas(&records()).iter()),
            [Missing::Service("heat".into())]
        );
    }

    #[test]
    fn what_is_no_record_says_so_and_not_what_it_holds() {
        let replicas = Chosen::default().replicas(&records());
        let why = |host: &str, service: &str| {
            let found = replicas.iter().find(|r| r.host == host && r.group.service == service);
            found.unwrap().record.clone().map(|_| ()).unwrap_err()
        };
        assert_eq!(why("stray", ""), "its key is not _etcstack/status/ROLES/SERVICE/HOST");
        assert!(why("n1", "glance").starts_with("its record is not JSON (line 1"));
        assert!(why("n2", "glance").starts_with("its record is not the status of an agent"));
        assert!(why("h", "s").starts_with("its key: \"_x\" is no role"), "{}", why("h", "s"));
        for replica in &replicas {
            let told = replica.record.as_ref().err().is_some_and(|why| why.contains("secret"));
            assert!(!told, "{replica:?}");
        }
        let other = replicas.iter().find(|r| r.group.role == "compute").unwrap();
        assert_eq!(other.record.as_ref().unwrap().word(), "dreaming");
    }
}
