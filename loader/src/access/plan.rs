//! What is to be changed, from what is there to what is wanted.

use etcstack_config::key::GENERAL;
use etcstack_store::{AccessChange, AccessState, Rights};

use super::AccessError;
use super::names::Names;
use super::wanted::Wanted;

/// The changes, in an order in which nobody ever lacks a right that is to stay.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<AccessChange>,
    /// Of the roles that are to be there, how many are as they should be.
    pub(super) unchanged: usize,
}

impl Plan {
    pub(super) fn new(
        names: &Names,
        prefix: &str,
        wanted: &Wanted,
        state: &AccessState,
        enable: bool,
    ) -> Result<Self, AccessError> {
        not_of_others(prefix, state)?;
        let mut plan = Self::default();
        plan.grant(wanted, state);
        plan.make_users(wanted, state);
        plan.revoke(wanted, state);
        plan.delete(names, wanted, state);
        if enable {
            plan.changes.push(AccessChange::Enable);
        }
        Ok(plan)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn makes_users(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, AccessChange::AddUser(..)))
    }

    /// Whether somebody loses the right to a single variable.
    pub(super) fn revokes_variables(&self, prefix: &str) -> bool {
        let variables = format!("{prefix}{GENERAL}/");
        self.changes.iter().any(
            |change| matches!(change, AccessChange::Revoke(_, span) if span.is_below(&variables)),
        )
    }

    pub(super) fn enables(&self) -> bool {
        self.changes.contains(&AccessChange::Enable)
    }

    fn grant(&mut self, wanted: &Wanted, state: &AccessState) {
        let nothing = Rights::new();
        for (role, rights) in &wanted.roles {
            let there = state.roles.get(role);
            if there == Some(rights) {
                self.unchanged += 1;
            }
            if there.is_none() {
                self.changes.push(AccessChange::AddRole(role.clone()));
            }
            let there = there.unwrap_or(&nothing);
            let lacking = rights.iter().filter(|(span, kind)| there.get(span) != Some(kind));
            self.changes.extend(
                lacking.map(|(span, kind)| AccessChange::Grant(role.clone(), span.clone(), *kind)),
            );
        }
    }

    fn make_users(&mut self, wanted: &Wanted, state: &AccessState) {
        for user in &wanted.users {
            let roles = state.users.get(user);
            if roles.is_none() {
                self.changes.push(AccessChange::AddUser(user.clone(), None));
            }
            if !roles.is_some_and(|roles| roles.contains(user)) {
                self.changes.push(AccessChange::Join(user.clone(), user.clone()));
            }
        }
    }

    fn revoke(&mut self, wanted: &Wanted, state: &AccessState) {
        for (role, there) in &state.roles {
            let Some(rights) = wanted.roles.get(role) else { continue };
            let gone = there.keys().filter(|span| !rights.contains_key(span));
            self.changes.extend(gone.map(|span| AccessChange::Revoke(role.clone(), span.clone())));
        }
    }

    /// Those of services that are gone. Others with our name were made by somebody else.
    fn delete(&mut self, names: &Names, wanted: &Wanted, state: &AccessState) {
        let is_gone = |name: &&String| names.is_service(name) && !wanted.roles.contains_key(*name);
        let users = state.users.keys().filter(is_gone).cloned().map(AccessChange::DeleteUser);
        let roles = state.roles.keys().filter(is_gone).cloned().map(AccessChange::DeleteRole);
        self.changes.extend(users.chain(roles));
    }
}

/// A role with our name and rights to something else belongs to somebody else.
fn not_of_others(prefix: &str, state: &AccessState) -> Result<(), AccessError> {
    for (role, rights) in &state.roles {
        if let Some(span) = rights.keys().find(|span| !span.is_below(prefix)) {
            return Err(AccessError::Foreign { role: role.clone(), right: span.to_string() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use etcstack_store::{Kind, Span};

    use super::*;

    fn rights(keys: &[&str]) -> Rights {
        keys.iter().map(|key| (Span::key_itself(key), Kind::Read)).collect()
    }

    fn wanted(keys: &[&str]) -> Wanted {
        let name = "etcstack.c.s".to_owned();
        Wanted { roles: [(name.clone(), rights(keys))].into(), users: [name].into() }
    }

    fn plan(wanted: &Wanted, state: &AccessState) -> Vec<String> {
        let plan = Plan::new(&Names::of_store(""), "", wanted, state, false).unwrap();
        plan.changes.iter().map(super::super::report::line).collect()
    }

    #[test]
    fn from_nothing_and_again() {
        let wanted = wanted(&["a", "b"]);
        let all = plan(&wanted, &AccessState::default());
        assert_eq!(
            all,
            [
                "create  role etcstack.c.s",
                "grant   etcstack.c.s read a",
                "grant   etcstack.c.s read b",
                "create  user etcstack.c.s",
                "join    user etcstack.c.s, role etcstack.c.s",
            ]
        );
        let there = AccessState {
            users: [("etcstack.c.s".into(), BTreeSet::from(["etcstack.c.s".into()]))].into(),
            roles: wanted.roles.clone(),
        };
        assert!(plan(&wanted, &there).is_empty());
    }

    #[test]
    fn grants_come_before_what_is_taken_away() {
        let gone = "etcstack.c.gone".to_owned();
        let mut old = rights(&["b", "c"]);
        old.insert(Span::key_itself("a"), Kind::ReadWrite);
        let none = BTreeSet::new();
        let state = AccessState {
            users: [("etcstack.c.s".into(), none.clone()), (gone.clone(), none.clone())]
                .into_iter()
                .chain([("etcstack.joe".to_owned(), none)])
                .collect(),
            roles: [("etcstack.c.s".into(), old), (gone, Rights::new())].into(),
        };
        assert_eq!(
            plan(&wanted(&["a", "b"]), &state),
            [
                "grant   etcstack.c.s read a",
                "join    user etcstack.c.s, role etcstack.c.s",
                "revoke  etcstack.c.s c",
                "delete  user etcstack.c.gone",
                "delete  role etcstack.c.gone",
            ]
        );
    }

    #[test]
    fn roles_of_others_are_left_alone() {
        let state = AccessState {
            roles: [("cloud.c.s".into(), rights(&["other/x"]))].into(),
            ..AccessState::default()
        };
        let result = Plan::new(&Names::of_store("cloud/"), "cloud/", &wanted(&[]), &state, false)
            .map(|_| ());
        assert!(matches!(result, Err(AccessError::Foreign { .. })));
    }
}
