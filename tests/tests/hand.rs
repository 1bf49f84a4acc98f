//! Single keys by hand: `get`, `set` and `unset`, on a real etcd.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod hand {
    pub(crate) mod beside;
    pub(crate) mod checks;
    pub(crate) mod reading;
    pub(crate) mod stage;
    pub(crate) mod writing;
}
