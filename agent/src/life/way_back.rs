//! The way back from a change: the last good files, and what becomes of the state that failed.

use std::collections::BTreeSet;

use etcstack_store::{Snapshot, Store, Write};
use tokio::time::{Instant, sleep};

use super::trial::ASK_SELDOM;
use super::{Applied, Ending, Life, Unwritten, retries};
use crate::bad::{self, Bad};
use crate::observe::{StartReason, State};

/// What it waits for where something newer is there, or the same is tried once more.
const THEN: &str = "the daemons on the last good files; then the newest state is tried alone";

/// The daemons are on trial on the last good files. A newer state waits for the end of that: else
/// nobody could tell whether it is to blame for what they lack.
#[derive(Default)]
pub(super) struct WayBack {
    /// The newest state that has come since.
    pub(super) next: Option<Snapshot>,
}

impl Life {
    /// Brings back the last good files, and starts the daemons on them once more: these, and all
    /// that have been told of anything since.
    ///
    /// The culprit is what the daemon was told of; `None` for what is on disk. Something newer that
    /// no daemon knows of yet is not to blame, and has its turn after this.
    pub(super) async fn roll_back(
        &mut self,
        reason: String,
        culprit: Option<Applied>,
        processes: BTreeSet<usize>,
    ) -> Ending {
        self.trial = None;
        // Steps of something newer would prepare what goes away now.
        self.stepping = None;
        self.checked = None;
        let (Some(applied), Some(good)) = (self.applied.take(), self.good.as_ref()) else {
            // After a fault of ours nobody knows what was good.
            self.start_the_dead_again();
            self.give_back_turn();
            self.follow_at = Some(Instant::now());
            return Ok(());
        };
        let culprit = culprit.unwrap_or_else(|| applied.clone());
        let revision = culprit.revision;
        self.metrics.rolled_back();
        let was_good = good.applied.revision;
        let is_good = culprit.state == good.applied.state;
        let bad = Bad::new(&self.manifest, &culprit, &good.applied, reason);
        let is_marked = self.mark.as_ref().is_some_and(|(mark, _)| mark.state == bad.state);
        let in_doubt = !is_good && !is_marked && self.is_in_doubt(&culprit.state, &processes);
        let several = if in_doubt { "; several changes were on trial" } else { "" };
        let why = &bad.reason;
        tracing::error!(revision, "{why}: the last good files come back{several}");
        // The turn is kept until the daemons are well: so long nobody else is to restart.
        if in_doubt {
            self.tried_again = Some(culprit.state.clone());
        } else if !is_good && !is_marked {
            self.mark_bad(&bad);
        }
        let goes_on = in_doubt
            || applied.state != culprit.state
            || self.newest.as_ref() != Some(&culprit.state);
        if goes_on {
            self.follow_at = Some(Instant::now());
        }
        self.way_back = Some(WayBack::default());
        self.restore().await;
        let Some(good) = self.good.as_ref() else { return Ok(()) };
        self.exported.clone_from(&good.exported);
        self.inputs.send_replace(good.inputs.clone());
        self.applied = Some(good.applied.clone());
        self.reconciler.forget_all();
        self.on_trial = None;
        self.blamed = false;
        self.forget_told();
        self.failed(revision, &bad.reason);
        if !is_good && !in_doubt {
            if !goes_on {
                self.show_bad(&bad);
            }
            self.bad = Some(bad);
        }
        for number in std::mem::take(&mut self.blamable) {
            if let Some(process) = self.processes.0.get_mut(number) {
                // It was the change's fault.
                process.faltered = false;
            }
        }
        let touched = std::mem::take(&mut self.touched);
        let dead = self.processes.0.iter().enumerate().filter(|(_, p)| p.child().is_none());
        let dead: Vec<_> = dead.map(|(number, _)| number).collect();
        let processes: BTreeSet<_> = processes.into_iter().chain(touched).chain(dead).collect();
        let processes: Vec<_> = processes.into_iter().collect();
        if self.manifest.has_change_steps() {
            self.do_rollback_steps(processes);
        } else {
            self.restart(&processes, StartReason::Rollback).await?;
        }
        self.metrics.applied(was_good);
        self.board.update(|status| status.revisions.applied = Some(was_good));
        self.show_files_again();
        let state = if goes_on { State::Behind } else { State::RolledBack };
        self.show(state, goes_on.then(|| THEN.to_owned()));
        Ok(())
    }

    /// Whether the blame may be that of a change before: one of these daemons knows of another
    /// state that has not proved good either. Each state is given this benefit once.
    fn is_in_doubt(&self, culprit: &str, processes: &BTreeSet<usize>) -> bool {
        let knows_another = |number: &usize| {
            self.processes.0.get(*number).is_some_and(|process| process.knows_several)
                || self.told.get(number).is_some_and(|told| told.state != culprit)
        };
        self.tried_again.as_deref() != Some(culprit) && processes.iter().any(knows_another)
    }

    /// Has what has come on the way back taken next: the daemons are well again, or nothing but a
    /// change can help them.
    pub(super) fn end_way_back(&mut self) {
        // Steps come first: the daemons are started after them.
        if self.stepping.is_none()
            && let Some(snapshot) = self.way_back.take().and_then(|way_back| way_back.next)
        {
            self.unwritten = Some(Unwritten { snapshot, at: Instant::now(), backoff: retries() });
        }
    }

    /// Puts the old bytes back. A disk that cannot take them now has to: there is nothing better to
    /// do, and the daemons that live are left alone until then.
    async fn restore(&mut self) {
        let mut pauses = retries();
        while !self.undo.restore() {
            let pause = pauses.next().unwrap_or(ASK_SELDOM);
            tracing::error!(
                "the files from before cannot be put back; trying again in {pause:.1?}"
            );
            sleep(pause).await;
        }
    }

    /// Has the mark written. The turn is given back after that: nobody gets the next one without
    /// seeing it.
    fn mark_bad(&mut self, bad: &Bad) {
        if matches!(self.store, Store::Dir(_)) {
            return;
        }
        let write = bad.write(bad::key(&self.manifest));
        self.telling = Some(tokio::spawn(write_mark(self.store.clone(), write)));
    }
}

async fn write_mark(store: Store, mark: Write) {
    let mut pauses = retries();
    while let Err(error) = store.commit(&[], std::slice::from_ref(&mark)).await {
        if error.is_final() {
            tracing::error!(%error, "the other replicas cannot be told that this revision is bad");
            return;
        }
        sleep(pauses.next().unwrap_or(ASK_SELDOM)).await;
    }
}
