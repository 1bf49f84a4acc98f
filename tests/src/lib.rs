//! The harness of the tests over several processes.
//!
//! Everything here is made for tests: what goes wrong panics and says what happened, waits are for
//! conditions and never for a time, and no process is left behind, not even when the test is killed.
//! Tests may run side by side, in one process and in several.

// A harness fails as a test does.
#![allow(clippy::expect_used, clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used)]

mod certificates;
mod etcd;
mod guard;
mod port;
mod process;
mod programs;
mod proxy;
mod wait;

pub use certificates::Certificates;
pub use etcd::{Cluster, Etcd};
pub use port::Port;
pub use process::Process;
pub use programs::{binary, openstack_venv};
pub use proxy::Proxy;
pub use wait::{Condition, PATIENCE, eventually};
