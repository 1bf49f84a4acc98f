//! A plan for programs.

use serde_json::{Value, json};

use super::Preview;
use crate::validate::settings::Against;

impl Preview {
    pub(super) fn json(&self, show_secrets: bool) -> Value {
        let drift = self.plan.drift.iter().map(|(key, why)| json!({"key": key, "why": why}));
        let catalogs = match &self.against {
            Against::Release { name, .. } => Some(name),
            Against::Nothing => None,
        };
        json!({
            "revision": self.revision,
            "release": self.release,
            "would_be_release": self.is_release,
            "added": self.plan.added,
            "changed": self.plan.changed,
            "deleted": self.plan.deleted,
            "unchanged": self.plan.unchanged,
            "drift": drift.collect::<Vec<_>>(),
            "by_hand": self.plan.by_hand,
            "difference": self.difference.json(show_secrets),
            "overwrite": self.overwrite.json(show_secrets),
            "catalogs": catalogs,
            "services": self.daemons,
        })
    }
}
