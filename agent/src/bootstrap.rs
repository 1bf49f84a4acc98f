//! Steps that are done once for all replicas: under a lock, on record, resumed where they stopped.

mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcstack_config::key::escape;
use etcstack_store::{Event, Follower, Outcome, Store, StoreError, Turn, Turns, View};
pub(crate) use record::change_of;
use record::{Record, Run};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::{Instant, sleep};

use crate::life::Inputs;
use crate::manifest::{Manifest, Step};
use crate::observe::{Board, Metrics, StepOutcome, StepState};
use crate::supervise::commands::{Keep, Ran, run_unless};
use crate::supervise::{Children, Launch};

/// How long one read of a record may take before it counts as failed.
const ANSWER: Duration = Duration::from_secs(30);
/// The pause after a step has failed, doubled each time up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a store without records cannot keep: what each step was done for last, by its name.
pub(crate) type Own = Arc<Mutex<BTreeMap<String, String>>>;

/// What it takes to do the steps.
#[derive(Clone, Copy)]
pub(crate) struct Bootstrap<'a> {
    pub(crate) store: &'a Store,
    pub(crate) manifest: &'a Manifest,
    pub(crate) children: &'a Children,
    pub(crate) board: &'a Board,
    pub(crate) metrics: &'a Metrics,
    /// Held as long as a step of ours runs: the lock in the store does not tell two steps of the
    /// same replica apart.
    pub(crate) own: &'a Own,
}

/// What a step is done for, which says how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The first start. There is a pause after a failure, which all replicas keep.
    Start,
    /// A change, which is undone after a failure.
    Change,
    /// Going back from a change. The daemons may be down: nobody waits for a store that is away.
    Rollback,
}

/// Why a step is not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// The step itself says so.
    Failed(String),
    Store(StoreError),
    /// The system has no room for it at the moment.
    NoRoom(String),
    /// The lock was lost while it ran: somebody else may do it by now.
    LockLost,
}

/// How waiting for the lock ends.
enum Locked {
    /// The step is done, for these files.
    Done(String),
    /// It is ours to look at what is on record.
    Ours(Lock, Record),
}

/// The right to run a step. It comes free when nobody has it any more, at the latest when the last
/// process of a step that was cancelled is gone.
struct Lock {
    turn: Option<Turn>,
    own: OwnedMutexGuard<BTreeMap<String, String>>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        // At the very end of the agent it is left to the lease.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(turn.release(Vec::new()));
        }
    }
}

impl Bootstrap<'_> {
    /// Does a step, or waits until another replica has done it. Goes on through whatever fails, and
    /// tries a step that has failed again at once when the configuration changes. Returns
    /// [`change_of`] the files that it was done for.
    ///
    /// A change of the configuration does not interrupt a step that runs.
    pub(crate) async fn ensure(&self, step: &Step, inputs: &mut watch::Receiver<Inputs>) -> String {
        let mut losses = 0;
        loop {
            self.show(step, StepState::Waiting, "");
            match self.try_once(step, inputs, Occasion::Start).await {
                Ok(change) => return change,
                Err(NotDone::Store(error)) => {
                    tracing::error!(step = step.name, %error, "the record of the step cannot be kept");
                    self.show(step, StepState::Waiting, &error.to_string());
                    sleep(LONGEST_PAUSE).await;
                }
                Err(NotDone::NoRoom(why)) => {
                    tracing::error!(step = step.name, "{why}; trying again");
                    sleep(PAUSE).await;
                }
                Err(NotDone::LockLost) => {
                    // Two of one name take it from each other: either gets time to end the step.
                    losses += 1;
                    let host = &self.manifest.host;
                    let why = format!(
                        "its lock was lost: the store was away, or another agent is called {host} too"
                    );
                    tracing::warn!(step = step.name, "{why}");
                    self.show(step, StepState::Waiting, &why);
                    sleep(pause_after(losses)).await;
                }
                // It has been told, and waited for, where it happened.
                Err(NotDone::Failed(_)) => {}
            }
        }
    }

    /// Does a step once, if it is to be done and nobody else does it. Returns [`change_of`] the
    /// files that it was done for.
    pub(crate) async fn try_once(
        &self,
        step: &Step,
        inputs: &mut watch::Receiver<Inputs>,
        occasion: Occasion,
    ) -> Result<String, NotDone> {
        inputs.borrow_and_update();
        let result = match self.store {
            Store::Dir(_) => self.without_record(step, inputs, occasion).await,
            Store::Etcd(_) | Store::Memory(_) => self.under_lock(step, inputs, occasion).await,
        };
        if result.is_ok() {
            self.show(step, StepState::Done, "");
        }
        result
    }

    async fn without_record(
        &self,
        step: &Step,
        inputs: &mut watch::Receiver<Inputs>,
        occasion: Occasion,
    ) -> Result<String, NotDone> {
        let mut own = self.own.clone().lock_owned().await;
        let change = change_of(self.manifest, step);
        // What is cancelled half-way is not done.
        if own.remove(&step.name).as_ref() == Some(&change) {
            own.insert(step.name.clone(), change.clone());
            return Ok(change);
        }
        let lock = Arc::new(Lock { turn: None, own });
        tracing::info!(step = step.name, "a directory keeps no records: done at each start");
        let result = self
            .run(step, inputs, &lock)
            .await
            .and_then(|ran| ran.check().map_err(NotDone::Failed));
        if let Err(NotDone::Failed(why)) = &result {
            self.complain(step, why);
            if occasion == Occasion::Start {
                pause(LONGEST_PAUSE / 4, inputs).await;
            }
        }
        result?;
        if let Some(mut lock) = Arc::into_inner(lock) {
            lock.own.insert(step.name.clone(), change.clone());
        }
        Ok(change)
    }

    async fn under_lock(
        &self,
        step: &Step,
        inputs: &mut watch::Receiver<Inputs>,
        occasion: Occasion,
    ) -> Result<String, NotDone> {
        let (lock, mut record) = match self.lock(step, occasion).await? {
            Locked::Done(change) => return Ok(change),
            Locked::Ours(lock, record) => (Arc::new(lock), record),
        };
        let change = change_of(self.manifest, step);
        if self.is_done(step, &record, &change) {
            return Ok(change);
        }
        if occasion == Occasion::Change
            && let Some(why) = record.failure_elsewhere(self.manifest, &change)
        {
            // The others need not do again what makes this a bad change.
            self.show(step, StepState::Failed, &why);
            return Err(NotDone::Failed(why));
        }
        let run = Run::begun(self.manifest, &change);
        record.add(run.clone());
        self.note(step, &lock, &record).await?;
        let begun = Instant::now();
        let ran = self.run(step, inputs, &lock).await;
        let Err(why) = ran.and_then(|ran| ran.check().map_err(NotDone::Failed)) else {
            record.add(run.ended(begun.elapsed(), None));
            self.metrics.step_ended(&step.name, StepOutcome::Done);
            tracing::info!(step = step.name, took = ?begun.elapsed(), "the step is done");
            return self.finish(step, lock, &record).await.map(|()| change);
        };
        if let NotDone::Failed(why) = &why {
            self.complain(step, why);
            record.add(run.ended(begun.elapsed(), Some(why)));
            // Whoever tries next, all replicas together do not try more often than this.
            if self.note(step, &lock, &record).await.is_err() {
                tracing::warn!(step = step.name, "the other replicas cannot be told");
            }
            if occasion == Occasion::Start {
                pause(pause_after(record.failures()), inputs).await;
            }
        }
        Err(why)
    }

    /// Writes the record, as long as the lock is ours.
    async fn note(&self, step: &Step, lock: &Lock, record: &Record) -> Result<(), NotDone> {
        let Some(turn) = &lock.turn else { return Ok(()) };
        let write = record.write(self.key(step));
        loop {
            match self.store.commit(&[turn.expect()], std::slice::from_ref(&write)).await {
                Ok(Outcome::Committed(_)) => return Ok(()),
                Ok(Outcome::Conflict) => return Err(NotDone::LockLost),
                Err(error) if error.is_final() || !turn.is_held() => {
                    tracing::warn!(step = step.name, %error, "the record cannot be written");
                    return Err(NotDone::Store(error));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Gives the lock back in one transaction with the record: nobody does the step again.
    async fn finish(&self, step: &Step, lock: Arc<Lock>, record: &Record) -> Result<(), NotDone> {
        // The command has ended, and what it held with it.
        let turn = Arc::into_inner(lock).and_then(|mut lock| lock.turn.take());
        let Some(turn) = turn else { return Err(NotDone::LockLost) };
        turn.release(vec![record.write(self.key(step))]).await.map_err(NotDone::Store)
    }

    fn is_done(&self, step: &Step, record: &Record, change: &str) -> bool {
        record.is_done(step.once_per, self.manifest.image.as_deref(), change)
    }

    /// What a record says that the step is done for, if that is what is on disk now.
    fn done_for(&self, step: &Step, record: &Record) -> Option<String> {
        let change = change_of(self.manifest, step);
        self.is_done(step, record, &change).then_some(change)
    }

    /// Waits for the lock, or until the step turns out to be done by another.
    async fn lock(&self, step: &Step, occasion: Occasion) -> Result<Locked, NotDone> {
        let own = self.own.clone().lock_owned().await;
        let mut records = self.store.follow(self.view(step));
        let first = self.first(step, &mut records, occasion).await?;
        if let Some(change) = first.and_then(|record| self.done_for(step, &record)) {
            return Ok(Locked::Done(change));
        }
        let (service, name) = (escape(&self.manifest.service), escape(&step.name));
        let prefix = format!("_etcstack/locks/bootstrap/{service}/{name}/");
        let holder = self.manifest.host.clone();
        let lease = self.manifest.restart.lease;
        let lock = Turns::new(self.store.clone(), prefix, 1, holder, lease);
        let on_wait = |holder: &str| {
            tracing::info!(step = step.name, "waiting for {holder}, which does this step");
            self.show(step, StepState::Waiting, &format!("{holder} does it"));
        };
        let turn = tokio::select! {
            turn = lock.take(on_wait) => turn.map_err(NotDone::Store)?,
            done = self.done_elsewhere(step, records, occasion) => return done.map(Locked::Done),
        };
        let lock = Lock { turn: Some(turn), own };
        let record = self.read(step).await?;
        Ok(Locked::Ours(lock, record))
    }

    /// Waits until another replica has done the step.
    async fn done_elsewhere(
        &self,
        step: &Step,
        mut records: Follower,
        occasion: Occasion,
    ) -> Result<String, NotDone> {
        while let Some(event) = records.next().await {
            match event {
                Event::State(snapshot) => {
                    let record = Record::read(&snapshot.entries, &self.key(step));
                    if let Some(change) = self.done_for(step, &record) {
                        return Ok(change);
                    }
                    self.report(step, &record);
                }
                Event::Lost(error) if occasion == Occasion::Rollback => {
                    return Err(NotDone::Store(error));
                }
                Event::Lost(_) | Event::Loading | Event::Back => {}
            }
        }
        std::future::pending().await
    }

    /// The record as it is now. Whatever keeps it from being read is the lock's business to tell.
    async fn first(
        &self,
        step: &Step,
        records: &mut Follower,
        occasion: Occasion,
    ) -> Result<Option<Record>, NotDone> {
        while let Some(event) = records.next().await {
            match event {
                Event::State(snapshot) => {
                    return Ok(Some(Record::read(&snapshot.entries, &self.key(step))));
                }
                Event::Lost(error) if occasion == Occasion::Rollback => {
                    return Err(NotDone::Store(error));
                }
                Event::Lost(error) => {
                    tracing::warn!(step = step.name, %error, "waiting for the store");
                }
                Event::Loading | Event::Back => {}
            }
        }
        Ok(None)
    }

    async fn read(&self, step: &Step) -> Result<Record, NotDone> {
        let snapshot = self.store.snapshot(&self.view(step), ANSWER).await;
        let snapshot = snapshot.map_err(NotDone::Store)?;
        Ok(Record::read(&snapshot.entries, &self.key(step)))
    }

    async fn run(
        &self,
        step: &Step,
        inputs: &watch::Receiver<Inputs>,
        lock: &Arc<Lock>,
    ) -> Result<Ran, NotDone> {
        self.show(step, StepState::Running, "");
        tracing::info!(step = step.name, "the step begins");
        let Inputs { exported: mut environment, mask, .. } = inputs.borrow().clone();
        if let Some(turn) = &lock.turn {
            // For what the step writes to: it can refuse a step that comes too late.
            environment.push(("ETCSTACK_FENCING_TOKEN".into(), turn.token().to_string()));
        }
        let launch = Launch {
            command: step.command.clone(),
            account: step.account.clone(),
            environment,
            piped: true,
        };
        let on_line = |line: &str| tracing::info!(step = step.name, "{line}");
        let lost = async {
            match &lock.turn {
                Some(turn) => turn.lost().await,
                None => std::future::pending().await,
            }
        };
        let keep: Keep = lock.clone();
        let (children, limit) = (self.children, step.timeout);
        let ran = run_unless(children, &launch, limit, Some(keep), lost, &mask, on_line).await;
        match ran {
            Ok(Ran::Forbidden) => {
                self.metrics.step_ended(&step.name, StepOutcome::LockLost);
                tracing::error!(step = step.name, "the lock was lost; the step is ended");
                Err(NotDone::LockLost)
            }
            Ok(ran) => Ok(ran),
            Err(error) if error.may_pass() => Err(NotDone::NoRoom(error.to_string())),
            Err(error) => Err(NotDone::Failed(error.to_string())),
        }
    }

    fn complain(&self, step: &Step, why: &str) {
        tracing::error!(step = step.name, "the step failed: {why}; its output is in the log");
        self.metrics.step_ended(&step.name, StepOutcome::Failed);
        self.show(step, StepState::Failed, why);
    }

    /// Tells what another replica has to say of a step.
    fn report(&self, step: &Step, record: &Record) {
        if let Some(complaint) = record.complaint() {
            tracing::error!(step = step.name, "the step {complaint}");
            self.show(step, StepState::Failed, &complaint);
        } else if let Some(text) = record.runs_on() {
            self.show(step, StepState::Waiting, &text);
        }
    }

    fn key(&self, step: &Step) -> String {
        record::key(&self.manifest.service, &step.name)
    }

    fn view(&self, step: &Step) -> View {
        View::records(vec![self.key(step)])
    }

    fn show(&self, step: &Step, state: StepState, text: &str) {
        self.board.update(|status| {
            if let Some(shown) = status.bootstrap.iter_mut().find(|shown| shown.name == step.name) {
                shown.state = state;
                text.clone_into(&mut shown.text);
            }
            let waits = matches!(state, StepState::Waiting | StepState::Failed);
            let waiting = format!("the bootstrap step {}: {text}", step.name);
            status.waiting_for = if waits && !text.is_empty() { vec![waiting] } else { Vec::new() };
        });
    }
}

/// How long to wait after so many failures in a row.
fn pause_after(failures: usize) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    (PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// Waits before the next try, or until the configuration changes, which may have mended it.
async fn pause(time: Duration, inputs: &mut watch::Receiver<Inputs>) {
    tokio::select! {
        () = sleep(time) => {}
        _ = inputs.changed() => {}
    }
}
