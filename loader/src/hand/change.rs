//! Single keys, written all at once: read, checked, and written only if they hold what was read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::Key;
use etcstack_store::{Expect, LIMITS, LOAD_MARK, Outcome, Snapshot, Store, Write};
use tokio::time::sleep;

use super::check::{Rules, Wanted, check};
use super::report::{NextLoad, Note, Report};
use super::{HandError, Sealer, Signature, Transaction, seen_by_all, strange};
use crate::cli::HandArgs;
use crate::dialects::Dialects;
use crate::history::{Counts, History, Kind};
use crate::near;
use crate::plan::{self, World};
use crate::run::Done;
use crate::sensitive::sensitive;
use crate::{secrets, task, validate};

/// What is said where nobody knows the options of services.
const NO_CATALOG: &str = "there are no catalogs: only the syntax was checked, not whether the service \
     has these options; name the data that holds some with --data, or their folder with --catalog";

/// How often others may be faster, or answers get lost.
const TRIES: u32 = 100;
/// The longest pause before the next try, in milliseconds. By chance, so that not all who write at
/// once try again at once.
const PAUSE: u64 = 40;
/// How many keys one transaction takes, with room for what it holds besides.
const MOST: usize = LIMITS.operations - 20;

/// What keys hold; `None` for those that are not there.
type Before = BTreeMap<String, Option<Vec<u8>>>;

/// What somebody has seen in the one key.
pub(crate) enum Expected {
    Anything,
    Absent,
    Value(String),
}

impl Expected {
    fn allows(&self, now: Option<&[u8]>) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent => now.is_none(),
            Self::Value(value) => now == Some(value.as_bytes()),
        }
    }
}

/// The store that is to be written.
pub(crate) fn open(args: &HandArgs) -> Result<Store, HandError> {
    match args.common.store.open()? {
        Store::Dir(_) => Err(HandError::Directory),
        store => Ok(store),
    }
}

/// A change that somebody wants.
pub(crate) struct Change {
    wanted: Wanted,
    /// The keys whose values somebody has written on the command line.
    shown: BTreeSet<String>,
    expected: Expected,
    rules: Rules,
    store: Store,
    signature: Signature,
    timeout: Duration,
    dry_run: bool,
}

impl Change {
    /// `force` and `allow_unknown` are what is let through.
    pub(crate) fn new(
        kind: Kind,
        store: Store,
        args: &HandArgs,
        wanted: Wanted,
        force: bool,
        allow_unknown: bool,
    ) -> Result<Self, HandError> {
        if wanted.len() > MOST {
            let message = format!("at most {MOST} keys at once; for more there is load");
            return Err(HandError::Usage(message));
        }
        let (settings, _) =
            validate::settings::read(&args.sources.sources()).map_err(HandError::Settings)?;
        Ok(Self {
            wanted,
            shown: BTreeSet::new(),
            expected: Expected::Anything,
            rules: Rules { settings, force, allow_unknown },
            store,
            signature: Signature::new(kind, &args.note, ""),
            timeout: args.common.start_timeout,
            dry_run: args.dry_run,
        })
    }

    /// Says so where no catalog knows the options that are put into files of oslo.config's.
    pub(crate) fn noting(self, dialects: &Dialects) -> Self {
        let puts_option = |(key, value): (&String, &Option<String>)| match Key::parse(key) {
            Ok(Key::Option(file, _)) => value.is_some() && dialects.of(&file) == Dialect::Oslo,
            _ => false,
        };
        if self.rules.settings.catalogs.is_none() && self.wanted.iter().any(puts_option) {
            task::note(NO_CATALOG);
        }
        self
    }

    /// The values of these keys stand on the command line.
    pub(crate) fn showing(self, shown: BTreeSet<String>) -> Self {
        Self { shown, ..self }
    }

    /// Somebody has said what the one key holds.
    pub(crate) fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// Does it, and tells what was done.
    pub(crate) async fn execute(&self, args: &HandArgs) -> Result<Done, HandError> {
        let report = self.run().await?;
        let would = report.dry_run && report.is_something();
        Ok(report.tell(args.common.output).with_code(if would { 2 } else { 0 }))
    }

    async fn run(&self) -> Result<Report, HandError> {
        let mut seen: Option<Before> = None;
        let mut unanswered: Option<Report> = None;
        for _ in 0..TRIES {
            let snapshot = self.store.snapshot(&plan::view_with_replicas(), self.timeout).await?;
            if let Some(report) =
                unanswered.take().filter(|report| self.is_noted(report, &snapshot))
            {
                return Ok(Report { revision: snapshot.revision, ..report });
            }
            if snapshot.entries.contains_key(LOAD_MARK) {
                return Err(HandError::Loading);
            }
            let before = self.before(&snapshot.entries);
            match &seen {
                None => self.check_expected(&snapshot.entries, &before)?,
                Some(seen) => same(seen, &before)?,
            }
            let report = self.plan(&snapshot, &before)?;
            if report.dry_run || !report.is_something() {
                return Ok(report);
            }
            match self.write(&snapshot, &before, &report).await {
                Ok(Outcome::Committed(revision)) => return Ok(Report { revision, ..report }),
                Ok(Outcome::Conflict) => {}
                Err(HandError::Store(error)) if !error.is_final() => {
                    tracing::warn!(%error, "the write got no answer; looking what became of it");
                    unanswered = Some(report);
                }
                Err(error) => return Err(error),
            }
            seen = Some(before);
            sleep(Duration::from_millis(1 + rand::random::<u64>() % PAUSE)).await;
        }
        Err(HandError::Busy)
    }

    /// Whether the history holds what a report tells of.
    fn is_noted(&self, report: &Report, snapshot: &Snapshot) -> bool {
        let history = History::of(&snapshot.entries);
        let entry = report.entry.and_then(|number| history.entries.get(&number));
        entry.is_some_and(|entry| {
            entry.author == self.signature.author && entry.keys == keys_of(report)
        })
    }

    fn before(&self, entries: &Entries) -> Before {
        self.wanted.keys().map(|key| (key.clone(), entries.get(key).cloned())).collect()
    }

    fn check_expected(&self, entries: &Entries, before: &Before) -> Result<(), HandError> {
        for (key, now) in before {
            if !self.expected.allows(now.as_deref()) {
                return Err(HandError::Unexpected(key.clone()));
            }
            let goes = self.wanted.get(key).is_some_and(Option::is_none);
            if goes && now.is_none() {
                return Err(HandError::NotThere {
                    key: key.clone(),
                    store: self.store.to_string(),
                    hint: near::hint(key, entries),
                });
            }
        }
        Ok(())
    }

    /// What is to be done, if it may be.
    fn plan(&self, snapshot: &Snapshot, before: &Before) -> Result<Report, HandError> {
        let mut report =
            Report { dry_run: self.dry_run, revision: snapshot.revision, ..Report::default() };
        for (key, wanted) in &self.wanted {
            let before = before.get(key).and_then(Option::as_deref);
            let keys = match (before, wanted) {
                (before, Some(value)) if before == Some(value.as_bytes()) => &mut report.unchanged,
                (Some(_), Some(_)) => &mut report.changed,
                (None, Some(_)) => &mut report.added,
                (_, None) => &mut report.deleted,
            };
            keys.insert(key.clone());
        }
        report.warnings = check(&snapshot.entries, &self.wanted, &self.rules)?;
        let world = World::new(&snapshot.entries);
        if strange::is_new(&world, &snapshot.entries) && !report.added.is_empty() {
            report.warnings.push(format!(
                "there is no key and no release in {} yet: this begins a new cloud; if another is \
                 meant, name it with --store or ETCSTACK_STORE",
                self.store
            ));
        }
        report.warnings.extend(strange::names(&self.wanted, &world, &snapshot.entries));
        report.warnings.extend(self.on_the_command_line(&snapshot.entries));
        report.notes = self.notes(&world, &snapshot.entries);
        let writes = report.is_something() && !self.dry_run;
        report.entry = writes.then(|| world.history.next());
        Ok(report)
    }

    /// What stands on the command line, and is a secret by where it is put in.
    fn on_the_command_line(&self, entries: &Entries) -> Vec<String> {
        if self.shown.is_empty() {
            return Vec::new();
        }
        let mut after = entries.clone();
        for (key, value) in &self.wanted {
            after.extend(value.clone().map(|value| (key.clone(), value.into_bytes())));
        }
        let secret = sensitive(&[entries, &after], self.rules.settings.catalogs.as_ref());
        let shown = self.shown.intersection(&secret);
        shown.map(|key| seen_by_all(key, "by where it is put in")).collect()
    }

    /// What the next load does, if it is of the data of the current release.
    fn notes(&self, world: &World<'_>, entries: &Entries) -> Vec<Note> {
        let loaded = secrets::loaded(entries);
        let note = |(key, wanted): (&String, &Option<String>)| {
            let released = world.base().and_then(|data| data.get(key));
            let next_load = match wanted {
                Some(_) if wanted.as_ref() == released => return None,
                Some(_) if released.is_some() => NextLoad::Keeps,
                None if released.is_some() || loaded.contains(key) => NextLoad::Returns,
                _ => return None,
            };
            let release = released.and(world.history.current);
            Some(Note { key: key.clone(), next_load, release })
        };
        self.wanted.iter().filter_map(note).collect()
    }

    async fn write(
        &self,
        snapshot: &Snapshot,
        before: &Before,
        report: &Report,
    ) -> Result<Outcome, HandError> {
        let (expect, writes) =
            Sealer::new(snapshot, &self.signature).seal(self.transaction(before, report)?);
        Ok(self.store.commit(&expect, &writes).await?)
    }

    fn transaction(&self, before: &Before, report: &Report) -> Result<Transaction, HandError> {
        let keys = keys_of(report);
        let write = |key: &String| match self.wanted.get(key).cloned().flatten() {
            Some(value) => Write::Put { key: key.clone(), value: value.into_bytes() },
            None => Write::Delete { key: key.clone() },
        };
        let writes: Vec<_> = keys.iter().map(write).collect();
        let expect = |(key, value): (&String, &Option<Vec<u8>>)| Expect {
            key: key.clone(),
            value: value.clone(),
        };
        // What stays as it is belongs to what was checked.
        let mut expect: Vec<_> = before.iter().map(expect).collect();
        let size = |expect: &Expect| expect.key.len() + expect.value.as_ref().map_or(0, Vec::len);
        let written: usize = writes.iter().map(Write::size).sum();
        if written + expect.iter().map(size).sum::<usize>() > LIMITS.bytes {
            if before.len() > 1 {
                let message = "this is more than one transaction takes; write fewer keys at once";
                return Err(HandError::Usage(message.into()));
            }
            // Both do not fit into a request. Loads and other hands are seen by the generation.
            expect.clear();
        }
        let counts = Counts {
            added: report.added.len(),
            changed: report.changed.len(),
            deleted: report.deleted.len(),
            kept: 0,
        };
        Ok(Transaction { expect, writes, keys, counts })
    }
}

fn keys_of(report: &Report) -> Vec<String> {
    let mut keys: Vec<_> =
        report.added.iter().chain(&report.changed).chain(&report.deleted).cloned().collect();
    keys.sort();
    keys
}

/// Whether the keys still hold what was read first.
fn same(seen: &Before, now: &Before) -> Result<(), HandError> {
    let mut changed = seen.iter().filter(|(key, value)| now.get(*key) != Some(*value));
    changed.next().map_or(Ok(()), |(key, _)| Err(HandError::Changed(key.clone())))
}
