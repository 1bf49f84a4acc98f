//! Generated pieces of text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What MariaDB takes for a blank inside a line.
const BLANKS: &[char] = &[' ', '\t', '\u{b}', '\u{c}', '\r'];

/// What looks like a blank, ends with one in bytes, or is one to others.
const TRAPS: &[char] = &[
    '\u{1}', '\u{8}', '\u{1b}', '\u{1c}', '\u{1f}', '\u{7f}', '\u{85}', '\u{a0}', 'à', '†',
    '\u{2028}', '\u{2029}', '\u{3000}', '\u{feff}', '\u{ff1d}', '\u{2019}', '😠',
];

const SPECIAL: &[char] =
    &['=', '#', ';', '!', '[', ']', '"', '\'', '\\', '\\', '$', '%', '{', '}', '/', '-', '_', ':'];

const LETTERS: &[char] = &['a', 'b', 'n', 's', 't', 'r', 'x', '1', 'é', 'ß', '日', '😀'];

/// Blanks, often none.
pub(crate) fn blanks() -> BoxedStrategy<String> {
    prop_oneof![
        4 => Just(String::new()),
        4 => Just(" ".to_owned()),
        1 => Just("\t".to_owned()),
        1 => vec(select(BLANKS), 1..4).prop_map(String::from_iter),
    ]
    .boxed()
}

fn character() -> BoxedStrategy<char> {
    prop_oneof![
        8 => select(LETTERS),
        5 => select(SPECIAL),
        2 => select(BLANKS),
        1 => select(TRAPS),
    ]
    .boxed()
}

/// A text without a line break, with everything else that makes trouble.
pub(crate) fn nasty(longest: usize) -> BoxedStrategy<String> {
    let quoted = (select(vec!['"', '\'']), vec(character(), 0..longest), select(vec!['"', '\'']));
    prop_oneof![
        6 => vec(character(), 0..longest).prop_map(String::from_iter),
        3 => quoted.prop_map(|(first, inner, last)| {
            std::iter::once(first).chain(inner).chain([last]).collect()
        }),
        2 => "[a-z]{0,8}",
    ]
    .boxed()
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
