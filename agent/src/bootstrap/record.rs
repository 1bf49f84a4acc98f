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
const RECENT: u64 = 600;

/// What has become of a step so far: its last runs, the newest at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Record {
    runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It runs, or was ended half-way.
    Begun,
    Done,
    Failed,
}

/// A run.
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

    /// Whether a step that is to be done so often is done, for this image and these files.
    pub(super) fn is_done(&self, once_per: OncePer, image: Option<&str>, change: &str) -> bool {
        let mut done = self.runs.iter().filter(|run| run.outcome == Outcome::Done);
        match once_per {
            OncePer::Ever => done.next().is_some(),
            // An image that was there before its successor does not undo its successor's work.
            OncePer::Image => done.any(|run| run.image.as_deref() == image),
            // The last one only, whatever became of it: back to what was so before is a change as
            // well, also where the way there ended half-way.
            OncePer::Change => self
                .runs
                .last()
                .is_some_and(|run| run.outcome == Outcome::Done && run.change == change),
        }
    }

    /// Adds a run, in the place of one that has begun. What has to go is the oldest that failed, if
    /// there is one.
    pub(super) fn add(&mut self, run: Run) {
        self.runs.pop_if(|last| last.outcome == Outcome::Begun);
        self.runs.push(run);
        if self.runs.len() > KEPT {
            // But not what has failed just now.
            let mut older = self.runs.iter().take(KEPT - 2);
            let failed = older.position(|run| run.outcome == Outcome::Failed);
            self.runs.remove(failed.unwrap_or_default());
        }
    }

    /// How often it has failed in a row.
    pub(super) fn failures(&self) -> usize {
        let ended = self.runs.iter().rev().filter(|run| run.outcome != Outcome::Begun);
        ended.take_while(|run| run.outcome == Outcome::Failed).count()
    }

    /// Why the last run with these files has failed, if that was another replica's, and just now:
    /// later somebody may want it to be tried once more.
    pub(super) fn failure_elsewhere(&self, manifest: &Manifest, change: &str) -> Option<String> {
        let is_recent = |run: &&Run| Time::now().unix().saturating_sub(run.at.unix()) < RECENT;
        let mut ended = self.runs.iter().rev().filter(|run| run.outcome != Outcome::Begun);
        let last = ended.find(|run| run.change == change);
        last.filter(|run| run.host != manifest.host).filter(is_recent).and_then(Run::complaint)
    }

    /// What the last run has to say, if it failed.
    pub(super) fn complaint(&self) -> Option<String> {
        self.runs.last().and_then(Run::complaint)
    }

    /// Where and since when it runs, if it does.
    pub(super) fn runs_on(&self) -> Option<String> {
        let run = self.runs.last().filter(|run| run.outcome == Outcome::Begun)?;
        Some(format!("begun on {} at {}, not done yet", run.host, run.at))
    }

    pub(super) fn write(&self, key: String) -> Write {
        Write::Put { key, value: serde_json::to_vec(self).unwrap_or_default() }
    }
}

impl Run {
    /// A run that begins now.
    pub(super) fn begun(manifest: &Manifest, change: &str) -> Self {
        Self {
            outcome: Outcome::Begun,
            image: manifest.image.clone(),
            change: change.to_owned(),
            host: manifest.host.clone(),
            at: Time::now(),
            seconds: 0,
            reason: None,
        }
    }

    /// Why it failed, if it did.
    fn complaint(&self) -> Option<String> {
        let Self { host, at, reason, .. } = self;
        let reason = reason.as_deref().unwrap_or_default();
        let failed = self.outcome == Outcome::Failed;
        failed.then(|| format!("failed on {host} at {at}: {reason}"))
    }

    /// The same run, ended just now: well, or for this reason.
    pub(super) fn ended(self, took: Duration, reason: Option<&str>) -> Self {
        Self {
            outcome: if reason.is_none() { Outcome::Done } else { Outcome::Failed },
            at: Time::now(),
            seconds: took.as_secs(),
            reason: reason.map(str::to_owned),
            ..self
        }
    }
}

/// What the files come to that a step depends on, as they are on disk.
pub(crate) fn change_of(manifest: &Manifest, step: &Step) -> String {
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
    fn a_change_that_ended_half_way_has_to_be_taken_back() {
        let mut record = Record::default();
        let is_done =
            |record: &Record, change: &str| record.is_done(OncePer::Change, Some("i"), change);
        record.add(run(Outcome::Done, "i", "a"));
        assert!(is_done(&record, "a"));
        record.add(run(Outcome::Begun, "i", "b"));
        assert!(!is_done(&record, "a") && !is_done(&record, "b"));
        assert_eq!((record.failures(), record.complaint()), (0, None));
        record.add(run(Outcome::Begun, "i", "a"));
        record.add(run(Outcome::Done, "i", "a"));
        assert_eq!(record.runs.len(), 2);
        record.add(run(Outcome::Failed, "i", "b"));
        record.add(run(Outcome::Begun, "i", "b"));
        assert_eq!(record.failures(), 1);
        assert!(!is_done(&record, "a"));
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
