//! The transactions of a load, in their order.
//!
//! Where all fits into one, it is one. Else the order is such that a load may die between any two
//! of them, and the next one knows from the store what is there and whose it is:
//!
//! 1. the mark, what the load is, and its data; then lists of the keys of before and after;
//! 2. the keys; then the lists as they are to be, and the deletion of what is too old;
//! 3. the release becomes the current one, and the mark goes.

use etcstack_store::{Expect, LIMITS, LOAD_MARK, Write};

use crate::history::Entry;
use crate::plan::{KeyWrite, Plan, World};
use crate::release::{Data, puts};

/// One transaction.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    pub(super) expect: Vec<Expect>,
    /// How many of the writes are of keys of the data.
    pub(super) keys: usize,
    bytes: usize,
}

/// What the writing ends in.
pub(super) enum End {
    /// A release, and its parts unless they stand in the store already: its packed data, and what
    /// it has found.
    Release(Entry, Vec<Vec<u8>>),
    /// A note of what was done.
    Note(Entry),
}

impl End {
    /// What the history will say.
    pub(super) fn entry(&self) -> &Entry {
        let (Self::Release(entry, _) | Self::Note(entry)) = self;
        entry
    }

    /// The release, if it is one.
    pub(super) fn release(&self) -> Option<&Entry> {
        match self {
            Self::Release(entry, _) => Some(entry),
            Self::Note(_) => None,
        }
    }
}

/// All that is to be written.
pub(super) struct Change<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) plan: &'a Plan,
    pub(super) data: &'a Data,
    pub(super) end: End,
    pub(super) keep: usize,
    /// What the mark of this load holds.
    pub(super) id: &'a str,
}

/// The transactions, and after how many of them all is still as it was for everybody but loaders.
pub(super) struct Steps {
    pub(super) batches: Vec<Batch>,
    pub(super) harmless: usize,
}

impl Change<'_> {
    pub(super) fn steps(self) -> Steps {
        if self.plan.counts().writes() <= LIMITS.operations {
            let others =
                [self.data_puts(false), self.plan.lists(), self.prune(), self.finish(false)];
            let once = fill(others.concat(), self.plan.keys(self.data, self.world));
            if once.len() <= 1 {
                return Steps { batches: once, harmless: 0 };
            }
        }
        let mut batches = fill([self.begin(), self.data_puts(true)].concat(), Vec::new());
        let harmless = batches.len();
        batches.extend(fill(self.plan.lists_of_both(), Vec::new()));
        let after = [self.plan.lists(), self.prune()].concat();
        batches.extend(fill(after, self.plan.keys(self.data, self.world)));
        let finish = self.finish(true);
        match batches.last_mut() {
            Some(last) if last.has_room_for(&finish) => last.extend(finish),
            _ => batches.extend(fill(finish, Vec::new())),
        }
        Steps { batches, harmless }
    }

    /// The mark, and what the load is about.
    fn begin(&self) -> Vec<Write> {
        let mark = Write::Put { key: LOAD_MARK.into(), value: self.id.as_bytes().to_vec() };
        let release = self.end.release().filter(|entry| !self.is_begun(entry));
        let release = release.map(|entry| entry.put_pending(self.world.legacy));
        [mark].into_iter().chain(release).collect()
    }

    fn is_begun(&self, entry: &Entry) -> bool {
        self.world.history.pending.contains_key(&entry.number)
    }

    /// The parts; what was found matters only to those who look at a load that is not complete.
    fn data_puts(&self, pending: bool) -> Vec<Write> {
        match &self.end {
            End::Release(entry, parts) => {
                let count = if pending { parts.len() } else { entry.parts };
                puts(entry.number, parts.iter().take(count).cloned().collect())
            }
            End::Note(_) => Vec::new(),
        }
    }

    /// What is too old, and the data of loads that have died, this one's aside.
    fn prune(&self) -> Vec<Write> {
        let (own, mut writes) = match &self.end {
            End::Release(entry, _) => (Some(entry.number), self.world.history.prune(self.keep)),
            End::Note(_) => (None, Vec::new()),
        };
        let died = self.world.history.pending.values();
        let died = died.filter(|entry| Some(entry.number) != own);
        writes.extend(died.flat_map(Entry::forget_data));
        writes
    }

    fn finish(&self, marked: bool) -> Vec<Write> {
        let mut writes = Vec::new();
        match &self.end {
            End::Release(entry, _) => {
                writes.extend(entry.put_current());
                let begun = self.is_begun(entry);
                if marked && !begun {
                    writes.push(entry.forget_pending());
                }
                if marked || begun {
                    writes.extend(entry.forget_found());
                }
            }
            End::Note(entry) => writes.extend(self.world.history.note(entry)),
        }
        writes.extend(self.world.history.pending.values().map(Entry::forget_pending));
        if marked || self.world.mark().is_some() {
            writes.push(Write::Delete { key: LOAD_MARK.into() });
        }
        writes
    }
}

/// The deletions that undo the harmless steps of a release.
pub(super) fn undo(entry: &Entry) -> Vec<Write> {
    let mark = Write::Delete { key: LOAD_MARK.into() };
    [mark, entry.forget_pending()].into_iter().chain(entry.forget_data()).collect()
}

impl Batch {
    /// With room for the generation, which each transaction writes as well.
    fn has_room(&self, operations: usize, bytes: usize) -> bool {
        self.writes.len() + operations <= LIMITS.operations && self.bytes + bytes <= LIMITS.bytes
    }

    fn has_room_for(&self, writes: &[Write]) -> bool {
        self.has_room(writes.len(), writes.iter().map(Write::size).sum())
    }

    fn extend(&mut self, writes: Vec<Write>) {
        for write in writes {
            self.push(write);
        }
    }

    fn push(&mut self, write: Write) {
        self.bytes += write.size();
        self.writes.push(write);
    }

    fn push_key(&mut self, key: KeyWrite) {
        self.bytes += key.bytes();
        self.keys += 1;
        self.writes.push(key.write);
        self.expect.extend(key.expect);
    }
}

/// Transactions of the keys, and then of the other writes.
fn fill(others: Vec<Write>, keys: Vec<KeyWrite>) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut batch = Batch::default();
    for key in keys {
        if !batch.has_room(1, key.bytes()) {
            batches.push(std::mem::take(&mut batch));
        }
        batch.push_key(key);
    }
    for write in others {
        if !batch.has_room(1, write.size()) {
            batches.push(std::mem::take(&mut batch));
        }
        batch.push(write);
    }
    batches.push(batch);
    // What is too large for any transaction is for etcd to refuse.
    batches.retain(|batch| !batch.writes.is_empty());
    batches
}
