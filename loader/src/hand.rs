//! What hands write through the loader: never beside a load, and with a note in the history.

mod change;
mod check;
mod error;
mod report;
mod strange;

use etcstack_config::key::Key;
use etcstack_config::secret::{is_secret_file, is_secret_name, is_secret_option, looks_secret};
use etcstack_store::{Expect, LOAD_MARK, Snapshot, Write};

use crate::cli::NoteArgs;
use crate::history::{Counts, Entry, GENERATION, History, Kind};
use crate::load::job::own_id;
use crate::release::DATA;

pub(crate) use self::change::{Change, Expected, open};
pub(crate) use self::check::{Wanted, check_key, normal};
pub(crate) use self::error::HandError;

/// Why nothing is written beside a load.
pub(crate) const LOADING: &str = concat!(
    "a load is under way, or has died half-way; nothing was written. Run this again when the load ",
    "is complete (another `etcstack-loader load` completes one that has died)"
);

/// Whether a key holds a secret, by its name.
pub(crate) fn is_secret_key(key: &str) -> bool {
    // That of another cloud, if its prefix was forgotten.
    if key.contains(&format!("/{DATA}")) {
        return true;
    }
    match Key::parse(key) {
        Ok(Key::Variable(name)) => is_secret_name(&name),
        Ok(Key::Option(_, option)) => is_secret_option(&option),
        Ok(Key::File(file)) => is_secret_file(&file.file),
        // The data of releases holds all secrets; other records hold none.
        Ok(Key::System(_)) => key.starts_with(DATA),
        // Nobody knows what it holds.
        Err(_) => true,
    }
}

/// Whether a key holds a secret, by its name or by the form of its value.
pub(crate) fn is_secret(key: &str, value: &str) -> bool {
    is_secret_key(key) || !is_record(key) && looks_secret(value)
}

/// What is said of a secret on the command line.
pub(crate) fn seen_by_all(key: &str, why: &str) -> String {
    format!(
        "{}: {why} a secret, and all users of this machine can see it on the command line; rather \
         give it on standard input, with -, or with --from-file",
        key.escape_debug()
    )
}

/// Whether a key is one of the system's own.
pub(crate) fn is_record(key: &str) -> bool {
    matches!(Key::parse(key), Ok(Key::System(_)))
}

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
