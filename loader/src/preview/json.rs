//! A plan for programs.

use serde_json::{Value, json};

use super::Preview;
use crate::report::drift_objects;

impl Preview {
    pub(super) fn json(&self, show_secrets: bool) -> Value {
        let plan = &self.plan;
        let mut json = json!({
            "revision": self.revision,
            "release": self.release,
            "would_be_release": self.is_release,
            "added": plan.added,
            "changed": plan.changed,
            "deleted": plan.deleted,
            "unchanged_count": plan.unchanged,
            "drift": drift_objects(&plan.drift, serde_json::value::Serializer).unwrap_or_default(),
            "by_hand": plan.by_hand,
            "overwrite": self.overwrite.json(show_secrets),
            "catalog_release": self.against.release(),
            "services": self.daemons,
        });
        json["files"] = self.difference.json(show_secrets)["files"].take();
        json
    }
}
