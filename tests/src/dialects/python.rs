//! Texts for readers that are written in Python.

use proptest::prelude::*;
use proptest::sample::select;

use super::Alphabet;

/// What makes trouble in Python.
pub const ALPHABET: Alphabet = Alphabet {
    letters: &['a', 'b', 'x', '1', 'é', 'ß', 'İ', 'Σ', 'ς', '日', '😀'],
    special: &[
        ':', '=', '#', ';', '[', ']', '"', '\'', '\\', '$', '%', '{', '}', '/', ',', '-', '_', '.',
    ],
    // All that Python takes for white space and that does not end a line in a file.
    blanks: &[
        ' ', '\t', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}', '\u{85}', '\u{a0}',
        '\u{1680}', '\u{2000}', '\u{200a}', '\u{2028}', '\u{2029}', '\u{202f}', '\u{205f}',
        '\u{3000}',
    ],
    traps: &[
        '\0', '\u{1b}', '\u{7f}', '\u{180e}', '\u{200b}', '\u{2060}', '\u{feff}', '\u{ff1d}',
        '\u{ff03}', '\u{2019}', '\u{301}', '\u{fffd}',
    ],
};

/// Python's `str.isspace`, written down once more.
pub fn is_blank(character: char) -> bool {
    ALPHABET.blanks.contains(&character)
        || matches!(character, '\n' | '\r' | '\u{2001}'..='\u{2009}')
}

/// Python's `str.strip`.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Blanks, often none.
pub fn blanks() -> BoxedStrategy<String> {
    ALPHABET.blanks()
}

/// A text without a line break, with everything else that makes trouble.
pub fn nasty(longest: usize) -> BoxedStrategy<String> {
    ALPHABET.nasty(longest)
}

/// The name of an option or section that can be written; no upper case, which would be a variable.
pub fn name() -> BoxedStrategy<String> {
    prop_oneof![
        3 => select(vec!["debug", "connection", "my_ip", "max connections", "a"])
            .prop_map(String::from),
        1 => "[a-z0-9][a-z0-9_.#;\"' é-]{0,6}[a-z0-9]",
    ]
    .boxed()
}
