//! What hands write through the loader: never beside a load, and with a note in the history.

use etcstack_store::{Expect, LOAD_MARK, Snapshot, Write};

use crate::cli::NoteArgs;
use crate::history::{Counts, Entry, GENERATION, History, Kind};
use crate::load::job::own_id;

/// What a transaction expects and writes.
#[derive(Default)]
pub(crate) struct Transaction {
    pub(crate) expect: Vec<Expect>,
    pub(crate) writes: Vec<Write>,
    /// The keys that the history names; never a value.
    pub(crate) keys: Vec<String>,
    pub(crate) counts: Counts,
}

/// Who writes what, for the history.
pub(crate) struct Signature {
    pub(crate) kind: Kind,
    pub(crate) author: String,
    pub(crate) message: String,
}

impl Signature {
    pub(crate) fn new(kind: Kind, note: &NoteArgs, usual: &str) -> Self {
        let message = note.message.clone().unwrap_or_else(|| usual.to_owned());
        Self { kind, author: note.author(), message }
    }
}

/// Makes transactions, one after the other, of which each happens only if nobody who keeps to the
/// generation has written since the state that it was made from, and no load is under way.
pub(crate) struct Sealer<'a> {
    signature: &'a Signature,
    history: History,
    generation: Option<Vec<u8>>,
    token: String,
    number: u64,
}

impl<'a> Sealer<'a> {
    /// The state has to hold what [`crate::history::view`] asks for.
    pub(crate) fn new(snapshot: &Snapshot, signature: &'a Signature) -> Self {
        Self {
            signature,
            history: History::of(&snapshot.entries),
            generation: snapshot.entries.get(GENERATION).cloned(),
            token: format!("{} {}", own_id(), snapshot.revision),
            number: 0,
        }
    }

    /// Adds the expectations and, where keys are named, the note.
    pub(crate) fn seal(&mut self, transaction: Transaction) -> (Vec<Expect>, Vec<Write>) {
        let Transaction { mut expect, mut writes, keys, counts } = transaction;
        if !keys.is_empty() {
            let Signature { kind, author, message } = self.signature;
            let number = self.history.next() + self.number;
            let entry = Entry { counts, keys, ..Entry::new(number, *kind, author, message) };
            writes.extend(self.history.note(&entry));
        }
        let next = format!("{}.{}", self.token, self.number).into_bytes();
        self.number += 1;
        let value = self.generation.replace(next.clone());
        expect.push(Expect { key: GENERATION.into(), value });
        expect.push(Expect { key: LOAD_MARK.into(), value: None });
        writes.push(Write::Put { key: GENERATION.into(), value: next });
        (expect, writes)
    }
}
