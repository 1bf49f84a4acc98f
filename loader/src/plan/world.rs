//! The store as a load sees it, and which of its values are a load's own.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use etcstack_config::Entries;
use etcstack_config::key::SYSTEM;
use etcstack_config::status::STATUS;
use etcstack_store::{LOAD_MARK, View};

use super::is_record;
use super::lists::{self, LOADED, Lists};
use crate::dialects::DIALECTS;
use crate::history::{CURRENT, Entry, GENERATION, History, PENDING};
use crate::release::{Data, part_keys, unpack, unpack_found};
use crate::said::VARIABLES;

/// What a load reads: all keys, the lists, the history, and the data of the current release and of
/// loads that have died; but nothing of the releases before them.
pub(crate) fn view() -> View {
    view_of(&[])
}

/// The same, and the records of the replicas that run.
pub(crate) fn view_with_replicas() -> View {
    view_of(&[STATUS])
}

fn view_of(besides: &[&str]) -> View {
    let own = [LOADED, CURRENT, PENDING, DIALECTS, VARIABLES].map(str::to_owned);
    let mut folders = [vec![String::new()], own.to_vec()].concat();
    folders.extend(besides.iter().map(|folder| (*folder).to_owned()));
    let more = |entries: &Entries| {
        let history = History::of(entries);
        let entries = history.pending.values().chain(history.current());
        entries.flat_map(part_keys).chain([GENERATION.to_owned()]).collect::<BTreeSet<_>>()
    };
    View::new(folders, more).without(format!("{SYSTEM}/"))
}

/// The values of the current release.
#[derive(Debug)]
enum Base {
    /// There is no release yet.
    None,
    /// There is one, but its data, or the record of which one it is, is gone or damaged.
    Unknown,
    Known(Data),
}

/// A load that is not complete.
#[derive(Debug)]
struct Begun {
    /// What it was to write.
    data: Data,
    /// What of that it found there already, put by hands.
    found: BTreeSet<String>,
}

impl Begun {
    fn of(entry: &Entry, entries: &Entries) -> Option<Self> {
        Some(Self { data: unpack(entry, entries)?, found: unpack_found(entry, entries)? })
    }
}

/// A state of the store, understood.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(super) entries: &'a Entries,
    pub(crate) history: History,
    /// The lists of each service.
    pub(super) lists: BTreeMap<String, Lists>,
    base: Base,
    /// Loads that are not complete, as far as their records are all there.
    pending: BTreeMap<u64, Begun>,
    /// Whether a listed key is a load's own whatever it holds.
    pub(crate) legacy: bool,
}

impl<'a> World<'a> {
    pub(crate) fn new(entries: &'a Entries) -> Self {
        let history = History::of(entries);
        let lists = lists::read(entries);
        let base = match (history.current, history.current()) {
            (None, _) if history.is_current_lost(entries) => Base::Unknown,
            (None, _) => Base::None,
            (Some(_), entry) => {
                entry.and_then(|entry| unpack(entry, entries)).map_or(Base::Unknown, Base::Known)
            }
        };
        // Lists without a release were written before there were releases; those that a first load
        // has left behind name what it was to write, and its data says more.
        let died = &history.pending;
        let legacy = matches!(base, Base::None)
            && !lists.is_empty()
            && (died.is_empty() || died.values().any(|entry| entry.legacy));
        let pending =
            died.iter().filter_map(|(number, entry)| Some((*number, Begun::of(entry, entries)?)));
        let pending = pending.collect();
        Self { entries, history, lists, base, pending, legacy }
    }

    /// What the mark of a load that is under way holds, or of one that has died.
    pub(crate) fn mark(&self) -> Option<&'a Vec<u8>> {
        self.entries.get(LOAD_MARK)
    }

    /// The data of the current release.
    pub(crate) fn base(&self) -> Option<&Data> {
        match &self.base {
            Base::Known(data) => Some(data),
            Base::None | Base::Unknown => None,
        }
    }

    /// Whether the current release cannot be read, so that nothing in the store counts as a load's.
    pub(crate) fn is_base_lost(&self) -> bool {
        matches!(self.base, Base::Unknown)
    }

    /// A load of the same data that has died, with its data complete: it can be gone on with.
    pub(crate) fn begun(&self, digest: &str) -> Option<&Entry> {
        let same = |entry: &&Entry| {
            entry.digest.as_deref() == Some(digest) && self.pending.contains_key(&entry.number)
        };
        self.history.pending.values().find(same)
    }

    /// What the store holds besides the system's records and the keys of the data.
    pub(super) fn besides(&self, data: &Data) -> Vec<(&'a String, &'a Vec<u8>)> {
        // Both are in the order of their keys.
        let mut data = data.keys().peekable();
        let is_besides = |(key, _): &(&'a String, &'a Vec<u8>)| {
            while data.next_if(|wanted| wanted < key).is_some() {}
            data.peek() != Some(key) && !is_record(key)
        };
        self.entries.iter().filter(is_besides).collect()
    }

    /// All keys of the lists: those that loads have written and still answer for, and those that
    /// are [only planned](Self::is_only_planned).
    pub(super) fn listed(&self) -> HashSet<&str> {
        self.lists.values().flat_map(|lists| &lists.keys).map(String::as_str).collect()
    }

    /// Whether a key is in its list only since a load that has died was to write it, and a hand was
    /// faster.
    pub(super) fn is_only_planned(&self, key: &str, value: &[u8]) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let in_no_release = match &self.base {
            Base::Known(data) => !data.contains_key(key),
            Base::None => !self.legacy,
            Base::Unknown => false,
        };
        in_no_release
            && self.pending.values().any(|begun| begun.data.contains_key(key))
            && !self.is_ours(key, value)
    }

    /// Whether what a key holds was put there by a load, and not by a hand.
    pub(super) fn is_ours(&self, key: &str, value: &[u8]) -> bool {
        // No hand writes it; a loader that does not know it leaves it as it was.
        if key == VARIABLES {
            return true;
        }
        let holds = |data: &Data| data.get(key).is_some_and(|ours| ours.as_bytes() == value);
        let in_base = match &self.base {
            Base::Known(data) => holds(data),
            Base::Unknown => false,
            Base::None => self.legacy && self.lists.values().any(|lists| lists.keys.contains(key)),
        };
        let wrote = |begun: &Begun| holds(&begun.data) && !begun.found.contains(key);
        in_base || self.pending.values().any(wrote)
    }
}
