//! What comes before the first start: what the service waits for, and what is done once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use etcstack_config::variables::Scope;
use etcstack_store::{Snapshot, Store, Turn};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Ending, Later, Life};
use crate::Failure;
use crate::action::Action;
use crate::bootstrap::{Bootstrap, NotDone, Occasion, Own, change_of};
use crate::manifest::{Manifest, OncePer, Step};
use crate::mask::Mask;
use crate::observe::{Board, Metrics, StartReason, State};
use crate::supervise::{Children, Commander};

/// What the dependencies and steps are made of, as the newest state has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) scope: Scope,
    pub(crate) exported: Vec<(String, String)>,
    /// What nobody may read in the output of a step.
    pub(crate) mask: Mask,
}

/// How long a step without a timeout may take before daemons are started on files from before.
const WAY_BACK: Duration = Duration::from_secs(60);
/// The pause before a step is tried again that could not be done.
const AGAIN: Duration = Duration::from_secs(1);

/// The steps that a change of files calls for.
fn change_steps(manifest: &Manifest) -> impl Iterator<Item = &Step> {
    manifest.bootstrap.iter().filter(|step| step.once_per == OncePer::Change)
}

/// What is needed to prepare, owned by the future that does it.
struct Preparation {
    store: Store,
    manifest: Arc<Manifest>,
    children: Children,
    board: Board,
    metrics: Arc<Metrics>,
    inputs: watch::Receiver<Inputs>,
    own_steps: Own,
    /// Started without the store: what is in it cannot be asked.
    stale: bool,
}

impl Life {
    pub(super) fn set_inputs(&mut self, scope: Scope, mask: Mask) {
        self.inputs.send_replace(Inputs { scope, exported: self.exported.clone(), mask });
    }

    /// Begins what comes before the first start, unless that is under way; it sees newer inputs by
    /// itself.
    pub(super) fn prepare(&mut self) {
        if self.preparing.is_some() {
            return;
        }
        self.waiting_for = "the dependencies and bootstrap steps of the manifest".into();
        // From here on each dependency has a time of its own.
        self.start_by = None;
        self.preparing = Some(Box::pin(self.preparation().run()));
    }

    /// Begins the steps that a change of their files calls for; then the daemons follow it.
    pub(super) fn do_change_steps(&mut self, actions: Vec<Action>) {
        let steps = self.preparation().change_steps();
        let steps = Box::pin(async { steps.await.map(|()| None) });
        self.reload_asked = false;
        self.stepping = Some(Stepping { then: Then::Act(actions), next: None, steps });
    }

    /// Begins the steps for files that have come back; then these daemons are started on them.
    pub(super) fn do_rollback_steps(&mut self, processes: Vec<usize>) {
        let steps = self.preparation().rollback_steps();
        let steps = Box::pin(async {
            steps.await;
            Ok(None)
        });
        self.reload_asked = false;
        self.stepping = Some(Stepping { then: Then::Restart(processes), next: None, steps });
    }

    /// Goes on after the steps. One that has failed makes it a bad change.
    pub(super) async fn on_stepped(&mut self, result: Result<Option<Turn>, String>) -> Ending {
        let Some(Stepping { then, next, .. }) = self.stepping.take() else { return Ok(()) };
        match (then, result) {
            (Then::Act(actions), Ok(turn)) => {
                if let Some(turn) = turn {
                    self.turn = Some(turn);
                    // Whoever had it before may have left a mark.
                    match self.newest_state().await {
                        Ok(newest) => self.see_mark(&newest),
                        Err(error) => {
                            tracing::warn!(%error, "the turn is given back, and asked for anew");
                            self.give_back_turn();
                            self.step_on_next_turn(actions, next);
                            return Ok(());
                        }
                    }
                }
                if let Some(reason) = self.why_applied_is_bad() {
                    // None of the daemons knows of it yet.
                    self.roll_back(reason, None, BTreeSet::new()).await?;
                    return self.take_next(next).await;
                }
                if self.lacks_turn(&actions) {
                    // It was lost while the steps were done.
                    self.step_on_next_turn(actions, next);
                    return Ok(());
                }
                self.act(&actions).await?;
            }
            // None of the daemons knows of it yet.
            (Then::Act(_), Err(reason)) => self.roll_back(reason, None, BTreeSet::new()).await?,
            (Then::Restart(processes), _) => {
                self.restart(&processes, StartReason::Rollback).await?;
            }
        }
        self.take_next(next).await
    }

    /// Goes on once it is our turn.
    fn step_on_next_turn(&mut self, actions: Vec<Action>, next: Option<Snapshot>) {
        let turn = self.next_turn();
        let steps = Box::pin(async { Ok(Some(turn.await)) });
        self.stepping = Some(Stepping { then: Then::Act(actions), next, steps });
    }

    async fn take_next(&mut self, next: Option<Snapshot>) -> Ending {
        match next {
            Some(snapshot) => self.take(snapshot, None).await,
            None => Ok(()),
        }
    }

    /// What is known by now against the state that is on disk.
    fn why_applied_is_bad(&self) -> Option<String> {
        let applied = self.applied.as_ref()?;
        let marks = self.bad.iter().chain(self.mark.as_ref().map(|(mark, _)| mark));
        let bad = marks.into_iter().find(|bad| bad.is_of(&applied.state, &applied.common))?;
        Some(format!("this state has failed on {}: {}", bad.host, bad.reason))
    }

    fn preparation(&self) -> Preparation {
        Preparation {
            store: self.store.clone(),
            manifest: self.manifest.clone(),
            children: self.children.clone(),
            board: self.board.clone(),
            metrics: self.metrics.clone(),
            inputs: self.inputs.subscribe(),
            own_steps: self.own_steps.clone(),
            stale: self.stale,
        }
    }
}

/// Bootstrap steps that are done before the daemons follow a change.
pub(super) struct Stepping {
    then: Then,
    /// The newest state that has come since.
    pub(super) next: Option<Snapshot>,
    /// The steps, and a turn that had to be taken anew after them.
    pub(super) steps: Later<Result<Option<Turn>, String>>,
}

/// What the daemons need after the steps.
enum Then {
    /// This, each of them.
    Act(Vec<Action>),
    /// These are started on the files that have come back.
    Restart(Vec<usize>),
}

impl Stepping {
    /// Whether a daemon is started anew after the steps, whatever becomes of it until then.
    pub(super) fn starts(&self, process: usize) -> bool {
        matches!(&self.then, Then::Restart(processes) if processes.contains(&process))
    }

    /// Has all daemons started anew after the steps.
    pub(super) fn restart_all(&mut self, count: usize) {
        match &mut self.then {
            Then::Act(actions) => actions.fill(Action::Restart),
            Then::Restart(processes) => *processes = (0..count).collect(),
        }
    }
}

impl Preparation {
    async fn run(mut self) -> Result<(), Failure> {
        self.dependencies().await?;
        if !self.stale && !self.manifest.bootstrap.is_empty() {
            self.board.update(|status| status.state = State::Bootstrapping);
            self.all_steps().await;
        }
        Ok(())
    }

    /// Does all steps, and those that follow a change again until they are done for what is on disk
    /// at this moment: a change may come while they run. What a step itself writes is none.
    async fn all_steps(&self) {
        let manifest = self.manifest.clone();
        let mut inputs = self.inputs.clone();
        let mut newer = self.inputs.clone();
        let bootstrap = self.bootstrap();
        let mut done: Vec<Option<String>> = vec![None; manifest.bootstrap.len()];
        loop {
            newer.mark_unchanged();
            let mut all_done = true;
            for (step, done) in manifest.bootstrap.iter().zip(&mut done) {
                let is_done = done.as_ref().is_some_and(|change| {
                    step.once_per != OncePer::Change || *change == change_of(&manifest, step)
                });
                if !is_done {
                    *done = Some(bootstrap.ensure(step, &mut inputs).await);
                    all_done = false;
                }
            }
            if all_done || !newer.has_changed().unwrap_or_default() {
                return;
            }
        }
    }

    /// Does the steps that a change calls for, through faults that pass.
    async fn change_steps(self) -> Result<(), String> {
        let manifest = self.manifest.clone();
        let mut inputs = self.inputs.clone();
        let bootstrap = self.bootstrap();
        for step in change_steps(&manifest) {
            loop {
                match bootstrap.try_once(step, &mut inputs, Occasion::Change).await {
                    Ok(_) => break,
                    Err(NotDone::Failed(why)) => {
                        return Err(format!("the bootstrap step {} failed: {why}", step.name));
                    }
                    Err(NotDone::Store(error)) if error.is_final() => {
                        tracing::error!(step = step.name, %error, "it cannot be done; going on");
                        break;
                    }
                    Err(NotDone::LockLost | NotDone::Store(_) | NotDone::NoRoom(_)) => {
                        tracing::warn!(
                            step = step.name,
                            "it is not known to be done; trying again"
                        );
                        sleep(AGAIN).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Does the same steps for files that have come back. The daemons may be down: this does not
    /// wait for long, and nothing that fails keeps them from being started.
    async fn rollback_steps(self) {
        let manifest = self.manifest.clone();
        let mut inputs = self.inputs.clone();
        let bootstrap = self.bootstrap();
        for step in change_steps(&manifest) {
            // One that was cancelled may have to end first.
            let limit = step.timeout.map_or(WAY_BACK, |limit| limit + WAY_BACK);
            let done = timeout(limit, bootstrap.try_once(step, &mut inputs, Occasion::Rollback));
            let why = match done.await {
                Ok(Ok(_)) => continue,
                Ok(Err(NotDone::Failed(why) | NotDone::NoRoom(why))) => why,
                Ok(Err(NotDone::Store(error))) => error.to_string(),
                Ok(Err(NotDone::LockLost)) => "the lock was lost".to_owned(),
                Err(_) => format!("not done within {limit:?}"),
            };
            tracing::error!(
                step = step.name,
                "{why}; the daemons start on the files from before nevertheless"
            );
        }
    }

    fn bootstrap(&self) -> Bootstrap<'_> {
        Bootstrap {
            store: &self.store,
            manifest: &self.manifest,
            children: &self.children,
            board: &self.board,
            metrics: &self.metrics,
            own: &self.own_steps,
        }
    }

    async fn dependencies(&mut self) -> Result<(), Failure> {
        let manifest = self.manifest.clone();
        for wait_for in
            manifest.wait_for.iter().filter(|wait_for| !self.stale || !wait_for.is_in_store())
        {
            // The variables in it may change while it is waited for.
            loop {
                let inputs = self.inputs.borrow_and_update().clone();
                let account = manifest.checks.account.clone();
                let commander = Commander::new(self.children.clone(), account, &inputs);
                let board = self.board.clone();
                let on_wait = |what: &str| {
                    board.update(|status| {
                        status.state = State::Waiting;
                        status.waiting_for = vec![what.to_owned()];
                    });
                };
                let dependency = match wait_for.fill_in(&inputs.scope) {
                    Ok(dependency) => dependency,
                    Err(why) => {
                        tracing::error!("[[wait_for]]: {why}");
                        on_wait(&why);
                        let _ = self.inputs.changed().await;
                        continue;
                    }
                };
                tokio::select! {
                    result = dependency.wait(&self.store, &commander, on_wait) => {
                        result.map_err(|error| Failure::new(69, error))?; // EX_UNAVAILABLE
                        break;
                    }
                    _ = self.inputs.changed() => {}
                }
            }
        }
        self.board.update(|status| status.waiting_for.clear());
        Ok(())
    }
}
