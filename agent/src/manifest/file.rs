//! The files that the agent keeps.

use std::path::{Path, PathBuf};

use etcstack_config::dialect::Dialect;
use serde::Deserialize;

use super::read::{self, Owner};

/// A file that the agent keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As in the keys.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) default: DefaultAt,
    pub(crate) dialect: Dialect,
    pub(crate) owner: Option<Owner>,
    pub(crate) mode: Option<u32>,
    pub(crate) on_change: OnChange,
    /// Commands that have to end well before a change of this file goes live.
    pub(crate) checks: Vec<Vec<String>>,
}

/// Where a file's default stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DefaultAt {
    /// Here; it is a mistake when it is not.
    Declared(PathBuf),
    /// Here if it is there, else what the image has in the file's own place.
    Found(PathBuf),
}

/// What a change of a file calls for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnChange {
    /// What the catalog knows to suffice: nothing, a reload, or a restart.
    #[default]
    Auto,
    /// The signal or command of `[reload]`.
    Reload,
    Restart,
    /// Nothing: the daemon looks for itself, or never again.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    pub(super) name: toml::Spanned<String>,
    pub(super) path: PathBuf,
    default: Option<PathBuf>,
    #[serde(default, deserialize_with = "read::dialect")]
    dialect: Option<Dialect>,
    #[serde(default, deserialize_with = "read::owner")]
    owner: Option<Owner>,
    #[serde(default, deserialize_with = "read::mode")]
    mode: Option<u32>,
    #[serde(default)]
    on_change: OnChange,
    #[serde(default)]
    pub(super) check: Vec<Vec<String>>,
}

impl FileEntry {
    /// Paths of a manifest start at its own folder, where they are not absolute.
    pub(super) fn target(self, folder: &Path, shared: &Path) -> Target {
        let name = self.name.into_inner();
        let default = match self.default {
            Some(path) => DefaultAt::Declared(folder.join(path)),
            None => DefaultAt::Found(shared.join(&name)),
        };
        Target {
            path: folder.join(self.path),
            default,
            dialect: self.dialect.unwrap_or_else(|| Dialect::by_name(&name)),
            owner: self.owner,
            mode: self.mode,
            on_change: self.on_change,
            checks: self.check,
            name,
        }
    }
}

impl Target {
    /// A file that no manifest names.
    pub(super) fn unnamed(name: String, folder: &Path, shared: &Path) -> Self {
        Self {
            path: folder.join(&name),
            default: DefaultAt::Found(shared.join(&name)),
            dialect: Dialect::by_name(&name),
            owner: None,
            mode: None,
            on_change: OnChange::default(),
            checks: Vec::new(),
            name,
        }
    }
}
