//! A daemon through its starts and ends.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::reload::{Due, Reloader};
use super::{Child, Children, Launch, LaunchError, Running, Signal};
use crate::manifest::{OnExit, ProcessSpec};

/// The pause before a daemon that ends by itself is started again; doubled up to a minute, and
/// forgotten when it has run for so long.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long a command that tells a daemon may take, where the manifest does not say how long it has
/// to become ready.
const RELOAD: Duration = Duration::from_secs(60);

/// A daemon of the service.
pub(crate) struct Process {
    pub(crate) spec: ProcessSpec,
    number: usize,
    running: Running,
    child: Option<Child>,
    reloader: Reloader,
    started_at: Option<Instant>,
    /// It has not been well yet, or has ended by itself and has not been well since.
    pub(crate) faltered: bool,
    /// It was told of more than one unproven state since its last start.
    pub(crate) knows_several: bool,
    /// When to start it again, after it has ended by itself.
    pub(crate) start_at: Option<Instant>,
    pause: Duration,
}

impl Process {
    pub(crate) fn new(spec: ProcessSpec, number: usize, running: Running) -> Self {
        Self {
            reloader: Reloader::new(spec.reload.clone()),
            spec,
            number,
            running,
            child: None,
            started_at: None,
            faltered: true,
            knows_several: false,
            start_at: None,
            pause: PAUSE,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// It runs, and has been well since it ended last.
    pub(crate) fn is_well(&self) -> bool {
        !self.faltered && self.runs()
    }

    /// It runs. One that has ended may not have been noticed yet.
    fn runs(&self) -> bool {
        self.child.as_ref().is_some_and(|child| child.code().is_none())
    }

    pub(crate) fn child(&self) -> Option<&Child> {
        self.child.as_ref()
    }

    /// Starts it. It reads its files now, so that nothing is owed to it any more.
    pub(crate) fn start(
        &mut self,
        children: &Children,
        environment: &[(String, String)],
    ) -> Result<(), LaunchError> {
        let launch = Launch {
            command: self.spec.command.clone(),
            account: self.spec.account.clone(),
            environment: environment.to_owned(),
            piped: false,
        };
        let child = children.start(&launch)?.child;
        let (pid, command) = (child.pid().as_raw(), launch.program());
        tracing::info!(process = self.name(), pid, command, "the daemon is started");
        self.running.set(self.number, child.clone());
        self.child = Some(child);
        self.start_at = None;
        self.started_at = Some(Instant::now());
        self.reloader.started();
        Ok(())
    }

    /// Stops it with all that it has started, if it runs. Returns the signal that it got.
    pub(crate) async fn stop(&mut self) -> Option<Signal> {
        let child = self.child.as_ref()?;
        // It has ended before anybody has asked it to.
        self.faltered |= child.code().is_some();
        let signal = self.spec.stop.signal.unwrap_or(Signal::TERM);
        tracing::info!(process = self.name(), pid = child.pid().as_raw(), "stopping the daemon");
        child.stop(signal, self.spec.stop.grace).await;
        child.end_leftovers().await;
        self.forget();
        Some(signal)
    }

    /// Notes that it has ended.
    pub(crate) async fn has_ended(&mut self) {
        if let Some(child) = &self.child {
            child.end_leftovers().await;
        }
        self.faltered = true;
        self.forget();
    }

    fn forget(&mut self) {
        self.running.remove(self.number);
        self.child = None;
    }

    /// Plans its next start, later each time that it ends soon.
    pub(crate) fn start_again(&mut self) -> Duration {
        let now = Instant::now();
        if self.started_at.is_some_and(|at| now - at > LONGEST_PAUSE) {
            self.pause = PAUSE;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        self.start_at = Some(now + pause);
        pause
    }

    pub(crate) fn restarts_by_itself(&self) -> bool {
        self.spec.on_exit == OnExit::Restart
    }

    /// Notes that it has to hear of a revision.
    pub(crate) fn request_reload(&mut self, revision: i64) {
        let now = Instant::now();
        self.reloader.request(revision, now);
        // What keeps it from living may have been mended.
        self.start_at = self.start_at.map(|at| at.min(now));
    }

    /// Notes that it has to hear of a revision after a while.
    pub(crate) fn request_reload_in(&mut self, revision: i64, pause: Duration) {
        self.reloader.request(revision, Instant::now() + pause);
        self.reloader.has_tried();
    }

    /// Tells it what is due.
    pub(crate) fn tell(&mut self, now: Instant) -> Due {
        match &self.child {
            Some(child) if child.code().is_none() => self.reloader.fire(child, now),
            _ => Due::Later,
        }
    }

    /// How long a command that tells it may take.
    pub(crate) fn reload_limit(&self) -> Duration {
        self.spec.ready.as_ref().map_or(RELOAD, |ready| ready.timeout)
    }

    /// Whether it is about to be told, in turn with the other replicas.
    pub(crate) fn reloads_in_turn(&self) -> bool {
        self.spec.reload.in_turn && self.reloader.is_untried()
    }

    /// Whether there is something that it has to hear of yet.
    pub(crate) fn owes(&self) -> bool {
        self.reloader.due().is_some()
    }

    fn next_timer(&self, tells: bool) -> Option<Instant> {
        let reload = self.child.as_ref().filter(|_| tells).and_then(|_| self.reloader.due());
        reload.into_iter().chain(self.start_at).min()
    }
}

/// The daemons of the service, in the manifest's order.
pub(crate) struct Processes(pub(crate) Vec<Process>);

impl Processes {
    pub(crate) fn new(specs: Vec<ProcessSpec>, running: &Running) -> Self {
        let process = |(number, spec)| Process::new(spec, number, running.clone());
        Self(specs.into_iter().enumerate().map(process).collect())
    }

    /// Waits until one of those that run ends: its number and exit code.
    pub(crate) async fn ended(&self) -> (usize, u8) {
        let children = self.0.iter().enumerate();
        let children = children.filter_map(|(number, p)| Some((number, p.child.as_ref()?)));
        let mut ends: Vec<_> = children
            .map(|(number, child)| Box::pin(async move { (number, child.ended().await) }))
            .collect();
        let any = poll_fn(|context| {
            let ready = ends.iter_mut().find_map(|end| match end.as_mut().poll(context) {
                Poll::Ready(end) => Some(end),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        });
        pin!(any).await
    }

    /// When something is to be done for one of them; telling them is left out where it has to wait.
    pub(crate) fn next_timer(&self, tells: bool) -> Option<Instant> {
        self.0.iter().filter_map(|process| process.next_timer(tells)).min()
    }
}
