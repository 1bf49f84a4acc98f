//! MariaDB itself judges what we read and write in its option files.
//!
//! The cases are generated from a seed that stays the same, so that a run tells of the code and
//! not of luck. `PROPTEST_CASES` sets how many there are, `ETCSTACK_TEST_SEED` starts elsewhere.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod documents;
mod edits;
mod files;
mod judge;
mod overlays;
mod text;
mod variables;

use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::Document;
use etcstack_config::key::escape;
use etcstack_config::layers::{FileConfig, ServiceConfig};
use etcstack_config::problem::Problems;
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::Scope;
use proptest::prelude::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// An option as it reaches a program: the group in lower case, the name, and the value as a key
/// says it.
type Found = (String, String, String);

/// Checks that something holds for so many generated inputs.
fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let cases = number("PROPTEST_CASES").map_or(cases, |n: u64| u32::try_from(n).unwrap());
    let seed_number = number("ETCSTACK_TEST_SEED").unwrap_or(1);
    let seed = [seed_number.to_le_bytes(); 4].concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    match TestRunner::new_with_rng(config, rng).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => {
            panic!("{reason}\nfor {input:#?}\nwith ETCSTACK_TEST_SEED={seed_number}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// Something for each of several options, by group and name.
type Options<T> = Vec<((String, String), T)>;

/// What a key holds for each option.
type Keys = Options<String>;

/// What the store holds for `f.cnf`.
fn file_config(keys: &Keys) -> Result<FileConfig, Problems> {
    let entry = |((group, option), value): &((String, String), String)| {
        (format!("r/s/f.cnf/{}/{option}", escape(group)), value.clone().into_bytes())
    };
    let entries: Entries = keys.iter().map(entry).collect();
    let config = ServiceConfig::resolve(&entries, &"r".parse().unwrap(), "s")?;
    Ok(config.files.into_values().next().unwrap_or_default())
}

/// Sets options in a file.
fn set(default: &str, keys: &Keys, scope: &Scope) -> Result<String, Problems> {
    let inputs = FileInputs::new(Dialect::Mysql, file_config(keys)?, scope);
    let default = DefaultFile { path: Path::new("/default"), bytes: default.as_bytes() };
    let bytes = render(&inputs, Some(default))?.expect("there is a default");
    Ok(String::from_utf8(bytes).expect("text stays text"))
}

/// Variables that are taken as they are.
fn environment<const N: usize>(variables: [(&str, &str); N]) -> Scope {
    let own = |(name, content): (&str, &str)| (name.to_owned(), content.to_owned());
    Scope { environment: variables.map(own).into(), ..Scope::default() }
}

/// What we read from a document, group by group as the judge says it.
fn ours(document: &Document<'_>) -> Vec<Found> {
    let found = |a: etcstack_config::document::Assignment<'_>| {
        (a.section.expect("a group").to_ascii_lowercase(), a.option.to_owned(), a.value)
    };
    by_group(document.assignments().into_iter().map(found).collect())
}

/// In the order of groups; options of one group keep theirs.
fn by_group(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// An option's name as MariaDB compares it.
fn same_option(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}
