//! RabbitMQ, rsync and libvirt themselves judge what we read and write of their files.
//!
//! The cases are generated from a seed that stays the same, so that a run tells of the code and
//! not of luck. `PROPTEST_CASES` sets how many there are, `ETCSTACK_TEST_SEED` starts elsewhere.
//! `ETCSTACK_TEST_CUTTLEFISH` names a folder with the compiled modules of another RabbitMQ's parser.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod judge;
mod libvirt;
mod rabbitmq;
mod rsync;
mod text;

use std::cell::Cell;
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::{Document, SyntaxError};
use etcstack_config::layers::ServiceConfig;
use etcstack_config::problem::Problems;
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::Scope;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Section, option and value, in the order of the file.
type Values = Vec<(Option<String>, String, String)>;

/// Checks that something holds for so many generated inputs.
fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let cases = number("PROPTEST_CASES").map_or(cases, |n: u64| u32::try_from(n).unwrap());
    let seed = number("ETCSTACK_TEST_SEED").unwrap_or(1);
    let bytes = [seed.to_le_bytes(); 4].concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        cases,
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        ..Config::default()
    };
    match TestRunner::new_with_rng(config, rng).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => {
            panic!("{reason}\nfor {input:#?}\nwith ETCSTACK_TEST_SEED={seed}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// How often each of two things happened; neither may hide the other.
#[derive(Debug, Default)]
struct Tally {
    good: Cell<u32>,
    bad: Cell<u32>,
}

impl Tally {
    fn good(&self) {
        self.count(true);
    }

    fn bad(&self) {
        self.count(false);
    }

    fn count(&self, good: bool) {
        let cell = if good { &self.good } else { &self.bad };
        cell.set(cell.get() + 1);
    }

    /// Checks that each happened in a tenth of all cases at least.
    fn assert_both(&self) {
        let (good, bad) = (self.good.get(), self.bad.get());
        println!("{good} accepted, {bad} refused");
        assert!(10 * good.min(bad) >= good + bad, "{good} accepted, {bad} refused");
    }
}

/// What we read of a text, or what we say of it.
fn ours(dialect: Dialect, text: &str) -> Result<Values, Vec<SyntaxError>> {
    let grammar = dialect.grammar().expect("a dialect with options");
    let (lenient, _) = Document::parse_leniently(grammar, text);
    assert_eq!(lenient.to_string(), text, "printing changed it");
    let document = Document::parse(grammar, text)?;
    let own = |section: Option<&str>| section.map(str::to_owned);
    let all = document.assignments().into_iter();
    Ok(all.map(|a| (own(a.section), a.option.to_owned(), a.value)).collect())
}

/// Sets options of a file, given as the rest of their keys and what these hold.
fn set(
    dialect: Dialect,
    default: &str,
    options: &[(String, String)],
    variables: &[(&str, &str)],
) -> Result<String, Problems> {
    let key = |name: &str| format!("r/s/f/{name}");
    let entries: Entries =
        options.iter().map(|(name, value)| (key(name), value.clone().into_bytes())).collect();
    let config = ServiceConfig::resolve(&entries, &"r".parse().unwrap(), "s")?;
    let file = config.files.into_values().next().unwrap_or_default();
    // What is in the environment is taken as it is.
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let scope = Scope { environment: variables.collect(), ..Scope::default() };
    let inputs = FileInputs::new(dialect, file, &scope);
    let default = DefaultFile { path: Path::new("/default"), bytes: default.as_bytes() };
    let bytes = render(&inputs, Some(default))?.expect("there is a default");
    Ok(String::from_utf8(bytes).expect("text stays text"))
}

/// Checks that all lines of a file are still there, in their order, but for those of an option and
/// of its commented default.
fn check_untouched(
    dialect: Dialect,
    before: &str,
    after: &str,
    is_it: impl Fn(Option<&str>, &str) -> bool,
) -> Result<(), TestCaseError> {
    let grammar = dialect.grammar().expect("a dialect with options");
    let document = Document::parse(grammar, before).expect("it was read");
    // Only libvirt takes a bare carriage return for the end of a line.
    let end = if dialect == Dialect::Libvirt { "\n" } else { "\r" };
    let lines = |text: &str| -> Vec<String> {
        let text = text.replace("\r\n", "\n").replace('\r', end);
        text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
    };
    let mut mine = vec![false; lines(before).len() + 1];
    for found in document.assignments() {
        if is_it(found.section, found.option) {
            let end = found.line - 1 + found.starts.len();
            mine[found.line - 1..end].fill(true);
        }
    }
    let mut rest = lines(after).into_iter();
    for (line, _) in lines(before).into_iter().zip(&mine).filter(|(_, mine)| !**mine) {
        // A blank line without its end is none.
        if line.is_empty() {
            continue;
        }
        let there = rest.any(|other| other == line);
        // A commented default makes room for its option, and then nothing else goes.
        prop_assert!(
            there || line.starts_with('#'),
            "{line:?} is gone\nfrom {before:?}\nin {after:?}"
        );
        if !there {
            return Ok(());
        }
    }
    Ok(())
}
