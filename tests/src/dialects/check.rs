//! Generated cases, and what came of them.

use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// How many cases may be passed over in one check: more is a strategy that makes nothing of use.
const MOST_PASSED_OVER: u32 = 1 << 20;

/// Checks that something holds for so many generated inputs.
pub fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    run(cases, 0, strategy, test);
}

/// The same in so many threads, each with inputs and a judge of its own: for a reader that takes
/// its time and little of the processor.
pub fn check_in_parts<S: Strategy, J>(
    cases: u32,
    parts: u32,
    judge: impl Fn() -> J + Sync,
    strategy: impl Fn() -> S + Sync,
    test: impl Fn(&J, S::Value) -> Result<(), TestCaseError> + Sync,
) {
    let (judge, strategy, test) = (&judge, &strategy, &test);
    thread::scope(|scope| {
        for part in 1..=parts {
            scope.spawn(move || {
                let judge = judge();
                run(cases.div_ceil(parts), part, &strategy(), |case| test(&judge, case));
            });
        }
    });
}

fn run<S: Strategy>(
    cases: u32,
    part: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let cases = number("PROPTEST_CASES").map_or(cases, |n: u64| u32::try_from(n).unwrap());
    let seed: u64 = number("ETCSTACK_TEST_SEED").unwrap_or(1);
    let bytes = [seed, seed, seed, seed ^ u64::from(part)].map(u64::to_le_bytes).concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        cases,
        failure_persistence: None,
        max_global_rejects: MOST_PASSED_OVER,
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
pub struct Tally {
    good: AtomicU32,
    bad: AtomicU32,
}

impl Tally {
    /// Something was accepted, or written.
    pub fn good(&self) {
        self.count(true);
    }

    /// Something was refused.
    pub fn bad(&self) {
        self.count(false);
    }

    /// One of the two.
    pub fn count(&self, good: bool) {
        let cell = if good { &self.good } else { &self.bad };
        cell.fetch_add(1, Ordering::Relaxed);
    }

    /// Checks that each happened in a tenth of all cases at least.
    pub fn assert_both(&self) {
        self.assert_least(10, 10);
    }

    /// Checks that each happened in so many of a hundred cases at least.
    pub fn assert_least(&self, good_percent: u32, bad_percent: u32) {
        let (good, bad) = (self.good.load(Ordering::Relaxed), self.bad.load(Ordering::Relaxed));
        println!("{good} accepted, {bad} refused");
        let all = good + bad;
        let enough = 100 * good >= good_percent * all && 100 * bad >= bad_percent * all;
        assert!(all > 0 && enough, "{good} accepted, {bad} refused");
    }
}

/// Compares what could be done with what can be done: both, or `None` where it rightly failed.
pub fn both<T: std::fmt::Debug, U, E: Display>(
    done: Result<T, E>,
    expected: Option<U>,
) -> Result<Option<(T, U)>, TestCaseError> {
    match (done, expected) {
        (Ok(done), Some(expected)) => Ok(Some((done, expected))),
        (Err(problem), None) if problem.to_string().is_empty() => {
            Err(TestCaseError::fail("it is refused without a word"))
        }
        (Err(_), None) => Ok(None),
        (Ok(done), None) => Err(TestCaseError::fail(format!("this cannot be right: {done:?}"))),
        (Err(problem), Some(_)) => {
            Err(TestCaseError::fail(format!("it could be written: {problem}")))
        }
    }
}
