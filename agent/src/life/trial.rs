//! Whether a change was good: the daemons live on, and are ready again. Else it is undone.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_store::{Expect, Write};
use tokio::time::{Instant, sleep};

use super::{Applied, Ending, Good, Later, Life};
use crate::bad;
use crate::last_good;
use crate::manifest::ReloadBy;
use crate::probe::Probe;
use crate::supervise::{Child, Commander, Process, Signal};

/// How long a daemon without a probe has to live after a change for that to count as good.
const SETTLE: Duration = Duration::from_secs(1);
/// How long such a daemon has to come up.
const UP: Duration = Duration::from_secs(10);
/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How soon to ask again; doubled up to the longest.
const ASK_AGAIN: Duration = Duration::from_millis(50);
pub(super) const ASK_SELDOM: Duration = Duration::from_secs(1);

/// Why what comes of a change says nothing of it.
const UNREADY: &str = "not ready before the change, which is not blamed for that";

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
    /// Where there is no probe: the daemon, and the signal that it catches once it is up.
    listens: Option<(Child, Signal)>,
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
        let processes = processes.iter().filter_map(|number| self.processes.0.get(*number));
        let question = |process: &Process| {
            let spec = &process.spec;
            let scope = &self.inputs.borrow().scope;
            let ready = spec.ready.as_ref();
            let probe = ready.map(|ready| ready.probe.fill_in(scope)).and_then(|probe| {
                let complain = |why: &String| tracing::error!("[ready] of {}: {why}", spec.name);
                probe.inspect_err(complain).ok()
            });
            let listens = match (&spec.reload.by, process.child()) {
                (ReloadBy::Signal(signal), Some(child)) if ready.is_none() => {
                    Some((child.clone(), *signal))
                }
                _ => None,
            };
            Question {
                name: spec.name.clone(),
                probe,
                listens,
                commander: Commander::new(
                    self.children.clone(),
                    spec.account.clone(),
                    &self.inputs.borrow(),
                ),
                timeout: ready.map_or(SETTLE, |ready| ready.timeout),
                settle: ready.map_or(SETTLE, |ready| ready.settle),
            }
        };
        processes.map(question).collect()
    }

    /// Notes which daemons are not ready just before a change: it is only blamed for a readiness
    /// that was there before it.
    pub(super) async fn look_who_is_ready(&mut self, revision: i64) {
        let mut unready = BTreeSet::new();
        let questions = self.questions(&(0..self.processes.0.len()).collect());
        for (number, question) in questions.into_iter().enumerate() {
            if let Some(probe) = question.probe
                && probe.check(&question.commander, ANSWER).await.is_err()
            {
                tracing::info!(revision, process = question.name, "{UNREADY}");
                unready.insert(number);
            }
        }
        self.blamed = unready.is_empty() || (self.trial.is_some() && self.blamed);
        self.unready = unready;
    }

    /// Notes that daemons know of what is on disk, and puts them on trial.
    pub(super) fn has_told(&mut self, processes: &[usize]) {
        self.touched.extend(processes);
        for number in processes {
            self.note_told(*number);
        }
        // Whoever has ended by itself before, or was not ready, has another reason for that.
        let was_well = |number: &&usize| {
            self.processes.0.get(**number).is_some_and(|process| !process.faltered)
                && !self.unready.contains(*number)
        };
        self.blamable.extend(processes.iter().filter(was_well));
        self.begin_trial(processes.iter().copied());
    }

    /// Notes what a daemon was told of, and whether that was not the only state since the last good.
    pub(super) fn note_told(&mut self, number: usize) {
        let (Some(applied), Some(process)) = (&self.applied, self.processes.0.get_mut(number))
        else {
            return;
        };
        let before = self.told.insert(number, applied.clone());
        process.knows_several |= before.is_some_and(|before| before.state != applied.state);
    }

    /// Forgets what the daemons were told of: it is good, or undone.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
        for process in &mut self.processes.0 {
            process.knows_several = false;
        }
    }

    /// Whether the death of a daemon is the fault of what it was told.
    pub(super) fn is_to_blame(&self, process: usize) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.is_of(process))
            && self.blamable.contains(&process)
            && self.can_undo()
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
            self.passed(&trial.processes);
            self.end_way_back();
            return Ok(());
        };
        let told = trial.processes.iter().filter_map(|number| self.told.get(number));
        let culprit = told.max_by_key(|applied| applied.revision).cloned();
        // While steps are done, nobody has been told of what is on disk.
        if self.blamed && self.can_undo() && (culprit.is_some() || self.stepping.is_none()) {
            return self.roll_back(reason, culprit, trial.processes).await;
        }
        let revision = self.applied.as_ref().map(|applied| applied.revision);
        tracing::error!(?revision, "{reason}");
        self.failed(revision.unwrap_or_default(), &reason);
        for number in &trial.processes {
            self.show_not_ready(*number);
        }
        // The change is not to blame. It is not good either, before the daemons are ready; and so
        // long the next replica has to wait for its turn.
        self.blamable.clear();
        let verdict = Box::pin(self::verdict(self.questions(&trial.processes), false));
        self.trial = Some(Trial { verdict, ..trial });
        // Something newer may mend it.
        self.end_way_back();
        Ok(())
    }

    /// The daemons on trial are well.
    fn passed(&mut self, processes: &BTreeSet<usize>) {
        let mut all_up = true;
        for &number in processes {
            let Some(process) = self.processes.0.get_mut(number) else { continue };
            if process.child().is_none() {
                // It is going to be started again, and to be on trial then.
                all_up = false;
                continue;
            }
            process.faltered = false;
            self.show_ready(number);
        }
        if self.stepping.is_none() && all_up && !self.reloads_in_turn() {
            self.give_back_turn();
        }
        self.approve_if_told();
    }

    /// What is on disk now is good, unless there is a daemon that does not know of it yet, or is on
    /// trial.
    pub(super) fn approve_if_told(&mut self) {
        let knows = |process: &Process| process.child().is_some() && !process.owes();
        let all_know = self.stepping.is_none() && self.processes.0.iter().all(knows);
        if !self.started || self.trial.is_some() || !all_know {
            return;
        }
        self.undo.forget();
        self.touched.clear();
        self.forget_told();
        self.blamable.clear();
        self.blamed = false;
        if let Some(applied) = self.applied.clone() {
            self.board.update(|status| status.revisions.good = Some(applied.revision));
            self.good = Some(self.as_good(applied));
        }
        self.remove_mark();
        let good = self.good.as_ref().map(|good| &good.applied.state);
        if good.is_some() && good == self.newest.as_ref() {
            // What has failed may be tried again, now that something else was good.
            self.bad.take_if(|bad| good != Some(&bad.state));
            self.tried_again = None;
        }
        if let Some(snapshot) = self.on_trial.take() {
            last_good::keep(&self.manifest, &snapshot);
        }
    }

    pub(super) fn as_good(&self, applied: Applied) -> Good {
        let inputs = self.inputs.borrow().clone();
        Good { applied, exported: self.exported.clone(), inputs }
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
}

/// Waits until the daemons are up, have lived for a while, and answer; their deaths are seen
/// elsewhere. Fails when they do not answer in time, unless they have all the time in the world.
async fn verdict(questions: Vec<Question>, in_time: bool) -> Result<(), String> {
    let begun = Instant::now();
    // All of them have the same time, and not one after the other.
    for question in &questions {
        is_up(question, begun + UP).await;
    }
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

/// Without a probe, a daemon is up when it catches the signal that reloads it: a Python program
/// needs seconds to come to its configuration. One that never catches it is given its time as well.
async fn is_up(question: &Question, deadline: Instant) {
    let Some((child, signal)) = &question.listens else { return };
    let mut pause = ASK_AGAIN;
    while !child.catches(*signal) && Instant::now() < deadline {
        sleep(pause).await;
        pause = (pause * 2).min(ASK_SELDOM);
    }
}
