//! What there is to say of all chosen replicas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::judge::Verdict;
use super::replica::{Chosen, Missing, Replica};

/// A replica, and what was found of it.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) replica: Replica,
    pub(crate) verdict: Verdict,
}

/// The chosen replicas at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) revision: i64,
    /// A load is under way.
    pub(crate) loading: bool,
    pub(crate) replicas: Vec<Judged>,
    /// What was named and has no replica.
    pub(crate) missing: Vec<Missing>,
    /// The services that were named.
    named: BTreeSet<String>,
    /// What to say where there is none.
    nobody: String,
}

/// How many replicas of a service there are, and how many of them have converged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) all: usize,
    pub(crate) converged: usize,
}

impl Judged {
    /// In one word, how it is: as the agent says, unless we know better.
    pub(crate) fn state(&self) -> &str {
        match &self.replica.record {
            Err(_) => "unreadable",
            Ok(_) if self.verdict.behind => "behind",
            Ok(record) => record.word(),
        }
    }

    fn to_json(&self) -> Value {
        let Self { replica, verdict } = self;
        let mut fields = match &replica.record {
            Ok(record) => record.raw.clone(),
            Err(_) => [("state".to_owned(), json!("unreadable"))].into_iter().collect(),
        };
        let Verdict { newest, behind, converged, stuck, reason } = verdict;
        for (name, value) in [
            ("role", json!(replica.group.role)),
            ("service", json!(replica.group.service)),
            ("host", json!(replica.host)),
            ("newest", json!(newest)),
            ("behind", json!(behind)),
            ("converged", json!(converged)),
            ("stuck", json!(stuck)),
            ("reason", json!(reason)),
        ] {
            fields.insert(name.to_owned(), value);
        }
        Value::Object(fields)
    }
}

impl Overview {
    pub(crate) fn new(
        revision: i64,
        loading: bool,
        replicas: Vec<Judged>,
        chosen: &Chosen,
        nobody: String,
    ) -> Self {
        let missing = chosen.missing(replicas.iter().map(|judged| &judged.replica));
        let named = chosen.services.iter().cloned().collect();
        Self { revision, loading, replicas, missing, named, nobody }
    }

    /// The services that were named or have replicas.
    pub(crate) fn services(&self) -> BTreeMap<&str, Count> {
        let mut services: BTreeMap<&str, Count> =
            self.named.iter().map(|name| (name.as_str(), Count::default())).collect();
        for Judged { replica, verdict } in &self.replicas {
            let count = services.entry(replica.group.service.as_str()).or_default();
            count.all += 1;
            count.converged += usize::from(verdict.converged);
        }
        services
    }

    /// Whether all have converged that are there, and so many of each service at least.
    pub(crate) fn has_converged(&self, least: usize) -> bool {
        let services = self.services();
        let is_done = |count: &Count| count.converged == count.all && count.all >= least;
        !services.is_empty()
            && !self.loading
            && self.missing.is_empty()
            && services.values().all(is_done)
    }

    /// Whether somebody has to do something before all can converge.
    pub(crate) fn is_stuck(&self) -> bool {
        self.replicas.iter().any(|judged| judged.verdict.stuck)
    }

    /// Below the table: the load, each service, and what is missing.
    pub(crate) fn summary(&self, least: usize) -> Vec<String> {
        let mut lines = Vec::new();
        if self.loading {
            lines.push("a load is under way: all wait for it".to_owned());
        }
        for (service, Count { all, converged }) in self.services() {
            let replicas = if all == 1 { "replica" } else { "replicas" };
            let of = match (converged == all, all) {
                (_, 0) => "no replica".to_owned(),
                (true, 1) => "1 replica, which has converged".to_owned(),
                (true, _) => format!("{all} {replicas}, all have converged"),
                (false, _) => format!("{all} {replicas}, {converged} converged"),
            };
            let few = if all < least {
                let are = if least == 1 { "is" } else { "are" };
                format!("; {least} {are} waited for")
            } else {
                String::new()
            };
            let name = if service.is_empty() { "(no service)" } else { service };
            lines.push(format!("{name}: {of}{few}"));
        }
        // The services have been named above.
        let missing = self.missing.iter().filter(|name| !matches!(name, Missing::Service(_)));
        lines.extend(missing.map(ToString::to_string));
        if self.replicas.is_empty() {
            lines.push(self.nobody.clone());
        }
        lines
    }

    /// For programs. `least` is how many replicas each service is to have.
    pub(crate) fn to_json(&self, least: usize) -> Value {
        let services = self.services();
        let service = |(name, count): (&&str, &Count)| {
            let Count { all, converged } = count;
            json!({"service": name, "replica_count": all, "converged_count": converged})
        };
        json!({
            "revision": self.revision,
            "loading": self.loading,
            "converged": self.has_converged(least),
            "missing": self.missing,
            "services": services.iter().map(service).collect::<Vec<_>>(),
            "replicas": self.replicas.iter().map(Judged::to_json).collect::<Vec<_>>(),
        })
    }
}
