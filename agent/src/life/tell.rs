//! Telling the daemons, of changes and because somebody asks for it.

use std::collections::BTreeSet;
use std::ffi::OsString;

use tokio::time::Instant;

use super::{Ending, Life, Request};
use crate::observe::SignalReason;
use crate::supervise::{Due, Launch, commands};

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
            }
            Request::Restart if self.takes_turns() && !self.has_turn() => {
                self.wait_for_turn(None, None);
            }
            Request::Restart => self.restart_all().await?,
        }
        Ok(())
    }

    /// Tells the daemons what is due; a command that tells is run to its end.
    pub(super) async fn tell_all(&mut self, now: Instant) -> Ending {
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
        let mask = self.inputs.borrow().mask.clone();
        let on_line = |line: &str| tracing::info!(process = name, "{}", mask.hide(line));
        let ran = commands::run(&self.children, &launch, Some(limit), on_line).await;
        match ran.map_err(|error| error.to_string()).and_then(commands::Ran::check) {
            Ok(()) => {
                tracing::info!(process = name, revision, "told the daemon by its command");
                self.has_told(&[number]);
            }
            Err(why) => {
                let reason = format!("the reload command of {name} failed: {why}");
                if self.can_undo() {
                    return self.roll_back(reason, BTreeSet::from([number])).await;
                }
                tracing::error!(revision, "{reason}");
                self.failed(revision, &reason);
            }
        }
        Ok(())
    }
}
