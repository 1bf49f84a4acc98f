//! The work of a load, a rollback or an abort: plans, writes in transactions, and starts again
//! where the store has changed meanwhile.

use std::time::Duration;

use etcstack_store::{Expect, LOAD_MARK, Outcome, Snapshot, Store, StoreError};
use tokio::time::sleep;

use super::LoadError;
use super::progress::Progress;
use super::standstill::{self, Begun, Standstill};
use super::steps::{Change, End, Steps, undo};
use super::unknown;
use super::wait::{PAUSE, Waiting};
use crate::history::{Entry, GENERATION, History, Kind, generation};
use crate::plan::{self, Plan, Rules, World};
use crate::release::{Data, digest, pack};
use crate::report::Report;
use crate::said::Said;

/// How often a transaction may get no answer.
pub(super) const PATIENCE: usize = 10;

/// What is to be in the store.
pub(crate) enum Goal {
    /// This data, as a release of this kind.
    Release(Kind, Data),
    /// What the current release says: loads that have died are undone.
    Abort,
}

impl Goal {
    /// What becomes of a load that has died.
    fn cure(&self) -> &'static str {
        match self {
            Self::Release(..) => "the load before this one has died; this one completes it",
            Self::Abort => "the load before this one has died; this one undoes it",
        }
    }
}

/// A load, and how to go about it.
pub(crate) struct Job {
    pub(crate) store: Store,
    pub(crate) goal: Goal,
    pub(crate) author: String,
    pub(crate) message: String,
    /// What becomes of what hands have put.
    pub(crate) rules: Rules,
    /// Waits for another load.
    pub(crate) wait: bool,
    /// How many releases are kept.
    pub(crate) keep: usize,
    pub(crate) timeout: Duration,
    /// What our mark in the store holds.
    pub(crate) id: String,
}

/// Tells this load from all others, and a person where it runs.
pub(crate) fn own_id() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {} {:016x}", host.trim(), std::process::id(), rand::random::<u64>())
}

/// How the writing of a plan ended.
enum Written {
    /// All of it is there, at this revision.
    Done(i64),
    /// The store has changed since the plan was made; some of it may be there, under our mark.
    Stale { begun: bool },
    /// A transaction got no answer: nobody knows whether it has happened, or will.
    Unanswered(Unanswered),
}

/// A transaction without an answer.
struct Unanswered {
    error: StoreError,
    /// The generation that it expects.
    expected: Option<Vec<u8>>,
    /// What the history says once the load is complete.
    entry: Box<Entry>,
    /// Whether the store may be under our mark.
    marked: bool,
}

impl Job {
    pub(crate) async fn run(&self) -> Result<Report, LoadError> {
        let digest = match &self.goal {
            Goal::Release(_, data) => Some(digest(data)),
            Goal::Abort => None,
        };
        let mut report = Report::default();
        let mut waiting = Waiting::default();
        let (mut begun, mut lost) = (false, 0);
        let mut standstill = Standstill::default();
        let mut unanswered: Option<Unanswered> = None;
        loop {
            let snapshot = match self.store.snapshot(&plan::view(), self.timeout).await {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    let marked = begun || unanswered.is_some_and(|last| last.marked);
                    return Err(broken(error, marked));
                }
            };
            let mark = snapshot.entries.get(LOAD_MARK);
            if let Some(last) = &unanswered {
                if self.has_moved_on(&snapshot, last) {
                    return overtaken(&snapshot, last, report);
                }
                begun = mark.is_some_and(|mark| self.is_own(mark));
            }
            let theirs = mark.filter(|mark| !self.is_own(mark));
            if begun && (theirs.is_some() || mark.is_none()) {
                return Err(LoadError::Overtaken);
            }
            if let Some(mark) = theirs
                && !waiting.has_died(&snapshot)
            {
                if !self.wait {
                    return Err(LoadError::Busy(String::from_utf8_lossy(mark).into_owned()));
                }
                waiting.wait(&self.store, self.timeout).await?;
                continue;
            }
            match self.turn(&snapshot, digest.as_deref(), &mut report).await? {
                Written::Done(revision) => {
                    report.revision = revision;
                    return Ok(report);
                }
                Written::Stale { begun: ours } => {
                    let is_own = |generation: &[u8]| self.is_own_generation(generation);
                    standstill.note(snapshot.entries.get(GENERATION), is_own);
                    if standstill.is_over() {
                        let left = self.left(&snapshot, begun || ours);
                        return Err(LoadError::Standstill(standstill::MOST, left));
                    }
                    if ours {
                        // Ours has happened since: what got no answer cannot any more.
                        (begun, unanswered) = (true, None);
                    }
                }
                // What is left to do is in the store.
                Written::Unanswered(silent) if lost < PATIENCE => {
                    let error = &silent.error;
                    tracing::warn!(%error, "a transaction got no answer; looking what became of it");
                    (unanswered, lost) = (Some(silent), lost + 1);
                }
                Written::Unanswered(silent) => return Err(broken(silent.error, silent.marked)),
            }
            sleep(PAUSE).await;
        }
    }

    /// Whether somebody else has written since a transaction that got no answer.
    fn has_moved_on(&self, snapshot: &Snapshot, last: &Unanswered) -> bool {
        let now = snapshot.entries.get(GENERATION);
        now != last.expected.as_ref() && now.is_none_or(|now| !self.is_own_generation(now))
    }

    /// What this leaves behind where it gives up, and who can do something about that.
    pub(super) fn left(&self, snapshot: &Snapshot, begun: bool) -> Begun {
        match self.goal {
            _ if !begun => Begun::Nothing,
            Goal::Release(..) if World::new(&snapshot.entries).base().is_some() => Begun::Undoable,
            _ => Begun::Replaceable,
        }
    }

    fn is_own_generation(&self, generation: &[u8]) -> bool {
        generation.starts_with(format!("{} ", self.id).as_bytes())
    }

    fn is_own(&self, mark: &[u8]) -> bool {
        mark == self.id.as_bytes()
    }

    /// Plans for one state of the store, and writes that.
    async fn turn(
        &self,
        snapshot: &Snapshot,
        digest: Option<&str>,
        report: &mut Report,
    ) -> Result<Written, LoadError> {
        let world = World::new(&snapshot.entries);
        let died = world.mark().is_some() || !world.history.pending.is_empty();
        let data = match &self.goal {
            Goal::Release(_, data) => data,
            Goal::Abort if !died => {
                // Unless an answer was lost to what has undone it.
                report.aborted.get_or_insert(false);
                report.release = world.history.current;
                return Ok(Written::Done(snapshot.revision));
            }
            Goal::Abort => world.base().ok_or(LoadError::NothingToGoBackTo)?,
        };
        let unknown = unknown::records(data);
        if !unknown.is_empty() {
            let is_abort = matches!(self.goal, Goal::Abort);
            return Err(LoadError::Newer { records: unknown, is_abort });
        }
        if world.is_base_lost() && !self.rules.overwrite {
            tracing::warn!(
                "the data of the current release cannot be read: what differs counts as changed by \
                 hand, and is kept; --overwrite writes it"
            );
        }
        if world.mark().is_some_and(|mark| !self.is_own(mark)) {
            tracing::warn!("{}", self.goal.cure());
        }
        let plan = Plan::new(data, &world, self.rules);
        let current = world.history.current().and_then(|entry| entry.digest.as_deref());
        report.see(&plan, snapshot.revision);
        let said = Said::of_data(data);
        let mut lacking = unknown::variables(data, &plan, &snapshot.entries);
        lacking.retain(|name| !said.is_environment(name));
        (report.not_generated, report.unknown_variables) =
            lacking.into_iter().partition(|name| said.is_generated(name));
        // A release that cannot be read is replaced, so that the next load knows what is whose.
        let is_recorded = current == digest && !world.is_base_lost();
        if plan.is_empty() && !died && is_recorded {
            report.release = report.release.or(world.history.current);
            return Ok(Written::Done(snapshot.revision));
        }
        let end = self.end(&world, &plan, data, digest)?;
        report.release = end.release().map(|entry| entry.number).or(world.history.current);
        let entry = Box::new(end.entry().clone());
        let change =
            Change { world: &world, plan: &plan, data, end, keep: self.keep, id: &self.id };
        let steps = change.steps();
        drop(plan);
        if let Goal::Abort = self.goal {
            report.aborted = Some(true);
        }
        self.write(steps, snapshot, entry, died).await
    }

    /// What the writing ends in: a release, or the note that there was an abort.
    fn end(
        &self,
        world: &World,
        plan: &Plan,
        data: &Data,
        digest: Option<&str>,
    ) -> Result<End, LoadError> {
        let counts = plan.counts();
        let entry = |number, kind| Entry::new(number, kind, &self.author, &self.message);
        let (Goal::Release(kind, _), Some(digest)) = (&self.goal, digest) else {
            let entry = entry(world.history.next(), Kind::Abort);
            return Ok(End::Note(Entry { counts, ..entry }));
        };
        // One that has died, or has got no answer, is gone on with; it had all of it to do.
        if let Some(begun) = world.begun(digest) {
            let Entry { number, digest, counts, parts, found, .. } = begun.clone();
            let entry = Entry { digest, counts, parts, found, ..entry(number, *kind) };
            return Ok(End::Release(entry, Vec::new()));
        }
        release(entry(world.history.next(), *kind), data, plan).map_err(LoadError::Pack)
    }

    /// Does one transaction after the other. `died` says whether a load before it is not complete.
    async fn write(
        &self,
        steps: Steps,
        snapshot: &Snapshot,
        entry: Box<Entry>,
        died: bool,
    ) -> Result<Written, LoadError> {
        let mark = snapshot.entries.contains_key(LOAD_MARK);
        let several = steps.batches.len() > 1;
        let mut progress = Progress::new(steps.batches.iter().map(|batch| batch.keys).sum());
        let next = |number: usize| format!("{} {}.{number}", self.id, snapshot.revision);
        let mut revision = snapshot.revision;
        for (number, mut batch) in steps.batches.into_iter().enumerate() {
            let (mut expect, put) = generation(&snapshot.entries, &next(number));
            if let Some(before) = number.checked_sub(1) {
                expect.value = Some(next(before).into_bytes());
            }
            batch.expect.push(expect.clone());
            batch.writes.push(put);
            match self.store.commit(&batch.expect, &batch.writes).await {
                Ok(Outcome::Committed(new)) => revision = new,
                Ok(Outcome::Conflict) => return Ok(Written::Stale { begun: number > 0 }),
                Err(error) if error.is_final() && (number > 0 || mark) => {
                    let fresh = entry.is_release() && !died && number <= steps.harmless;
                    let undone = fresh && self.undo(&entry, expect).await;
                    return Err(broken(error, !undone));
                }
                Err(error) if error.is_final() => return Err(error.into()),
                Err(error) => {
                    let (expected, marked) = (expect.value, mark || several);
                    return Ok(Written::Unanswered(Unanswered { error, expected, entry, marked }));
                }
            }
            progress.add(batch.keys);
        }
        Ok(Written::Done(revision))
    }

    /// Takes the mark and the data away again where no key and no list has been written. Deletions
    /// only: a full etcd takes those.
    async fn undo(&self, entry: &Entry, expect: Expect) -> bool {
        matches!(self.store.commit(&[expect], &undo(entry)).await, Ok(Outcome::Committed(_)))
    }
}

/// What a failure is called, under our mark and without.
fn broken(error: StoreError, marked: bool) -> LoadError {
    if marked { LoadError::HalfDone(error) } else { error.into() }
}

/// A new release of this data: its entry, its packed data, and what the plan has found.
pub(super) fn release(entry: Entry, data: &Data, plan: &Plan) -> std::io::Result<End> {
    let mut parts = pack(data)?;
    let found = if plan.found.is_empty() { Vec::new() } else { pack(&plan.found)? };
    let (digest, counts) = (Some(digest(data)), plan.counts());
    let entry = Entry { digest, counts, parts: parts.len(), found: found.len(), ..entry };
    parts.extend(found);
    Ok(End::Release(entry, parts))
}

/// What to say when somebody else has written since: to plan anew would undo that if ours had
/// happened before it.
fn overtaken(
    snapshot: &Snapshot,
    last: &Unanswered,
    mut report: Report,
) -> Result<Report, LoadError> {
    let history = History::of(&snapshot.entries);
    let entry = Entry { found: 0, ..(*last.entry).clone() };
    if history.entries.get(&entry.number) != Some(&entry) {
        return Err(LoadError::Overtaken);
    }
    if history.current != Some(entry.number) && entry.is_release() {
        tracing::warn!("this load was complete, and another one has replaced it since");
    }
    report.revision = snapshot.revision;
    Ok(report)
}
