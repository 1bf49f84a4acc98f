//! `[ready]` of the manifest.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::recipe::{self, Asked, Recipe};

/// How a daemon shows that it does its work.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub(crate) struct Ready {
    pub(crate) probe: Recipe,
    /// How long it may take after a start or a change.
    pub(crate) timeout: Duration,
    /// How long it has to live after a change for that to count as good.
    pub(crate) settle: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default, deserialize_with = "recipe::address")]
    tcp: Option<String>,
    #[serde(default, deserialize_with = "recipe::url")]
    http: Option<String>,
    status: Option<Vec<u16>>,
    ca: Option<PathBuf>,
    #[serde(default, deserialize_with = "recipe::arguments")]
    command: Option<Vec<String>>,
    #[serde(default = "timeout", deserialize_with = "recipe::duration")]
    timeout: Duration,
    #[serde(default = "settle", deserialize_with = "recipe::duration")]
    settle: Duration,
}

fn timeout() -> Duration {
    Duration::from_secs(60)
}

fn settle() -> Duration {
    Duration::from_secs(1)
}

impl TryFrom<Table> for Ready {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { tcp, http, status, ca, command, timeout, settle } = table;
        let recipes = Asked { tcp, http, status, ca, command }.recipes()?;
        match <[Recipe; 1]>::try_from(recipes) {
            Ok([probe]) => Ok(Self { probe, timeout, settle }),
            Err(_) => Err("write one of tcp, http and command, and no second".into()),
        }
    }
}
