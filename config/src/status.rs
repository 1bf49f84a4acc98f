//! The whole truth about an agent: `/status`, and the record in the store.
//!
//! Its names are a contract: scripts and dashboards read them. What is not known is `null`. It can
//! be read as well, also where another version has written it: fields that are not known are passed
//! over, those that are missing are as if nothing was known, and a word that is not known is
//! `Unknown`.

mod time;

use serde::{Deserialize, Serialize};
pub use time::Time;

use crate::key::{escape, unescape};

/// The folder of the records.
pub const STATUS: &str = "_etcstack/status/";

/// The key of an agent's record. `roles` is the whole list, with its commas.
pub fn record_key(roles: &str, service: &str, host: &str) -> String {
    format!("{STATUS}{}/{}/{}", escape(roles), escape(service), escape(host))
}

/// The roles, the service and the host whose record stands at a key.
pub fn parse_record_key(key: &str) -> Option<(String, String, String)> {
    let parts = key
        .strip_prefix(STATUS)?
        .split('/')
        .map(|part| unescape("name", part).ok())
        .collect::<Option<Vec<_>>>()?;
    let [roles, service, host] = parts.try_into().ok()?;
    Some((roles, service, host))
}

/// What an agent is and how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Of the agent itself.
    pub version: String,
    /// All layers, as in `--role`.
    pub role: String,
    /// The service, as in `--service`.
    pub service: String,
    /// The replica's own name.
    pub host: String,
    /// The image that it runs in, if it was told.
    pub image: Option<String>,
    /// How it is.
    #[serde(default = "State::unknown")]
    pub state: State,
    /// What has to happen before it goes on; texts for people.
    pub waiting_for: Vec<String>,
    /// What it has read, applied and found good.
    pub revisions: Revisions,
    /// The files that it keeps.
    pub files: Vec<FileStatus>,
    /// The daemons that it runs.
    pub processes: Vec<Process>,
    /// Its connection to the store.
    pub store: StoreStatus,
    /// The last thing that went wrong.
    pub last_error: Option<Failed>,
    /// The newest revision, if its content or a check of it forbids to apply it.
    pub refused: Option<Refused>,
    /// The revision that a replica has found to break the daemon.
    pub bad: Option<Bad>,
    /// The steps that are done once.
    pub bootstrap: Vec<Step>,
}

impl Status {
    /// The status of an agent that has done nothing yet.
    pub fn new(role: String, service: String, host: String, image: Option<String>) -> Self {
        // All packages of the project have the same.
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { version, role, service, host, image, ..Self::default() }
    }
}

/// In one word, how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
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
    /// A word of another version. No agent says this.
    #[serde(other)]
    Unknown,
}

impl State {
    /// What a record without a state says.
    fn unknown() -> Self {
        Self::Unknown
    }
}

/// Revisions of the store. `null` where there is none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Revisions {
    /// The newest that was read.
    pub seen: Option<i64>,
    /// The newest whose files are in their places.
    pub applied: Option<i64>,
    /// The newest that the daemon has proved to run on.
    pub good: Option<i64>,
}

/// A file that the agent keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileStatus {
    /// As the manifest names it.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// Of its bytes, in hexadecimal; `None` if it should not be there.
    pub sha256: Option<String>,
}

/// A daemon that the agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// As the manifest names it.
    pub name: String,
    /// Its process id, while it runs.
    pub pid: Option<i32>,
    /// How it is.
    pub state: ProcessState,
    /// How often it was started.
    pub starts: u64,
    /// When it was started last.
    pub started_at: Option<Time>,
    /// Its exit code, or 128 + n if signal n ended it.
    pub last_exit: Option<u8>,
}

/// How a daemon is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// Started, and not ready since.
    Starting,
    /// It runs, and no probe says more.
    Running,
    /// Its probe says so.
    Ready,
    /// It was ready, and its probe fails.
    NotReady,
    /// Stopped in order to be started again.
    Restarting,
    /// It does not run.
    Stopped,
    /// A word of another version. No agent says this.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The connection to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreStatus {
    /// Whether it can be read.
    pub connected: bool,
    /// When that began.
    pub since: Option<Time>,
    /// Why it is not connected.
    pub error: Option<String>,
}

/// The last thing that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failed {
    /// When.
    pub at: Time,
    /// With which revision, if it was one.
    pub revision: Option<i64>,
    /// What, for people.
    pub message: String,
}

/// A revision that is not applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// The revision.
    pub revision: i64,
    /// Its mistakes, for people.
    pub reasons: Vec<String>,
}

/// A revision that broke a daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bad {
    /// The revision.
    pub revision: i64,
    /// The replica that found out.
    pub host: String,
    /// What became of the daemon.
    pub reason: String,
}

/// A bootstrap step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// As the manifest names it.
    pub name: String,
    /// How it is.
    pub state: StepState,
    /// More of it for people, as who runs it or why it failed; may be empty.
    pub text: String,
}

/// How a bootstrap step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// For other steps, or for another replica that does it.
    Waiting,
    /// It is being done here.
    Running,
    /// It has been done, here or elsewhere.
    Done,
    /// It has failed and is tried again.
    Failed,
    /// A word of another version. No agent says this.
    #[default]
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_back() {
        let key = record_key("a,b/c", "s%", "h");
        assert_eq!(key, "_etcstack/status/a,b%2Fc/s%25/h");
        let names = ("a,b/c".to_owned(), "s%".to_owned(), "h".to_owned());
        assert_eq!(parse_record_key(&key), Some(names));
        for other in ["_etcstack/status/r/s", "_etcstack/status/r/s/h/x", "_etcstack/status/r//h"] {
            assert_eq!(parse_record_key(other), None, "{other}");
        }
    }

    #[test]
    fn records_of_other_versions_can_be_read() {
        let read = |value: serde_json::Value| serde_json::from_value::<Status>(value).unwrap();
        let empty = Status { state: State::Unknown, ..Status::default() };
        assert_eq!(read(json!({})), empty);
        let newer = read(json!({
            "state": "meditating", "host": "h", "mood": {"good": true},
            "processes": [{"name": "api", "state": "napping", "cpu": 1}],
            "bootstrap": [{"state": "paused"}],
            "last_error": {"message": "m"},
        }));
        assert_eq!((newer.state, newer.host.as_str()), (State::Unknown, "h"));
        assert_eq!(newer.processes[0].state, ProcessState::Unknown);
        assert_eq!(newer.bootstrap[0].state, StepState::Unknown);
        assert_eq!(newer.last_error.unwrap().at, Time::default());
    }

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
        assert_eq!(serde_json::from_value::<Status>(expected).unwrap(), status);
    }
}
