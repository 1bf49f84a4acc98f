//! PasteDeploy and Swift themselves judge what we read and write for them; see
//! `etcstack_tests::dialects`.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod documents;
mod edits;
mod judge;
mod samples;
mod variables;

use std::collections::BTreeMap;

use etcstack_config::dialect::Dialect;
use etcstack_tests::dialects::{check, python as text, set};

/// The value of each option, by section and name.
type Options = BTreeMap<(String, String), String>;

/// Both dialects, each with readers of its own.
const DIALECTS: [Dialect; 2] = [Dialect::Configparser, Dialect::Swift];
