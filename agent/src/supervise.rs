//! The daemons: started, watched over, told, stopped.

mod children;
mod commander;
pub(crate) mod commands;
mod launch;
mod output;
mod process;
mod reload;
mod signals;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use children::{Child, Children, LEFTOVERS};
pub(crate) use commander::Commander;
pub(crate) use launch::{Account, Launch, LaunchError};
pub(crate) use process::{Process, Processes};
pub(crate) use reload::Due;
pub(crate) use signals::{Response, Signal, Signals, Table};

/// The daemons that run at the moment, for whoever has to pass a signal on. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<Mutex<BTreeMap<usize, Child>>>);

impl Running {
    fn set(&self, number: usize, child: Child) {
        self.lock().insert(number, child);
    }

    fn remove(&self, number: usize) {
        self.lock().remove(&number);
    }

    /// All of them, by their number in the manifest.
    pub(crate) fn all(&self) -> BTreeMap<usize, Child> {
        self.lock().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        for child in self.lock().values() {
            child.signal(signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Child>> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
