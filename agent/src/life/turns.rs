//! Taking turns with the other replicas: one restart after the other.

use backon::ExponentialBackoff;
use etcstack_config::key::escape;
use etcstack_store::{LOAD_MARK, Snapshot, Store, StoreError, Turn, Turns};
use tokio::time::{Duration, Instant, sleep};

use super::{Ending, Later, Life};
use crate::action::Action;
use crate::observe::{Board, Refusal, State};
use crate::supervise::Process;

/// How soon to ask again for a turn that the store refuses for good.
const REFUSED: Duration = Duration::from_secs(30);

/// How long the store has to tell the newest state, once it is our turn.
const ANSWER: Duration = Duration::from_secs(10);

/// A restart that waits for its turn.
pub(super) struct Restarting {
    /// The state to take then.
    snapshot: Option<Snapshot>,
    /// Whether somebody has asked for a restart, with or without a change.
    asked: bool,
    /// Of the tries before, if there were any.
    backoff: Option<ExponentialBackoff>,
    pub(super) turn: Later<Turn>,
}

impl Life {
    /// A directory has nowhere to take turns in, and is read by one replica.
    pub(super) fn takes_turns(&self) -> bool {
        !matches!(self.store, Store::Dir(_))
    }

    /// Whether something is to be done in turn, and it is not ours.
    pub(super) fn lacks_turn(&mut self, actions: &[Action]) -> bool {
        let both = actions.iter().zip(&self.manifest.processes);
        let mut needs = both.map(|(action, process)| match action {
            Action::Nothing => false,
            Action::Reload => process.reload.in_turn,
            Action::Restart => true,
        });
        needs.any(|needed| needed) && self.takes_turns() && !self.has_turn()
    }

    /// Whether a daemon that reloads in turn has yet to be told: the turn lasts until then, but not for
    /// one that cannot be told.
    pub(super) fn reloads_in_turn(&self) -> bool {
        self.processes.0.iter().any(Process::reloads_in_turn)
    }

    /// Has a state wait for its turn, or just a restart. The place in the queue is kept: it is the
    /// newest state that it is for.
    pub(super) fn wait_for_turn(
        &mut self,
        snapshot: Option<Snapshot>,
        backoff: Option<ExponentialBackoff>,
    ) {
        let asked = snapshot.is_none() || std::mem::take(&mut self.restart_asked);
        if let Some(waiting) = &mut self.restarting {
            waiting.asked |= asked;
            waiting.backoff = backoff;
            waiting.snapshot = snapshot.or(waiting.snapshot.take());
            return;
        }
        tracing::info!("a change is due; waiting for its turn");
        self.show(State::Behind, Some("its turn to restart".into()));
        let turn = self.next_turn();
        self.restarting = Some(Restarting { snapshot, asked, backoff, turn });
    }

    /// Nothing has to wait for a turn any more, but for a restart that was asked for. `false` if
    /// no state has waited.
    pub(super) fn drop_waiting(&mut self) -> bool {
        let Some(waiting) = &mut self.restarting else { return false };
        let had_state = waiting.snapshot.take().is_some();
        self.restarting.take_if(|waiting| !waiting.asked);
        had_state
    }

    /// Our next turn.
    pub(super) fn next_turn(&self) -> Later<Turn> {
        Box::pin(take_turn(self.turns(), self.board.clone()))
    }

    /// Whether it is our turn: one that was lost may be another's by now.
    pub(super) fn has_turn(&mut self) -> bool {
        self.turn.take_if(|turn| !turn.is_held());
        self.turn.is_some()
    }

    /// Does what the turn was for, with the state of the store as it is now that it is our turn:
    /// whoever had it before has left a mark, where it has failed.
    pub(super) async fn on_turn(&mut self, turn: Turn) -> Ending {
        let Some(waiting) = self.restarting.take() else { return Ok(()) };
        self.turn = Some(turn);
        self.show(State::Behind, None);
        self.restart_asked = waiting.asked;
        let Some(snapshot) = waiting.snapshot else { return self.restart_as_asked().await };
        let state = |life: &Self| life.applied.as_ref().map(|applied| applied.state.clone());
        let before = state(self);
        let newest = match self.newest_state().await {
            Ok(newest) => newest,
            Err(error) => {
                self.try_again(snapshot, waiting.backoff, Refusal::Unreadable, &error.to_string());
                if self.restart_asked {
                    return self.restart_as_asked().await;
                }
                self.give_back_turn();
                return Ok(());
            }
        };
        // What the follower has read before this is older, and may still be on its way.
        self.follow_at = Some(Instant::now());
        let is_loading = newest.entries.contains_key(LOAD_MARK);
        let ending = if is_loading {
            // Half of a load is no state.
            self.see_mark(&newest);
            self.take(snapshot, waiting.backoff).await
        } else {
            self.see(newest, waiting.backoff).await
        };
        if self.restart_asked && ending.is_ok() && self.has_turn() {
            // No state has brought it along.
            return self.restart_as_asked().await;
        }
        let is_other = state(self) != before;
        // An older trial may have no end.
        let is_told = self.trial.is_none() && !self.reloads_in_turn();
        // The daemons may be on their way back from it.
        if self.stepping.is_none() && self.way_back.is_none() && (is_told || !is_other) {
            self.give_back_turn();
        }
        ending
    }

    async fn restart_as_asked(&mut self) -> Ending {
        self.restart_asked = false;
        self.restart_all().await?;
        self.settle_state();
        Ok(())
    }

    /// The state of the store as it is now.
    pub(super) async fn newest_state(&self) -> Result<Snapshot, StoreError> {
        self.store.snapshot(&self.reconciler.view(), ANSWER).await
    }

    fn turns(&self) -> Turns {
        let manifest = &self.manifest;
        let (role, service) = (manifest.first_role(), &manifest.service);
        Turns::new(
            self.store.clone(),
            format!("_etcstack/turns/{}/{}/", escape(role), escape(service)),
            manifest.restart.max_unavailable,
            manifest.host.clone(),
            manifest.restart.lease,
        )
    }

    /// Lets the next one have its turn, once the others can see what has come of ours.
    pub(super) fn give_back_turn(&mut self) {
        if let Some(turn) = self.turn.take() {
            let before = self.telling.take();
            self.telling = Some(tokio::spawn(async move {
                if let Some(before) = before {
                    let _ = before.await;
                }
                if let Err(error) = turn.release(Vec::new()).await {
                    tracing::warn!(%error, "the turn cannot be given back; it ends by itself");
                }
            }));
        }
    }
}

/// Asks for a turn until there is one, whatever the store says.
async fn take_turn(turns: Turns, board: Board) -> Turn {
    loop {
        let on_wait = |holder: &str| {
            let text = format!("its turn to restart; {holder} restarts now");
            tracing::info!("waiting for {text}");
            board.update(|status| status.waiting_for = vec![text]);
        };
        match turns.take(on_wait).await {
            Ok(turn) => return turn,
            Err(error) => {
                tracing::error!(%error, "no turn to restart can be taken; the daemon runs on as it is");
                sleep(REFUSED).await;
            }
        }
    }
}
