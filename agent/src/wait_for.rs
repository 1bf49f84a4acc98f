//! What a service needs from others before its first start.

mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use etcstack_store::{Event, Store, View};
use serde_json::Value;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use crate::probe::{Probe, RunCommand, reason};
pub(crate) use table::WaitFor;

/// How long one connection may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long one run of a command may take: those of OpenStack need seconds to start.
const COMMAND: Duration = Duration::from_secs(60);
/// The longest pause is twice this, by the jitter.
const PAUSE: Duration = Duration::from_millis(2500);

/// Something that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    goal: Goal,
    timeout: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Probe(Probe),
    File(PathBuf),
    Key(String),
    /// `SERVICE/STEP`
    Bootstrap(String),
}

/// What was not there in time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("waited {timeout:?} in vain for {what}; see to it, or give it more time in [[wait_for]]")]
pub(crate) struct TimedOut {
    timeout: Duration,
    /// With the reason, as far as it is known.
    what: String,
}

impl Dependency {
    /// Waits until it is there. Calls `on_wait` with what is waited for, and again whenever it is
    /// known better why; that is logged as well.
    ///
    /// May be dropped at any time.
    pub(crate) async fn wait(
        &self,
        store: &Store,
        commands: &impl RunCommand,
        on_wait: impl FnMut(&str),
    ) -> Result<(), TimedOut> {
        let mut progress = Progress::new(self.to_string(), on_wait);
        let met = self.met(store, commands, &mut progress);
        let Some(limit) = self.timeout else {
            met.await;
            progress.met(self);
            return Ok(());
        };
        match timeout(limit, met).await {
            Ok(()) => progress.met(self),
            Err(_) => return Err(TimedOut { timeout: limit, what: progress.last }),
        }
        Ok(())
    }

    async fn met(
        &self,
        store: &Store,
        commands: &impl RunCommand,
        progress: &mut Progress<impl FnMut(&str)>,
    ) {
        match &self.goal {
            Goal::Probe(_) | Goal::File(_) => self.tried(commands, progress).await,
            Goal::Key(key) => self.in_store(store, key, |_| Ok(()), progress).await,
            Goal::Bootstrap(step) => {
                self.in_store(store, &table::record_key(step), is_done, progress).await;
            }
        }
    }

    /// Tries until it works, with growing pauses: nothing tells of these by itself.
    async fn tried(&self, commands: &impl RunCommand, progress: &mut Progress<impl FnMut(&str)>) {
        let mut pauses = pauses();
        while let Err(message) = self.attempt(commands).await {
            progress.not_yet(message);
            sleep(pauses.next().unwrap_or(PAUSE)).await;
        }
    }

    async fn attempt(&self, commands: &impl RunCommand) -> Result<(), String> {
        match &self.goal {
            Goal::Probe(probe @ Probe::Command { .. }) => probe.check(commands, COMMAND).await,
            Goal::Probe(probe) => probe.check(commands, ANSWER).await,
            Goal::File(path) => exists(path).await.map_err(|why| format!("{self}: {why}")),
            Goal::Key(_) | Goal::Bootstrap(_) => Ok(()),
        }
    }

    /// Follows the store until a key holds what it should.
    async fn in_store(
        &self,
        store: &Store,
        key: &str,
        judge: fn(&[u8]) -> Result<(), String>,
        progress: &mut Progress<impl FnMut(&str)>,
    ) {
        let mut pauses = pauses();
        loop {
            let Err(reason) = self.follow(store, key, judge, progress).await else { return };
            progress.not_yet(format!("{self}: {reason}"));
            sleep(pauses.next().unwrap_or(PAUSE)).await;
        }
    }

    /// Ends with an error only if following itself fails.
    async fn follow(
        &self,
        store: &Store,
        key: &str,
        judge: fn(&[u8]) -> Result<(), String>,
        progress: &mut Progress<impl FnMut(&str)>,
    ) -> Result<(), &'static str> {
        // Just this key: the right to read what only begins so, nobody grants us.
        let only = key.to_owned();
        let view = View::new(Vec::new(), move |_| BTreeSet::from([only.clone()]));
        let mut follower = store.follow(view);
        let mut state = "the store has not answered".to_owned();
        while let Some(event) = follower.next().await {
            let why = match event {
                Event::State(snapshot) => {
                    match snapshot.entries.get(key).map(|value| judge(value)) {
                        Some(Ok(())) => return Ok(()),
                        Some(Err(why)) => state = why,
                        None => "not there yet".clone_into(&mut state),
                    }
                    state.clone()
                }
                Event::Loading => "a load of the store is under way".to_owned(),
                Event::Lost(error) => error.to_string().replace('\n', "; "),
                Event::Back => state.clone(),
            };
            progress.not_yet(format!("{self}: {why}"));
        }
        Err("following the store failed")
    }
}

/// From 100 ms to 5 s, with jitter, so that a thousand agents do not ask at the same moment.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

async fn exists(path: &Path) -> Result<(), String> {
    let path = path.to_owned();
    // A file system over the network may hang, and only this may wait for it.
    match tokio::task::spawn_blocking(move || path.try_exists()).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err("not there yet".into()),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err("cannot be looked for".into()),
    }
}

/// Whether a bootstrap step is done, by its record.
fn is_done(record: &[u8]) -> Result<(), String> {
    let record: Value = serde_json::from_slice(record).unwrap_or_default();
    let Some(runs) = record.get("runs").and_then(Value::as_array) else {
        return Err("its record cannot be understood".to_owned());
    };
    let text = |run: &Value, name| run.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    if runs.iter().any(|run| text(run, "outcome") == "done") {
        return Ok(());
    }
    // Begun or failed.
    let last = runs.last().map(|run| ["outcome", "host", "at"].map(|name| text(run, name)));
    Err(match last {
        Some([outcome, host, at]) => format!("{outcome} on {host} at {at}, not done yet"),
        None => "not done yet".to_owned(),
    })
}

/// Tells what is waited for, once.
struct Progress<F> {
    on_wait: F,
    begun: Instant,
    /// What was told last.
    last: String,
    waited: bool,
}

impl<F: FnMut(&str)> Progress<F> {
    fn new(what: String, mut on_wait: F) -> Self {
        on_wait(&what);
        Self { on_wait, begun: Instant::now(), last: what, waited: false }
    }

    fn not_yet(&mut self, message: String) {
        if message != self.last {
            tracing::info!("waiting for {message}");
            (self.on_wait)(&message);
            self.last = message;
            self.waited = true;
        }
    }

    fn met(&self, what: &Dependency) {
        if self.waited {
            tracing::info!("{what}: met after {:.1?}", self.begun.elapsed());
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.goal {
            Goal::Probe(probe) => write!(f, "{probe}"),
            Goal::File(path) => write!(f, "file {}", path.display()),
            Goal::Key(key) => write!(f, "key {key}"),
            Goal::Bootstrap(step) => write!(f, "bootstrap {step}"),
        }
    }
}

#[cfg(test)]
mod tests;
