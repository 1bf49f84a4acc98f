//! The part of the store that somebody needs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use etcstack_config::Entries;

use crate::LOAD_MARK;

type Expand = dyn Fn(&Entries) -> BTreeSet<String> + Send + Sync;

/// One side of a span of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Before the first key with this prefix.
    Start(String),
    /// Behind the last key with this prefix.
    End(String),
}

/// Keys that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Edge,
    pub(crate) to: Edge,
}

/// Some prefixes, and the single keys that what stands below them refers to.
#[derive(Clone)]
pub struct View {
    prefixes: Vec<String>,
    /// Prefixes below those, of which nothing is read.
    without: Vec<String>,
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
        Self { prefixes, without: Vec::new(), expand: Arc::new(expand), records: false }
    }

    /// The system's own records below these prefixes.
    ///
    /// No load holds them back. Following tells of every change, even of one that is undone before
    /// it could be looked at, so that the same state may be told twice.
    pub fn records(prefixes: Vec<String>) -> Self {
        Self { records: true, ..Self::new(prefixes, |_| BTreeSet::new()) }
    }

    /// Leaves out what stands below this prefix, as far as a longer prefix of the view or a single
    /// key does not ask for it. It is not read, however much it is.
    pub fn without(mut self, prefix: impl Into<String>) -> Self {
        self.without.push(prefix.into());
        self
    }

    pub(crate) fn is_of_records(&self) -> bool {
        self.records
    }

    /// What is to be read, the single keys aside.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.prefixes.iter().flat_map(|prefix| self.spans_below(prefix)).collect()
    }

    /// The parts of a prefix that are left when what is left out is cut from it.
    fn spans_below(&self, prefix: &str) -> Vec<Span> {
        let mut cuts: Vec<&String> = self.cuts(prefix).collect();
        cuts.sort();
        let mut spans = Vec::new();
        let mut from = Edge::Start(prefix.to_owned());
        let mut last: Option<&String> = None;
        for cut in cuts {
            if last.is_some_and(|last| cut.starts_with(last)) {
                continue;
            }
            spans.push(Span { from, to: Edge::Start(cut.clone()) });
            from = Edge::End(cut.clone());
            last = Some(cut);
        }
        spans.push(Span { from, to: Edge::End(prefix.to_owned()) });
        spans
    }

    fn cuts<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a String> {
        self.without.iter().filter(move |cut| cut.len() > prefix.len() && cut.starts_with(prefix))
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

    /// Whether any key below a folder may be asked for by its prefix.
    pub(crate) fn touches(&self, folder: &str) -> bool {
        let touches = |prefix: &String| folder.starts_with(prefix) || prefix.starts_with(folder);
        self.prefixes.iter().any(touches)
    }

    /// Whether all keys are asked for.
    pub(crate) fn is_of_all(&self) -> bool {
        self.prefixes.iter().any(String::is_empty)
    }

    pub(crate) fn holds(&self, key: &str, keys: &BTreeSet<String>) -> bool {
        let below = |prefix: &String| {
            key.starts_with(prefix) && !self.cuts(prefix).any(|cut| key.starts_with(cut))
        };
        keys.contains(key) || self.prefixes.iter().any(below)
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
        let View { prefixes, without, .. } = self;
        f.debug_struct("View").field("prefixes", prefixes).field("without", without).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_cut_from_longer_prefixes_only() {
        let prefixes = vec![String::new(), "a/b/".into()];
        let view = View::new(prefixes, |_| BTreeSet::from(["a/x".to_owned()]));
        let view = view.without("a/").without("a/b/c/").without("a/");
        let edge = |start: &str| Edge::Start(start.into());
        let end = |prefix: &str| Edge::End(prefix.into());
        let expected = [
            Span { from: edge(""), to: edge("a/") },
            Span { from: end("a/"), to: end("") },
            Span { from: edge("a/b/"), to: edge("a/b/c/") },
            Span { from: end("a/b/c/"), to: end("a/b/") },
        ];
        assert_eq!(view.spans(), expected);
        let all = ["a", "a/a", "a/b/a", "a/b/c/a", "a/b/d", "a/x", "b"];
        let all: Entries = all.iter().map(|key| ((*key).to_owned(), Vec::new())).collect();
        let left: Vec<_> = view.select(&all).into_keys().collect();
        assert_eq!(left, ["a", "a/b/a", "a/b/d", "a/x", "b"]);
    }
}
