//! Generated pieces of text.

use etcstack_tests::dialects::Alphabet;
use proptest::prelude::*;
use proptest::sample::select;

const ALPHABET: Alphabet = Alphabet {
    letters: &['a', 'b', 'n', 's', 't', 'r', 'x', '1', 'é', 'ß', '日', '😀'],
    special: &[
        '=', '#', ';', '!', '[', ']', '"', '\'', '\\', '\\', '$', '%', '{', '}', '/', '-', '_', ':',
    ],
    // What MariaDB takes for a blank inside a line.
    blanks: &[' ', '\t', '\u{b}', '\u{c}', '\r'],
    // What looks like a blank, ends with one in bytes, or is one to others.
    traps: &[
        '\u{1}', '\u{8}', '\u{1b}', '\u{1c}', '\u{1f}', '\u{7f}', '\u{85}', '\u{a0}', 'à', '†',
        '\u{2028}', '\u{2029}', '\u{3000}', '\u{feff}', '\u{ff1d}', '\u{2019}', '😠',
    ],
};

/// Blanks, often none.
pub(crate) fn blanks() -> BoxedStrategy<String> {
    ALPHABET.blanks()
}

/// A text without a line break, with everything else that makes trouble.
pub(crate) fn nasty(longest: usize) -> BoxedStrategy<String> {
    ALPHABET.nasty(longest)
}

/// The name of an option that can be written.
pub(crate) fn name() -> BoxedStrategy<String> {
    prop_oneof![
        6 => select(vec![
            "bind-address", "bind_address", "skip-name-resolve", "skip_name-resolve", "port",
            "loose-x", "x",
        ])
        .prop_map(String::from),
        1 => "[a-z0-9][a-z0-9_.;:! é-]{0,6}[a-z0-9]",
    ]
    .boxed()
}

/// A group that can be written.
pub(crate) fn group() -> BoxedStrategy<String> {
    select(vec!["mysqld", "MySQLd", "galera", "é/%", "[x"]).prop_map(String::from).boxed()
}
