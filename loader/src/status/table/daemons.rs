//! What a replica's daemons do, in a few words.

use etcstack_config::status::{Process, ProcessState, Status};

/// So many of one state are named; of more it is told how many there are.
const NAMED: usize = 2;

/// `ready`, `2 ready, 1 restart`, `api ready, worker stopped`, `9 ready, worker stopped`.
pub(super) fn daemons(status: &Status) -> String {
    let processes = &status.processes;
    let text = match processes.as_slice() {
        [] => return "-".to_owned(),
        [one] => word(one).to_owned(),
        all => by_state(all),
    };
    let restarts: u64 = processes.iter().map(|process| process.starts.saturating_sub(1)).sum();
    match restarts {
        0 => text,
        1 => format!("{text}, 1 restart"),
        more => format!("{text}, {more} restarts"),
    }
}

fn by_state(processes: &[Process]) -> String {
    let mut states: Vec<(&str, Vec<&str>)> = Vec::new();
    for process in processes {
        let word = word(process);
        match states.iter_mut().find(|(state, _)| *state == word) {
            Some((_, names)) => names.push(&process.name),
            None => states.push((word, vec![&process.name])),
        }
    }
    let all_alike = states.len() == 1;
    // Of those that are well only how many there are.
    let most = |state: &str| if state == READY { 1 } else { NAMED };
    let parts = states.into_iter().flat_map(|(state, names)| {
        if all_alike || names.len() > most(state) {
            return vec![format!("{} {state}", names.len())];
        }
        names.into_iter().map(|name| format!("{name} {state}")).collect()
    });
    parts.collect::<Vec<_>>().join(", ")
}

const READY: &str = "ready";

fn word(process: &Process) -> &'static str {
    match process.state {
        ProcessState::Starting => "starting",
        ProcessState::Running => "running",
        ProcessState::Ready => READY,
        ProcessState::NotReady => "not ready",
        ProcessState::Restarting => "restarting",
        ProcessState::Stopped => "stopped",
        ProcessState::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn few_words_for_many() {
        let shown = |states: &[&str]| {
            let process = |(number, state): (usize, &&str)| json!({"name": format!("p{number}"), "state": state, "starts": 1});
            let processes: Vec<_> = states.iter().enumerate().map(process).collect();
            let status = json!({"state": "current", "processes": processes});
            daemons(&serde_json::from_value(status).unwrap())
        };
        assert_eq!(shown(&[]), "-");
        assert_eq!(shown(&["ready"]), "ready");
        assert_eq!(shown(&["stopped", "stopped", "stopped"]), "3 stopped");
        assert_eq!(shown(&["ready", "not_ready"]), "p0 ready, p1 not ready");
        let nine = shown(&[["ready"; 9].as_slice(), &["stopped"]].concat());
        assert_eq!(nine, "9 ready, p9 stopped");
        let bad = shown(&[["ready"; 4].as_slice(), &["stopped"; 2], &["starting"; 3]].concat());
        assert_eq!(bad, "4 ready, p4 stopped, p5 stopped, 3 starting");
    }
}
