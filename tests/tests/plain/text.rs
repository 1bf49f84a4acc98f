//! Generated pieces of text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What some program or other takes for a blank, and what only looks like one.
const BLANKS: &[char] = &[
    ' ', ' ', '\t', '\u{b}', '\u{c}', '\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{2003}',
    '\u{2028}', '\u{2029}', '\u{3000}', '\u{200b}',
];

const SPECIAL: &[char] = &[
    ':', '=', '#', '#', ';', '[', ']', '"', '"', '\'', '\'', '\\', '\\', '$', '%', '(', '<', ')',
    '{', '}', '&', '/', ',', '-', '+', '_', '.', '!', '`',
];

const LETTERS: &[char] = &['a', 'b', 'x', 'A', '1', '9', 'é', 'ß', '日', '😀'];

const TRAPS: &[char] =
    &['\u{1}', '\u{1b}', '\u{7f}', '\u{feff}', '\u{ff1d}', '\u{ff03}', '\u{fffd}'];

/// Blanks, often none.
pub(crate) fn blanks() -> BoxedStrategy<String> {
    prop_oneof![
        6 => Just(String::new()),
        6 => Just(" ".to_owned()),
        2 => "[ \t]{1,3}",
        1 => vec(select(BLANKS), 1..3).prop_map(String::from_iter),
    ]
    .boxed()
}

/// A text without a line break or NUL, with everything else that makes trouble.
pub(crate) fn nasty(longest: usize) -> BoxedStrategy<String> {
    let character = prop_oneof![
        8 => select(LETTERS),
        5 => select(SPECIAL),
        2 => select(BLANKS),
        1 => select(TRAPS),
    ];
    let quoted = ("['\"]", vec(character.clone(), 0..longest), "['\"]");
    prop_oneof![
        6 => vec(character, 0..longest).prop_map(String::from_iter),
        2 => quoted.prop_map(|(first, inner, last)| first + &String::from_iter(inner) + &last),
        2 => "[a-z0-9]{0,8}",
    ]
    .boxed()
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
    let end = prop_oneof![10 => Just("\n"), 4 => select(ends)];
    let line = (line, end).prop_map(|(line, end)| line + end);
    (vec(line, 0..10), any::<bool>())
        .prop_map(|(lines, cut)| {
            let mut text = lines.concat();
            if cut && text.ends_with(['\r', '\n']) {
                text.pop();
            }
            text
        })
        .boxed()
}

/// All texts of up to so many of these pieces.
pub(crate) fn every(pieces: &[&str], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last =
            last.iter().flat_map(|text| pieces.iter().map(move |p| format!("{text}{p}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}
