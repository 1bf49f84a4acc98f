//! Releases as their users see them, on a real etcd: drift, history, diff, rollback, abort, faults.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod releases {
    pub(crate) mod drift;
    pub(crate) mod faults;
    pub(crate) mod history;
    pub(crate) mod kills;
    pub(crate) mod world;
}
