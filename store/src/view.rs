//! The part of the store that somebody needs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use etcstack_config::Entries;

use crate::LOAD_MARK;

type Expand = dyn Fn(&Entries) -> BTreeSet<String> + Send + Sync;

/// Some prefixes, and the single keys that what stands below them refers to.
#[derive(Clone)]
pub struct View {
    prefixes: Vec<String>,
    expand: Arc<Expand>,
    records: bool,
}

impl View {
    /// All keys.
    pub fn everything() -> Self {
        Self::new(vec![String::new()], |_| BTreeSet::new())
    }

    /// The keys below these prefixes, and those that `expand` names.
    ///
    /// `expand` is called with what has been found so far, until it names nothing new; a key that
    /// it names and that is not there is watched for. It must name the same for the same entries.
    pub fn new(
        prefixes: Vec<String>,
        expand: impl Fn(&Entries) -> BTreeSet<String> + Send + Sync + 'static,
    ) -> Self {
        Self { prefixes, expand: Arc::new(expand), records: false }
    }

    /// The system's own records below these prefixes.
    ///
    /// No load holds them back. Following tells of every change, even of one that is undone before
    /// it could be looked at, so that the same state may be told twice.
    pub fn records(prefixes: Vec<String>) -> Self {
        Self { records: true, ..Self::new(prefixes, |_| BTreeSet::new()) }
    }

    pub(crate) fn is_of_records(&self) -> bool {
        self.records
    }

    pub(crate) fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// The single keys that these entries call for, the mark of a load among them unless it means
    /// nothing to this view.
    pub(crate) fn keys(&self, entries: &Entries) -> BTreeSet<String> {
        let mut keys = (self.expand)(entries);
        if !self.records {
            keys.insert(LOAD_MARK.to_owned());
        }
        keys
    }

    pub(crate) fn holds(&self, key: &str, keys: &BTreeSet<String>) -> bool {
        keys.contains(key) || self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// Takes from all entries what this view asks for.
    pub(crate) fn select(&self, all: &Entries) -> Entries {
        let mut keys = BTreeSet::new();
        loop {
            let selected: Entries = all
                .iter()
                .filter(|(key, _)| self.holds(key, &keys))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let wanted = self.keys(&selected);
            if wanted == keys {
                return selected;
            }
            keys = wanted;
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.prefixes).finish()
    }
}
