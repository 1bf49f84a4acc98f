//! What the agent says of itself: to the log, the status, the metrics.

use std::time::Duration;

use etcstack_store::{Snapshot, StoreError};
use sha2::{Digest, Sha256};

use super::{Ending, Life};
use crate::apply::Wanted;
use crate::bad::{self, Bad, hex};
use crate::last_good;
use crate::observe::{self, FileStatus, ProcessState, Refusal, State, Time};

impl Life {
    pub(super) fn show(&self, state: State, waiting_for: Option<String>) {
        self.board.update(|status| {
            status.state = state;
            status.waiting_for = waiting_for.into_iter().collect();
        });
    }

    /// Shows what is so when nothing is wrong.
    pub(super) fn settle_state(&mut self) {
        if !self.started {
            return;
        }
        let waits = self.restarting.is_some();
        let applied = self.applied.as_ref().map(|applied| &applied.state);
        let is_newest = self.newest.is_none() || self.newest.as_ref() == applied;
        let state = match (self.stale, is_newest) {
            (true, _) => State::Stale,
            (false, true) if !waits => State::Current,
            (false, false) if self.mark_is_of_newest() => State::RolledBack,
            (false, _) => State::Behind,
        };
        if state == State::Current {
            self.complained = None;
        }
        self.board.update(|status| {
            status.state = state;
            status.refused = None;
            if !waits {
                status.waiting_for.clear();
            }
            if state == State::Current {
                status.bad = None;
            }
        });
    }

    fn mark_is_of_newest(&self) -> bool {
        let mark = self.mark.as_ref().map(|(mark, _)| &mark.state);
        mark.is_some() && mark == self.newest.as_ref()
    }

    /// A revision was read.
    pub(super) fn saw(&mut self, snapshot: &Snapshot, state: String) {
        let revision = snapshot.revision;
        self.metrics.seen(revision);
        self.board.update(|status| status.revisions.seen = Some(revision));
        self.see_mark(snapshot);
        self.newest = Some(state);
    }

    /// Takes note of the mark of a bad state.
    pub(super) fn see_mark(&mut self, snapshot: &Snapshot) {
        let mark = Bad::in_store(snapshot, &bad::key(&self.manifest));
        let before = std::mem::replace(&mut self.mark, mark);
        // Whoever takes a mark away wants the state to be tried once more.
        if let Some((before, _)) = before.filter(|_| self.mark.is_none()) {
            self.bad.take_if(|bad| bad.state == before.state);
        }
    }

    pub(super) fn is_connected(&mut self) {
        self.lost = false;
        self.metrics.store_connected(true);
        self.board.update(|status| {
            if !status.store.connected {
                status.store.connected = true;
                status.store.since = Some(Time::now());
                status.store.error = None;
            }
        });
    }

    pub(super) async fn on_lost(&mut self, error: &StoreError) -> Ending {
        self.waiting_for = error.to_string();
        self.lost = true;
        self.metrics.store_connected(false);
        self.board.update(|status| {
            if status.store.connected || status.store.since.is_none() {
                status.store.since = Some(Time::now());
            }
            status.store.connected = false;
            status.store.error = Some(error.to_string());
        });
        for line in error.to_string().lines() {
            tracing::error!("{line}");
        }
        let running = if self.started { "; the daemon runs on" } else { "" };
        tracing::warn!("the store cannot be read{running}; trying again");
        if self.applied.is_some() || !self.manifest.start_without_store {
            return Ok(());
        }
        let Some(snapshot) = last_good::find(&self.manifest) else {
            tracing::warn!("no last good state was kept; waiting for the store");
            return Ok(());
        };
        let revision = snapshot.revision;
        tracing::warn!(revision, "starting on the last good state, which may be stale");
        self.stale = true;
        self.take(snapshot, None).await
    }

    pub(super) fn wait(&mut self, reason: &str) {
        reason.clone_into(&mut self.waiting_for);
        tracing::info!("{reason}");
        let started = self.started;
        self.board.update(|status| {
            if !started {
                status.state = State::Waiting;
            }
            status.waiting_for = vec![reason.to_owned()];
        });
    }

    /// Something went wrong with a revision.
    pub(super) fn failed(&mut self, revision: i64, reason: &str) {
        reason.clone_into(&mut self.waiting_for);
        self.board.update(|status| {
            status.last_error = Some(observe::Failed {
                at: Time::now(),
                revision: Some(revision),
                message: reason.to_owned(),
            });
        });
    }

    /// Complains of a state; `false` if that has been done.
    fn complain(&mut self, what: String) -> bool {
        let new = self.complained.as_ref() != Some(&what);
        self.complained = Some(what);
        new
    }

    fn rest(&self) -> &'static str {
        if self.started {
            "the files stay as they are and the daemon runs on"
        } else {
            "the daemon is not started"
        }
    }

    pub(super) fn refuse(&mut self, revision: i64, reason: Refusal, reasons: Vec<String>) {
        for line in reasons.iter().flat_map(|reason| reason.lines()) {
            tracing::error!(revision, "{line}");
        }
        tracing::error!(revision, "revision refused: {}", self.rest());
        self.metrics.refused(reason);
        self.failed(revision, &reasons.join("\n"));
        self.board.update(|status| {
            status.state = State::Refused;
            status.refused = Some(observe::Refused { revision, reasons });
        });
    }

    pub(super) fn hold_empty(&mut self, revision: i64) {
        let (layers, service) = (&self.manifest.layers, &self.manifest.service);
        let reason = format!("the store has no key of {service} for the role {layers}");
        if self.started {
            if self.complain(format!("{revision} {reason}")) {
                self.metrics.refused(Refusal::Empty);
                tracing::error!(revision, "{reason} any more; the files stay as they are");
            }
            self.failed(revision, &reason);
            self.show(State::Held, Some(reason));
        } else {
            self.wait(&format!("{reason}; has it been loaded? (--allow-empty starts without)"));
        }
    }

    pub(super) fn hold_losses(&mut self, revision: i64, lost: usize) {
        let reason = format!(
            "{lost} keys of the service are gone, most of those that were there, and no load has \
             taken them away; load again, or delete them by a load"
        );
        if self.complain(reason.clone()) {
            self.metrics.refused(Refusal::Held);
            tracing::error!(revision, "{reason}; {}", self.rest());
        }
        self.failed(revision, &reason);
        self.show(State::Held, Some(reason));
    }

    /// A state that has made a daemon fail, here or elsewhere.
    pub(super) fn hold_bad(&mut self, revision: i64, bad: &Bad) {
        self.drop_waiting();
        let Bad { host, reason, .. } = bad;
        let text = format!("this state has failed on {host}: {reason}; change it to go on");
        if self.complain(format!("bad {}", bad.state)) {
            self.metrics.refused(Refusal::Bad);
            tracing::error!(revision, "{text}; {}", self.rest());
        }
        self.failed(revision, &text);
        self.show_bad(bad);
        let state = if *host == self.manifest.host && self.started {
            State::RolledBack
        } else {
            State::Refused
        };
        let waiting_for = (!self.started).then_some(text);
        self.show(state, waiting_for);
    }

    pub(super) fn show_bad(&self, bad: &Bad) {
        let Bad { revision, host, reason, .. } = bad.clone();
        self.board.update(|status| status.bad = Some(observe::Bad { revision, host, reason }));
    }

    pub(super) fn say_applied(&self, revision: i64, files: &str, took: Duration) {
        self.metrics.applied(revision);
        self.board.update(|status| status.revisions.applied = Some(revision));
        if files.is_empty() {
            tracing::info!(revision, "no file changes");
        } else {
            self.metrics.written(took);
            tracing::info!(revision, files, ?took, "applied");
        }
    }

    /// Shows the files that hold something else now.
    pub(super) fn show_files(&self, wanted: &[Wanted]) {
        self.board.update(|status| {
            for file in wanted {
                let shown = FileStatus {
                    name: file.target.name.clone(),
                    path: file.target.path.display().to_string(),
                    sha256: file.bytes.as_ref().map(|bytes| hex(&Sha256::digest(bytes))),
                };
                match status.files.iter_mut().find(|known| known.path == shown.path) {
                    Some(known) => *known = shown,
                    None => status.files.push(shown),
                }
            }
        });
    }

    /// Shows what the files hold now that old bytes have come back.
    pub(super) fn show_files_again(&self) {
        self.board.update(|status| {
            for file in &mut status.files {
                let bytes = std::fs::read(&file.path).ok();
                file.sha256 = bytes.map(|bytes| hex(&Sha256::digest(bytes)));
            }
        });
    }

    pub(super) fn show_start(&self, number: usize) {
        let Some(process) = self.processes.0.get(number) else { return };
        let pid = process.child().map(|child| child.pid().as_raw());
        let has_probe = process.spec.ready.is_some();
        self.show_process(number, |shown| {
            shown.pid = pid;
            shown.state = if has_probe { ProcessState::Starting } else { ProcessState::Running };
            shown.starts += 1;
            shown.started_at = Some(Time::now());
        });
    }

    pub(super) fn show_stop(&self, number: usize) {
        self.show_process(number, |shown| shown.state = ProcessState::Restarting);
    }

    pub(super) fn show_end(&self, number: usize, code: u8) {
        self.show_process(number, |shown| {
            shown.pid = None;
            shown.state = ProcessState::Stopped;
            shown.last_exit = Some(code);
        });
    }

    pub(super) fn show_ready(&self, number: usize) {
        let has_probe =
            self.processes.0.get(number).is_some_and(|process| process.spec.ready.is_some());
        self.show_process(number, |shown| {
            if has_probe && shown.pid.is_some() {
                shown.state = ProcessState::Ready;
            }
        });
    }

    pub(super) fn show_not_ready(&self, number: usize) {
        self.show_process(number, |shown| {
            if shown.pid.is_some() {
                shown.state = ProcessState::NotReady;
            }
        });
    }

    fn show_process(&self, number: usize, change: impl FnOnce(&mut observe::Process)) {
        self.board.update(|status| {
            if let Some(shown) = status.processes.get_mut(number) {
                change(shown);
            }
        });
    }
}
