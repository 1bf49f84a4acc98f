//! The agent as its users run it: a real etcd, a real daemon, signals and exit codes.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod actions;
mod bootstrap;
mod changes;
mod check;
mod clean_start;
mod dependencies;
mod environment;
mod explain;
mod files;
mod held;
mod http;
mod pid_one;
mod process;
mod processes;
mod random;
mod replica;
mod rollback;
mod stage;
mod starting;
mod store_faults;
mod turns;
mod without_store;
mod world;
