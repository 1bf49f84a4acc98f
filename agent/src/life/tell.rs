//! Telling the daemons, of changes and because somebody asks for it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use tokio::time::Instant;

use super::{Ending, Life, Request};
use crate::observe::SignalReason;
use crate::supervise::{Due, Launch, LaunchError, commands};

/// How soon a daemon is told again by a command that has failed.
const AGAIN: Duration = Duration::from_secs(5);

impl Life {
    /// Does what somebody asks for by a signal.
    pub(super) async fn on_request(&mut self, request: Request) -> Ending {
        if !self.started {
            tracing::info!(?request, "nothing runs yet");
            return Ok(());
        }
        match request {
            Request::Reload => {
                let revision = self.applied.as_ref().map_or(0, |applied| applied.revision);
                for process in &mut self.processes.0 {
                    process.request_reload(revision);
                }
                self.reload_asked = true;
                if self.stepping.is_some() && !self.lost {
                    tracing::info!("the daemons are told when the steps of the change are done");
                }
            }
            Request::Restart if self.takes_turns() && !self.has_turn() => {
                self.wait_for_turn(None, None);
            }
            Request::Restart => self.restart_all().await?,
        }
        Ok(())
    }

    /// Whether the daemons may be told now. While steps are done they would read what these have not
    /// prepared yet; but whoever asks for a reload does not wait for a store that is away.
    pub(super) fn may_tell(&self) -> bool {
        self.stepping.is_none() || (self.reload_asked && self.lost)
    }

    /// Tells the daemons what is due; a command that tells is run to its end.
    pub(super) async fn tell_all(&mut self, now: Instant) -> Ending {
        let applied = self.applied.clone();
        for number in 0..self.processes.0.len() {
            let Some(process) = self.processes.0.get_mut(number) else { continue };
            match process.tell(now) {
                Due::Later => {}
                Due::Told(signal) => {
                    self.metrics.signalled(process.name(), signal.number(), SignalReason::Change);
                    self.has_told(&[number]);
                }
                Due::Run(revision, command) => {
                    self.tell_by_command(number, revision, command).await?;
                    if self.applied != applied {
                        // It was undone.
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs the command that tells a daemon. One that fails has told nothing: the change is undone.
    async fn tell_by_command(
        &mut self,
        number: usize,
        revision: i64,
        command: Vec<OsString>,
    ) -> Ending {
        let Some(process) = self.processes.0.get(number) else { return Ok(()) };
        let (name, limit) = (process.name().to_owned(), process.reload_limit());
        let launch = Launch {
            command,
            account: process.spec.account.clone(),
            environment: self.exported.clone(),
            piped: true,
        };
        // It may end while the command runs, and because of it.
        let was_well = process.is_well();
        let mask = self.inputs.borrow().mask.clone();
        let on_line = |line: &str| tracing::info!(process = name, "{line}");
        let ran = commands::run(&self.children, &launch, Some(limit), &mask, on_line).await;
        let has_room = !ran.as_ref().is_err_and(LaunchError::may_pass);
        match ran.map_err(|error| error.to_string()).and_then(commands::Ran::check) {
            Ok(()) => {
                tracing::info!(process = name, revision, "told the daemon by its command");
                self.has_told(&[number]);
            }
            Err(why) => {
                let reason = format!("the reload command of {name} failed: {why}");
                // One that is not up yet, or has other troubles, is told once more.
                if was_well && has_room && self.blamed && self.trial.is_none() && self.can_undo() {
                    return self.roll_back(reason, None, BTreeSet::from([number])).await;
                }
                tracing::error!(revision, "{reason}; trying again in {AGAIN:?}");
                self.failed(revision, &reason);
                if let Some(process) = self.processes.0.get_mut(number) {
                    process.request_reload_in(revision, AGAIN);
                }
            }
        }
        Ok(())
    }
}
