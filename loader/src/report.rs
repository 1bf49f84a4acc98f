//! Telling what a load did. Names keys, never values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use crate::cli::Output;
use crate::plan::{Drift, Plan};
use crate::run::Done;

/// What a load did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Of an abort: whether there was a load to undo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aborted: Option<bool>,
    /// The release that is current afterwards.
    pub(crate) release: Option<u64>,
    pub(crate) added: BTreeSet<String>,
    pub(crate) changed: BTreeSet<String>,
    pub(crate) deleted: BTreeSet<String>,
    #[serde(rename = "unchanged_count")]
    pub(crate) unchanged: usize,
    /// Keys that were left as a hand had made them.
    #[serde(serialize_with = "drift_objects")]
    pub(crate) drift: BTreeMap<String, Drift>,
    /// Keys that no load has to do with.
    pub(crate) by_hand: BTreeSet<String>,
    /// Variables that values refer to and that `general/` lacks.
    pub(crate) unknown_variables: BTreeSet<String>,
    /// The same, of those that are to be made in the store.
    pub(crate) not_generated: BTreeSet<String>,
    /// The store's revision afterwards.
    pub(crate) revision: i64,
    #[serde(skip)]
    seen: bool,
    /// What people call it.
    #[serde(skip)]
    pub(crate) store: String,
}

/// Drift for programs.
pub(crate) fn drift_objects<S: Serializer>(
    drift: &BTreeMap<String, Drift>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(drift.iter().map(|(key, why)| serde_json::json!({"key": key, "why": why})))
}

impl Report {
    /// Notes a plan. The first one tells what there was to do; what a later one finds done was
    /// done by us.
    pub(crate) fn see(&mut self, plan: &Plan, revision: i64) {
        if !self.seen {
            self.seen = true;
            self.unchanged = plan.unchanged;
        }
        self.drift.clone_from(&plan.drift);
        self.by_hand.clone_from(&plan.by_hand);
        self.added.extend(plan.added.iter().cloned());
        self.changed.extend(plan.changed.difference(&self.added).cloned());
        self.deleted.extend(plan.deleted.iter().cloned());
        // A hand was faster.
        for key in self.drift.keys() {
            self.added.remove(key);
            self.changed.remove(key);
            self.deleted.remove(key);
        }
        self.revision = revision;
    }

    fn written(&self) -> usize {
        self.added.len() + self.changed.len()
    }
}

impl Drift {
    /// What has become of the key.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Changed => "changed by hand",
            Self::Put => "put by hand, and now in the data with another value",
            Self::Dropped => "changed by hand, and no longer in the data",
            Self::Spelling => {
                "put by hand, and in the data in another spelling and with another value"
            }
        }
    }
}

/// As the result of the command.
pub(crate) fn done(report: &Report, output: Output) -> Done {
    Done::new(match output {
        Output::Json => {
            let mut json = serde_json::json!(report);
            json["written_count"] = report.written().into();
            format!("{json}\n")
        }
        Output::Text => text(report),
    })
}

fn text(report: &Report) -> String {
    let Report { added, changed, deleted, drift, by_hand, .. } = report;
    let mut lines = Vec::new();
    for (what, keys) in [("added", added), ("changed", changed), ("deleted", deleted)] {
        lines.extend(keys.iter().map(|key| format!("{what:<8} {}", key.escape_debug())));
    }
    for (key, why) in drift {
        lines.push(format!("{:<8} {}: {}", "kept", key.escape_debug(), why.reason()));
    }
    let release = report.release.map(|number| format!("; release {number}")).unwrap_or_default();
    if report.aborted == Some(false) {
        return format!(
            "nothing to abort: no load is under way in {}, and none has died{release}; revision {}\n",
            report.store, report.revision
        );
    }
    lines.push(format!(
        "{} written ({} added, {} changed), {} unchanged, {} deleted, {} kept{release}; revision {}",
        report.written(),
        added.len(),
        changed.len(),
        report.unchanged,
        deleted.len(),
        drift.len(),
        report.revision
    ));
    if !drift.is_empty() {
        lines.push(
            "what was kept differs from the data: take its values into the data, or load with \
             --overwrite"
                .into(),
        );
    }
    if !by_hand.is_empty() {
        let (s, was) = if by_hand.len() == 1 { ("", "was") } else { ("s", "were") };
        let named = "--output json names them";
        lines.push(format!("{} key{s} of no load {was} left alone ({named})", by_hand.len()));
    }
    if !report.not_generated.is_empty() {
        lines.push(format!(
            "general/ lacks {}, to be made in the store: agents refuse what refers to them until \
             etcstack-loader secrets generate, or somebody else, has made them",
            names(&report.not_generated)
        ));
    }
    if !report.unknown_variables.is_empty() {
        lines.push(format!(
            "general/ lacks {}: agents that do not have them in their environment refuse what \
             refers to them; etcstack-loader validate names the places",
            names(&report.unknown_variables)
        ));
    }
    lines.join("\n") + "\n"
}

fn names(variables: &BTreeSet<String>) -> String {
    let names: Vec<_> = variables.iter().map(|name| format!("${name}")).collect();
    names.join(", ")
}
