//! Steps that are done once for all replicas: under a lock, on record, resumed where they stopped.

mod record;

use std::time::Duration;

use etcstack_config::key::escape;
use etcstack_store::{Event, Follower, Store, StoreError, Turn, Turns, View};
use record::{Record, Run};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::life::Inputs;
use crate::manifest::{Manifest, Step};
use crate::observe::{Board, Metrics, StepOutcome, StepState};
use crate::supervise::commands::{Ran, run_unless};
use crate::supervise::{Children, Launch};

/// How long one read of a record may take before it counts as failed.
const ANSWER: Duration = Duration::from_secs(30);
/// The pause after a step has failed, doubled each time up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What it takes to do the steps.
#[derive(Clone, Copy)]
pub(crate) struct Bootstrap<'a> {
    pub(crate) store: &'a Store,
    pub(crate) manifest: &'a Manifest,
    pub(crate) children: &'a Children,
    pub(crate) board: &'a Board,
    pub(crate) metrics: &'a Metrics,
}

/// Why a step is not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// The step itself says so.
    Failed(String),
    Store(StoreError),
    /// The lock was lost while it ran: somebody else may do it by now.
    LockLost,
}

impl Bootstrap<'_> {
    /// Does a step, or waits until another replica has done it. Goes on through whatever fails, and
    /// tries a step that has failed again at once when the configuration changes.
    ///
    /// A change of the configuration does not interrupt a step that runs.
    pub(crate) async fn ensure(&self, step: &Step, inputs: &mut watch::Receiver<Inputs>) {
        loop {
            self.show(step, StepState::Waiting, "");
            match self.try_once(step, inputs, true).await {
                Ok(()) => return,
                Err(NotDone::Store(error)) => {
                    tracing::error!(step = step.name, %error, "the record of the step cannot be kept");
                    self.show(step, StepState::Waiting, &error.to_string());
                    sleep(LONGEST_PAUSE).await;
                }
                // Both have been told, and waited for, where they happened.
                Err(NotDone::LockLost | NotDone::Failed(_)) => {}
            }
        }
    }

    /// Does a step once, if it is to be done and nobody else does it. With `patience` there is a
    /// pause after a failure, which all replicas keep.
    pub(crate) async fn try_once(
        &self,
        step: &Step,
        inputs: &mut watch::Receiver<Inputs>,
        patience: bool,
    ) -> Result<(), NotDone> {
        inputs.borrow_and_update();
        let result = match self.store {
            Store::Dir(_) => self.without_record(step, inputs, patience).await,
            Store::Etcd(_) | Store::Memory(_) => self.under_lock(step, inputs, patience).await,
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
        patience: bool,
    ) -> Result<(), NotDone> {
        tracing::info!(step = step.name, "a directory keeps no records: done at each start");
        let result =
            self.run(step, inputs, None).await.and_then(|ran| ran.check().map_err(NotDone::Failed));
        if let Err(NotDone::Failed(why)) = &result {
            self.complain(step, why);
            if patience {
                pause(LONGEST_PAUSE / 4, inputs).await;
            }
        }
        result
    }

    async fn under_lock(
        &self,
        step: &Step,
        inputs: &mut watch::Receiver<Inputs>,
        patience: bool,
    ) -> Result<(), NotDone> {
        let change = record::change_of(self.manifest, step);
        let is_done = |record: &Record| record.is_done(step, self.manifest, &change);
        let Some(turn) = self.lock(step, is_done).await? else { return Ok(()) };
        let mut record = self.read(step).await?;
        if is_done(&record) {
            let _ = turn.release(Vec::new()).await;
            return Ok(());
        }
        if !patience && let Some(why) = record.failure_elsewhere(self.manifest, &change) {
            // The others need not do again what makes this a bad change.
            let _ = turn.release(Vec::new()).await;
            self.show(step, StepState::Failed, &why);
            return Err(NotDone::Failed(why));
        }
        let begun = Instant::now();
        let ran = self.run(step, inputs, Some(&turn)).await;
        let Err(why) = ran.and_then(|ran| ran.check().map_err(NotDone::Failed)) else {
            record.add(Run::new(self.manifest, change, begun.elapsed(), None));
            self.metrics.step_ended(&step.name, StepOutcome::Done);
            tracing::info!(step = step.name, took = ?begun.elapsed(), "the step is done");
            let write = record.write(self.key(step));
            return turn.release(vec![write]).await.map_err(NotDone::Store);
        };
        if let NotDone::Failed(why) = &why {
            self.complain(step, why);
            record.add(Run::new(self.manifest, change, begun.elapsed(), Some(why)));
            // Whoever tries next, all replicas together do not try more often than this.
            let write = record.write(self.key(step));
            if let Err(error) = self.store.commit(&[turn.expect()], &[write]).await {
                tracing::warn!(step = step.name, %error, "the other replicas cannot be told");
            }
            if patience {
                pause(pause_after(record.failures()), inputs).await;
            }
            let _ = turn.release(Vec::new()).await;
        }
        Err(why)
    }

    /// Waits for the lock; `None` if the step turns out to be done by another.
    async fn lock(
        &self,
        step: &Step,
        is_done: impl Fn(&Record) -> bool,
    ) -> Result<Option<Turn>, NotDone> {
        let mut records = self.store.follow(self.view(step));
        if self.first(step, &mut records).await.is_some_and(|record| is_done(&record)) {
            return Ok(None);
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
        let done = async {
            while let Some(event) = records.next().await {
                if let Event::State(snapshot) = event {
                    let record = Record::read(&snapshot.entries, &self.key(step));
                    if is_done(&record) {
                        return;
                    }
                    self.report(step, &record);
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            turn = lock.take(on_wait) => turn.map(Some).map_err(NotDone::Store),
            () = done => Ok(None),
        }
    }

    /// The record as it is now. Whatever keeps it from being read is the lock's business to tell.
    async fn first(&self, step: &Step, records: &mut Follower) -> Option<Record> {
        loop {
            match records.next().await? {
                Event::State(snapshot) => {
                    return Some(Record::read(&snapshot.entries, &self.key(step)));
                }
                Event::Lost(error) => {
                    tracing::warn!(step = step.name, %error, "waiting for the store");
                }
                Event::Loading | Event::Back => {}
            }
        }
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
        turn: Option<&Turn>,
    ) -> Result<Ran, NotDone> {
        self.show(step, StepState::Running, "");
        tracing::info!(step = step.name, "the step begins");
        let Inputs { exported: mut environment, mask, .. } = inputs.borrow().clone();
        if let Some(turn) = turn {
            // For what the step writes to: it can refuse a step that comes too late.
            environment.push(("ETCSTACK_FENCING_TOKEN".into(), turn.token().to_string()));
        }
        let launch = Launch {
            command: step.command.clone(),
            account: step.account.clone(),
            environment,
            piped: true,
        };
        let on_line = |line: &str| tracing::info!(step = step.name, "{}", mask.hide(line));
        let lost = async {
            match turn {
                Some(turn) => turn.lost().await,
                None => std::future::pending().await,
            }
        };
        let ran = run_unless(self.children, &launch, step.timeout, lost, on_line).await;
        match ran {
            Ok(Ran::Forbidden) => {
                self.metrics.step_ended(&step.name, StepOutcome::LockLost);
                tracing::error!(step = step.name, "the lock was lost; the step is ended");
                Err(NotDone::LockLost)
            }
            Ok(ran) => Ok(ran),
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
