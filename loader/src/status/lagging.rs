//! Which replicas of some services have not come to what the store holds for them.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::references::ServiceName;
use etcstack_config::status::STATUS;
use etcstack_store::{Store, StoreError};
use serde::Serialize;

use super::observer::Observer;
use super::overview::Judged;
use super::replica::{Chosen, Replica};

/// A replica that has not, and why.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Lagging {
    pub(crate) role: String,
    pub(crate) service: String,
    pub(crate) host: String,
    pub(crate) reason: String,
}

impl std::fmt::Display for Lagging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { role, service, host, reason } = self;
        let [role, service, host] = [role, service, host].map(|name| name.escape_debug());
        write!(f, "{role}/{service} on {host}: {reason}")
    }
}

/// The replicas of some services that have left a record.
#[derive(Default)]
pub(crate) struct Looked {
    /// Their hosts, by role and service.
    hosts: BTreeMap<String, BTreeSet<String>>,
    pub(crate) late: Vec<Lagging>,
}

impl Looked {
    /// Whom this is about.
    pub(crate) fn notes(&self) -> Vec<String> {
        if self.hosts.is_empty() {
            return vec![
                "no replica that uses these keys has left a status: whether all have the last shift \
                 is not known"
                    .to_owned(),
            ];
        }
        let note = |(group, hosts): (&String, &BTreeSet<String>)| {
            let replicas = if hosts.len() == 1 { "replica" } else { "replicas" };
            let names: Vec<_> = hosts.iter().map(String::as_str).collect();
            format!("looked at {} {replicas} of {group}: {}", hosts.len(), names.join(", "))
        };
        self.hosts.iter().map(note).collect()
    }
}

/// Those of the replicas that have left a record, as `status` judges them. The entries hold the
/// records.
pub(crate) async fn lagging(
    store: &Store,
    entries: &Entries,
    services: &BTreeSet<ServiceName>,
) -> Result<Looked, StoreError> {
    let records = entries.iter().filter(|(key, _)| key.starts_with(STATUS));
    let records: Entries = records.map(|(key, value)| (key.clone(), value.clone())).collect();
    let chosen = Chosen {
        services: services.iter().map(|name| name.service.clone()).collect(),
        ..Chosen::default()
    };
    if chosen.services.is_empty() || records.is_empty() {
        return Ok(Looked::default());
    }
    let overview = Observer::new(store.clone(), chosen).look(&records, true).await?;
    let mut looked = Looked::default();
    for judged in overview.replicas {
        let Replica { group, host, .. } = &judged.replica;
        if !is_one_of(&judged.replica, services) {
            continue;
        }
        let [role, service] = [&group.role, &group.service].map(|name| name.escape_debug());
        let hosts = looked.hosts.entry(format!("{role}/{service}")).or_default();
        hosts.insert(host.escape_debug().to_string());
        if !judged.verdict.converged {
            looked.late.push(judged.into());
        }
    }
    Ok(looked)
}

/// Whether a replica has one of the services in one of its roles.
fn is_one_of(replica: &Replica, services: &BTreeSet<ServiceName>) -> bool {
    let group = &replica.group;
    let mut roles = group.role.split(',').map(str::trim);
    roles.any(|role| services.iter().any(|name| name.service == group.service && name.role == role))
}

impl From<Judged> for Lagging {
    fn from(Judged { replica, verdict }: Judged) -> Self {
        let reason = verdict.reason.unwrap_or_else(|| "has not converged".to_owned());
        let Replica { group, host, .. } = replica;
        Self { role: group.role, service: group.service, host, reason }
    }
}
