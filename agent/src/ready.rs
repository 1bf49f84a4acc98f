//! Whether the service is ready: all of its daemons run, and answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::life::Inputs;
use crate::manifest::Manifest;
use crate::observe::{self, Board, State};
use crate::supervise::{Children, Commander, Running};

/// How long one daemon may take to answer.
const ANSWER: Duration = Duration::from_secs(4);

/// What it takes to ask.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) board: Board,
    pub(crate) running: Running,
    pub(crate) children: Children,
    pub(crate) inputs: watch::Receiver<Inputs>,
}

impl Ready {
    /// Asks all daemons; the error has a reason for each that is not ready.
    pub(crate) async fn check(self) -> observe::Ready {
        let status = self.board.snapshot();
        if status.state == State::Stopping {
            return Err(vec!["the daemon is ending".into()]);
        }
        let running = self.running.all();
        let inputs = self.inputs.borrow().clone();
        let mut reasons = Vec::new();
        for (number, spec) in self.manifest.processes.iter().enumerate() {
            if !running.contains_key(&number) {
                let waiting = status.waiting_for.join("; ");
                let waiting =
                    if waiting.is_empty() { waiting } else { format!(": waiting for {waiting}") };
                reasons.push(format!("{} does not run{waiting}", spec.name));
                continue;
            }
            let Some(ready) = &spec.ready else { continue };
            let account = spec.account.clone();
            let commander = Commander::new(self.children.clone(), account, &inputs);
            let answer = match ready.probe.fill_in(&inputs.scope) {
                Ok(probe) => probe.check(&commander, ANSWER).await,
                Err(why) => Err(why),
            };
            if let Err(why) = answer {
                reasons.push(format!("{}: {why}", spec.name));
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}
