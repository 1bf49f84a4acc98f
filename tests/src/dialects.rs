//! What the suites share in which the real reader of a dialect judges what we read and write.
//!
//! The cases are generated from a seed that stays the same, so that a run tells of the code and
//! not of luck. `PROPTEST_CASES` sets how many there are, `ETCSTACK_TEST_SEED` starts elsewhere.

mod check;
mod files;
mod script;
mod text;

pub mod python;

pub use check::{Tally, both, check, check_in_parts};
pub use files::{environment, keys, set};
pub use script::Script;
pub use text::{Alphabet, document, every};
