//! etcd's users and roles: what is there, and changes of it.
//!
//! Every change may be asked for twice: one that is there already, or gone already, is no error. So
//! each is tried again, over all endpoints, until its time is over; and after that by whoever
//! starts it anew.

mod span;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use etcd_client::{
    AuthClient, Permission, PermissionType, RoleRevokePermissionOptions, UserAddOptions,
};
pub use span::{Kind, Rights, Span};
use tokio::time::Instant;

use super::{Etcd, REQUEST_TIMEOUT, Session, within};
use crate::StoreError;
use crate::backoff::Backoff;

/// The access control of the etcd that a store is in.
#[derive(Clone, Debug)]
pub struct Auth {
    etcd: Etcd,
    /// How long to try when etcd does not answer.
    timeout: Duration,
}

/// Who has which rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessState {
    /// The roles of each user.
    pub users: BTreeMap<String, BTreeSet<String>>,
    /// The rights of each role.
    pub roles: BTreeMap<String, Rights>,
}

/// A change of users and roles.
#[derive(Clone, PartialEq, Eq)]
pub enum AccessChange {
    /// Makes a role without rights.
    AddRole(String),
    /// Gives a role a right, or another kind of a right that it has.
    Grant(String, Span, Kind),
    /// Makes a user; one without a password gets in by a certificate with its name.
    AddUser(String, Option<String>),
    /// Gives a user a role.
    Join(String, String),
    /// Takes a right from a role.
    Revoke(String, Span),
    /// Removes a user.
    DeleteUser(String),
    /// Removes a role.
    DeleteRole(String),
    /// Turns access control on.
    Enable,
}

impl Auth {
    pub(crate) fn new(etcd: Etcd, timeout: Duration) -> Self {
        Self { etcd, timeout }
    }

    /// What stands before every key of the store: empty, or a text that ends in a slash.
    pub fn prefix(&self) -> &str {
        &self.etcd.prefix
    }

    /// Whether etcd asks who somebody is: as long as it does not, everybody may do everything.
    pub async fn is_enabled(&self) -> Result<bool, StoreError> {
        // There is no request for just this. A user without a name is never let in, and the reason
        // is another one where nobody is asked.
        self.ask(async |mut client| match client.authenticate(String::new(), String::new()).await {
            Err(error) if says(&error, "not enabled") => Ok(false),
            Err(etcd_client::Error::GRpcStatus(status))
                if format!("{:?}", status.code()) != "Unavailable" =>
            {
                Ok(true)
            }
            answer => answer.map(|_| true),
        })
        .await
    }

    /// All users and their roles, and the roles of which `is_ours` says so with their rights.
    pub async fn state(&self, is_ours: impl Fn(&str) -> bool) -> Result<AccessState, StoreError> {
        let mut state = AccessState::default();
        let users = self.ask(async |mut client| client.user_list().await).await?;
        for user in users.users() {
            if is_ours(user) || user == "root" {
                let get = async |mut client: AuthClient| client.user_get(user.as_str()).await;
                let roles = gone_is_none(self.ask(get).await)?;
                let roles = roles.map(|answer| answer.roles().iter().cloned().collect());
                state.users.extend(roles.map(|roles| (user.clone(), roles)));
            }
        }
        let roles = self.ask(async |mut client| client.role_list().await).await?;
        for role in roles.roles().iter().filter(|role| is_ours(role)) {
            let get = async |mut client: AuthClient| client.role_get(role.as_str()).await;
            let answer = gone_is_none(self.ask(get).await)?;
            let rights = answer.map(|answer| answer.permissions().iter().map(right).collect());
            state.roles.extend(rights.map(|rights| (role.clone(), rights)));
        }
        Ok(state)
    }

    /// Does one change.
    pub async fn change(&self, change: &AccessChange) -> Result<(), StoreError> {
        self.ask(async |mut client| apply(&mut client, change).await).await
    }

    /// Asks until there is an answer or the time is over.
    async fn ask<T>(
        &self,
        request: impl AsyncFn(AuthClient) -> Result<T, etcd_client::Error>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let mut backoff = Backoff::default();
        loop {
            // A new connection, after a failure, has a new token: they do not live for ever.
            let error = match self.once(&request).await {
                Err(error) if !error.is_final() => error,
                result => return result,
            };
            let pause = backoff.next();
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::warn!(%error, "etcd does not answer; trying again in {pause:.1?}");
            tokio::time::sleep(pause).await;
        }
    }

    async fn once<T>(
        &self,
        request: &impl AsyncFn(AuthClient) -> Result<T, etcd_client::Error>,
    ) -> Result<T, StoreError> {
        let session: Session = self.etcd.session(REQUEST_TIMEOUT).await?;
        let answer = request(session.auth.clone());
        let result = within(session.limit, &session.endpoint, answer).await;
        self.etcd.ended(&session, result)
    }
}

async fn apply(client: &mut AuthClient, change: &AccessChange) -> Result<(), etcd_client::Error> {
    match change {
        AccessChange::AddRole(role) => {
            unless(client.role_add(role.as_str()).await, "already exists")
        }
        AccessChange::Grant(role, span, kind) => {
            let permission = Permission::new(permission_type(*kind), span.key());
            let permission = permission.with_range_end(span.end());
            client.role_grant_permission(role.as_str(), permission).await.map(|_| ())
        }
        AccessChange::AddUser(user, password) => {
            let mut options = UserAddOptions::new();
            if password.is_none() {
                options = options.with_no_pwd();
            }
            let password = password.as_deref().unwrap_or_default();
            let answer = client.user_add(user.as_str(), password, Some(options)).await;
            unless(answer, "already exists")
        }
        AccessChange::Join(user, role) => {
            client.user_grant_role(user.as_str(), role.as_str()).await.map(|_| ())
        }
        AccessChange::Revoke(role, span) => {
            let options = RoleRevokePermissionOptions::new().with_range_end(span.end());
            let answer = client.role_revoke_permission(role.as_str(), span.key(), Some(options));
            unless(answer.await, "not granted")
        }
        AccessChange::DeleteUser(user) => {
            unless(client.user_delete(user.as_str()).await, "not found")
        }
        AccessChange::DeleteRole(role) => {
            unless(client.role_delete(role.as_str()).await, "not found")
        }
        AccessChange::Enable => client.auth_enable().await.map(|_| ()),
    }
}

/// An error that says this means that it has been done before.
fn unless<T>(answer: Result<T, etcd_client::Error>, done: &str) -> Result<(), etcd_client::Error> {
    match answer {
        Err(error) if says(&error, done) => Ok(()),
        answer => answer.map(|_| ()),
    }
}

fn says(error: &etcd_client::Error, text: &str) -> bool {
    matches!(error, etcd_client::Error::GRpcStatus(status) if status.message().contains(text))
}

/// Somebody may have removed it since it was listed.
fn gone_is_none<T>(answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match answer {
        Err(StoreError::Rejected { reason, .. } | StoreError::Denied { reason, .. })
            if reason.contains("not found") =>
        {
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

fn right(permission: &Permission) -> (Span, Kind) {
    let kind = match permission.get_type() {
        kind if kind == PermissionType::Read as i32 => Kind::Read,
        kind if kind == PermissionType::Write as i32 => Kind::Write,
        _ => Kind::ReadWrite,
    };
    (Span::new(permission.key(), permission.range_end()), kind)
}

fn permission_type(kind: Kind) -> PermissionType {
    match kind {
        Kind::Read => PermissionType::Read,
        Kind::Write => PermissionType::Write,
        Kind::ReadWrite => PermissionType::Readwrite,
    }
}
