//! Generated pieces of text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// All that Python takes for white space and that does not end a line in a file.
pub(crate) const BLANKS: &[char] = &[
    ' ', '\t', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}', '\u{85}', '\u{a0}',
    '\u{1680}', '\u{2000}', '\u{200a}', '\u{2028}', '\u{2029}', '\u{202f}', '\u{205f}', '\u{3000}',
];

/// What looks like white space or like a special character, and is none.
const TRAPS: &[char] = &[
    '\0', '\u{1b}', '\u{7f}', '\u{180e}', '\u{200b}', '\u{2060}', '\u{feff}', '\u{ff1d}',
    '\u{ff03}', '\u{2019}', '\u{301}', '\u{fffd}',
];

const SPECIAL: &[char] =
    &[':', '=', '#', ';', '[', ']', '"', '\'', '\\', '$', '%', '{', '}', '/', ',', '-', '_', '.'];

const LETTERS: &[char] = &['a', 'b', 'x', '1', 'é', 'ß', 'İ', 'Σ', 'ς', '日', '😀'];

/// Python's `str.isspace`, written down once more.
pub(crate) fn is_blank(character: char) -> bool {
    BLANKS.contains(&character) || matches!(character, '\n' | '\r' | '\u{2001}'..='\u{2009}')
}

pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Blanks, often none.
pub(crate) fn blanks() -> BoxedStrategy<String> {
    prop_oneof![
        4 => Just(String::new()),
        4 => Just(" ".to_owned()),
        1 => Just("\t".to_owned()),
        2 => vec(select(BLANKS), 1..4).prop_map(String::from_iter),
    ]
    .boxed()
}

fn character() -> BoxedStrategy<char> {
    prop_oneof![
        8 => select(LETTERS),
        4 => select(SPECIAL),
        3 => select(BLANKS),
        1 => select(TRAPS),
    ]
    .boxed()
}

/// A text without a line break, with everything else that makes trouble.
pub(crate) fn nasty(longest: usize) -> BoxedStrategy<String> {
    let quoted = (select(vec!['"', '\'']), vec(character(), 0..longest), select(vec!['"', '\'']));
    prop_oneof![
        6 => vec(character(), 0..longest).prop_map(String::from_iter),
        2 => quoted.prop_map(|(first, inner, last)| {
            std::iter::once(first).chain(inner).chain([last]).collect()
        }),
        1 => "[a-z]{0,8}",
    ]
    .boxed()
}

/// The name of an option or section that can be written; no upper case, which would be a variable.
pub(crate) fn name() -> BoxedStrategy<String> {
    prop_oneof![
        3 => select(vec!["debug", "connection", "my_ip", "max connections", "a"]).prop_map(String::from),
        1 => "[a-z0-9][a-z0-9_.#;\"' é-]{0,6}[a-z0-9]",
    ].boxed()
}
