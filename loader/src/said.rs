//! What the data says of variables besides their values: which ones only the agents' environment has,
//! which are made in the store, which are secrets though their names do not tell.
//!
//! It stands beside the data, in `validate.toml` and `.secrets.toml`. A load takes it into the store,
//! as a part of its release: so those know it who read the keys without the data.

use std::collections::BTreeMap;
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::data::{Datum, SETTINGS};
use etcstack_config::problem::{Place, Problems};
use etcstack_config::validate::Names;
use etcstack_store::Store;
use serde::{Deserialize, Deserializer, Serialize};

use crate::release::Data;
use crate::secrets::{self, Kind};
use crate::validate::settings;

/// The key of what the loaded data says of variables.
pub(crate) const VARIABLES: &str = "_etcstack/variables";

/// What is said; names of variables only, and never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    /// What the agents have in their environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) environment: Vec<String>,
    /// What is made in the store, and is not in the data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) generated: Vec<String>,
    /// What somebody else than the data uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) used: Vec<String>,
    /// Secrets by their names, and of which kind they are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "kinds")]
    pub(crate) secrets: BTreeMap<String, Kind>,
}

/// What is secret stays hidden, of whichever kind a newer loader says that it is.
fn kinds<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Kind>, D::Error> {
    let kinds = BTreeMap::<String, serde_json::Value>::deserialize(from)?;
    let known = |kind| serde_json::from_value(kind).unwrap_or(Kind::External);
    Ok(kinds.into_iter().map(|(name, kind)| (name, known(kind))).collect())
}

impl Said {
    /// What stands beside the data of a directory.
    fn beside(dir: &Path) -> Result<Self, Problems> {
        let said = settings::said(dir).map_err(Problems::from)?;
        Ok(Self { secrets: secrets::declared_in(dir)?, ..said })
    }

    /// What is said of the data that is in a store. What nobody can read says nothing: a newer
    /// loader may have written it.
    pub(crate) fn of_entries(entries: &Entries) -> Self {
        entries.get(VARIABLES).map(|record| of_record(record)).unwrap_or_default()
    }

    /// The same of the data of a release.
    pub(crate) fn of_data(data: &Data) -> Self {
        data.get(VARIABLES).map(|record| of_record(record.as_bytes())).unwrap_or_default()
    }

    /// Whether only agents can have this variable.
    pub(crate) fn is_environment(&self, name: &str) -> bool {
        contain(&self.environment, name)
    }

    /// Whether this variable is to be made in the store.
    pub(crate) fn is_generated(&self, name: &str) -> bool {
        let is_made = |kind: &Kind| *kind != Kind::External;
        contain(&self.generated, name) || self.secrets.get(name).is_some_and(is_made)
    }

    /// Whether the data counts on somebody else to put this variable.
    pub(crate) fn is_left_to_others(&self, name: &str) -> bool {
        contain(&self.generated, name) || self.secrets.contains_key(name)
    }

    /// The variables whose values are not to be shown. A UUID is no secret by itself.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &str> {
        let secrets = self.secrets.iter().filter(|(_, kind)| **kind != Kind::Uuid);
        secrets.map(|(name, _)| name.as_str())
    }
}

fn of_record(record: &[u8]) -> Said {
    serde_json::from_slice(record).unwrap_or_default()
}

fn contain(names: &[String], name: &str) -> bool {
    Names::new(names.iter().cloned()).contain(name)
}

/// What whoever reads the keys without the directory has to know: a key of a record and what it is to
/// hold.
pub(crate) fn record(dir: &Path) -> Result<Option<(String, Datum)>, Problems> {
    let said = Said::beside(dir)?;
    let place = Place::file(&dir.join(SETTINGS));
    let datum = Datum { value: serde_json::json!(said).to_string(), place };
    Ok((said != Said::default()).then(|| (VARIABLES.to_owned(), datum)))
}

/// Adds it to what is read of a directory that is the store: there no load has put it.
pub(crate) fn add_record(store: &Store, entries: &mut Entries) {
    if let Some(dir) = store.directory()
        && let Ok(Some((key, datum))) = record(dir)
    {
        entries.insert(key, datum.value.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_nobody_can_read_says_nothing() {
        let said = of_record(br#"{"environment":["POD_*"],"secrets":{"A":"uuid","B":"password"}}"#);
        assert!(said.is_environment("POD_IP") && !said.is_environment("POD"));
        assert_eq!(said.hidden().collect::<Vec<_>>(), ["B"]);
        assert!(said.is_generated("A") && !said.is_generated("C"));
        assert_eq!(of_record(b"rubbish"), Said::default());
        let newer = of_record(br#"{"secrets":{"A":"of tomorrow"},"more":1}"#);
        assert_eq!(newer.hidden().collect::<Vec<_>>(), ["A"]);
    }
}
