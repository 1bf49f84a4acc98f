//! The agent as its users run it: a real etcd, a real daemon, signals and exit codes.

mod changes;
mod files;
mod pid_one;
mod process;
mod stage;
mod starting;
