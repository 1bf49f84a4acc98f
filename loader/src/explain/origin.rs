//! Who wrote a value, and when: the releases from new to old, and the notes of the history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use etcstack_config::data::Datum;
use etcstack_store::{Revisions, Store, StoreError, View, read_data};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::history::{CURRENT, Entry, History, Kind};
use crate::release::{Data, part_keys, unpack};

/// How a value got there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    /// A load, or a rollback: a release.
    Release,
    /// A load that was never completed.
    Unfinished,
    /// A command of the loader that changes single keys.
    Command,
    /// Somebody who did not go through the loader.
    Hand,
    /// Whoever edits the files of the directory that is the store.
    File,
}

/// Who wrote a value.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Written {
    pub(super) how: How,
    /// The entry of the history.
    #[serde(flatten, serialize_with = "all_fields")]
    pub(super) entry: Option<Event>,
    /// Releases before it are not kept any more, and may have had the value as well.
    pub(super) or_earlier: bool,
    /// The current release, where it gives the key another value.
    pub(super) differs_from: Option<ReleaseNumber>,
    /// The line, where the store is a directory.
    pub(super) place: Option<String>,
}

/// A release, as programs are told of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ReleaseNumber {
    pub(super) release: u64,
}

/// All fields of an event, null where there is none.
// As serde wants it.
#[allow(clippy::ref_option)]
fn all_fields<S: Serializer>(event: &Option<Event>, to: S) -> Result<S::Ok, S::Error> {
    let event = event.as_ref();
    let mut fields = to.serialize_map(Some(6))?;
    fields.serialize_entry("entry", &event.map(|event| event.number))?;
    fields.serialize_entry("release", &event.and_then(|event| event.release))?;
    fields.serialize_entry("at", &event.map(|event| &event.at))?;
    fields.serialize_entry("kind", &event.map(|event| event.kind))?;
    fields.serialize_entry("author", &event.map(|event| &event.author))?;
    fields.serialize_entry("message", &event.map(|event| &event.message))?;
    fields.end()
}

/// What the history says of it.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) number: u64,
    /// The same number, where the entry is a release.
    release: Option<u64>,
    pub(super) at: String,
    pub(super) kind: &'static str,
    pub(super) author: String,
    pub(super) message: String,
}

impl Event {
    fn of(entry: &Entry) -> Self {
        Self {
            number: entry.number,
            release: entry.is_release().then_some(entry.number),
            at: entry.at.clone(),
            kind: entry.kind.name(),
            author: entry.author.clone(),
            message: entry.message.clone(),
        }
    }
}

/// Finds who wrote what. Reads the data of a release when it is asked for, and once.
pub(super) struct Origins<'a> {
    store: &'a Store,
    history: &'a History,
    read: &'a Revisions,
    timeout: Duration,
    known: BTreeMap<u64, Option<Data>>,
    /// What the files of a directory say, where that is the store.
    places: Option<BTreeMap<String, Datum>>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(
        store: &'a Store,
        history: &'a History,
        read: &'a Revisions,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let places = store.directory().map(read_data).transpose()?;
        Ok(Self { store, history, read, timeout, known: BTreeMap::new(), places })
    }

    /// Who wrote what this key holds.
    pub(super) async fn of(&mut self, key: &str) -> Result<Written, StoreError> {
        let value = self.read.snapshot.entries.get(key).cloned().unwrap_or_default();
        let written = |how, entry: Option<&Entry>| Written {
            how,
            entry: entry.map(Event::of),
            or_earlier: false,
            differs_from: None,
            place: None,
        };
        if let Some(places) = &self.places {
            let place = places.get(key).map(|datum| datum.place.to_string());
            return Ok(Written { place, ..written(How::File, None) });
        }
        let note = self.note(key);
        // A release may have had the same value before, or since: it has not written it then.
        if note.is_none() {
            if let Some(written) = self.release(key, &value).await? {
                return Ok(written);
            }
            for entry in self.history.pending.values().rev() {
                if self.holds(entry, key, &value).await? == Some(true) {
                    return Ok(written(How::Unfinished, Some(entry)));
                }
            }
        }
        let differs_from = match self.history.current() {
            Some(entry) => {
                let release = ReleaseNumber { release: entry.number };
                let other = self.has_other(entry, key, &value).await?;
                other.then_some(release)
            }
            None => None,
        };
        let how = if note.is_some() { How::Command } else { How::Hand };
        Ok(Written { differs_from, ..written(how, note) })
    }

    /// The first of the releases, up to the current one, that have had this value ever since.
    async fn release(&mut self, key: &str, value: &[u8]) -> Result<Option<Written>, StoreError> {
        let Some(current) = self.history.current else { return Ok(None) };
        let history = self.history;
        let releases = history.releases().rev().filter(|entry| entry.number <= current);
        let (mut found, mut is_first) = (None, false);
        for entry in releases {
            match self.holds(entry, key, value).await? {
                Some(true) => found = Some(entry),
                Some(false) => {
                    is_first = true;
                    break;
                }
                None => break,
            }
        }
        // Entries go from the oldest on; with the very first there, nothing has gone.
        let is_all = history.entries.contains_key(&1);
        let found = found.filter(|entry| self.has_written(entry, key, is_first || is_all));
        Ok(found.map(|entry| Written {
            how: How::Release,
            entry: Some(Event::of(entry)),
            or_earlier: !is_first && !is_all,
            differs_from: None,
            place: None,
        }))
    }

    /// Whether a key was last written when this release was: after the entry before it, and not after
    /// its own. Else somebody has put the same value there.
    fn has_written(&self, entry: &Entry, key: &str, is_first: bool) -> bool {
        let changed = |key: &str| self.read.changed.get(key).copied();
        let before = self.history.entries.range(..entry.number).next_back();
        let before = before.filter(|_| is_first).and_then(|(_, before)| changed(&before.key()));
        let (written, after) = (changed(key), changed(&entry.key()));
        written.zip(before).is_none_or(|(written, before)| written > before)
            && written.zip(after).is_none_or(|(written, after)| written <= after)
    }

    /// The note of the command that wrote it, unless somebody else has written since: a command
    /// writes the key and its note at one revision.
    fn note(&self, key: &str) -> Option<&'a Entry> {
        let is_of = |entry: &&Entry| entry.keys.iter().any(|named| named == key);
        let mut notes = self.history.entries.values().rev().filter(|entry| !entry.is_release());
        let newest = notes.find(is_of).filter(|entry| entry.kind != Kind::Unset)?;
        let changed = |key: &str| self.read.changed.get(key);
        (changed(&newest.key()) == changed(key)).then_some(newest)
    }

    /// Whether a release gives the key another value.
    async fn has_other(
        &mut self,
        entry: &Entry,
        key: &str,
        value: &[u8],
    ) -> Result<bool, StoreError> {
        let data = self.data(entry).await?;
        let in_release = data.and_then(|data| data.get(key));
        Ok(in_release.is_some_and(|found| found.as_bytes() != value))
    }

    /// Whether a release gives the key this value; `None` where its data is gone.
    async fn holds(
        &mut self,
        entry: &Entry,
        key: &str,
        value: &[u8],
    ) -> Result<Option<bool>, StoreError> {
        let data = self.data(entry).await?;
        Ok(data.map(|data| data.get(key).is_some_and(|found| found.as_bytes() == value)))
    }

    async fn data(&mut self, entry: &Entry) -> Result<Option<&Data>, StoreError> {
        if !self.known.contains_key(&entry.number) {
            let parts: BTreeSet<_> = part_keys(entry).collect();
            let view = View::new(vec![CURRENT.into()], move |_| parts.clone());
            let snapshot = self.store.snapshot(&view, self.timeout).await?;
            self.known.insert(entry.number, unpack(entry, &snapshot.entries));
        }
        Ok(self.known.get(&entry.number).and_then(Option::as_ref))
    }
}
