//! The agent as seen from outside: what it says of itself, and to whom.
//!
//! [`Board`] holds the one [`Status`] that everybody is told; [`Metrics`] counts what happened;
//! [`serve()`] answers probes, Prometheus and people over HTTP; [`Publishing`] keeps the status in
//! the store. Nothing in here holds a value of a key or of a variable.

mod board;
mod listen;
mod metrics;
mod publish;
mod readiness;
mod serve;

pub(crate) use board::Board;
pub(crate) use etcstack_config::status::{
    Bad, Failed, FileStatus, Process, ProcessState, Refused, State, Status, Step, StepState, Time,
};
pub(crate) use listen::{Listen, Listener};
pub(crate) use metrics::{Metrics, Refusal, SignalReason, StartReason, StepOutcome};
pub(crate) use publish::{Publishing, record_key};
pub(crate) use readiness::{Readiness, Ready};
pub(crate) use serve::{Source, serve};
