//! The agent as its users run it: a real etcd, a real daemon, signals and exit codes.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod actions;
mod bootstrap;
mod change_steps;
mod changes;
mod check;
mod clean_start;
mod dependencies;
mod environment;
mod explain;
mod files;
mod fresh;
mod held;
mod http;
mod kills;
mod layers;
mod once_more;
mod pid_one;
mod process;
mod processes;
mod random;
mod replica;
mod rollback;
mod secrets;
mod stage;
mod starting;
mod stops;
mod store_faults;
mod tls_ready;
mod turns;
mod users;
mod without_store;
mod world;
