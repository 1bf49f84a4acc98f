//! The agent as its users run it: a real etcd, a real daemon, signals and exit codes.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod changes;
mod files;
mod pid_one;
mod process;
mod stage;
mod starting;
