//! What was done to the store, in one sequence of numbers: loads, rollbacks, and what hands did
//! through the loader.
//!
//! An entry is metadata; it never holds a value. The data of a release stands apart
//! ([`crate::release`]), so that the history can be read without it.

mod show;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use etcstack_config::Entries;
use etcstack_store::{Expect, Store, StoreError, View, Write};
use serde::{Deserialize, Serialize};

use crate::cli::HistoryArgs;
use crate::release::{found_keys, part_keys};

/// Every transaction of a load expects this to hold what was last seen, and changes it: so no plan
/// is written that was made from another state, and no answer that came too late does harm.
pub(crate) const GENERATION: &str = "_etcstack/generation";

/// Holds the number of the release that was last loaded completely.
pub(crate) const CURRENT: &str = "_etcstack/release";

/// The folder of the entries.
const RELEASES: &str = "_etcstack/releases/";

/// The folder of the entries of loads that are not complete: under way, or dead.
pub(crate) const PENDING: &str = "_etcstack/pending/";

/// How many entries without data are kept.
const MOST_NOTES: usize = 500;

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A load of a directory: a release.
    Load,
    /// The data of an earlier release, loaded again: a release.
    Rollback,
    /// A load that had died was undone.
    Abort,
    /// Keys were set by hand.
    Set,
    /// Keys were removed by hand.
    Unset,
    /// Secrets were made or changed.
    Secrets,
    /// Written by a newer loader.
    #[serde(other)]
    Other,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Rollback => "rollback",
            Self::Abort => "abort",
            Self::Set => "set",
            Self::Unset => "unset",
            Self::Secrets => "secrets",
            Self::Other => "other",
        }
    }
}

/// How many keys were changed, and how many were left as a hand had set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) deleted: usize,
    pub(crate) kept: usize,
}

impl Counts {
    /// How many keys were written or deleted.
    pub(crate) fn writes(self) -> usize {
        self.added + self.changed + self.deleted
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// When, in UTC.
    pub(crate) at: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) author: String,
    #[serde(default)]
    pub(crate) message: String,
    /// Of the data; only a release has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    #[serde(default)]
    pub(crate) counts: Counts,
    /// The keys that a hand changed; those of a release are in its data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<String>,
    /// In how many keys the packed data stands.
    #[serde(default)]
    pub(crate) parts: usize,
    /// Of a load that is not complete: in how many keys more it stands what the load has found as its
    /// data has it, put there by hands. What it has not written is not its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) found: usize,
    /// Of a load that is not complete: before it there were lists of loaded keys and no release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) legacy: bool,
}

impl Entry {
    /// An entry of now, without data.
    pub(crate) fn new(number: u64, kind: Kind, author: &str, message: &str) -> Self {
        Self {
            number,
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            kind,
            author: author.to_owned(),
            message: message.to_owned(),
            digest: None,
            counts: Counts::default(),
            keys: Vec::new(),
            parts: 0,
            found: 0,
            legacy: false,
        }
    }

    /// Whether it has data that can be loaded again.
    pub(crate) fn is_release(&self) -> bool {
        self.parts > 0
    }

    /// The key that it stands at, once it is complete.
    pub(crate) fn key(&self) -> String {
        format!("{RELEASES}{:08}", self.number)
    }

    /// The write of it into a folder.
    fn put(&self, folder: &str) -> Write {
        let value = serde_json::to_vec(self).unwrap_or_default();
        Write::Put { key: format!("{folder}{:08}", self.number), value }
    }

    /// The write that says that a load with this data has begun.
    pub(crate) fn put_pending(&self, legacy: bool) -> Write {
        Self { legacy, ..self.clone() }.put(PENDING)
    }

    /// The writes that make it the current release.
    pub(crate) fn put_current(&self) -> [Write; 2] {
        let value = self.number.to_string().into_bytes();
        [Self { found: 0, ..self.clone() }.put(RELEASES), Write::Put { key: CURRENT.into(), value }]
    }

    /// The deletions of its data.
    pub(crate) fn forget_data(&self) -> impl Iterator<Item = Write> {
        part_keys(self).map(|key| Write::Delete { key })
    }

    /// The deletions of what is of use only as long as it is pending.
    pub(crate) fn forget_found(&self) -> impl Iterator<Item = Write> {
        found_keys(self).map(|key| Write::Delete { key })
    }

    /// The deletion of what says that its load has begun.
    pub(crate) fn forget_pending(&self) -> Write {
        Write::Delete { key: format!("{PENDING}{:08}", self.number) }
    }
}

/// All entries that are kept, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) entries: BTreeMap<u64, Entry>,
    /// Loads that are under way, or have died.
    pub(crate) pending: BTreeMap<u64, Entry>,
    /// The release that was last loaded completely.
    pub(crate) current: Option<u64>,
    /// The highest number that was ever seen, of what cannot be read as well.
    last: u64,
}

impl History {
    /// Takes the history out of what was read with [`view`].
    pub(crate) fn of(entries: &Entries) -> Self {
        let mut history = Self::default();
        for (key, value) in entries.range(PENDING.to_owned()..) {
            let (folder, list) = if let Some(number) = key.strip_prefix(RELEASES) {
                (number, &mut history.entries)
            } else if let Some(number) = key.strip_prefix(PENDING) {
                (number, &mut history.pending)
            } else {
                continue;
            };
            let Ok(number) = folder.parse() else { continue };
            history.last = history.last.max(number);
            if let Ok(entry) = serde_json::from_slice::<Entry>(value) {
                list.insert(number, Entry { number, ..entry });
            }
        }
        let current = entries.get(CURRENT).and_then(|text| std::str::from_utf8(text).ok());
        history.current = current.and_then(|text| text.trim().parse().ok());
        history
    }

    /// The number of the next entry.
    pub(crate) fn next(&self) -> u64 {
        self.last.max(self.current.unwrap_or_default()) + 1
    }

    /// The release that was last loaded completely.
    pub(crate) fn current(&self) -> Option<&Entry> {
        self.entries.get(&self.current?)
    }

    /// Whether there is or was a release, and nobody knows any more which one is the current.
    pub(crate) fn is_current_lost(&self, entries: &Entries) -> bool {
        self.current.is_none()
            && (entries.contains_key(CURRENT) || self.releases().next().is_some())
    }

    /// The releases, from old to new.
    pub(crate) fn releases(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.is_release())
    }

    /// The writes that add an entry without data, for the transaction that does what it tells of.
    /// Its number has to be [`Self::next`]. The transaction expects and sets the [`generation`] as
    /// well, so that no two entries get one number.
    pub(crate) fn note(&self, entry: &Entry) -> Vec<Write> {
        let notes: Vec<_> = self.entries.values().filter(|entry| !entry.is_release()).collect();
        let too_many = (notes.len() + 1).saturating_sub(MOST_NOTES);
        let mut writes: Vec<_> = notes.iter().take(too_many).map(|old| forget(old)).collect();
        writes.push(entry.put(RELEASES));
        writes
    }

    /// The deletions of what is too old, if one more release is to be among those that are kept:
    /// releases with their data, and what was noted before the newest of those that go.
    pub(crate) fn prune(&self, keep: usize) -> Vec<Write> {
        let mut older = self.releases().rev().skip(keep.saturating_sub(1));
        let older = older.find(|entry| self.current.is_none_or(|current| entry.number < current));
        let Some(newest) = older.map(|entry| entry.number) else { return Vec::new() };
        let old = self.entries.range(..=newest).map(|(_, entry)| entry);
        old.flat_map(|entry| entry.forget_data().chain([forget(entry)])).collect()
    }
}

// As serde wants it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn forget(entry: &Entry) -> Write {
    Write::Delete { key: entry.key() }
}

/// What a transaction expects and writes so that it happens only if no load, and nobody else who
/// keeps to this, has written since these entries were read with [`view`].
pub(crate) fn generation(entries: &Entries, next: &str) -> (Expect, Write) {
    let value = entries.get(GENERATION).cloned();
    let put = Write::Put { key: GENERATION.into(), value: next.as_bytes().to_vec() };
    (Expect { key: GENERATION.into(), value }, put)
}

/// The history, the generation, and the mark of a load that is under way.
pub(crate) fn view() -> View {
    // The first of them is the number of the current release and the folder of the entries.
    let folders = vec![CURRENT.into(), PENDING.into(), GENERATION.into()];
    View::new(folders, |_| std::collections::BTreeSet::new())
}

/// Reads the history.
pub(crate) async fn read(store: &Store, timeout: Duration) -> Result<History, StoreError> {
    Ok(History::of(&store.snapshot(&view(), timeout).await?.entries))
}

/// A release, as people name it: its number, or how many releases back from the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Number(u64),
    Back(usize),
}

impl FromStr for Reference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_prefix('-') {
            Some(back) => back.parse().ok().filter(|back| *back > 0).map(Self::Back),
            None => text.parse().ok().filter(|number| *number > 0).map(Self::Number),
        };
        parsed.ok_or("write a release's number, as 12, or -1 for the one before the current one")
    }
}

impl History {
    /// The release that is meant, or why there is none.
    pub(crate) fn find(&self, reference: Reference) -> Result<&Entry, String> {
        let missing = match reference {
            Reference::Number(number) => match self.entries.get(&number) {
                Some(entry) if entry.is_release() => return Ok(entry),
                Some(entry) => {
                    format!("{number} is no release but a note of: {}", entry.kind.name())
                }
                None => format!("there is no release {number}, or it is not kept any more"),
            },
            Reference::Back(back) => {
                let current = self.current.unwrap_or_default();
                let mut before = self.releases().rev().filter(|entry| entry.number < current);
                if let Some(entry) = before.nth(back - 1) {
                    return Ok(entry);
                }
                match back {
                    1 => "there is no release before the current one".to_owned(),
                    more => format!("there are not {more} releases before the current one"),
                }
            }
        };
        let kept: Vec<_> = self.releases().map(|entry| entry.number.to_string()).collect();
        let kept = if kept.is_empty() { "none".into() } else { kept.join(", ") };
        Err(format!("{missing}; kept are: {kept} (etcstack-loader history)"))
    }
}

/// The command.
pub(crate) fn run(args: &HistoryArgs) -> ExitCode {
    crate::run::to_end(async {
        let store = args.common.open_etcd()?;
        let history = read(&store, args.common.start_timeout).await?;
        let text = show::show(&history, args.limit, args.common.output, &store.to_string());
        Ok::<_, crate::load::LoadError>(crate::run::Done::new(text))
    })
}

#[cfg(test)]
mod tests;
