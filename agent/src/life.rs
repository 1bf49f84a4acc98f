//! The life of the agent: one loop over the store's states, the daemons' ends, and the timers.
//!
//! Whatever happens is handled to its end before the next thing. What takes long (a turn, a trial,
//! what comes before the first start) is a future in a field, which the loop waits for together
//! with everything else.

mod daemons;
mod prepare;
mod report;
mod take;
mod tell;
mod trial;
mod turns;
mod way_back;

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use etcstack_store::{Event, Follower, Snapshot, Store, Turn};
pub(crate) use prepare::Inputs;
use prepare::Stepping;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use trial::Trial;
use turns::Restarting;
use way_back::WayBack;

use crate::Failure;
use crate::apply::Undo;
use crate::bad::Bad;
use crate::bootstrap::Own;
use crate::hold::Known;
use crate::manifest::Manifest;
use crate::observe::{Board, Metrics, StartReason};
use crate::reconcile::Reconciler;
use crate::supervise::{Children, Process, Processes, Running};

/// A future that the loop waits for.
type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// Why the life ends.
#[derive(Debug)]
pub(crate) enum End {
    /// A daemon has ended, with this exit code.
    Code(u8),
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What handling something comes to: it goes on, or it is time to end.
type Ending = Result<(), End>;

/// What somebody asks for by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Reload,
    Restart,
}

/// All that the agent remembers.
#[allow(clippy::struct_excessive_bools)] // each says something of its own
pub(crate) struct Life {
    store: Store,
    manifest: Arc<Manifest>,
    reconciler: Reconciler,
    follower: Follower,
    children: Children,
    processes: Processes,
    requests: mpsc::Receiver<Request>,
    board: Board,
    metrics: Arc<Metrics>,
    /// The state whose files are on disk.
    applied: Option<Applied>,
    /// What the programs were given when they were started.
    exported: Vec<(String, String)>,
    /// The keys of the last state that was believed.
    known: Option<Known>,
    /// A state that has made a daemon fail here.
    bad: Option<Bad>,
    /// The mark of a bad state in the store, as it was last seen.
    mark: Option<(Bad, Vec<u8>)>,
    /// The newest state that was read.
    newest: Option<String>,
    /// The state that was last complained of, so that it is done once.
    complained: Option<String>,
    /// The state that is on disk, to be kept when it has proved good.
    on_trial: Option<Snapshot>,
    /// Whether a daemon that is not ready now was so before the change.
    blamed: bool,
    /// The daemons that know of anything that has changed since they last proved good.
    touched: BTreeSet<usize>,
    /// The daemons that were not ready just before the last change.
    unready: BTreeSet<usize>,
    /// What each of them was told of last.
    told: BTreeMap<usize, Applied>,
    /// The state that is given a second try, alone, since it failed as one of several.
    tried_again: Option<String>,
    /// Those of them that were well before: should they die now, the change is to blame.
    blamable: BTreeSet<usize>,
    /// What has passed the checks last: it may have to wait for its turn.
    checked: Option<String>,
    /// What the other replicas are being told: a mark, or that our turn is over.
    telling: Option<JoinHandle<()>>,
    /// The files as they were when the daemons last proved good.
    undo: Undo,
    /// And the rest of what was good then.
    good: Option<Good>,
    trial: Option<Trial>,
    /// The daemons are on their way back from a change.
    way_back: Option<WayBack>,
    /// A restart that waits for its turn.
    restarting: Option<Restarting>,
    /// The turn that we hold.
    turn: Option<Turn>,
    /// This turn is for a restart of all, too, that somebody has asked for.
    restart_asked: bool,
    /// A state that could not be written yet, or had to wait.
    unwritten: Option<Unwritten>,
    /// When to follow the store anew, should following it have failed.
    follow_at: Option<Instant>,
    /// What has to happen before the first start.
    preparing: Option<Later<Result<(), Failure>>>,
    /// What has to happen before the daemons follow a change.
    stepping: Option<Stepping>,
    /// Somebody has asked for a reload since these steps began.
    reload_asked: bool,
    /// The store cannot be read.
    lost: bool,
    /// Held as long as a step runs, also one that was cancelled and has not ended yet.
    own_steps: Own,
    inputs: watch::Sender<Inputs>,
    started: bool,
    /// Started on the last good state, without the store.
    stale: bool,
    /// When to give up if nothing could be started.
    start_by: Option<Instant>,
    start_timeout: Duration,
    /// Why nothing could be started so far.
    waiting_for: String,
}

/// A state that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) revision: i64,
    /// [`crate::bad::state_of`] it.
    pub(crate) state: String,
    /// [`crate::bad::common_of`] it.
    pub(crate) common: String,
}

/// What was so when the daemons last proved good.
struct Good {
    applied: Applied,
    exported: Vec<(String, String)>,
    inputs: Inputs,
}

/// A state that is tried again, at growing intervals.
struct Unwritten {
    snapshot: Snapshot,
    at: Instant,
    backoff: ExponentialBackoff,
}

/// What the loop handles next.
enum Happening {
    Asked(Request),
    Ended(usize, u8),
    Timer,
    Prepared(Result<(), Failure>),
    Stepped(Result<Option<Turn>, String>),
    Turn(Turn),
    Verdict(Result<(), String>),
    Store(Option<Event>),
}

/// What a life is made of.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) reconciler: Reconciler,
    pub(crate) children: Children,
    pub(crate) running: Running,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) board: Board,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) inputs: watch::Sender<Inputs>,
    pub(crate) start_timeout: Option<Duration>,
}

impl Life {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { store, reconciler, children, running, requests, board, metrics, .. } = parts;
        let manifest = reconciler.manifest.clone();
        Self {
            follower: store.follow(reconciler.view()),
            processes: Processes::new(manifest.processes.clone(), &running),
            store,
            manifest,
            reconciler,
            children,
            requests,
            board,
            metrics,
            applied: None,
            exported: Vec::new(),
            known: None,
            bad: None,
            mark: None,
            newest: None,
            complained: None,
            on_trial: None,
            blamed: false,
            touched: BTreeSet::new(),
            unready: BTreeSet::new(),
            told: BTreeMap::new(),
            tried_again: None,
            blamable: BTreeSet::new(),
            checked: None,
            telling: None,
            undo: Undo::default(),
            good: None,
            trial: None,
            way_back: None,
            restarting: None,
            turn: None,
            restart_asked: false,
            unwritten: None,
            follow_at: None,
            preparing: None,
            stepping: None,
            reload_asked: false,
            lost: false,
            own_steps: Arc::default(),
            inputs: parts.inputs,
            started: false,
            stale: false,
            start_by: parts.start_timeout.map(|timeout| Instant::now() + timeout),
            start_timeout: parts.start_timeout.unwrap_or_default(),
            waiting_for: "the store has not answered".into(),
        }
    }

    /// Runs until a daemon ends that ends the agent: its exit code.
    ///
    /// Should anything in here ever panic, the daemons do not have to pay for it.
    pub(crate) async fn run(&mut self) -> End {
        loop {
            match guarded(self.step()).await {
                Some(Ok(())) => {}
                Some(Err(end)) => return end,
                None => self.recover(),
            }
        }
    }

    /// What still has to be told to the other replicas.
    pub(crate) fn last_words(&mut self) -> Option<JoinHandle<()>> {
        self.telling.take()
    }

    /// Begins anew with what is certain: the daemons that run.
    fn recover(&mut self) {
        self.reconciler.forget_all();
        self.applied = None;
        self.preparing = None;
        self.stepping = None;
        self.trial = None;
        self.way_back = None;
        self.restarting = None;
        self.unwritten = None;
        self.give_back_turn();
        self.follow_at = Some(Instant::now() + Duration::from_secs(5));
        self.undo.forget();
        self.good = None;
        self.start_the_dead_again();
        // Nobody knows what they have been told.
        for process in self.processes.0.iter_mut().filter(|process| process.child().is_some()) {
            process.request_reload(0);
        }
    }

    /// Plans the start of all daemons that should run and do not.
    fn start_the_dead_again(&mut self) {
        let started = self.started;
        let dead = |process: &&mut Process| started && process.child().is_none();
        for process in self.processes.0.iter_mut().filter(dead) {
            process.start_again();
        }
    }

    /// Waits for the next thing and handles it.
    async fn step(&mut self) -> Ending {
        match self.next().await {
            Happening::Asked(request) => self.on_request(request).await,
            Happening::Ended(number, code) => self.on_end(number, code).await,
            Happening::Timer => self.on_timer().await,
            Happening::Prepared(result) => {
                self.preparing = None;
                result?;
                self.start_all()
            }
            Happening::Stepped(result) => self.on_stepped(result).await,
            Happening::Turn(turn) => self.on_turn(turn).await,
            Happening::Verdict(verdict) => self.on_verdict(verdict).await,
            Happening::Store(event) => self.on_event(event).await,
        }
    }

    async fn next(&mut self) -> Happening {
        let timer = self.next_timer();
        let timer = async {
            match timer {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let verdict = self.trial.as_mut().map(|trial| &mut trial.verdict);
        let steps = self.stepping.as_mut().map(|stepping| &mut stepping.steps);
        let turn = self.restarting.as_mut().map(|restarting| &mut restarting.turn);
        tokio::select! {
            // What has ended comes first, and the next change last.
            biased;
            (number, code) = self.processes.ended() => Happening::Ended(number, code),
            Some(request) = self.requests.recv() => Happening::Asked(request),
            () = timer => Happening::Timer,
            verdict = when(verdict) => Happening::Verdict(verdict),
            result = when(self.preparing.as_mut()) => Happening::Prepared(result),
            result = when(steps) => Happening::Stepped(result),
            turn = when(turn) => Happening::Turn(turn),
            event = self.follower.next(), if self.follow_at.is_none() => Happening::Store(event),
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        let unwritten = self.unwritten.as_ref().map(|unwritten| unwritten.at);
        let processes = self.processes.next_timer(self.may_tell());
        [unwritten, processes, self.start_by, self.follow_at].into_iter().flatten().min()
    }

    async fn on_timer(&mut self) -> Ending {
        let now = Instant::now();
        if self.start_by.is_some_and(|at| at <= now) {
            let (timeout, reason) = (self.start_timeout, &self.waiting_for);
            let message = format!("not started within {timeout:?}: {reason}");
            return Err(Failure::new(69, message).into()); // EX_UNAVAILABLE
        }
        if self.follow_at.is_some_and(|at| at <= now) {
            self.follow_at = None;
            self.follower = self.store.follow(self.reconciler.view());
        }
        for number in 0..self.processes.0.len() {
            let due = self.processes.0.get(number).and_then(|process| process.start_at);
            if due.is_some_and(|at| at <= now) {
                self.start_or_try_again(number, StartReason::Exit);
            }
        }
        if self.may_tell() {
            self.tell_all(now).await?;
        }
        if self.unwritten.as_ref().is_some_and(|unwritten| unwritten.at <= now)
            && let Some(unwritten) = self.unwritten.take()
        {
            return self.take(unwritten.snapshot, Some(unwritten.backoff)).await;
        }
        Ok(())
    }

    async fn on_event(&mut self, event: Option<Event>) -> Ending {
        match event {
            Some(Event::State(snapshot)) => {
                self.is_connected();
                if std::mem::take(&mut self.stale) && !self.started {
                    // Begin again: what is in the store can be asked for now.
                    self.preparing = None;
                    self.applied = None;
                    let timeout = Some(self.start_timeout).filter(|timeout| !timeout.is_zero());
                    self.start_by = timeout.map(|timeout| Instant::now() + timeout);
                }
                return self.see(snapshot, None).await;
            }
            Some(Event::Loading) => {
                self.is_connected();
                self.wait("a load is under way; waiting for all of it");
            }
            Some(Event::Back) => {
                self.is_connected();
                tracing::info!("the store is back or a load is complete; nothing has changed");
                self.settle_state();
            }
            Some(Event::Lost(error)) => return self.on_lost(&error).await,
            None => {
                tracing::error!("following the store failed; starting it anew");
                self.follow_at = Some(Instant::now() + Duration::from_secs(5));
            }
        }
        Ok(())
    }
}

/// Waits for a future, if there is one.
async fn when<T>(future: Option<&mut Later<T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// `None` if the future panics.
async fn guarded<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

fn retries() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}
