//! What comes before the first start: what the service waits for, and what is done once.

use std::collections::BTreeSet;
use std::sync::Arc;

use etcstack_config::variables::Scope;
use etcstack_store::{Snapshot, Store};
use tokio::sync::watch;

use super::{Ending, Later, Life};
use crate::Failure;
use crate::action::Action;
use crate::bootstrap::{Bootstrap, NotDone};
use crate::manifest::{Manifest, OncePer};
use crate::mask::Mask;
use crate::observe::{Board, Metrics, State};
use crate::supervise::{Children, Commander};

/// What the dependencies and steps are made of, as the newest state has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) scope: Scope,
    pub(crate) exported: Vec<(String, String)>,
    /// What nobody may read in the output of a step.
    pub(crate) mask: Mask,
}

/// What is needed to prepare, owned by the future that does it.
struct Preparation {
    store: Store,
    manifest: Arc<Manifest>,
    children: Children,
    board: Board,
    metrics: Arc<Metrics>,
    inputs: watch::Receiver<Inputs>,
    /// Started without the store: what is in it cannot be asked.
    stale: bool,
}

impl Life {
    pub(super) fn set_inputs(&mut self, scope: Scope, mask: Mask) {
        self.inputs.send_replace(Inputs { scope, exported: self.exported.clone(), mask });
    }

    /// Begins what comes before the first start, unless that is under way; it sees newer inputs by
    /// itself.
    pub(super) fn prepare(&mut self) {
        if self.preparing.is_some() {
            return;
        }
        self.waiting_for = "the dependencies and bootstrap steps of the manifest".into();
        // From here on each dependency has a time of its own.
        self.start_by = None;
        self.preparing = Some(Box::pin(self.preparation().run()));
    }

    /// Begins the steps that a change of their files calls for; the daemons follow it after them.
    pub(super) fn do_change_steps(&mut self, actions: Vec<Action>) {
        let steps = self.preparation().change_steps();
        self.stepping = Some(Stepping { actions, next: None, steps: Box::pin(steps) });
    }

    /// Goes on after the steps. One that has failed makes it a bad change.
    pub(super) async fn on_stepped(&mut self, result: Result<(), String>) -> Ending {
        let Some(Stepping { actions, next, .. }) = self.stepping.take() else { return Ok(()) };
        match result {
            Ok(()) => self.act(&actions).await?,
            // None of the daemons knows of it yet.
            Err(reason) => self.roll_back(reason, None, BTreeSet::new()).await?,
        }
        match next {
            Some(snapshot) => self.take(snapshot, None).await,
            None => Ok(()),
        }
    }

    fn preparation(&self) -> Preparation {
        Preparation {
            store: self.store.clone(),
            manifest: self.manifest.clone(),
            children: self.children.clone(),
            board: self.board.clone(),
            metrics: self.metrics.clone(),
            inputs: self.inputs.subscribe(),
            stale: self.stale,
        }
    }
}

/// Bootstrap steps that are done before the daemons follow a change.
pub(super) struct Stepping {
    /// What the daemons need then.
    actions: Vec<Action>,
    /// The newest state that has come since.
    pub(super) next: Option<Snapshot>,
    pub(super) steps: Later<Result<(), String>>,
}

impl Preparation {
    async fn run(mut self) -> Result<(), Failure> {
        self.dependencies().await?;
        if !self.stale && !self.manifest.bootstrap.is_empty() {
            self.board.update(|status| status.state = State::Bootstrapping);
            let bootstrap = Bootstrap {
                store: &self.store,
                manifest: &self.manifest,
                children: &self.children,
                board: &self.board,
                metrics: &self.metrics,
            };
            for step in &self.manifest.bootstrap {
                bootstrap.ensure(step, &mut self.inputs).await;
            }
        }
        Ok(())
    }

    async fn change_steps(mut self) -> Result<(), String> {
        let manifest = self.manifest.clone();
        let bootstrap = Bootstrap {
            store: &self.store,
            manifest: &manifest,
            children: &self.children,
            board: &self.board,
            metrics: &self.metrics,
        };
        let steps = manifest.bootstrap.iter();
        for step in steps.filter(|step| step.once_per == OncePer::Change) {
            match bootstrap.try_once(step, &mut self.inputs, false).await {
                Ok(()) => {}
                Err(NotDone::Failed(why)) => {
                    return Err(format!("the bootstrap step {} failed: {why}", step.name));
                }
                Err(NotDone::LockLost | NotDone::Store(_)) => {
                    tracing::error!(step = step.name, "it is not known to be done; going on");
                }
            }
        }
        Ok(())
    }

    async fn dependencies(&mut self) -> Result<(), Failure> {
        let manifest = self.manifest.clone();
        for wait_for in
            manifest.wait_for.iter().filter(|wait_for| !self.stale || !wait_for.is_in_store())
        {
            // The variables in it may change while it is waited for.
            loop {
                let inputs = self.inputs.borrow_and_update().clone();
                let account = manifest.checks.account.clone();
                let commander = Commander::new(self.children.clone(), account, &inputs);
                let board = self.board.clone();
                let on_wait = |what: &str| {
                    board.update(|status| {
                        status.state = State::Waiting;
                        status.waiting_for = vec![what.to_owned()];
                    });
                };
                let dependency = match wait_for.fill_in(&inputs.scope) {
                    Ok(dependency) => dependency,
                    Err(why) => {
                        tracing::error!("[[wait_for]]: {why}");
                        on_wait(&why);
                        let _ = self.inputs.changed().await;
                        continue;
                    }
                };
                tokio::select! {
                    result = dependency.wait(&self.store, &commander, on_wait) => {
                        result.map_err(|error| Failure::new(69, error))?; // EX_UNAVAILABLE
                        break;
                    }
                    _ = self.inputs.changed() => {}
                }
            }
        }
        self.board.update(|status| status.waiting_for.clear());
        Ok(())
    }
}
