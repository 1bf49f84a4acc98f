//! We read what oslo.config reads, and refuse what it refuses.

use etcstack_config::document::{Document, Oslo, SyntaxError, normal_section};
use etcstack_tests::dialects::{self, Tally, every};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::{Judge, Refusal};
use crate::text::{blanks, nasty};
use crate::{Sections, check};

fn section_name() -> BoxedStrategy<String> {
    prop_oneof![
        6 => select(vec!["DEFAULT", "default", "Database", "database", "a b", "İ", "ΑΣ", "]", "[", " x "])
            .prop_map(String::from),
        1 => nasty(5),
    ].boxed()
}

fn section() -> BoxedStrategy<String> {
    let line = (section_name(), blanks()).prop_map(|(name, end)| format!("[{name}]{end}"));
    prop_oneof![
        20 => line,
        1 => (blanks(), section_name()).prop_map(|(start, name)| format!("{start}[{name}]")),
        1 => (section_name(), nasty(4)).prop_map(|(name, end)| format!("[{name}]{end}")),
        1 => section_name().prop_map(|name| format!("[{name}")),
    ]
    .boxed()
}

fn option() -> BoxedStrategy<String> {
    let separator = select(vec!["=", "=", "=", ":", "==", ":=", "=:"]);
    let key = prop_oneof![8 => "[a-c]", 2 => nasty(5)];
    (key, blanks(), separator, blanks(), nasty(10), blanks())
        .prop_map(|(key, a, separator, b, value, c)| format!("{key}{a}{separator}{b}{value}{c}"))
        .boxed()
}

/// A line of the usual sort; most of them can be read.
fn usual_line() -> BoxedStrategy<String> {
    prop_oneof![
        3 => section(),
        8 => option(),
        3 => blanks(),
        2 => ("[#;]{1,2}", nasty(8)).prop_map(|(start, text)| start + &text),
    ]
    .boxed()
}

/// An option with the lines that continue it.
fn long_option() -> BoxedStrategy<Vec<String>> {
    let more =
        (select(vec![" ", "\t", "    ", " \u{a0}", "\t\u{c}"]), "[^\\s]", nasty(8), blanks());
    let more = more.prop_map(|(indent, c, text, end)| format!("{indent}{c}{text}{end}"));
    (option(), vec(more, 1..4)).prop_map(|(first, more)| [vec![first], more].concat()).boxed()
}

/// A line that is anything at all, or a usual one in the wrong place.
fn odd_line() -> BoxedStrategy<String> {
    prop_oneof![
        nasty(8),
        (blanks(), usual_line()).prop_map(|(start, line)| start + &line),
        Just(" ".to_owned()),
        Just("=".to_owned()),
        Just("[]".to_owned()),
    ]
    .boxed()
}

fn document() -> BoxedStrategy<String> {
    let lines = prop_oneof![
        30 => usual_line().prop_map(|line| vec![line]),
        6 => long_option(),
        1 => odd_line().prop_map(|line| vec![line]),
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
        2 => Just(""),
        1 => Just("\u{feff}"),
        1 => Just("\u{feff}[DEFAULT]\n"),
        1 => Just("\n\u{feff}[DEFAULT]\n"),
    ];
    dialects::document(start, lines, end, 12)
}

fn ours(document: &Document) -> Sections {
    let mut sections = Sections::new();
    for found in document.assignments() {
        let section = sections.entry(normal_section(found.section.unwrap())).or_default();
        section.entry(found.option.to_owned()).or_default().push(found.value);
    }
    sections
}

/// Sections without options are nothing that a service could ask for.
fn without_empty(mut sections: Sections) -> Sections {
    sections.retain(|_, options| !options.is_empty());
    sections
}

#[test]
fn we_read_what_oslo_reads() {
    let judge = Judge::new();
    let tally = Tally::default();
    check(8000, &document(), |text| {
        let (lenient, _) = Document::parse_leniently(&Oslo, &text);
        prop_assert_eq!(lenient.to_string(), text.as_str(), "printing changed it");
        match (Document::parse(&Oslo, &text), judge.read(&text)) {
            (Ok(document), Ok(sections)) => {
                tally.good();
                prop_assert_eq!(ours(&document), without_empty(sections));
                Ok(())
            }
            (Err(errors), Err(refusal)) => {
                tally.bad();
                same_place(&errors[0], &refusal)
            }
            (Ok(_), Err(refusal)) => {
                Err(TestCaseError::fail(format!("only oslo refuses it: {}", refusal.message)))
            }
            (Err(errors), Ok(_)) => {
                Err(TestCaseError::fail(format!("only we refuse it: {errors:?}")))
            }
        }
    });
    tally.assert_both();
}

fn same_place(error: &SyntaxError, refusal: &Refusal) -> Result<(), TestCaseError> {
    prop_assert_eq!(&*refusal.kind, "ConfigFileParseError");
    let line = refusal.line.expect("a line");
    if error.message.contains("byte order mark") {
        // oslo.config takes it for a part of the first line's text, and says so or not.
        prop_assert_eq!(error.line, 1);
    } else if error.message.contains("before the first [section]") {
        // oslo.config notices with the next line.
        prop_assert!(refusal.message.contains("Section must be started"), "{:?}", refusal);
        prop_assert!(line >= error.line, "{} but {}", error, refusal.message);
    } else {
        prop_assert_eq!(line, error.line, "{} but {}", error, &refusal.message);
    }
    Ok(())
}

/// Every line of up to three characters that mean something.
#[test]
fn every_short_line() {
    let judge = Judge::new();
    let characters = ["a", "=", ":", "[", "]", "#", "\"", " ", "\u{c}", "\u{a0}", "\u{2028}"];
    for line in every(&characters, 3) {
        let text = format!("[DEFAULT]\nx = 1\n{line}\ny = 2\n");
        match (Document::parse(&Oslo, &text), judge.read(&text)) {
            (Ok(document), Ok(sections)) => {
                assert_eq!(ours(&document), without_empty(sections), "{line:?}");
            }
            (Err(errors), Err(refusal)) => {
                same_place(&errors[0], &refusal)
                    .unwrap_or_else(|error| panic!("{line:?}: {error}"));
            }
            (ours, oslo) => panic!("{line:?}: {ours:?}\nbut oslo.config: {oslo:?}"),
        }
    }
}
