//! The life of the agent: one loop over the store's states, the signals and the timers.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use etcstack_config::problem::{Problem, Problems};
use etcstack_store::{Event, Follower, Snapshot, Store};
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep_until};

use crate::apply::{Applied, Wanted, apply};
use crate::cli::RunArgs;
use crate::reconcile::{NotRendered, Reconciler};
use crate::supervise::{Daemon, Reloader, Signals, is_stop, reap};
use crate::{Failure, Setup};

/// Runs until the daemon ends, and ends with its exit code.
pub(crate) fn run(setup: Setup, args: &RunArgs) -> Result<ExitCode, Failure> {
    let Setup { store, reconciler, runtime } = setup;
    // Orphans of the daemon become our children even where we are not PID 1.
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::warn!(%error, "orphans of the daemon will not be reaped");
    }
    let result = runtime.block_on(async {
        let mut signals =
            Signals::listen().map_err(|error| Failure::new(71, format!("signals: {error}")))?;
        let mut agent = Agent::new(store, reconciler, args);
        let code = agent.run(&mut signals).await?;
        if let Some(daemon) = &agent.daemon {
            daemon.end_leftovers(&mut signals).await;
        }
        Ok(ExitCode::from(code))
    });
    // Whatever still reads a directory somewhere has no say in when we end.
    runtime.shutdown_background();
    result
}

struct Agent<'a> {
    store: Store,
    reconciler: Reconciler,
    follower: Follower,
    command: &'a [OsString],
    daemon: Option<Daemon>,
    reloader: Reloader,
    /// The newest revision that is on disk.
    revision: i64,
    /// A state that is good and could not be written yet.
    unwritten: Option<Unwritten>,
    /// What was written and the daemon does not know of.
    owed: Applied,
    /// When to follow the store anew, should following it have failed.
    follow_at: Option<Instant>,
    /// When the daemon is killed if it has not ended.
    kill_at: Option<Instant>,
    /// When to give up if nothing could be started.
    start_by: Option<Instant>,
    start_timeout: Duration,
    /// Why nothing could be started so far.
    waiting_for: String,
}

/// A state that is tried again, at growing intervals.
struct Unwritten {
    snapshot: Snapshot,
    at: Instant,
    backoff: ExponentialBackoff,
}

impl<'a> Agent<'a> {
    fn new(store: Store, reconciler: Reconciler, args: &'a RunArgs) -> Self {
        let timeout = args.start_timeout;
        Self {
            follower: store.follow(reconciler.view()),
            store,
            reloader: Reloader::new(reconciler.manifest.reload),
            reconciler,
            command: &args.command,
            daemon: None,
            revision: 0,
            unwritten: None,
            owed: Applied::default(),
            follow_at: None,
            kill_at: None,
            start_by: timeout.map(|timeout| Instant::now() + timeout),
            start_timeout: timeout.unwrap_or_default(),
            waiting_for: "the store has not answered".into(),
        }
    }

    async fn run(&mut self, signals: &mut Signals) -> Result<u8, Failure> {
        loop {
            let next_timer = self.next_timer();
            let timer = async {
                match next_timer {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // A request to stop comes before the next change.
                biased;
                signal = signals.next() => {
                    if let Some(code) = self.on_signal(signal) {
                        return Ok(code);
                    }
                }
                () = timer => self.on_timer()?,
                event = self.follower.next(), if self.listens() => self.on_event(event)?,
            }
        }
    }

    /// Whether a change of the store is of any interest.
    fn listens(&self) -> bool {
        self.kill_at.is_none() && self.follow_at.is_none()
    }

    fn next_timer(&self) -> Option<Instant> {
        if self.kill_at.is_some() {
            // The daemon is to end; nothing else is done any more.
            return self.kill_at;
        }
        let unwritten = self.unwritten.as_ref().map(|unwritten| unwritten.at);
        let reload = self.daemon.as_ref().and_then(|_| self.reloader.due());
        [unwritten, reload, self.start_by, self.follow_at].into_iter().flatten().min()
    }

    /// Returns the exit code when it is time to end.
    fn on_signal(&mut self, signal: Signal) -> Option<u8> {
        let Some(daemon) = &self.daemon else {
            reap(None);
            // Nothing runs yet: there is nobody to pass it on to.
            return is_stop(signal).then_some(128 + signal as u8);
        };
        match signal {
            Signal::SIGCHLD => return reap(Some(daemon)),
            Signal::SIGHUP => self.reloader.request(self.revision, Instant::now()),
            _ => {
                tracing::info!(%signal, "passing a signal on to the daemon");
                daemon.signal(signal);
                if is_stop(signal) && self.kill_at.is_none() {
                    self.kill_at = Some(Instant::now() + self.reconciler.manifest.stop.grace);
                }
            }
        }
        None
    }

    fn on_timer(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if self.kill_at.is_some() {
            self.kill(now);
            return Ok(());
        }
        if self.start_by.is_some_and(|at| at <= now) {
            let (timeout, reason) = (self.start_timeout, &self.waiting_for);
            return Err(Failure::new(69, format!("not started within {timeout:?}: {reason}")));
        }
        if self.follow_at.is_some_and(|at| at <= now) {
            self.follow_at = None;
            self.follower = self.store.follow(self.reconciler.view());
        }
        if let Some(daemon) = &self.daemon {
            self.reloader.fire(daemon, now);
        }
        if self.unwritten.as_ref().is_some_and(|unwritten| unwritten.at <= now)
            && let Some(unwritten) = self.unwritten.take()
        {
            self.take(unwritten.snapshot, Some(unwritten.backoff))?;
        }
        Ok(())
    }

    fn kill(&mut self, now: Instant) {
        if let Some(daemon) =
            self.daemon.as_ref().filter(|_| self.kill_at.is_some_and(|at| at <= now))
        {
            tracing::warn!("the daemon did not end within its grace period; killing it");
            daemon.kill_group();
            // Once more if even that takes long, as with a process in uninterruptible sleep.
            self.kill_at = Some(now + Duration::from_secs(10));
        }
    }

    fn on_event(&mut self, event: Option<Event>) -> Result<(), Failure> {
        match event {
            Some(Event::State(snapshot)) => return self.take(snapshot, None),
            Some(Event::Loading) => self.wait("a load is under way; waiting for all of it"),
            Some(Event::Back) => {
                tracing::info!("the store is back or a load is complete; nothing has changed");
            }
            Some(Event::Lost(error)) => {
                self.waiting_for = error.to_string();
                let running = if self.daemon.is_some() { "; the daemon runs on" } else { "" };
                for line in error.to_string().lines() {
                    tracing::error!("{line}");
                }
                tracing::warn!("the store cannot be read{running}; trying again");
            }
            None => {
                tracing::error!("following the store failed; starting it anew");
                self.follow_at = Some(Instant::now() + Duration::from_secs(5));
            }
        }
        Ok(())
    }

    fn wait(&mut self, reason: &str) {
        reason.clone_into(&mut self.waiting_for);
        tracing::info!("{reason}");
    }

    /// Brings the files to a state of the store, and the daemon to the files.
    fn take(
        &mut self,
        snapshot: Snapshot,
        backoff: Option<ExponentialBackoff>,
    ) -> Result<(), Failure> {
        let revision = snapshot.revision;
        if self.reconciler.is_empty(&snapshot.entries) && !self.reconciler.manifest.allow_empty {
            self.hold_empty(revision);
            return Ok(());
        }
        let begun = Instant::now();
        let wanted = match self.render(&snapshot) {
            Ok(wanted) => wanted,
            Err(NotRendered::Refused(problems)) => {
                self.refuse(revision, &problems);
                return Ok(());
            }
            Err(NotRendered::Unreadable(problem)) => {
                self.try_again(snapshot, backoff, &problem.to_string());
                return Ok(());
            }
        };
        // A newer good state replaces one that could not be written.
        self.unwritten = None;
        if let Err(error) = apply(&wanted, &mut self.owed) {
            self.reconciler.forget(wanted);
            self.try_again(snapshot, backoff, &error.to_string());
            return Ok(());
        }
        self.revision = revision;
        self.reconciler.applied(wanted);
        self.tell(revision, begun)
    }

    fn try_again(&mut self, snapshot: Snapshot, backoff: Option<ExponentialBackoff>, reason: &str) {
        let mut backoff = backoff.unwrap_or_else(retries);
        let pause = backoff.next().unwrap_or_default();
        tracing::error!(revision = snapshot.revision, "{reason}; trying again in {pause:.1?}");
        reason.clone_into(&mut self.waiting_for);
        self.unwritten = Some(Unwritten { snapshot, at: Instant::now() + pause, backoff });
    }

    /// Rendering is ours alone: should it ever panic, the daemon does not have to pay for it.
    fn render(&mut self, snapshot: &Snapshot) -> Result<Vec<Wanted>, NotRendered> {
        let reconciler = &mut self.reconciler;
        catch_unwind(AssertUnwindSafe(|| reconciler.render(&snapshot.entries))).unwrap_or_else(
            |_| {
                let message = "rendering failed; this is a mistake in the agent, please report it";
                Err(NotRendered::Refused(Problem::key("_etcstack", message).into()))
            },
        )
    }

    fn tell(&mut self, revision: i64, begun: Instant) -> Result<(), Failure> {
        let Applied { written, reload } = std::mem::take(&mut self.owed);
        let files: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
        let (files, took) = (files.join(" "), begun.elapsed());
        if files.is_empty() {
            tracing::info!(revision, "no file changes");
        } else {
            tracing::info!(revision, files, ?took, "applied");
        }
        let Some(daemon) = &self.daemon else {
            self.daemon = Some(Daemon::start(self.command)?);
            self.start_by = None;
            return Ok(());
        };
        if reload {
            let now = Instant::now();
            self.reloader.request(revision, now);
            self.reloader.fire(daemon, now);
        }
        Ok(())
    }

    fn refuse(&mut self, revision: i64, problems: &Problems) {
        for problem in &problems.0 {
            tracing::error!(revision, "{problem}");
        }
        let rest = if self.daemon.is_some() {
            "the files stay as they are and the daemon runs on"
        } else {
            "the daemon is not started"
        };
        tracing::error!(revision, "revision refused: {rest}");
        self.waiting_for = problems.to_string();
    }

    fn hold_empty(&mut self, revision: i64) {
        let (layers, service) =
            (&self.reconciler.manifest.layers, &self.reconciler.manifest.service);
        let reason = format!("the store has no key of {service} for the role {layers}");
        if self.daemon.is_some() {
            tracing::error!(revision, "{reason} any more; the files stay as they are");
        } else {
            self.wait(&format!("{reason}; has it been loaded? (--allow-empty starts without)"));
        }
    }
}

fn retries() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}
