//! How a daemon is run, told and stopped.

use std::collections::BTreeSet;
use std::ffi::{CString, OsString};
use std::time::Duration;

use nix::unistd::{Gid, Uid, getgrouplist};
use serde::Deserialize;

use super::file::OnChange;
use super::read;
use crate::Failure;
use crate::probe::Ready;
use crate::supervise::{Account, Signal};
use crate::sys::Identity;

/// A daemon of the service.
#[derive(Clone, Debug)]
pub(crate) struct ProcessSpec {
    /// For messages and metrics.
    pub(crate) name: String,
    pub(crate) command: Vec<OsString>,
    pub(crate) account: Account,
    /// The files that it reads; `None`: all.
    pub(crate) files: Option<BTreeSet<String>>,
    /// What a change of any of its files calls for, over the file's own word.
    pub(crate) on_change: Option<OnChange>,
    pub(crate) on_exit: OnExit,
    pub(crate) reload: Reload,
    pub(crate) stop: Stop,
    pub(crate) ready: Option<Ready>,
}

impl ProcessSpec {
    pub(crate) fn reads(&self, file: &str) -> bool {
        self.files.as_ref().is_none_or(|files| files.contains(file))
    }
}

/// What becomes of the agent when a daemon ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnExit {
    /// It ends as well, with the daemon's exit code.
    #[default]
    End,
    /// It starts the daemon again.
    Restart,
}

/// How a daemon is told of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reload {
    pub(crate) by: ReloadBy,
    /// Between two of them; a change in between is told at its end.
    pub(crate) min_interval: Duration,
    /// Whether replicas reload one after the other, as they restart.
    pub(crate) in_turn: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReloadBy {
    Signal(Signal),
    Command(Vec<OsString>),
}

impl Default for Reload {
    fn default() -> Self {
        // Two HUPs 0.3 s apart kill an eventlet service: it catches none while it reloads.
        Self {
            by: ReloadBy::Signal(Signal::HUP),
            min_interval: Duration::from_secs(2),
            in_turn: false,
        }
    }
}

/// How a daemon is stopped.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stop {
    /// `None`: the one that asked the agent to stop; TERM for a restart.
    #[serde(deserialize_with = "read::signal")]
    pub(crate) signal: Option<Signal>,
    /// How long it may take before it is killed.
    #[serde(deserialize_with = "read::duration")]
    pub(crate) grace: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        // oslo.service's graceful_shutdown_timeout.
        Self { signal: None, grace: Duration::from_secs(60) }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReloadEntry {
    #[serde(default, deserialize_with = "read::signal")]
    signal: Option<Signal>,
    command: Option<Vec<String>>,
    #[serde(default, deserialize_with = "read::some_duration")]
    min_interval: Option<Duration>,
    #[serde(default)]
    in_turn: bool,
}

impl ReloadEntry {
    fn reload(self) -> Result<Reload, String> {
        let by = match (self.signal, self.command) {
            (Some(_), Some(_)) => {
                return Err("[reload] has a signal and a command; say one of the two".into());
            }
            (signal, None) => ReloadBy::Signal(signal.unwrap_or(Signal::HUP)),
            (None, Some(command)) if command.is_empty() => {
                return Err("the command of [reload] is empty".into());
            }
            (None, Some(command)) => ReloadBy::Command(words(command)),
        };
        let min_interval = self.min_interval.unwrap_or(Reload::default().min_interval);
        Ok(Reload { by, min_interval, in_turn: self.in_turn })
    }
}

pub(super) fn words(command: Vec<String>) -> Vec<OsString> {
    command.into_iter().map(Into::into).collect()
}

/// Who somebody is to run as, as the manifest has it.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountEntry {
    pub(super) user: Option<read::Account>,
    pub(super) group: Option<Gid>,
    pub(super) groups: Option<Vec<Gid>>,
    pub(super) no_new_privs: Option<bool>,
}

impl AccountEntry {
    /// What is not said here is as there; but a user comes with its own groups.
    pub(super) fn or(self, other: &Self) -> Self {
        let no_new_privs = self.no_new_privs.or(other.no_new_privs);
        if self.user.is_some() {
            return Self { no_new_privs, ..self };
        }
        Self {
            user: other.user.clone(),
            group: self.group.or(other.group),
            groups: self.groups.or_else(|| other.groups.clone()),
            no_new_privs,
        }
    }

    /// Who that is, and whether we may become that user.
    pub(super) fn account(self) -> Result<Account, Failure> {
        let no_new_privs = self.no_new_privs.unwrap_or(false);
        if self.user.is_none() && self.group.is_none() && self.groups.is_none() {
            return Ok(Account { no_new_privs, ..Account::default() });
        }
        let (own_user, own_group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        let (user, own, name) = match self.user {
            Some(account) => (account.user, account.group, account.name),
            None => (own_user, Some(own_group), None),
        };
        let group = self.group.or(own).ok_or_else(|| {
            let message =
                format!("the user {user} is not known in this image; say group = as well");
            Failure::new(78, message) // EX_CONFIG
        })?;
        let groups = self.groups.unwrap_or_else(|| groups_of(name.as_ref().map(|n| &*n.0), group));
        let account = Account { name, no_new_privs, ..Account::default() };
        if own_user.is_root() {
            return Ok(Account { identity: Some(Identity { user, group, groups }), ..account });
        }
        let is_own = (user, group) == (own_user, own_group);
        let forbidden = (!is_own).then(|| not_root(user, account.name.as_ref()));
        Ok(Account { forbidden, ..account })
    }
}

fn groups_of(user: Option<&str>, group: Gid) -> Vec<Gid> {
    let name = user.and_then(|user| CString::new(user).ok());
    name.and_then(|name| getgrouplist(&name, group).ok()).unwrap_or_else(|| vec![group])
}

fn not_root(user: Uid, name: Option<&(String, std::path::PathBuf)>) -> String {
    let name = name.map_or_else(|| user.to_string(), |(name, _)| name.clone());
    format!(
        "the manifest wants a program to run as the user {name}, and the agent is not root; start \
         it as root, or as that user and with that user's own group"
    )
}

/// What may be said of all processes, and of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) account: AccountEntry,
    pub(super) reload: Option<ReloadEntry>,
    pub(super) stop: Option<Stop>,
    pub(super) ready: Option<Ready>,
}

impl Settings {
    fn or(self, other: &Self) -> Self {
        Self {
            account: self.account.or(&other.account),
            reload: self.reload.or_else(|| other.reload.clone()),
            stop: self.stop.or(other.stop),
            ready: self.ready.or_else(|| other.ready.clone()),
        }
    }

    /// The daemon of the command line, or the part of a process that may be said of all.
    pub(super) fn process(
        self,
        name: String,
        command: Vec<OsString>,
    ) -> Result<ProcessSpec, Failure> {
        let mistake = |message| Failure::new(78, format!("process {name}: {message}"));
        let reload = self.reload.map(ReloadEntry::reload).transpose().map_err(mistake)?;
        Ok(ProcessSpec {
            name,
            command,
            account: self.account.account()?,
            files: None,
            on_change: None,
            on_exit: OnExit::default(),
            reload: reload.unwrap_or_default(),
            stop: self.stop.unwrap_or_default(),
            ready: self.ready,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessEntry {
    pub(super) name: toml::Spanned<String>,
    command: Vec<String>,
    pub(super) files: Option<BTreeSet<String>>,
    on_change: Option<OnChange>,
    #[serde(default)]
    on_exit: OnExit,
    #[serde(default, deserialize_with = "read::account")]
    user: Option<read::Account>,
    #[serde(default, deserialize_with = "read::group")]
    group: Option<Gid>,
    #[serde(default, deserialize_with = "read::groups")]
    groups: Option<Vec<Gid>>,
    no_new_privs: Option<bool>,
    reload: Option<ReloadEntry>,
    stop: Option<Stop>,
    ready: Option<Ready>,
}

impl ProcessEntry {
    pub(super) fn process(self, all: &Settings) -> Result<ProcessSpec, Failure> {
        let Self { user, group, groups, no_new_privs, reload, stop, ready, .. } = self;
        let account = AccountEntry { user, group, groups, no_new_privs };
        let settings = Settings { account, reload, stop, ready }.or(all);
        let name = self.name.into_inner();
        if self.command.is_empty() {
            return Err(Failure::new(78, format!("process {name}: its command is empty")));
        }
        Ok(ProcessSpec {
            files: self.files,
            on_change: self.on_change,
            on_exit: self.on_exit,
            ..settings.process(name, words(self.command))?
        })
    }
}
