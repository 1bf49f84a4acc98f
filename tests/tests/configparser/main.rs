//! PasteDeploy and Swift themselves judge what we read and write for them.
//!
//! The cases are generated from a seed that stays the same, so that a run tells of the code and
//! not of luck. `PROPTEST_CASES` sets how many there are, `ETCSTACK_TEST_SEED` starts elsewhere.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod documents;
mod edits;
mod judge;
mod samples;
#[path = "../oslo/text.rs"]
mod text;
mod variables;

use std::collections::BTreeMap;
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::layers::{FileConfig, ServiceConfig};
use etcstack_config::problem::Problems;
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::Scope;
use proptest::prelude::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// The value of each option, by section and name.
type Options = BTreeMap<(String, String), String>;

/// Both dialects, each with readers of its own.
const DIALECTS: [Dialect; 2] = [Dialect::Configparser, Dialect::Swift];

/// Checks that something holds for so many generated inputs.
fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let cases = number("PROPTEST_CASES").map_or(cases, |n: u64| u32::try_from(n).unwrap());
    let seed = number("ETCSTACK_TEST_SEED").unwrap_or(1);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed.to_le_bytes(); 4].concat());
    let config =
        Config { cases, failure_persistence: None, max_global_rejects: 65536, ..Config::default() };
    match TestRunner::new_with_rng(config, rng).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => {
            panic!("{reason}\nfor {input:#?}\nwith ETCSTACK_TEST_SEED={seed}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// What the store holds for a file, from pairs of `SECTION/OPTION` and value.
fn file_config(options: &[(String, String)]) -> Result<FileConfig, Problems> {
    let entries: Entries = options
        .iter()
        .map(|(name, value)| (format!("r/s/f/{name}"), value.clone().into_bytes()))
        .collect();
    let config = ServiceConfig::resolve(&entries, &"r".parse().unwrap(), "s")?;
    Ok(config.files.into_values().next().unwrap_or_default())
}

/// Sets options, given as pairs of `SECTION/OPTION` and value, in a file.
fn set(
    dialect: Dialect,
    default: &str,
    options: &[(String, String)],
    scope: &Scope,
) -> Result<String, Problems> {
    let inputs = FileInputs::new(dialect, file_config(options)?, scope);
    let default = DefaultFile { path: Path::new("/default"), bytes: default.as_bytes() };
    let bytes = render(&inputs, Some(default))?.expect("there is a default");
    Ok(String::from_utf8(bytes).expect("text stays text"))
}
