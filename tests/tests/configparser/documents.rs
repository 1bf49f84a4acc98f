//! We read what PasteDeploy and Swift read, and refuse what they refuse.

use etcstack_config::dialect::Dialect;
use etcstack_config::document::{Document, SyntaxError};
use etcstack_tests::dialects::{self, Tally, every};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::Judge;
use crate::text::{blanks, nasty};
use crate::{DIALECTS, Options, check};

/// How far a line is indented; mostly not at all.
fn indent() -> BoxedStrategy<String> {
    prop_oneof![
        20 => Just(String::new()),
        4 => select(vec![" ", "  ", "    ", "\t", "\u{c}"]).prop_map(String::from),
        1 => blanks(),
    ]
    .boxed()
}

fn section() -> BoxedStrategy<String> {
    let name = prop_oneof![
        2 => Just("DEFAULT".to_owned()),
        20 => select(vec!["filter:authtoken", "pipeline:main", "default", "A", "a", "swift-hash",
            " x ", "]", "[", "a]b", "storage-policy:0", "é"]).prop_map(String::from),
        2 => nasty(5),
    ];
    let end = prop_oneof![10 => blanks(), 1 => nasty(4)];
    prop_oneof![
        20 => (indent(), name.clone(), end).prop_map(|(start, name, end)| format!("{start}[{name}]{end}")),
        1 => (indent(), name).prop_map(|(start, name)| format!("{start}[{name}")),
    ]
    .boxed()
}

fn option() -> BoxedStrategy<String> {
    let separator = select(vec!["=", "=", "=", ":", "==", ":=", "=:"]);
    let name = prop_oneof![
        16 => "[a-z]{2}",
        2 => select(vec!["use", "Use", "/v3", "set log_level", "à"]).prop_map(String::from),
        1 => nasty(5),
    ];
    (indent(), name, blanks(), separator, blanks(), nasty(10), blanks())
        .prop_map(|(start, name, a, separator, b, value, c)| {
            format!("{start}{name}{a}{separator}{b}{value}{c}")
        })
        .boxed()
}

fn comment() -> BoxedStrategy<String> {
    (indent(), "[#;]{1,2}", nasty(8)).prop_map(|(a, b, c)| format!("{a}{b}{c}")).boxed()
}

/// An option with the lines that continue it.
fn long_option() -> BoxedStrategy<Vec<String>> {
    let more = (select(vec![" ", "\t", "    ", " \u{a0}", "\t\u{c}"]), nasty(8), blanks());
    let more = prop_oneof![
        6 => more.prop_map(|(indent, text, end)| format!("{indent}{text}{end}")),
        1 => comment(),
        1 => blanks(),
    ];
    (option(), vec(more, 1..5)).prop_map(|(first, more)| [vec![first], more].concat()).boxed()
}

fn document() -> BoxedStrategy<String> {
    let lines = prop_oneof![
        6 => section().prop_map(|line| vec![line]),
        20 => option().prop_map(|line| vec![line]),
        6 => blanks().prop_map(|line| vec![line]),
        6 => comment().prop_map(|line| vec![line]),
        10 => long_option(),
        1 => nasty(8).prop_map(|line| vec![line]),
        1 => select(vec!["=", "[]", "[] = 1", "[x = 1", " "]).prop_map(|line| vec![line.to_owned()]),
    ];
    let end = prop_oneof![
        12 => Just("\n"),
        4 => Just("\r\n"),
        1 => Just("\r"),
        1 => Just("\n\r"),
    ];
    let lines = (lines, end.clone()).prop_map(|(lines, end)| lines.join(end));
    let start = prop_oneof![
        30 => Just("[DEFAULT]\n"),
        4 => Just("[swift-hash]\n"),
        2 => Just(""),
        1 => Just("\u{feff}"),
        1 => Just("\u{feff}[DEFAULT]\n"),
        1 => Just("\n\u{feff}[DEFAULT]\n"),
    ];
    dialects::document(start, lines, end, 10)
}

fn ours(document: &Document) -> Options {
    let found = document.assignments().into_iter();
    found.map(|a| ((a.section.unwrap().to_owned(), a.option.to_owned()), a.value)).collect()
}

/// What the documents say that we refuse and the readers may not.
fn is_ours_alone(errors: &[SyntaxError]) -> bool {
    let alone = ["a blank that is not ASCII", "byte by byte"];
    errors.iter().all(|error| alone.iter().any(|why| error.message.contains(why)))
}

fn same(judge: &Judge, dialect: Dialect, text: &str) -> Result<bool, TestCaseError> {
    let grammar = dialect.grammar().expect("a dialect of options");
    let (lenient, _) = Document::parse_leniently(grammar, text);
    prop_assert_eq!(lenient.to_string(), text, "printing changed it");
    match (Document::parse(grammar, text), judge.read(dialect, text)) {
        (Ok(document), Ok(read)) => {
            prop_assert_eq!(ours(&document), read.values);
            Ok(true)
        }
        (Err(_), Err(_)) => Ok(false),
        (Ok(_), Err(refusal)) => {
            Err(TestCaseError::fail(format!("{dialect}: only the readers refuse it: {refusal}")))
        }
        (Err(errors), Ok(_)) if dialect == Dialect::Configparser && is_ours_alone(&errors) => {
            Ok(false)
        }
        (Err(errors), Ok(_)) => {
            Err(TestCaseError::fail(format!("{dialect}: only we refuse it: {errors:?}")))
        }
    }
}

#[test]
fn we_read_what_they_read() {
    let judge = Judge::new();
    for dialect in DIALECTS {
        let tally = Tally::default();
        check(2500, &document(), |text| {
            tally.count(same(&judge, dialect, &text)?);
            Ok(())
        });
        tally.assert_least(15, 15);
    }
}

/// Every line of up to three characters that mean something, behind an option and behind a header.
#[test]
fn every_short_line() {
    let judge = Judge::new();
    let characters = ["a", "=", ":", "[", "]", "#", " ", "\u{c}", "\u{85}", "\u{a0}", "à"];
    for line in every(&characters, 3) {
        for text in [
            format!("[swift-hash]\nx = 1\n{line}\n y = 2\n"),
            format!("[swift-hash]\n  {line}\n y = 2\n"),
        ] {
            for dialect in DIALECTS {
                if let Err(error) = same(&judge, dialect, &text) {
                    panic!("{text:?}: {error}");
                }
            }
        }
    }
}
