//! Generated pieces of text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The characters that make trouble for a reader.
#[derive(Clone, Copy, Debug)]
pub struct Alphabet {
    /// Those that mean nothing.
    pub letters: &'static [char],
    /// Those that mean something.
    pub special: &'static [char],
    /// What it takes for a blank inside a line.
    pub blanks: &'static [char],
    /// What looks like a blank or like a special character, and is none.
    pub traps: &'static [char],
}

impl Alphabet {
    /// Blanks, often none.
    pub fn blanks(self) -> BoxedStrategy<String> {
        prop_oneof![
            4 => Just(String::new()),
            4 => Just(" ".to_owned()),
            1 => Just("\t".to_owned()),
            1 => vec(select(self.blanks), 1..4).prop_map(String::from_iter),
        ]
        .boxed()
    }

    fn character(self) -> BoxedStrategy<char> {
        prop_oneof![
            8 => select(self.letters),
            5 => select(self.special),
            2 => select(self.blanks),
            1 => select(self.traps),
        ]
        .boxed()
    }

    /// A text without a line break, with everything else that makes trouble.
    pub fn nasty(self, longest: usize) -> BoxedStrategy<String> {
        let text = || vec(self.character(), 0..longest).prop_map(String::from_iter);
        let quote = || select(vec!["\"", "'"]);
        prop_oneof![
            6 => text(),
            2 => (quote(), text(), quote()).prop_map(|(a, text, b)| format!("{a}{text}{b}")),
            2 => "[a-z0-9]{0,8}",
        ]
        .boxed()
    }
}

/// Lines behind a start, each with its end; the last one may lack a part of it.
pub fn document(
    start: impl Strategy<Value = &'static str> + 'static,
    lines: impl Strategy<Value = String> + 'static,
    end: impl Strategy<Value = &'static str> + 'static,
    most: usize,
) -> BoxedStrategy<String> {
    let line = (lines, end).prop_map(|(line, end)| line + end);
    (start, vec(line, 0..most), any::<bool>())
        .prop_map(|(start, lines, cut)| {
            let mut text = start.to_owned() + &lines.concat();
            if cut && text.ends_with(['\r', '\n']) {
                text.pop();
            }
            text
        })
        .boxed()
}

/// All texts of up to so many of these pieces.
pub fn every(pieces: &[&str], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last =
            last.iter().flat_map(|text| pieces.iter().map(move |p| format!("{text}{p}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}
