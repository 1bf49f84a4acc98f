//! What happened, counted: the metrics of Prometheus.

mod labels;

use std::collections::BTreeSet;
use std::fmt::Error;
use std::sync::Arc;
use std::time::Duration;

use labels::{OfProcess, OfRefusal, OfSignal, OfStart, OfStep, SignalNumber};
pub(crate) use labels::{Refusal, SignalReason, StartReason, StepOutcome};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::Time;

/// In seconds: rendering a file takes a tenth of a millisecond, a slow disk takes seconds.
const BUCKETS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// All metrics of the agent. Its methods say what happened.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// The names of the manifest; events of others would add series.
    processes: BTreeSet<Arc<str>>,
    seen: Gauge,
    applied: Gauge,
    lag: Gauge,
    rendering: Histogram,
    writing: Histogram,
    signals: Family<OfSignal, Counter>,
    starts: Family<OfStart, Counter>,
    up: Family<OfProcess, Gauge>,
    started_at: Family<OfProcess, Gauge>,
    refused: Family<OfRefusal, Counter>,
    rollbacks: Counter,
    connected: Gauge,
    disconnects: Counter,
    steps: Family<OfStep, Counter>,
}

impl Metrics {
    /// For processes of these names.
    pub(crate) fn new<'a>(processes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("etcstack"),
            processes: processes.into_iter().map(Arc::from).collect(),
            seen: Gauge::default(),
            applied: Gauge::default(),
            lag: Gauge::default(),
            rendering: Histogram::new(BUCKETS),
            writing: Histogram::new(BUCKETS),
            signals: Family::default(),
            starts: Family::default(),
            up: Family::default(),
            started_at: Family::default(),
            refused: Family::default(),
            rollbacks: Counter::default(),
            connected: Gauge::default(),
            disconnects: Counter::default(),
            steps: Family::default(),
        };
        metrics.start_at_zero();
        metrics.register_revisions();
        metrics.register_processes();
        metrics.register_store();
        metrics
    }

    /// What has not happened yet is 0 and not absent, so that the first time counts as a change.
    fn start_at_zero(&self) {
        for &reason in Refusal::ALL {
            let _ = self.refused.get_or_create(&OfRefusal { reason });
        }
        for process in &self.processes {
            let _ = self.up.get_or_create(&OfProcess { process: process.clone() });
            for &reason in StartReason::ALL {
                let _ = self.starts.get_or_create(&OfStart { process: process.clone(), reason });
            }
        }
    }

    fn register_revisions(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The agent's version", build);
        let help = "The newest revision of the store that the agent has read";
        registry.register("seen_revision", help, self.seen.clone());
        let help = "The newest revision whose files are in their places";
        registry.register("applied_revision", help, self.applied.clone());
        let help = "How many revisions the files are behind; 0 is up to date";
        registry.register("revision_lag", help, self.lag.clone());
        let help = "How long rendering all changed files of a revision took";
        let rendering = self.rendering.clone();
        registry.register_with_unit("render_duration", help, Unit::Seconds, rendering);
        let help = "How long putting all changed files of a revision in their places took";
        let writing = self.writing.clone();
        registry.register_with_unit("apply_duration", help, Unit::Seconds, writing);
        let help = "Revisions that were not applied, by reason";
        registry.register("refused_revisions", help, self.refused.clone());
        let help = "How often the last good files were put back because the daemon failed";
        registry.register("rollbacks", help, self.rollbacks.clone());
    }

    fn register_processes(&mut self) {
        let registry = &mut self.registry;
        let help = "Signals sent to the first process of a daemon";
        registry.register("signals_sent", help, self.signals.clone());
        let help = "Starts of a daemon, by reason; all but the first are restarts";
        registry.register("process_starts", help, self.starts.clone());
        registry.register("process_up", "1 while a daemon runs, else 0", self.up.clone());
        let help = "When a daemon was last started, since 1970";
        let started_at = self.started_at.clone();
        registry.register_with_unit("process_start_time", help, Unit::Seconds, started_at);
        let help = "Ends of bootstrap steps, by outcome";
        registry.register("bootstrap_steps", help, self.steps.clone());
    }

    fn register_store(&mut self) {
        let registry = &mut self.registry;
        let help = "1 while the store can be read, else 0";
        registry.register("store_connected", help, self.connected.clone());
        let help = "How often the store was lost";
        registry.register("store_disconnects", help, self.disconnects.clone());
    }

    /// A revision was read.
    pub(crate) fn seen(&self, revision: i64) {
        self.seen.set(revision);
        self.update_lag();
    }

    /// The files of a revision are in their places.
    pub(crate) fn applied(&self, revision: i64) {
        self.applied.set(revision);
        self.update_lag();
    }

    /// A restored store counts its revisions from lower than before: that is behind as well.
    fn update_lag(&self) {
        let (seen, applied) = (self.seen.get(), self.applied.get());
        self.lag.set(if seen == applied { 0 } else { seen.saturating_sub(applied).max(1) });
    }

    pub(crate) fn rendered(&self, took: Duration) {
        self.rendering.observe(took.as_secs_f64());
    }

    /// Files were put in their places.
    pub(crate) fn written(&self, took: Duration) {
        self.writing.observe(took.as_secs_f64());
    }

    /// A signal, by its number, was sent.
    pub(crate) fn signalled(&self, process: &str, signal: i32, reason: SignalReason) {
        if let Some(process) = self.process(process) {
            let signal = SignalNumber(signal);
            self.signals.get_or_create(&OfSignal { process, signal, reason }).inc();
        }
    }

    pub(crate) fn started(&self, process: &str, reason: StartReason, at: Time) {
        if let Some(process) = self.process(process) {
            self.starts.get_or_create(&OfStart { process: process.clone(), reason }).inc();
            let of = OfProcess { process };
            self.up.get_or_create(&of).set(1);
            self.started_at.get_or_create(&of).set(at.unix().cast_signed());
        }
    }

    pub(crate) fn ended(&self, process: &str) {
        if let Some(process) = self.process(process) {
            self.up.get_or_create(&OfProcess { process }).set(0);
        }
    }

    pub(crate) fn refused(&self, reason: Refusal) {
        self.refused.get_or_create(&OfRefusal { reason }).inc();
    }

    pub(crate) fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    /// The store can be read, or not any more.
    pub(crate) fn store_connected(&self, connected: bool) {
        if self.connected.set(i64::from(connected)) == 1 && !connected {
            self.disconnects.inc();
        }
    }

    /// A bootstrap step of the manifest has ended.
    pub(crate) fn step_ended(&self, step: &str, outcome: StepOutcome) {
        self.steps.get_or_create(&OfStep { step: step.into(), outcome }).inc();
    }

    /// All of them, as text in the `OpenMetrics` format.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn process(&self, name: &str) -> Option<Arc<str>> {
        self.processes.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use nix::libc::{SIGHUP, SIGRTMAX};

    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(["api", "worker"])
    }

    #[track_caller]
    fn holds(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.text().unwrap();
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_has_not_happened_is_zero() {
        let version = env!("CARGO_PKG_VERSION");
        holds(
            &metrics(),
            &[
                &format!("etcstack_build_info{{version=\"{version}\"}} 1"),
                "etcstack_refused_revisions_total{reason=\"mistake\"} 0",
                "etcstack_process_starts_total{process=\"worker\",reason=\"rollback\"} 0",
                "etcstack_process_up{process=\"api\"} 0",
                "etcstack_store_connected 0",
                "etcstack_rollbacks_total 0",
                "etcstack_render_duration_seconds_count 0",
                "# EOF",
            ],
        );
    }

    #[test]
    fn units_and_help_texts() {
        let metrics = metrics();
        metrics.signalled("api", SIGHUP, SignalReason::Change);
        metrics.started("api", StartReason::First, Time::now());
        metrics.step_ended("db-sync", StepOutcome::Done);
        let text = metrics.text().unwrap();
        for name in ["apply_duration", "render_duration", "process_start_time"] {
            assert!(text.contains(&format!("# UNIT etcstack_{name}_seconds seconds")), "{text}");
        }
        let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(count("# HELP etcstack_"), count("# TYPE etcstack_"));
        assert_eq!(count("# HELP etcstack_"), 15);
        assert!(!text.contains(".."), "a help text ends in one full stop");
    }

    #[test]
    fn what_happened_is_counted() {
        let metrics = metrics();
        metrics.rendered(Duration::from_micros(200));
        metrics.written(Duration::from_millis(3));
        metrics.signalled("api", SIGHUP, SignalReason::Change);
        metrics.signalled("api", 37, SignalReason::PassedOn);
        metrics.started("api", StartReason::Rollback, Time::from(std::time::UNIX_EPOCH));
        metrics.refused(Refusal::Check);
        metrics.rolled_back();
        metrics.step_ended("db-sync", StepOutcome::LockLost);
        holds(
            &metrics,
            &[
                "etcstack_render_duration_seconds_bucket{le=\"0.0001\"} 0",
                "etcstack_render_duration_seconds_bucket{le=\"0.00025\"} 1",
                "etcstack_apply_duration_seconds_bucket{le=\"10.0\"} 1",
                "etcstack_signals_sent_total{process=\"api\",signal=\"HUP\",reason=\"change\"} 1",
                "etcstack_signals_sent_total{process=\"api\",signal=\"RTMIN+3\",reason=\"passed_on\"} 1",
                "etcstack_process_starts_total{process=\"api\",reason=\"rollback\"} 1",
                "etcstack_process_up{process=\"api\"} 1",
                "etcstack_process_start_time_seconds{process=\"api\"} 0",
                "etcstack_refused_revisions_total{reason=\"check\"} 1",
                "etcstack_rollbacks_total 1",
                "etcstack_bootstrap_steps_total{step=\"db-sync\",outcome=\"lock_lost\"} 1",
            ],
        );
        metrics.ended("api");
        holds(&metrics, &["etcstack_process_up{process=\"api\"} 0"]);
    }

    #[test]
    fn the_lag() {
        let metrics = metrics();
        for (seen, applied, lag) in [(10, 10, 0), (15, 10, 5), (15, 15, 0), (3, 15, 1), (3, 3, 0)] {
            metrics.seen(seen);
            metrics.applied(applied);
            holds(&metrics, &[&format!("etcstack_revision_lag {lag}")]);
        }
    }

    #[test]
    fn only_a_loss_is_a_disconnect() {
        let metrics = metrics();
        for connected in [false, true, true, false, false, true, false] {
            metrics.store_connected(connected);
        }
        holds(&metrics, &["etcstack_store_disconnects_total 2", "etcstack_store_connected 0"]);
    }

    #[test]
    fn the_series_do_not_grow() {
        let metrics = metrics();
        let happens = || {
            metrics.signalled("no-such-process", SIGHUP, SignalReason::Change);
            metrics.started("no-such-process", StartReason::Exit, Time::now());
            for process in ["api", "worker"] {
                for signal in 1..=SIGRTMAX() {
                    metrics.signalled(process, signal, SignalReason::PassedOn);
                }
                for &reason in StartReason::ALL {
                    metrics.started(process, reason, Time::from(std::time::UNIX_EPOCH));
                }
            }
            for &outcome in StepOutcome::ALL {
                metrics.step_ended("db-sync", outcome);
            }
            metrics.text().unwrap().lines().count()
        };
        let lines = happens();
        assert_eq!(lines, happens());
        assert!(!metrics.text().unwrap().contains("no-such-process"));
    }
}
