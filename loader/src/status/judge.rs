//! Whether a replica has converged, and if not, why.

use etcstack_config::status::{ProcessState, State, Status, StepState};

use super::replica::Record;

/// What is known of the store's side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The revision that was looked at.
    pub(crate) revision: i64,
    /// A load is under way.
    pub(crate) loading: bool,
    /// The newest change of a key that concerns the replica.
    pub(crate) newest: Option<i64>,
    /// What the replica has read is what the store holds for it now.
    pub(crate) up_to_date: bool,
}

/// What there is to say of a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The newest revision that concerns the replica.
    pub(crate) newest: Option<i64>,
    /// It has not read that yet.
    pub(crate) behind: bool,
    pub(crate) converged: bool,
    /// It will not converge before somebody changes the configuration.
    pub(crate) stuck: bool,
    /// What keeps it from converging.
    pub(crate) reason: Option<String>,
}

impl Verdict {
    /// Of something that is no agent's record.
    pub(crate) fn unreadable(reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::default() }
    }

    pub(crate) fn new(record: &Record, known: Known) -> Self {
        let status = &record.status;
        let seen = status.revisions.seen;
        let behind = !known.up_to_date;
        let newest = newest(seen, known);
        let reason = if known.loading {
            Some("a load is under way".to_owned())
        } else if behind {
            Some(why_behind(status, newest))
        } else {
            why_not_current(record)
        };
        Self {
            newest,
            behind: behind && !known.loading,
            converged: reason.is_none(),
            stuck: !known.loading && !behind && is_stuck(status),
            reason: reason.as_deref().map(one_line),
        }
    }
}

/// A key that was set to what it held is newer than the last change, and one that was deleted is
/// not there to tell of it.
fn newest(seen: Option<i64>, known: Known) -> Option<i64> {
    match (known.newest, seen) {
        (Some(newest), Some(seen)) if known.up_to_date => Some(newest.min(seen)),
        (newest, Some(seen)) if !known.up_to_date => {
            newest.filter(|newest| *newest > seen).or(Some(known.revision))
        }
        (newest, _) => newest,
    }
}

fn why_behind(status: &Status, newest: Option<i64>) -> String {
    let newest = newest.map_or_else(String::new, |newest| format!(" {newest}"));
    let read = match status.revisions.seen {
        Some(seen) => format!("has not read revision{newest} yet, but {seen}"),
        None => "has read nothing yet".to_owned(),
    };
    let more = match &status.store.error {
        Some(error) if !status.store.connected => format!("; {error}"),
        _ if status.revisions.seen.is_none() => list("; waits for ", &status.waiting_for),
        _ => String::new(),
    };
    read + &more
}

/// Why a replica that has read the newest revision does not run on it yet.
fn why_not_current(record: &Record) -> Option<String> {
    let status = &record.status;
    let reason = match status.state {
        State::Current => return why_not_good(status),
        State::Starting => "starts".to_owned(),
        State::Bootstrapping => steps(status),
        State::Behind if status.waiting_for.is_empty() => "applies it".to_owned(),
        State::Waiting | State::Behind => list("waits for ", &status.waiting_for),
        State::Refused => refusal(status),
        State::RolledBack => undone(status),
        State::Held => status.waiting_for.join("; "),
        State::Stale => {
            let error = status.store.error.as_deref().unwrap_or_default();
            format!("runs on the last good state, without the store; {error}")
        }
        State::Stopping => "ends".to_owned(),
        State::Unknown => {
            format!("says {:?}, which this version does not know", record.word())
        }
    };
    Some(if reason.is_empty() { record.word().to_owned() } else { reason })
}

/// The state `current` is of the files, and of the newest revision that was looked at, which may
/// not be the newest that was read.
fn why_not_good(status: &Status) -> Option<String> {
    let revisions = &status.revisions;
    if revisions.applied < revisions.seen {
        return Some("applies it".to_owned());
    }
    if revisions.good >= revisions.seen {
        return None;
    }
    let ready = |state| matches!(state, ProcessState::Ready | ProcessState::Running);
    let unready = status.processes.iter().filter(|process| !ready(process.state));
    let unready: Vec<_> = unready.map(|process| process.name.as_str()).collect();
    Some(if unready.is_empty() {
        "has yet to prove that its daemons run well on it".to_owned()
    } else {
        format!("has yet to prove that its daemons run well on it: {}", unready.join(", "))
    })
}

fn steps(status: &Status) -> String {
    let steps = status.bootstrap.iter().filter(|step| step.state != StepState::Done);
    let steps: Vec<_> = steps
        .map(|step| match step.text.as_str() {
            "" => step.name.clone(),
            text => format!("{} ({text})", step.name),
        })
        .collect();
    list("waits for the step ", &steps)
}

fn refusal(status: &Status) -> String {
    match (&status.refused, &status.bad) {
        (Some(refused), _) if !refused.reasons.is_empty() => refused.reasons.join("; "),
        (_, Some(_)) => undone(status),
        _ => status.last_error.as_ref().map_or_else(String::new, |error| error.message.clone()),
    }
}

fn undone(status: &Status) -> String {
    match (&status.bad, &status.last_error) {
        (Some(bad), _) => {
            format!("revision {} has failed on {}: {}", bad.revision, bad.host, bad.reason)
        }
        (None, Some(error)) => error.message.clone(),
        (None, None) => String::new(),
    }
}

/// Whether it is the newest revision that was read that is refused, and not one before it.
fn is_stuck(status: &Status) -> bool {
    let refused = status.refused.as_ref().map(|refused| refused.revision);
    let failed = status.last_error.as_ref().and_then(|error| error.revision);
    matches!(status.state, State::Refused | State::RolledBack | State::Held)
        && status.revisions.seen.is_some()
        && refused.max(failed) >= status.revisions.seen
}

fn list(start: &str, items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("{start}{}", items.join("; ")) }
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(value: &Value) -> Record {
        let status = serde_json::from_value(value.clone()).unwrap();
        let raw = value.as_object().unwrap().clone();
        Record { layers: "r".parse().unwrap(), status, raw }
    }

    fn known(newest: i64, up_to_date: bool) -> Known {
        Known { revision: 50, loading: false, newest: Some(newest), up_to_date }
    }

    fn at(state: &str, revisions: [i64; 3], more: &Value) -> Record {
        let [seen, applied, good] = revisions;
        let mut value = json!({
            "state": state, "revisions": {"seen": seen, "applied": applied, "good": good},
        });
        for (name, field) in more.as_object().unwrap() {
            value[name] = field.clone();
        }
        record(&value)
    }

    #[test]
    fn current_alone_does_not_count() {
        let verdict = |revisions, known| Verdict::new(&at("current", revisions, &json!({})), known);
        let good = verdict([10, 10, 10], known(9, true));
        assert!(good.converged && !good.behind && good.reason.is_none(), "{good:?}");
        assert_eq!(good.newest, Some(9));
        for (revisions, reason) in [([10, 9, 9], "applies it"), ([10, 10, 9], "has yet to prove")] {
            let verdict = verdict(revisions, known(10, true));
            assert!(!verdict.converged && !verdict.behind && !verdict.stuck, "{verdict:?}");
            assert!(verdict.reason.unwrap().starts_with(reason));
        }
        let behind = verdict([10, 10, 10], known(12, false));
        assert!(behind.behind && !behind.converged);
        assert_eq!(behind.reason.as_deref(), Some("has not read revision 12 yet, but 10"));
        // A deletion is known of no later than it was seen.
        assert_eq!(verdict([10, 10, 10], known(8, false)).newest, Some(50));
        // A value that was set to itself.
        assert_eq!(verdict([10, 10, 10], known(12, true)).newest, Some(10));
    }

    #[test]
    fn in_a_load_nobody_has_converged_and_nobody_is_stuck() {
        let known = Known { loading: true, ..known(10, true) };
        for state in ["current", "refused"] {
            let refused = json!({"refused": {"revision": 10, "reasons": ["no"]}});
            let verdict = Verdict::new(&at(state, [10, 10, 10], &refused), known);
            assert!(!verdict.converged && !verdict.stuck, "{verdict:?}");
            assert_eq!(verdict.reason.as_deref(), Some("a load is under way"));
        }
    }

    #[test]
    fn only_the_newest_revision_makes_stuck() {
        let failed = |revision| json!({"last_error": {"revision": revision, "message": "so\nbad"}});
        let refused = |revision| json!({"refused": {"revision": revision, "reasons": ["a", "b"]}});
        let bad = json!({
            "bad": {"revision": 10, "host": "n1", "reason": "it ended"},
            "last_error": {"revision": 10, "message": "m"},
        });
        let held = json!({
            "waiting_for": ["load again"], "last_error": {"revision": 10, "message": "m"},
        });
        for (state, more, stuck, reason) in [
            ("refused", refused(10), true, "a; b"),
            ("refused", refused(9), false, "a; b"),
            ("refused", failed(10), true, "so; bad"),
            ("rolled_back", bad.clone(), true, "revision 10 has failed on n1: it ended"),
            ("refused", bad, true, "revision 10 has failed on n1: it ended"),
            ("held", held, true, "load again"),
            ("current", failed(10), false, ""),
        ] {
            let verdict = Verdict::new(&at(state, [10, 10, 10], &more), known(10, true));
            assert_eq!(verdict.stuck, stuck, "{state} {more}");
            assert_eq!(verdict.reason.as_deref().unwrap_or_default(), reason);
            let behind = Verdict::new(&at(state, [10, 10, 10], &more), known(12, false));
            assert!(!behind.stuck);
        }
    }

    #[test]
    fn every_state_has_a_reason() {
        let more = json!({
            "waiting_for": ["tcp db:3306"],
            "store": {"connected": false, "error": "refused"},
            "bootstrap": [
                {"name": "a", "state": "done", "text": ""},
                {"name": "b", "state": "waiting", "text": "n2 does it"},
            ],
        });
        for (state, reason) in [
            ("starting", "starts"),
            ("waiting", "waits for tcp db:3306"),
            ("bootstrapping", "waits for the step b (n2 does it)"),
            ("behind", "waits for tcp db:3306"),
            ("refused", "refused"),
            ("rolled_back", "rolled_back"),
            ("stale", "runs on the last good state, without the store; refused"),
            ("stopping", "ends"),
            ("dreaming", "says \"dreaming\", which this version does not know"),
        ] {
            let verdict = Verdict::new(&at(state, [10, 10, 10], &more), known(10, true));
            assert_eq!(verdict.reason.as_deref(), Some(reason));
            assert!(!verdict.converged);
        }
        let nothing = record(&json!({"state": "waiting", "waiting_for": ["x"]}));
        let verdict = Verdict::new(&nothing, known(10, false));
        assert_eq!(verdict.reason.as_deref(), Some("has read nothing yet; waits for x"));
    }
}
