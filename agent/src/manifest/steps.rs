//! What happens before the daemons start, and what they are given.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::Gid;
use serde::Deserialize;

use super::process::{AccountEntry, words};
use super::read;
use crate::Failure;
use crate::supervise::Account;

/// A step that is done once for all replicas.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) command: Vec<OsString>,
    pub(crate) once_per: OncePer,
    /// The files whose change calls for it, where it is done once per change; empty: all.
    pub(crate) files: BTreeSet<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) account: Account,
}

/// What it takes for a step to be done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OncePer {
    Ever,
    Image,
    Change,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepEntry {
    pub(super) name: toml::Spanned<String>,
    command: Vec<String>,
    pub(super) once_per: OncePer,
    #[serde(default)]
    pub(super) files: BTreeSet<String>,
    #[serde(default, deserialize_with = "read::some_duration")]
    timeout: Option<Duration>,
    #[serde(default, deserialize_with = "read::account")]
    user: Option<read::Account>,
    #[serde(default, deserialize_with = "read::group")]
    group: Option<Gid>,
    #[serde(default, deserialize_with = "read::groups")]
    groups: Option<Vec<Gid>>,
}

impl StepEntry {
    pub(super) fn step(self, all: &AccountEntry) -> Result<Step, Failure> {
        let Self { user, group, groups, .. } = self;
        let account = AccountEntry { user, group, groups, no_new_privs: None }.or(all);
        let name = self.name.into_inner();
        if self.command.is_empty() {
            return Err(Failure::new(78, format!("bootstrap {name}: its command is empty")));
        }
        Ok(Step {
            command: words(self.command),
            once_per: self.once_per,
            files: self.files,
            timeout: self.timeout,
            account: account.account()?,
            name,
        })
    }
}

/// The variables of `general/` that the programs get in their environment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Environment {
    /// Names, or beginnings of names with a `*` behind.
    pub(crate) export: Vec<String>,
    /// Where to write them, as `NAME='value'` lines.
    pub(crate) file: Option<PathBuf>,
    pub(crate) on_change: OnEnvironment,
}

/// What it calls for when one of these variables changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnEnvironment {
    #[default]
    Restart,
    None,
}

impl Environment {
    /// The prefixes of keys below which variables are exported.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.export.iter().filter_map(|pattern| pattern.strip_suffix('*'))
    }

    /// The names that are exported one by one.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.export.iter().map(String::as_str).filter(|pattern| !pattern.ends_with('*'))
    }

    pub(crate) fn exports(&self, name: &str) -> bool {
        self.prefixes().any(|prefix| name.starts_with(prefix))
            || self.names().any(|exact| exact == name)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for pattern in &self.export {
            let name = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_start =
                name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if !is_start || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!(
                    "[environment] export: {pattern:?} is no variable; write NAME or START_*"
                ));
            }
        }
        Ok(())
    }
}
