//! Whether a change was good: the daemons live on, and are ready again. Else it is undone.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_store::{Expect, Store, Turn, Write};
use tokio::time::{Instant, sleep};

use super::{Ending, Good, Later, Life, retries};
use crate::Failure;
use crate::bad::{self, Bad};
use crate::last_good;
use crate::observe::{StartReason, State};
use crate::probe::Probe;
use crate::supervise::{Commander, Process};

/// How long a daemon without a probe has to live after a change for that to count as good.
const SETTLE: Duration = Duration::from_secs(1);
/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the question before a change may take, which the change waits for.
const QUICK_ANSWER: Duration = Duration::from_secs(1);
/// How soon to ask again; doubled up to the longest.
const ASK_AGAIN: Duration = Duration::from_millis(50);
const ASK_SELDOM: Duration = Duration::from_secs(1);

/// A change that has been told and not proved yet.
pub(super) struct Trial {
    pub(super) processes: BTreeSet<usize>,
    pub(super) verdict: Later<Result<(), String>>,
}

impl Trial {
    pub(super) fn is_of(&self, process: usize) -> bool {
        self.processes.contains(&process)
    }
}

/// What is asked of a daemon on trial.
struct Question {
    name: String,
    probe: Option<Probe>,
    commander: Commander,
    timeout: Duration,
    settle: Duration,
}

impl Life {
    /// Puts daemons on trial, together with those that are on trial already.
    pub(super) fn begin_trial(&mut self, processes: impl IntoIterator<Item = usize>) {
        let mut on_trial = self.trial.take().map(|trial| trial.processes).unwrap_or_default();
        on_trial.extend(processes);
        let verdict = Box::pin(verdict(self.questions(&on_trial), true));
        self.trial = Some(Trial { processes: on_trial, verdict });
    }

    fn questions(&self, processes: &BTreeSet<usize>) -> Vec<Question> {
        let specs = processes.iter().filter_map(|number| self.manifest.processes.get(*number));
        let question = |spec: &crate::manifest::ProcessSpec| {
            let scope = &self.inputs.borrow().scope;
            let ready = spec.ready.as_ref();
            let probe = ready.map(|ready| ready.probe.fill_in(scope)).and_then(|probe| {
                let complain = |why: &String| tracing::error!("[ready] of {}: {why}", spec.name);
                probe.inspect_err(complain).ok()
            });
            Question {
                name: spec.name.clone(),
                probe,
                commander: Commander::new(
                    self.children.clone(),
                    spec.account.clone(),
                    &self.inputs.borrow(),
                ),
                timeout: ready.map_or(SETTLE, |ready| ready.timeout),
                settle: ready.map_or(SETTLE, |ready| ready.settle),
            }
        };
        specs.map(question).collect()
    }

    /// Whether all daemons are ready at this moment: a change is only blamed for a readiness that
    /// was there before it.
    pub(super) async fn was_ready(&self) -> bool {
        for question in self.questions(&(0..self.processes.0.len()).collect()) {
            if let Some(probe) = question.probe
                && probe.check(&question.commander, QUICK_ANSWER).await.is_err()
            {
                return false;
            }
        }
        true
    }

    /// Notes whether a daemon that is not ready after the change is the change's fault.
    pub(super) fn blame(&mut self, was_ready: bool) {
        self.blamed = was_ready || (self.trial.is_some() && self.blamed);
    }

    /// Whether there is anything to go back to.
    pub(super) fn can_undo(&self) -> bool {
        let other_environment =
            self.good.as_ref().is_some_and(|good| good.exported != self.exported);
        !self.undo.is_empty() || other_environment
    }

    pub(super) async fn on_verdict(&mut self, verdict: Result<(), String>) -> Ending {
        let Some(trial) = self.trial.take() else { return Ok(()) };
        let Err(reason) = verdict else {
            self.approve(&trial.processes);
            return Ok(());
        };
        if self.blamed && self.can_undo() {
            return self.roll_back(reason, trial.processes).await;
        }
        let revision = self.applied.as_ref().map(|applied| applied.revision);
        tracing::error!(?revision, "{reason}");
        self.failed(revision.unwrap_or_default(), &reason);
        for number in &trial.processes {
            self.show_not_ready(*number);
        }
        // The change is not to blame, but the next replica does not go on before this one is ready.
        let questions = self.questions(&trial.processes);
        self.undo.forget();
        if self.turn.is_some() {
            let verdict = Box::pin(self::verdict(questions, false));
            self.trial = Some(Trial { verdict, ..trial });
        }
        Ok(())
    }

    /// What is on disk now is good.
    fn approve(&mut self, ready: &BTreeSet<usize>) {
        self.undo.forget();
        if let Some(applied) = self.applied.clone() {
            self.board.update(|status| status.revisions.good = Some(applied.revision));
            self.good = Some(Good { applied, exported: self.exported.clone() });
        }
        self.remove_mark();
        if let Some(snapshot) = self.on_trial.take() {
            last_good::keep(&self.manifest, &snapshot);
        }
        for number in ready {
            self.show_ready(*number);
        }
        self.give_back_turn();
    }

    /// Takes away the mark of an older state, once a newer one is good.
    pub(super) fn remove_mark(&self) {
        let good = self.good.as_ref().map(|good| &good.applied.state);
        let (Some(good), Some((mark, bytes))) = (good, &self.mark) else { return };
        if self.newest.as_ref() != Some(good) || !mark.is_over(&self.manifest, good) {
            return;
        }
        let key = bad::key(&self.manifest);
        let (store, value) = (self.store.clone(), Some(bytes.clone()));
        tokio::spawn(async move {
            let expect = Expect { key: key.clone(), value };
            // Should it stay, it means nothing any more.
            if let Err(error) = store.commit(&[expect], &[Write::Delete { key }]).await {
                tracing::warn!(%error, "the mark of an older bad revision cannot be taken away");
            }
        });
    }

    /// Nothing was told, so that nothing has to be proved.
    pub(super) fn approve_if_settled(&mut self) {
        let owes = self.processes.0.iter().any(Process::owes);
        if self.started && self.trial.is_none() && !owes {
            self.approve(&BTreeSet::new());
        }
    }

    /// Brings back the last good files, and starts the daemons on them once more.
    pub(super) async fn roll_back(&mut self, reason: String, processes: BTreeSet<usize>) -> Ending {
        self.trial = None;
        let (Some(applied), Some(good)) = (self.applied.take(), self.good.as_ref()) else {
            return Ok(());
        };
        let revision = applied.revision;
        tracing::error!(revision, "{reason}: the last good files come back");
        self.metrics.rolled_back();
        if !self.undo.restore() {
            let message = format!("{reason}, and the files from before cannot be put back");
            return Err(Failure::new(73, message).into()); // EX_CANTCREAT
        }
        self.exported.clone_from(&good.exported);
        self.applied = Some(good.applied.clone());
        self.reconciler.forget_all();
        self.on_trial = None;
        self.blamed = false;
        let good = good.applied.revision;
        let bad = Bad::new(&self.manifest, applied.state, revision, good, reason);
        self.mark(&bad);
        self.show_bad(&bad);
        self.bad = Some(bad);
        let processes: Vec<_> = processes.into_iter().collect();
        self.restart(&processes, StartReason::Rollback).await?;
        self.show(State::RolledBack, None);
        Ok(())
    }

    /// Writes the mark, in one transaction with giving back the turn: nobody gets the next one
    /// without seeing it.
    fn mark(&mut self, bad: &Bad) {
        if matches!(self.store, Store::Dir(_)) {
            return;
        }
        let write = bad.write(bad::key(&self.manifest));
        let task = write_mark(self.store.clone(), self.turn.take(), write);
        self.marking = Some(tokio::spawn(task));
    }
}

async fn write_mark(store: Store, turn: Option<Turn>, mark: Write) {
    if let Some(turn) = turn {
        match turn.release(vec![mark.clone()]).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "the turn was lost before the mark was written"),
        }
    }
    let mut pauses = retries();
    while let Err(error) = store.commit(&[], std::slice::from_ref(&mark)).await {
        if error.is_final() {
            tracing::error!(%error, "the other replicas cannot be told that this revision is bad");
            return;
        }
        sleep(pauses.next().unwrap_or(ASK_SELDOM)).await;
    }
}

/// Waits until the daemons have lived for a while and answer; their deaths are seen elsewhere.
/// Fails when they do not answer in time, unless they have all the time in the world.
async fn verdict(questions: Vec<Question>, in_time: bool) -> Result<(), String> {
    let begun = Instant::now();
    let settle = questions.iter().map(|question| question.settle).max().unwrap_or_default();
    sleep(settle).await;
    for question in questions {
        let Some(probe) = question.probe else { continue };
        let deadline = begun + question.timeout.max(question.settle);
        let mut pause = ASK_AGAIN;
        while let Err(reason) = probe.check(&question.commander, ANSWER).await {
            if in_time && Instant::now() + pause >= deadline {
                let (name, timeout) = (question.name, question.timeout);
                return Err(format!("{name} is not ready within {timeout:?}: {reason}"));
            }
            sleep(pause).await;
            pause = (pause * 2).min(ASK_SELDOM);
        }
    }
    Ok(())
}
