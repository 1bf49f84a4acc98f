//! A state of the store: from what it says to what is done about it.

use std::time::Instant as Clock;

use backon::ExponentialBackoff;
use etcstack_store::{Snapshot, StoreError};
use tokio::time::{Duration, Instant};

use super::{Applied, Ending, Life, Unwritten, retries};
use crate::action::{Action, actions};
use crate::apply::{apply, differences};
use crate::bad::{Bad, common_of, state_of};
use crate::check::{self, CheckError, check};
use crate::hold::Known;
use crate::last_good;
use crate::manifest::OnEnvironment;
use crate::mask::Mask;
use crate::observe::{Refusal, StartReason, State};
use crate::reconcile::{NotRendered, Rendered};

impl Life {
    /// Takes note of the newest state of the store, and goes there.
    pub(super) async fn see(
        &mut self,
        snapshot: Snapshot,
        backoff: Option<ExponentialBackoff>,
    ) -> Ending {
        self.saw(&snapshot, state_of(&snapshot.entries));
        self.take(snapshot, backoff).await
    }

    /// Brings the files to a state of the store, and the daemons to the files.
    pub(super) async fn take(
        &mut self,
        snapshot: Snapshot,
        backoff: Option<ExponentialBackoff>,
    ) -> Ending {
        let state = state_of(&snapshot.entries);
        // A step that runs is not interrupted, nor are daemons that come up on files from before.
        let stepping = self.stepping.as_mut().map(|stepping| &mut stepping.next);
        let way_back = self.way_back.as_mut().map(|way_back| &mut way_back.next);
        if let Some(next) = stepping.or(way_back) {
            // What is tried again may be older.
            if next.is_none() || self.newest.as_ref() == Some(&state) {
                *next = Some(snapshot);
            }
            self.unwritten = None;
            return Ok(());
        }
        if self.is_settled(&snapshot, &state) {
            return Ok(());
        }
        if self.is_held(&snapshot, &state) {
            return self.start_on_last_good(snapshot, &state, backoff).await;
        }
        let begun = Clock::now();
        let rendered = match self.reconciler.render(&snapshot.entries) {
            Ok(rendered) => rendered,
            Err(NotRendered::Refused(problems)) => {
                let problems = problems.0.iter().map(ToString::to_string).collect();
                self.refuse(snapshot.revision, Refusal::Mistake, problems);
                return Ok(());
            }
            Err(NotRendered::Unreadable(problem)) => {
                self.try_again(snapshot, backoff, Refusal::Unreadable, &problem.to_string());
                return Ok(());
            }
        };
        self.metrics.rendered(begun.elapsed());
        // A newer good state replaces one that could not be written.
        self.unwritten = None;
        Box::pin(self.bring(snapshot, state, rendered, backoff)).await
    }

    /// Whether there is nothing to do: these are the files that are there.
    fn is_settled(&mut self, snapshot: &Snapshot, state: &str) -> bool {
        if self.applied.as_ref().is_none_or(|applied| applied.state != state) {
            return false;
        }
        if self.drop_waiting() {
            tracing::info!(revision = snapshot.revision, "the change is taken back; no restart");
        }
        self.unwritten = None;
        if let Some(applied) = &mut self.applied {
            applied.revision = snapshot.revision;
        }
        if let Some(good) = self.good.as_mut().filter(|good| good.applied.state == state) {
            good.applied.revision = snapshot.revision;
            self.board.update(|status| status.revisions.good = Some(snapshot.revision));
        }
        self.say_applied(snapshot.revision, "", Duration::ZERO);
        self.settle_state();
        self.remove_mark();
        true
    }

    /// Whether a state is not to be tried, and says so, once.
    fn is_held(&mut self, snapshot: &Snapshot, state: &str) -> bool {
        let revision = snapshot.revision;
        if self.reconciler.is_empty(&snapshot.entries) && !self.manifest.allow_empty {
            self.hold_empty(revision);
            return true;
        }
        if let Some(bad) = self.bad_mark(snapshot, state) {
            self.hold_bad(revision, &bad);
            return true;
        }
        let own = self.reconciler.own_prefixes();
        let known = Known::of(&snapshot.entries, &own, &self.reconciler.list_prefixes());
        let lost = self.known.as_ref().and_then(|before| before.suspicious_losses(&known));
        if let Some(lost) = lost {
            self.hold_losses(revision, lost);
            return true;
        }
        self.known = Some(known);
        false
    }

    /// What is known against a state: by ourselves, or by a mark in the store.
    fn bad_mark(&self, snapshot: &Snapshot, state: &str) -> Option<Bad> {
        let marks = self.bad.iter().chain(self.mark.as_ref().map(|(mark, _)| mark));
        let common = common_of(&snapshot.entries, &self.manifest);
        marks.into_iter().find(|bad| bad.is_of(state, &common)).cloned()
    }

    /// Starts on what was good before, where the newest state is known to be bad: as the store
    /// still knows it, or as it was kept here.
    async fn start_on_last_good(
        &mut self,
        newest: Snapshot,
        state: &str,
        backoff: Option<ExponentialBackoff>,
    ) -> Ending {
        let Some(bad) = self.bad_mark(&newest, state).filter(|_| self.applied.is_none()) else {
            return Ok(());
        };
        let keeps = self.manifest.start_without_store;
        let good = match self.store.snapshot_at(&self.reconciler.view(), bad.good).await {
            Ok(good) => Some(good),
            Err(error @ StoreError::Forgotten) => {
                tracing::warn!(revision = bad.good, "the last good state cannot be read: {error}");
                last_good::find(&self.manifest).filter(|_| keeps)
            }
            Err(error) => {
                self.try_again(newest, backoff, Refusal::Unreadable, &error.to_string());
                return Ok(());
            }
        };
        let is_good = |good: &Snapshot| self.bad_mark(good, &state_of(&good.entries)).is_none();
        let Some(good) = good.filter(is_good) else { return Ok(()) };
        tracing::warn!(revision = good.revision, "starting on the last good state");
        Box::pin(self.take(good, None)).await
    }

    /// Checks the files of a state, waits for a turn where one is needed, writes them, and lets the
    /// daemons know.
    async fn bring(
        &mut self,
        snapshot: Snapshot,
        state: String,
        rendered: Rendered,
        backoff: Option<ExponentialBackoff>,
    ) -> Ending {
        let revision = snapshot.revision;
        let Rendered { wanted, kept, exported, scope } = rendered;
        let begun = Clock::now();
        let differences = match differences(&wanted) {
            Ok(differences) => differences,
            Err(error) => {
                self.try_again(snapshot, backoff, Refusal::Unreadable, &error.to_string());
                return Ok(());
            }
        };
        let is_different = |name: &str| differences.iter().any(|d| d.wanted.target.name == name);
        let same = wanted.iter().map(|file| &file.target).filter(|t| !is_different(&t.name));
        let kept: Vec<_> = kept.iter().chain(same).collect();
        let catalog = self.manifest.catalog.as_ref();
        let mask =
            self.manifest.runs_commands().then(|| Mask::new(&snapshot.entries, &scope, catalog));
        let mask = mask.unwrap_or_default();
        let content = check::digest(&differences, &exported);
        let checked = if self.checked.as_ref() == Some(&content) {
            Ok(())
        } else {
            check(&self.children, &self.manifest, &differences, &kept, &exported, &mask).await
        };
        match checked {
            Ok(()) => self.checked = Some(content),
            Err(CheckError::Failed(problem)) => {
                self.refuse(revision, Refusal::Check, vec![problem]);
                return Ok(());
            }
            Err(CheckError::NotStaged(problem)) => {
                self.try_again(snapshot, backoff, Refusal::Unwritable, &problem);
                return Ok(());
            }
        }
        let mut actions = actions(&self.manifest, &differences);
        let other_environment = exported != self.exported
            && self.manifest.environment.on_change == OnEnvironment::Restart;
        if other_environment || self.restart_asked {
            actions.fill(Action::Restart);
        }
        if self.started && self.lacks_turn(&actions) {
            self.wait_for_turn(Some(snapshot), backoff);
            return Ok(());
        }
        self.drop_waiting();
        let is_change = actions.contains(&Action::Restart) || !differences.is_empty();
        if self.started && is_change {
            self.look_who_is_ready(revision).await;
        }
        if let Err(error) = apply(&differences, &mut self.undo) {
            self.reconciler.forget(&wanted, &error.path);
            self.try_again(snapshot, backoff, Refusal::Unwritable, &error.to_string());
            return Ok(());
        }
        let files: Vec<_> = differences
            .iter()
            .filter(|change| change.other_bytes())
            .map(|change| change.path().display().to_string())
            .collect();
        self.restart_asked = false;
        self.say_applied(revision, &files.join(" "), begun.elapsed());
        self.show_files(&wanted);
        self.reconciler.applied(wanted);
        let common = common_of(&snapshot.entries, &self.manifest);
        self.applied = Some(Applied { revision, state, common });
        self.on_trial = self.manifest.start_without_store.then_some(snapshot);
        self.exported = exported;
        self.set_inputs(scope, mask);
        self.follow_up(actions, is_change).await
    }

    /// Lets the daemons follow what is on disk now, once the steps are done that this calls for.
    async fn follow_up(&mut self, actions: Vec<Action>, is_change: bool) -> Ending {
        if !self.started {
            self.prepare();
            return Ok(());
        }
        if is_change && self.manifest.has_change_steps() {
            self.do_change_steps(actions);
            return Ok(());
        }
        self.act(&actions).await
    }

    /// Tells the daemons, or restarts them.
    pub(super) async fn act(&mut self, actions: &[Action]) -> Ending {
        let applied = self.applied.clone();
        let revision = applied.as_ref().map_or(0, |applied| applied.revision);
        let of = |wanted: Action| {
            let numbers = actions.iter().enumerate().filter(move |(_, action)| **action == wanted);
            numbers.map(|(number, _)| number).collect::<Vec<_>>()
        };
        for number in of(Action::Reload) {
            if let Some(process) = self.processes.0.get_mut(number) {
                process.request_reload(revision);
            }
        }
        let restarts = of(Action::Restart);
        if !restarts.is_empty() {
            self.restart(&restarts, StartReason::Change).await?;
        }
        if self.applied != applied {
            // It was undone.
            return Ok(());
        }
        self.settle_state();
        self.tell_all(Instant::now()).await?;
        if self.trial.is_none() && self.stepping.is_none() {
            if !self.reloads_in_turn() {
                self.give_back_turn();
            }
            self.approve_if_told();
        }
        Ok(())
    }

    pub(super) fn try_again(
        &mut self,
        snapshot: Snapshot,
        backoff: Option<ExponentialBackoff>,
        refusal: Refusal,
        reason: &str,
    ) {
        self.metrics.refused(refusal);
        if self.started {
            self.show(State::Behind, Some(reason.to_owned()));
        }
        let mut backoff = backoff.unwrap_or_else(retries);
        let pause = backoff.next().unwrap_or_default();
        let revision = snapshot.revision;
        tracing::error!(revision, "{reason}; trying again in {pause:.1?}");
        self.failed(revision, reason);
        self.unwritten = Some(Unwritten { snapshot, at: Instant::now() + pause, backoff });
    }
}
