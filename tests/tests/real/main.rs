//! The agent with OpenStack's own daemons, as PID 1 of namespaces of their own: cinder-scheduler,
//! and glance under uWSGI, with their real catalogs, default files and tools.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod agent;
mod bootstrap;
mod cloud;
mod glance;
mod mistakes;
mod scheduler;
