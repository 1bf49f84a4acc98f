//! Generated pieces of text.

use etcstack_tests::dialects::{self, Alphabet};
use proptest::prelude::*;
use proptest::sample::select;

const ALPHABET: Alphabet = Alphabet {
    letters: &['a', 'b', 'x', 'A', '1', '9', 'é', 'ß', '日', '😀'],
    special: &[
        ':', '=', '#', '#', ';', '[', ']', '"', '"', '\'', '\'', '\\', '\\', '$', '%', '(', '<',
        ')', '{', '}', '&', '/', ',', '-', '+', '_', '.', '!', '`',
    ],
    // What some program or other takes for a blank, and what only looks like one.
    blanks: &[
        ' ', ' ', '\t', '\u{b}', '\u{c}', '\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{2003}',
        '\u{2028}', '\u{2029}', '\u{3000}', '\u{200b}',
    ],
    traps: &['\u{1}', '\u{1b}', '\u{7f}', '\u{feff}', '\u{ff1d}', '\u{ff03}', '\u{fffd}'],
};

/// Blanks, often none.
pub(crate) fn blanks() -> BoxedStrategy<String> {
    ALPHABET.blanks()
}

/// A text without a line break or NUL, with everything else that makes trouble.
pub(crate) fn nasty(longest: usize) -> BoxedStrategy<String> {
    ALPHABET.nasty(longest)
}

/// A text of any kind, line breaks and NUL included, now and then a long one.
pub(crate) fn hostile() -> BoxedStrategy<String> {
    let breaking = (nasty(4), select(vec!["\n", "\r", "\r\n", "\0", "\n\n", "\\\n"]), nasty(4));
    prop_oneof![
        12 => nasty(10),
        3 => "[a-zA-Z0-9@%$#'\"\\\\ ,;:!?&()<>{}-]{1,16}",
        3 => "[0-9]{1,6}",
        2 => breaking.prop_map(|(first, end, last)| first + end + &last),
        1 => any::<String>(),
        1 => (nasty(8), 50..150_usize).prop_map(|(text, times)| text.repeat(times)),
    ]
    .boxed()
}

/// Lines with their ends; the last one may be without.
pub(crate) fn document(
    line: impl Strategy<Value = String> + 'static,
    ends: &'static [&'static str],
) -> BoxedStrategy<String> {
    let start = prop_oneof![30 => Just(""), 1 => Just("\u{feff}")];
    let end = prop_oneof![10 => Just("\n"), 4 => select(ends)];
    dialects::document(start, line, end, 10)
}
