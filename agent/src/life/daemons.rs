//! The daemons: their starts and ends.

use std::collections::BTreeSet;

use super::{End, Ending, Life};
use crate::Failure;
use crate::observe::{SignalReason, StartReason, Time};

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
            return self.roll_back(reason, BTreeSet::from([number])).await;
        }
        let Some(process) = self.processes.0.get_mut(number) else { return Ok(()) };
        if !process.restarts_by_itself() {
            return Err(End::Code(code));
        }
        let pause = process.start_again();
        tracing::warn!(process = name, "starting it again in {pause:?}");
        Ok(())
    }

    /// Starts all daemons for the first time.
    pub(super) fn start_all(&mut self) -> Ending {
        self.started = true;
        self.start_by = None;
        self.undo.forget();
        self.good = self.applied.clone().map(|applied| self.as_good(applied));
        for number in 0..self.processes.0.len() {
            self.start(number, StartReason::First)?;
        }
        self.begin_trial(0..self.manifest.processes.len());
        self.settle_state();
        Ok(())
    }

    pub(super) fn start(&mut self, number: usize, reason: StartReason) -> Ending {
        let Some(process) = self.processes.0.get_mut(number) else { return Ok(()) };
        process
            .start(&self.children, &self.exported)
            .map_err(|error| Failure::new(error.exit_code(), error))?;
        self.metrics.started(process.name(), reason, Time::now());
        self.show_start(number);
        Ok(())
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
            self.start(number, reason)?;
        }
        if reason == StartReason::Change {
            self.has_told(numbers);
        } else {
            self.begin_trial(numbers.iter().copied());
        }
        Ok(())
    }

    pub(super) async fn restart_all(&mut self) -> Ending {
        let all: Vec<_> = (0..self.processes.0.len()).collect();
        self.restart(&all, StartReason::Signal).await
    }
}
