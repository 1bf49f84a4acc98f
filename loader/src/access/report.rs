//! Telling what is, or was, to be changed.

use etcstack_store::{AccessChange, Span};
use serde::Serialize;
use serde_json::{Value, json};

use super::plan::Plan;

#[derive(Serialize)]
pub(super) struct Report {
    changes: Vec<Value>,
    /// How many roles are as they should be.
    #[serde(rename = "unchanged_count")]
    unchanged_roles: usize,
    /// Rights that may have been said in a file that this run does not have.
    kept: Vec<Value>,
    dry_run: bool,
    /// Whether access control is on, afterwards.
    access_control: bool,
    #[serde(skip)]
    text: Vec<String>,
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        kept: &[(String, Span)],
        applied: bool,
        access_control: bool,
    ) -> Self {
        let kept_line = |(role, span): &(String, Span)| {
            format!(
                "keep    {role} {span} (.access.toml may say it; only a run with DIR revokes it)"
            )
        };
        let text = plan.changes.iter().map(line).chain(kept.iter().map(kept_line));
        let kept = kept.iter();
        Self {
            changes: plan.changes.iter().map(object).collect(),
            unchanged_roles: plan.unchanged,
            kept: kept.map(|(role, span)| json!({"role": role, "key": span.to_string()})).collect(),
            dry_run: !applied,
            access_control,
            text: text.collect(),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let what = if self.dry_run { "to do; --apply does it" } else { "done" };
        let count = self.changes.len();
        let s = if count == 1 { "" } else { "s" };
        let mut lines = self.text.clone();
        let unchanged = self.unchanged_roles;
        lines.push(if count == 0 {
            format!("nothing to do; {unchanged} roles are as they should be")
        } else {
            format!("{count} change{s} {what}; {unchanged} roles unchanged")
        });
        lines
    }
}

/// A change for people.
pub(super) fn line(change: &AccessChange) -> String {
    match change {
        AccessChange::AddRole(role) => format!("create  role {role}"),
        AccessChange::Grant(role, span, kind) => format!("grant   {role} {kind} {span}"),
        AccessChange::AddUser(user, _) => format!("create  user {user}"),
        AccessChange::Join(user, role) => format!("join    user {user}, role {role}"),
        AccessChange::Revoke(role, span) => format!("revoke  {role} {span}"),
        AccessChange::DeleteUser(user) => format!("delete  user {user}"),
        AccessChange::DeleteRole(role) => format!("delete  role {role}"),
        AccessChange::Enable => "enable  access control".to_owned(),
    }
}

/// A change for programs. A key ends in * where all that start so are meant.
fn object(change: &AccessChange) -> Value {
    match change {
        AccessChange::AddRole(role) => json!({"change": "create-role", "role": role}),
        AccessChange::Grant(role, span, kind) => json!({
            "change": "grant", "role": role, "right": kind.to_string(), "key": span.to_string()
        }),
        AccessChange::AddUser(user, _) => json!({"change": "create-user", "user": user}),
        AccessChange::Join(user, role) => json!({"change": "join", "user": user, "role": role}),
        AccessChange::Revoke(role, span) => {
            json!({"change": "revoke", "role": role, "key": span.to_string()})
        }
        AccessChange::DeleteUser(user) => json!({"change": "delete-user", "user": user}),
        AccessChange::DeleteRole(role) => json!({"change": "delete-role", "role": role}),
        AccessChange::Enable => json!({"change": "enable"}),
    }
}
