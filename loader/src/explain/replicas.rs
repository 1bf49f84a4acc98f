//! Which agents have a key, by their records.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::key::Key;
use etcstack_config::references::{ServiceName, Use};
use etcstack_config::status::{STATUS, State, Status, parse_record_key};
use serde::Serialize;

/// An agent whom the key concerns.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Holder {
    pub(super) host: String,
    /// All roles, with commas.
    pub(super) role: String,
    pub(super) service: String,
    pub(super) state: State,
    pub(super) revisions: Reached,
    /// Whether it has read the value; `None` where nobody knows when that was written.
    pub(super) has_seen: Option<bool>,
    /// Whether the value is in its files.
    pub(super) has_applied: Option<bool>,
}

/// How far an agent is, by its record.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reached {
    /// The newest revision that it has read.
    pub(super) seen: Option<i64>,
    /// The newest whose files are in their places.
    pub(super) applied: Option<i64>,
    /// The newest that has proved itself.
    pub(super) good: Option<i64>,
}

/// Looks for those whom a key concerns.
pub(super) struct Seeker {
    services: BTreeSet<ServiceName>,
    newest: Option<i64>,
}

impl Seeker {
    /// `uses` are those of a variable; `newest` is the revision that is to be had.
    pub(super) fn new(parsed: &Key, uses: Option<&BTreeSet<Use>>, newest: Option<i64>) -> Self {
        let mut services: BTreeSet<_> =
            uses.into_iter().flatten().map(|found| found.service.clone()).collect();
        if let Key::Option(file, _) | Key::File(file) = parsed {
            let (role, service) = (file.role.clone(), file.service.clone());
            services.insert(ServiceName { role, service });
        }
        Self { services, newest }
    }

    pub(super) fn holders(&self, entries: &Entries) -> Vec<Holder> {
        let records = entries.range(STATUS.to_owned()..);
        let records = records.take_while(|(key, _)| key.starts_with(STATUS));
        records.filter_map(|(key, value)| self.holder(key, value)).collect()
    }

    fn holder(&self, key: &str, value: &[u8]) -> Option<Holder> {
        let (role, service, host) = parse_record_key(key)?;
        let mut layers = role.split(',').map(|layer| layer.trim().to_owned());
        let concerns = layers
            .any(|role| self.services.contains(&ServiceName { role, service: service.clone() }));
        if !concerns {
            return None;
        }
        let unknown = Status { state: State::Unknown, ..Status::default() };
        let status: Status = serde_json::from_slice(value).unwrap_or(unknown);
        let reaches = |revision: Option<i64>| self.newest.map(|newest| revision >= Some(newest));
        let (seen, applied) = (status.revisions.seen, status.revisions.applied);
        let good = status.revisions.good;
        Some(Holder {
            host,
            role,
            service,
            state: status.state,
            revisions: Reached { seen, applied, good },
            has_seen: reaches(seen),
            has_applied: reaches(applied),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_layers_hold_it() {
        let record = |seen: i64, applied: i64| {
            serde_json::json!({"state": "current", "revisions": {"seen": seen, "applied": applied}})
                .to_string()
                .into_bytes()
        };
        let entries: Entries = [
            ("_etcstack/status/a,a@n/s/n1".to_owned(), record(7, 6)),
            ("_etcstack/status/a/s/n2".to_owned(), record(9, 9)),
            ("_etcstack/status/a@n/s/n3".to_owned(), b"?".to_vec()),
            ("_etcstack/status/a@n/t/n4".to_owned(), record(7, 7)),
        ]
        .into();
        let key = Key::parse("a@n/s/f.conf/x/y").unwrap();
        let found = Seeker::new(&key, None, Some(7)).holders(&entries);
        let found: Vec<_> =
            found.iter().map(|h| (h.host.as_str(), h.has_seen, h.has_applied)).collect();
        assert_eq!(found, [("n1", Some(true), Some(false)), ("n3", Some(false), Some(false))]);
    }
}
