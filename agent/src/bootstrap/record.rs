//! What is on record of a step: `_etcstack/bootstrap/SERVICE/STEP`.

use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::key::escape;
use etcstack_store::Write;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bad::hex;
use crate::manifest::{Manifest, OncePer, Step};
use crate::observe::Time;

/// How many runs a record holds: an older image that comes back finds its own.
const KEPT: usize = 20;

/// How long a failure counts for the other replicas, in seconds.
const RECENT: u64 = 60;

/// What has become of a step so far: its last runs, the newest at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Record {
    runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done,
    Failed,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Run {
    outcome: Outcome,
    image: Option<String>,
    /// What the files of the step came to.
    change: String,
    host: String,
    at: Time,
    seconds: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) fn key(service: &str, step: &str) -> String {
    format!("_etcstack/bootstrap/{}/{}", escape(service), escape(step))
}

impl Record {
    /// A record that cannot be understood is as good as none: the step is done again.
    pub(super) fn read(entries: &Entries, key: &str) -> Self {
        let record = entries.get(key).and_then(|value| serde_json::from_slice(value).ok());
        record.unwrap_or_default()
    }

    pub(super) fn is_done(&self, step: &Step, manifest: &Manifest, change: &str) -> bool {
        let mut done = self.runs.iter().filter(|run| run.outcome == Outcome::Done);
        match step.once_per {
            OncePer::Ever => done.next().is_some(),
            // An image that was there before its successor does not undo its successor's work.
            OncePer::Image => done.any(|run| run.image == manifest.image),
            // The last one only: back to what was so before is a change as well.
            OncePer::Change => done.next_back().is_some_and(|run| run.change == change),
        }
    }

    /// Adds a run. What has to go is the oldest that failed, if there is one.
    pub(super) fn add(&mut self, run: Run) {
        self.runs.push(run);
        if self.runs.len() > KEPT {
            let failed = self.runs.iter().position(|run| run.outcome == Outcome::Failed);
            self.runs.remove(failed.unwrap_or_default());
        }
    }

    /// How often it has failed in a row.
    pub(super) fn failures(&self) -> usize {
        self.runs.iter().rev().take_while(|run| run.outcome == Outcome::Failed).count()
    }

    /// Why the last run has failed, if that was another replica's, with the same files, and just
    /// now: later somebody may want it to be tried once more.
    pub(super) fn failure_elsewhere(&self, manifest: &Manifest, change: &str) -> Option<String> {
        let is_recent = |run: &&Run| Time::now().unix().saturating_sub(run.at.unix()) < RECENT;
        let last = self.runs.last().filter(|run| run.host != manifest.host).filter(is_recent);
        last.filter(|run| run.change == change).and_then(|_| self.complaint())
    }

    /// What the last run has to say, if it failed.
    pub(super) fn complaint(&self) -> Option<String> {
        let Run { host, at, reason, .. } =
            self.runs.last().filter(|run| run.outcome == Outcome::Failed)?;
        let reason = reason.as_deref().unwrap_or_default();
        Some(format!("failed on {host} at {at}: {reason}"))
    }

    pub(super) fn write(&self, key: String) -> Write {
        Write::Put { key, value: serde_json::to_vec(self).unwrap_or_default() }
    }
}

impl Run {
    /// A run that has just ended: well, or for this reason.
    pub(super) fn new(
        manifest: &Manifest,
        change: String,
        took: Duration,
        reason: Option<&str>,
    ) -> Self {
        Self {
            outcome: if reason.is_none() { Outcome::Done } else { Outcome::Failed },
            image: manifest.image.clone(),
            change,
            host: manifest.host.clone(),
            at: Time::now(),
            seconds: took.as_secs(),
            reason: reason.map(str::to_owned),
        }
    }
}

/// What the files come to that a step depends on, as they are on disk.
pub(super) fn change_of(manifest: &Manifest, step: &Step) -> String {
    let mut digest = Sha256::new();
    for target in manifest.targets(Default::default) {
        if step.files.is_empty() || step.files.contains(&target.name) {
            let bytes = std::fs::read(&target.path).unwrap_or_default();
            for part in [target.name.as_bytes(), &bytes] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
        }
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcome: Outcome, image: &str, change: &str) -> Run {
        Run {
            outcome,
            image: Some(image.into()),
            change: change.into(),
            host: "h".into(),
            at: Time::now(),
            seconds: 1,
            reason: None,
        }
    }

    #[test]
    fn a_record_keeps_what_was_done_longer_than_what_failed() {
        let mut record = Record::default();
        record.add(run(Outcome::Done, "first", "c"));
        for _ in 0..50 {
            record.add(run(Outcome::Failed, "second", "c"));
        }
        assert_eq!(record.runs.len(), KEPT);
        assert_eq!(record.runs[0].image.as_deref(), Some("first"));
        assert_eq!(record.failures(), KEPT - 1);
        assert!(record.complaint().is_some());
        record.add(run(Outcome::Done, "second", "c"));
        assert_eq!((record.failures(), record.complaint()), (0, None));
    }

    #[test]
    fn a_record_comes_back_from_the_store() {
        let mut record = Record::default();
        record.add(run(Outcome::Done, "i", "c"));
        let Write::Put { key, value } = record.write(key("s/x", "a")) else { panic!() };
        assert_eq!(key, "_etcstack/bootstrap/s%2Fx/a");
        let entries = Entries::from([(key.clone(), value)]);
        assert_eq!(Record::read(&entries, &key), record);
        let entries = Entries::from([(key.clone(), b"nonsense".to_vec())]);
        assert_eq!(Record::read(&entries, &key), Record::default());
    }
}
