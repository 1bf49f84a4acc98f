//! What a change of the files calls for.

use etcstack_config::effect::{Effect, effect};

use crate::apply::Difference;
use crate::manifest::{Manifest, OnChange, ProcessSpec};

/// What a daemon needs in order to follow a change; the strongest of several is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    #[default]
    Nothing,
    Reload,
    Restart,
}

/// What each daemon needs, in the manifest's order.
pub(crate) fn actions(manifest: &Manifest, differences: &[Difference<'_>]) -> Vec<Action> {
    let changed: Vec<_> = differences.iter().filter(|change| change.other_bytes()).collect();
    let of_process = |process: &ProcessSpec| {
        let read = changed.iter().filter(|change| process.reads(&change.wanted.target.name));
        read.map(|change| action(manifest, process, change)).max().unwrap_or_default()
    };
    manifest.processes.iter().map(of_process).collect()
}

fn action(manifest: &Manifest, process: &ProcessSpec, change: &Difference<'_>) -> Action {
    let target = &change.wanted.target;
    let on_change = match (target.on_change, process.on_change) {
        // A file that nobody has to hear of is no business of the process either.
        (OnChange::None, _) => OnChange::None,
        (of_file, of_process) => of_process.unwrap_or(of_file),
    };
    match on_change {
        OnChange::None => Action::Nothing,
        OnChange::Reload => Action::Reload,
        OnChange::Restart => Action::Restart,
        OnChange::Auto => {
            let (before, after) = (change.before.as_deref(), change.wanted.bytes.as_deref());
            let change = effect(target.dialect, before, after, manifest.catalog.as_ref());
            tracing::debug!(file = target.name, ?change, "what has changed");
            match change.effect {
                Effect::Nothing => Action::Nothing,
                Effect::Mutable => Action::Reload,
                Effect::Other => Action::Restart,
            }
        }
    }
}
