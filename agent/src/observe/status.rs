//! The whole truth about an agent: `/status`, and the record in the store.
//!
//! Its names are a contract: scripts and dashboards read them. What is not known is `null`.

use serde::Serialize;

use super::Time;

/// What an agent is and how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// Of the agent itself.
    pub(crate) version: &'static str,
    /// All layers, as in `--role`.
    pub(crate) role: String,
    pub(crate) service: String,
    pub(crate) host: String,
    pub(crate) image: Option<String>,
    pub(crate) state: State,
    /// What has to happen before it goes on; texts for people.
    pub(crate) waiting_for: Vec<String>,
    pub(crate) revisions: Revisions,
    pub(crate) files: Vec<FileStatus>,
    pub(crate) processes: Vec<Process>,
    pub(crate) store: StoreStatus,
    pub(crate) last_error: Option<Failed>,
    /// The newest revision, if its content or a check of it forbids to apply it.
    pub(crate) refused: Option<Refused>,
    /// The revision that a replica has found to break the daemon.
    pub(crate) bad: Option<Bad>,
    pub(crate) bootstrap: Vec<Step>,
}

impl Status {
    /// The status of an agent that has done nothing yet.
    pub(crate) fn new(role: String, service: String, host: String, image: Option<String>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { version, role, service, host, image, ..Self::default() }
    }

    /// In one line, for a record.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Texts and numbers alone: nothing in there cannot be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// In one word, how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nothing has been read yet.
    #[default]
    Starting,
    /// For the store, a load, or something that the manifest names.
    Waiting,
    /// A step of the manifest has to be done first.
    Bootstrapping,
    /// The daemon runs on the newest revision.
    Current,
    /// A newer revision is being applied, or waits for its turn.
    Behind,
    /// The newest revision has mistakes; the one before is in use.
    Refused,
    /// The newest revision broke the daemon; the one before is in use again.
    RolledBack,
    /// The newest revision lacks so much that it is not believed.
    Held,
    /// Started on the last good files, without the store.
    Stale,
    /// The daemon is ending, and the agent with it.
    Stopping,
}

/// Revisions of the store. `null` where there is none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Revisions {
    /// The newest that was read.
    pub(crate) seen: Option<i64>,
    /// The newest whose files are in their places.
    pub(crate) applied: Option<i64>,
    /// The newest that the daemon has proved to run on.
    pub(crate) good: Option<i64>,
}

/// A file that the agent keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FileStatus {
    pub(crate) name: String,
    pub(crate) path: String,
    /// Of its bytes, in hexadecimal; `None` if it should not be there.
    pub(crate) sha256: Option<String>,
}

/// A daemon that the agent runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) pid: Option<i32>,
    pub(crate) state: ProcessState,
    /// How often it was started.
    pub(crate) starts: u64,
    pub(crate) started_at: Option<Time>,
    /// Its exit code, or 128 + n if signal n ended it.
    pub(crate) last_exit: Option<u8>,
}

/// How a daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProcessState {
    /// Started, and not ready since.
    Starting,
    /// It runs, and no probe says more.
    Running,
    Ready,
    /// It was ready, and its probe fails.
    NotReady,
    /// Stopped in order to be started again.
    Restarting,
    Stopped,
}

/// The connection to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StoreStatus {
    pub(crate) connected: bool,
    /// When that began.
    pub(crate) since: Option<Time>,
    /// Why it is not connected.
    pub(crate) error: Option<String>,
}

/// The last thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failed {
    pub(crate) at: Time,
    pub(crate) revision: Option<i64>,
    pub(crate) message: String,
}

/// A revision that is not applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    pub(crate) revision: i64,
    pub(crate) reasons: Vec<String>,
}

/// A revision that broke a daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bad {
    pub(crate) revision: i64,
    /// The replica that found out.
    pub(crate) host: String,
    pub(crate) reason: String,
}

/// A bootstrap step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) state: StepState,
    /// More of it for people, as who runs it or why it failed; may be empty.
    pub(crate) text: String,
}

/// How a bootstrap step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepState {
    Waiting,
    Running,
    Done,
    Failed,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_names_of_the_contract() {
        let mut status = Status::new("a,b".into(), "s".into(), "h".into(), None);
        status.state = State::RolledBack;
        status.revisions.seen = Some(7);
        status.files.push(FileStatus {
            name: "s.conf".into(),
            path: "/etc/s/s.conf".into(),
            sha256: Some("ab".into()),
        });
        status.processes.push(Process {
            name: "api".into(),
            pid: Some(12),
            state: ProcessState::NotReady,
            starts: 2,
            started_at: Some(Time::from(std::time::UNIX_EPOCH)),
            last_exit: Some(137),
        });
        status.bad = Some(Bad { revision: 7, host: "h".into(), reason: "it ended".into() });
        status.bootstrap.push(Step {
            name: "db-sync".into(),
            state: StepState::Done,
            text: String::new(),
        });
        let expected = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "role": "a,b", "service": "s", "host": "h", "image": null,
            "state": "rolled_back",
            "waiting_for": [],
            "revisions": {"seen": 7, "applied": null, "good": null},
            "files": [{"name": "s.conf", "path": "/etc/s/s.conf", "sha256": "ab"}],
            "processes": [{
                "name": "api", "pid": 12, "state": "not_ready", "starts": 2,
                "started_at": "1970-01-01T00:00:00Z", "last_exit": 137,
            }],
            "store": {"connected": false, "since": null, "error": null},
            "last_error": null,
            "refused": null,
            "bad": {"revision": 7, "host": "h", "reason": "it ended"},
            "bootstrap": [{"name": "db-sync", "state": "done", "text": ""}],
        });
        assert_eq!(serde_json::to_value(&status).unwrap(), expected);
    }
}
