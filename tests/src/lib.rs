//! The harness of the tests over several processes.
//!
//! Everything here is made for tests: what goes wrong panics and says what happened, waits are for
//! conditions and never for a time, and no process is left behind, not even when the test is killed.
//! Tests may run side by side, in one process and in several.

// A harness fails as a test does.
#![allow(clippy::expect_used, clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used)]

mod certificates;
pub mod dialects;
mod etcd;
mod folder;
mod guard;
mod http;
mod port;
mod proc;
mod process;
mod programs;
mod proxy;
mod ran;
mod requests;
mod service;
mod terminal;
mod wait;
mod wrap;

pub use certificates::Certificates;
pub use etcd::{Cluster, Etcd};
pub use folder::{folder, write};
pub use http::{Answer, http};
pub use port::Port;
pub use proc::{children, cpu_ticks, is_alive, named};
pub use process::Process;
pub use programs::{binary, judges, openstack_venv};
pub use proxy::Proxy;
pub use ran::{Ran, run, said};
pub use requests::{Outcome, Requests};
pub use service::{SERVICES, Service};
pub use terminal::Terminal;
pub use wait::{Condition, PATIENCE, eventually};
pub use wrap::wrap;
