//! The daemons: their starts and ends.

use std::collections::BTreeSet;

use super::{End, Ending, Life};
use crate::Failure;
use crate::observe::{SignalReason, StartReason, Time};
use crate::supervise::LaunchError;

impl Life {
    pub(super) async fn on_end(&mut self, number: usize, code: u8) -> Ending {
        let Some(process) = self.processes.0.get_mut(number) else { return Ok(()) };
        let name = process.name().to_owned();
        tracing::info!(process = name, code, "the daemon has ended");
        let blame = self.is_to_blame(number);
        let Some(process) = self.processes.0.get_mut(number) else { return Ok(()) };
        process.has_ended().await;
        self.metrics.ended(&name);
        self.show_end(number, code);
        if blame {
            let reason = format!("{name} ended with exit code {code} after the change");
            let culprit = self.told.get(&number).cloned();
            return self.roll_back(reason, culprit, BTreeSet::from([number])).await;
        }
        if self.stepping.as_ref().is_some_and(|stepping| stepping.starts(number)) {
            return Ok(());
        }
        let Some(process) = self.processes.0.get_mut(number) else { return Ok(()) };
        if !process.restarts_by_itself() {
            return Err(End::Code(code));
        }
        let pause = process.start_again();
        tracing::warn!(process = name, "starting it again in {pause:?}");
        // If it was on its way back, something newer may mend it.
        self.end_way_back();
        Ok(())
    }

    /// Starts all daemons for the first time.
    pub(super) fn start_all(&mut self) -> Ending {
        self.started = true;
        self.start_by = None;
        self.undo.forget();
        self.good = self.applied.clone().map(|applied| self.as_good(applied));
        for number in 0..self.processes.0.len() {
            self.start(number, StartReason::First).map_err(failure)?;
        }
        self.begin_trial(0..self.manifest.processes.len());
        self.settle_state();
        Ok(())
    }

    fn start(&mut self, number: usize, reason: StartReason) -> Result<(), LaunchError> {
        if self.can_undo() {
            // It is going to read what may have to go back.
            self.touched.insert(number);
            self.note_told(number);
        }
        let Some(process) = self.processes.0.get_mut(number) else { return Ok(()) };
        // And nothing else.
        process.knows_several = false;
        process.start(&self.children, &self.exported)?;
        self.metrics.started(process.name(), reason, Time::now());
        self.show_start(number);
        Ok(())
    }

    /// Starts a daemon that is away; what keeps it from being started may pass.
    pub(super) fn start_or_try_again(&mut self, number: usize, reason: StartReason) {
        match self.start(number, reason) {
            Ok(()) => self.begin_trial([number]),
            Err(error) => {
                let Some(process) = self.processes.0.get_mut(number) else { return };
                let pause = process.start_again();
                tracing::error!("{error}; trying again in {pause:?}");
            }
        }
    }

    /// Stops daemons and starts them again.
    pub(super) async fn restart(&mut self, numbers: &[usize], reason: StartReason) -> Ending {
        for &number in numbers {
            self.show_stop(number);
            if let Some(process) = self.processes.0.get_mut(number)
                && let Some(signal) = process.stop().await
            {
                let (name, signal) = (process.name(), signal.number());
                self.metrics.signalled(name, signal, SignalReason::Restart);
            }
        }
        for &number in numbers {
            match (self.start(number, reason), reason) {
                (Ok(()), _) => {}
                (Err(error), _) if error.may_pass() => {
                    tracing::error!("{error}; trying again");
                    self.start_the_dead_again();
                }
                (Err(error), StartReason::Change) if self.can_undo() => {
                    let culprit = BTreeSet::from([number]);
                    let back = self.roll_back(error.to_string(), None, culprit);
                    return Box::pin(back).await;
                }
                (Err(error), StartReason::Rollback) => return Err(failure(error).into()),
                (Err(error), _) => {
                    tracing::error!("{error}");
                    self.start_the_dead_again();
                }
            }
        }
        if reason == StartReason::Change {
            self.has_told(numbers);
        } else {
            self.begin_trial(numbers.iter().copied());
        }
        Ok(())
    }

    /// Restarts all, after the steps that are being done.
    pub(super) async fn restart_all(&mut self) -> Ending {
        if let Some(stepping) = &mut self.stepping {
            stepping.restart_all(self.processes.0.len());
            return Ok(());
        }
        let all: Vec<_> = (0..self.processes.0.len()).collect();
        self.restart(&all, StartReason::Signal).await
    }
}

fn failure(error: LaunchError) -> Failure {
    Failure::new(error.exit_code(), error)
}
