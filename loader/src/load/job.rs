//! The work of a load, a rollback or an abort: plans, writes in transactions, and starts again
//! where the store has changed meanwhile.

use std::time::Duration;

use etcstack_store::{Expect, LOAD_MARK, Outcome, Snapshot, Store};
use tokio::time::sleep;

use super::LoadError;
use super::progress::Progress;
use super::steps::{Change, End, Steps, undo};
use super::wait::{PAUSE, Waiting};
use crate::history::{Entry, Kind, generation};
use crate::plan::{self, Plan, World};
use crate::release::{Data, digest, pack};
use crate::report::Report;

/// How often a transaction may get no answer.
const PATIENCE: usize = 10;

/// What is to be in the store.
pub(crate) enum Goal {
    /// This data, as a release of this kind.
    Release(Kind, Data),
    /// What the current release says: loads that have died are undone.
    Abort,
}

/// A load, and how to go about it.
pub(crate) struct Job {
    pub(crate) store: Store,
    pub(crate) goal: Goal,
    pub(crate) author: String,
    pub(crate) message: String,
    /// The data wins over hands.
    pub(crate) overwrite: bool,
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
        loop {
            let snapshot = self.store.snapshot(&plan::view(), self.timeout).await?;
            if let Some(mark) = snapshot.entries.get(LOAD_MARK).filter(|mark| !self.is_own(mark)) {
                if begun {
                    return Err(LoadError::Overtaken);
                }
                if !waiting.has_died(&snapshot) {
                    if !self.wait {
                        return Err(LoadError::Busy(String::from_utf8_lossy(mark).into_owned()));
                    }
                    waiting.wait(&self.store, self.timeout).await?;
                    continue;
                }
            } else if begun && !snapshot.entries.contains_key(LOAD_MARK) {
                return Err(LoadError::Overtaken);
            }
            match self.turn(&snapshot, digest.as_deref(), &mut report).await {
                Ok(Written::Done(revision)) => {
                    report.revision = revision;
                    return Ok(report);
                }
                Ok(Written::Stale { begun: ours }) => {
                    begun |= ours;
                    sleep(PAUSE).await;
                }
                // Whether it has happened is not known; what is left to do is in the store.
                Err(LoadError::Store(error)) if !error.is_final() && lost < PATIENCE => {
                    tracing::warn!(%error, "a transaction got no answer; looking what became of it");
                    (begun, lost) = (false, lost + 1);
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
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
                report.release = world.history.current;
                return Ok(Written::Done(snapshot.revision));
            }
            Goal::Abort => world.base().ok_or(LoadError::NothingToGoBackTo)?,
        };
        if world.is_base_lost() && !self.overwrite {
            tracing::warn!(
                "the data of the current release cannot be read: what differs counts as changed by \
                 hand, and is kept; --overwrite writes it"
            );
        }
        let plan = Plan::new(data, &world, self.overwrite);
        let current = world.history.current().and_then(|entry| entry.digest.as_deref());
        report.see(&plan, snapshot.revision);
        if plan.is_empty() && !died && current == digest {
            report.release = report.release.or(world.history.current);
            return Ok(Written::Done(snapshot.revision));
        }
        let end = self.end(&world, &plan, data, digest)?;
        report.release = end.release().map(|entry| entry.number).or(world.history.current);
        // What can be undone if it does not get far.
        let fresh = end.release().filter(|_| !died).cloned();
        let change =
            Change { world: &world, plan: &plan, data, end, keep: self.keep, id: &self.id };
        let steps = change.steps();
        drop(plan);
        self.write(steps, snapshot, fresh).await
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
            let Entry { number, digest, counts, parts, .. } = begun.clone();
            let entry = Entry { digest, counts, parts, ..entry(number, *kind) };
            return Ok(End::Release(entry, Vec::new()));
        }
        let parts = pack(data).map_err(LoadError::Pack)?;
        let entry = entry(world.history.next(), *kind);
        let digest = Some(digest.to_owned());
        Ok(End::Release(Entry { digest, counts, parts: parts.len(), ..entry }, parts))
    }

    /// Does one transaction after the other. `fresh` is a release that is the first load since all
    /// was in order.
    async fn write(
        &self,
        steps: Steps,
        snapshot: &Snapshot,
        fresh: Option<Entry>,
    ) -> Result<Written, LoadError> {
        let mark = snapshot.entries.contains_key(LOAD_MARK);
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
                    if number <= steps.harmless && self.undo(fresh.as_ref(), expect).await {
                        return Err(error.into());
                    }
                    return Err(LoadError::HalfDone(error));
                }
                Err(error) => return Err(error.into()),
            }
            progress.add(batch.keys);
        }
        Ok(Written::Done(revision))
    }

    /// Takes the mark and the data away again where no key and no list has been written. Deletions
    /// only: a full etcd takes those.
    async fn undo(&self, fresh: Option<&Entry>, expect: Expect) -> bool {
        let Some(entry) = fresh else { return false };
        matches!(self.store.commit(&[expect], &undo(entry)).await, Ok(Outcome::Committed(_)))
    }
}
