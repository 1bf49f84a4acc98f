//! `run`: what stands around the life of the agent. Signals come first, and the end has an order.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::cli::RunArgs;
use crate::life::{End, Inputs, Life, Parts, Request};
use crate::manifest::{Manifest, ProcessSpec, Step};
use crate::observe::{
    self, Board, Listen, Listener, Metrics, ProcessState, Publishing, Readiness, SignalReason,
    Source, State, Status, StepState,
};
use crate::ready::Ready;
use crate::supervise::{Child, Children, LEFTOVERS, Response, Running, Signal, Signals, commands};
use crate::{Failure, Setup};

/// How long what other replicas have to hear may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs until the daemon ends, and ends with its exit code.
pub(crate) fn run(setup: Setup, args: &RunArgs) -> Result<ExitCode, Failure> {
    let Setup { store, reconciler, runtime } = setup;
    report_stray_variables();
    let result = runtime.block_on(async {
        let failed = |error| Failure::new(71, format!("signals: {error}")); // EX_OSERR
        let mut signals = Signals::listen().map_err(failed)?;
        let children = Children::new().map_err(failed)?;
        let manifest = reconciler.manifest.clone();
        let board = Board::new(first_status(&manifest));
        let names = manifest.processes.iter().map(|process| process.name.as_str());
        let metrics = Arc::new(Metrics::new(names));
        let running = Running::default();
        let inputs = watch::Sender::new(Inputs::default());
        if let Some(listen) = &args.listen {
            let ready = Ready {
                manifest: manifest.clone(),
                board: board.clone(),
                running: running.clone(),
                children: children.clone(),
                inputs: inputs.subscribe(),
            };
            serve(listen, &board, &metrics, ready).await?;
        }
        let key = observe::record_key(&manifest.layers, &manifest.service, &manifest.host);
        let publishing = Publishing::start(&store, &board, key);
        let (requester, requests) = mpsc::channel(4);
        let start_timeout = args.start_timeout;
        let life = Life::new(Parts {
            store,
            reconciler,
            children: children.clone(),
            running: running.clone(),
            requests,
            board: board.clone(),
            metrics: metrics.clone(),
            inputs,
            start_timeout,
        });
        let supervisor = Supervisor { manifest, running, children, board, metrics, requester };
        let code = Box::pin(supervisor.run(&mut signals, life)).await;
        if let Some(publishing) = publishing {
            publishing.end().await;
        }
        code.map(ExitCode::from)
    });
    // Whatever still reads a directory somewhere has no say in when we end.
    runtime.shutdown_background();
    result
}

/// Whoever obeys the signals.
struct Supervisor {
    manifest: Arc<Manifest>,
    running: Running,
    children: Children,
    board: Board,
    metrics: Arc<Metrics>,
    requester: mpsc::Sender<Request>,
}

impl Supervisor {
    async fn run(&self, signals: &mut Signals, mut life: Life) -> Result<u8, Failure> {
        let ended = tokio::select! {
            // A request to stop comes before everything else.
            biased;
            signal = self.obey(signals) => Err(signal),
            end = life.run() => Ok(end),
        };
        self.board.update(|status| status.state = State::Stopping);
        let signal = match &ended {
            // One that the manifest has stop the daemon may mean nothing to it.
            Err(Signal::INT) => Signal::INT,
            Err(Signal::QUIT) => Signal::QUIT,
            Err(_) | Ok(_) => Signal::TERM,
        };
        let last_words = life.last_words();
        // With it, commands that it runs are asked to end.
        drop(life);
        let stopped = self.stop(signal);
        let code = tokio::select! {
            code = stopped => code,
            // Whoever asks again is heard as well: oslo.service takes INT as "now".
            () = self.pass_on(signals) => None,
        };
        if timeout(commands::GRACE + LEFTOVERS, self.children.all_ended()).await.is_err() {
            self.children.kill_all();
        }
        if let Some(last_words) = last_words {
            let _ = timeout(LAST_WORDS, last_words).await;
        }
        match ended {
            Ok(End::Code(code)) => Ok(code),
            Ok(End::Failed(failure)) => Err(failure),
            Err(signal) => Ok(code.unwrap_or(signal.exit_code())),
        }
    }

    /// Does what the signals ask for, until one asks for the end.
    async fn obey(&self, signals: &mut Signals) -> Signal {
        loop {
            let signal = signals.next().await;
            match self.manifest.signals.response(signal) {
                Response::Ignore => tracing::debug!(%signal, "ignored, as the manifest says"),
                Response::Stop => return signal,
                Response::Reload => self.request(Request::Reload),
                Response::Restart => self.request(Request::Restart),
                Response::Pass => self.send(signal),
                Response::Send(other) => self.send(other),
            }
        }
    }

    fn request(&self, request: Request) {
        tracing::info!(?request, "asked for by a signal");
        // If several wait already, this one is among them.
        let _ = self.requester.try_send(request);
    }

    fn send(&self, signal: Signal) {
        tracing::info!(%signal, "passing a signal on to the daemon");
        for number in self.running.all().into_keys() {
            self.count(number, signal, SignalReason::PassedOn);
        }
        self.running.signal(signal);
    }

    /// Passes on what comes while the daemons end. Never ends.
    async fn pass_on(&self, signals: &mut Signals) {
        loop {
            let signal = signals.next().await;
            match self.manifest.signals.response(signal) {
                Response::Stop | Response::Pass => self.send(signal),
                Response::Send(other) => self.send(other),
                Response::Ignore | Response::Reload | Response::Restart => {}
            }
        }
    }

    /// Stops all daemons at once; the exit code of the first of them.
    async fn stop(&self, signal: Signal) -> Option<u8> {
        let running: BTreeMap<usize, Child> = self.running.all();
        let mut ends = Vec::new();
        for (number, child) in running {
            let Some(spec) = self.manifest.processes.get(number) else { continue };
            let name = spec.name.clone();
            let (signal, grace) = (spec.stop.signal.unwrap_or(signal), spec.stop.grace);
            tracing::info!(process = spec.name, %signal, "stopping the daemon");
            self.count(number, signal, SignalReason::Stop);
            ends.push(tokio::spawn(async move {
                let code = child.stop(signal, grace).await;
                tracing::info!(process = name, code, "the daemon has ended");
                child.end_leftovers().await;
                code
            }));
        }
        let mut first = None;
        for end in ends {
            let code = end.await.ok();
            first = first.or(code);
        }
        first
    }

    fn count(&self, number: usize, signal: Signal, reason: SignalReason) {
        if let Some(process) = self.manifest.processes.get(number) {
            self.metrics.signalled(&process.name, signal.number(), reason);
        }
    }
}

/// Starts to answer those who look from outside.
async fn serve(
    listen: &Listen,
    board: &Board,
    metrics: &Arc<Metrics>,
    ready: Ready,
) -> Result<(), Failure> {
    let listener = Listener::bind(listen).await.map_err(|error| Failure::new(71, error))?; // EX_OSERR
    tracing::info!(address = listener.address(), "answering /livez, /readyz, /metrics, /status");
    let readiness = Readiness::new(move || ready.clone().check());
    let source = Source { board: board.clone(), metrics: metrics.clone(), readiness };
    tokio::spawn(observe::serve(listener, Arc::new(source)));
    Ok(())
}

fn first_status(manifest: &Manifest) -> Status {
    let Manifest { layers, service, host, image, .. } = manifest;
    let mut status = Status::new(layers.to_string(), service.clone(), host.clone(), image.clone());
    let process = |spec: &ProcessSpec| observe::Process {
        name: spec.name.clone(),
        pid: None,
        state: ProcessState::Stopped,
        starts: 0,
        started_at: None,
        last_exit: None,
    };
    status.processes = manifest.processes.iter().map(process).collect();
    let step = |step: &Step| observe::Step {
        name: step.name.clone(),
        state: StepState::Waiting,
        text: String::new(),
    };
    status.bootstrap = manifest.bootstrap.iter().map(step).collect();
    status
}

/// oslo.config takes `OS_<GROUP>__<OPTION>` for the option, whatever the files say.
fn report_stray_variables() {
    let is_option = |name: &str| {
        let rest = name.strip_prefix("OS_").and_then(|rest| rest.split_once("__"));
        rest.is_some_and(|(group, option)| !group.is_empty() && !option.is_empty())
    };
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| is_option(name)) else { continue };
        tracing::warn!(
            "the environment variable {name} beats the option of that name in every file that \
             oslo.config reads; take it out of the container's environment"
        );
    }
}
