//! What a load would change: a pure function of the data, the last release and the store.

mod lists;
mod others;
#[cfg(test)]
mod tests;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::data::normal_key;
use etcstack_store::{Expect, LIMITS, Write};
use serde::Serialize;

use self::lists::ListChange;
use self::others::left_to_others;
pub(crate) use self::world::{World, view, view_with_replicas};
use crate::dialects;
use crate::history::Counts;
use crate::release::Data;
use crate::stored::is_data;

/// Why a key is left as a hand has made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Drift {
    /// A load wrote it, and a hand another value since; the data has yet another.
    Changed,
    /// A hand put it; the data has it as well now, with another value.
    Put,
    /// A load wrote it, and a hand another value since; the data holds it no longer.
    Dropped,
    /// A hand put the option in another spelling of the key, with another value. Beside the key
    /// itself agents refuse it.
    Spelling,
}

/// What is to be done, key by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Keys that are not there yet.
    pub(crate) added: BTreeSet<String>,
    /// Keys that hold something else.
    pub(crate) changed: BTreeSet<String>,
    /// Keys that hold what they should.
    pub(crate) unchanged: usize,
    /// Those of them that hands have put.
    pub(crate) found: BTreeSet<String>,
    /// Keys that an earlier load wrote and that are no longer in the data.
    pub(crate) deleted: BTreeSet<String>,
    /// Keys that stay as a hand has made them.
    pub(crate) drift: BTreeMap<String, Drift>,
    /// Keys that no load has to do with, but for secrets that the data leaves to others.
    pub(crate) by_hand: BTreeSet<String>,
    /// The services whose loaded keys differ afterwards.
    lists: Vec<ListChange>,
}

/// A write of a key, and what the key has to hold for it.
pub(crate) struct KeyWrite {
    pub(crate) write: Write,
    /// None where both together do not fit into a request.
    pub(crate) expect: Option<Expect>,
}

impl KeyWrite {
    /// About what this takes in a request, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.write.size() + self.expect.as_ref().map_or(0, expect_bytes)
    }
}

fn expect_bytes(expect: &Expect) -> usize {
    expect.key.len() + expect.value.as_ref().map_or(0, Vec::len) + 32
}

/// What a load does with what hands have put.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// The data wins where a hand has changed a key.
    pub(crate) overwrite: bool,
    /// What holds the data's value already is the data's from now on.
    pub(crate) adopt: bool,
}

impl From<bool> for Rules {
    fn from(overwrite: bool) -> Self {
        Self { overwrite, adopt: false }
    }
}

impl Plan {
    /// The rules may be just whether the data overwrites.
    pub(crate) fn new(data: &Data, world: &World, rules: impl Into<Rules>) -> Self {
        let Rules { overwrite, adopt } = rules.into();
        let mut plan = Self::default();
        let listed = world.listed();
        let is_loaded =
            |key: &str, found: &[u8]| listed.contains(key) && !world.is_only_planned(key, found);
        let besides = world.besides(data);
        let spelled = plan.other_spellings(data, world, &besides, overwrite);
        // Those that a load answers for afterwards.
        let mut ours = Vec::new();
        for (key, value) in data {
            if spelled.contains(key) {
                continue;
            }
            match world.entries.get(key) {
                None => _ = plan.added.insert(key.clone()),
                Some(found) if found == value.as_bytes() => {
                    plan.unchanged += 1;
                    if !world.is_ours(key, found) {
                        plan.found.insert(key.clone());
                    }
                    // What no load has written, no load deletes.
                    if !adopt && !is_loaded(key, found) {
                        continue;
                    }
                }
                Some(found) if overwrite || world.is_ours(key, found) => {
                    plan.changed.insert(key.clone());
                }
                Some(found) if is_loaded(key, found) => {
                    plan.drift.insert(key.clone(), Drift::Changed);
                }
                Some(_) => {
                    plan.drift.insert(key.clone(), Drift::Put);
                    continue;
                }
            }
            ours.push(key.clone());
        }
        for (key, found) in besides {
            if plan.is_told(key) {
                continue;
            }
            if !is_loaded(key, found) {
                plan.by_hand.insert(key.clone());
            } else if overwrite || world.is_ours(key, found) {
                plan.deleted.insert(key.clone());
            } else {
                plan.drift.insert(key.clone(), Drift::Dropped);
                // It stays in its list, so that it is told of until somebody decides.
                ours.push(key.clone());
            }
        }
        let others = left_to_others(data, plan.by_hand.iter());
        plan.by_hand.retain(|key| !others.contains(key));
        plan.lists = lists::changes(&world.lists, ours);
        plan
    }

    /// Keys that a hand put in another spelling than the data's: agents refuse two of one option.
    /// Gives the keys of the data that have to stay away for them.
    fn other_spellings(
        &mut self,
        data: &Data,
        world: &World,
        besides: &[(&String, &Vec<u8>)],
        overwrite: bool,
    ) -> BTreeSet<String> {
        let mut away = BTreeSet::new();
        let dialects = dialects::of_data(data);
        for &(key, found) in besides {
            let normal = normal_key(key, &dialects);
            let Some(value) = data.get(&normal) else { continue };
            if overwrite || found == value.as_bytes() || world.is_ours(key, found) {
                self.deleted.insert(key.clone());
                continue;
            }
            self.drift.insert(key.clone(), Drift::Spelling);
            // Where both stand there already, agents refuse them until somebody decides.
            if !world.entries.contains_key(&normal) {
                away.insert(normal);
            }
        }
        away
    }

    fn is_told(&self, key: &str) -> bool {
        self.deleted.contains(key) || self.drift.contains_key(key)
    }

    /// How many keys are concerned, for the history.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            added: self.added.len(),
            changed: self.changed.len(),
            deleted: self.deleted.len(),
            kept: self.drift.len(),
        }
    }

    /// Whether no key and no list would change.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.deleted.is_empty()
            && self.lists.is_empty()
    }

    /// The writes of the keys. Each expects what was found, so that what a hand puts meanwhile is
    /// not lost.
    pub(crate) fn keys(&self, data: &Data, world: &World) -> Vec<KeyWrite> {
        let puts = self.added.iter().chain(&self.changed).filter_map(|key| {
            let value = data.get(key)?.clone().into_bytes();
            Some(Write::Put { key: key.clone(), value })
        });
        let deletes = self.deleted.iter().map(|key| Write::Delete { key: key.clone() });
        let found = |write: Write| {
            let (Write::Put { key, .. } | Write::Hold { key, .. } | Write::Delete { key }) = &write;
            let expect = Expect { key: key.clone(), value: world.entries.get(key).cloned() };
            let fits = write.size() + expect_bytes(&expect) <= LIMITS.bytes;
            KeyWrite { write, expect: fits.then_some(expect) }
        };
        puts.chain(deletes).map(found).collect()
    }

    /// The writes of the lists as they are to be, after the keys.
    pub(crate) fn lists(&self) -> Vec<Write> {
        self.lists.iter().flat_map(ListChange::writes).collect()
    }

    /// Lists that hold the keys of before and after: written first where a load takes several
    /// transactions, so that one that dies half-way leaves no key that nobody knows of.
    pub(crate) fn lists_of_both(&self) -> Vec<Write> {
        self.lists.iter().flat_map(ListChange::writes_of_both).collect()
    }
}

/// Whether no data says it; what is said of files and of variables it does.
fn is_record(key: &str) -> bool {
    !is_data(key)
}
