//! We read what MariaDB reads, and refuse what it refuses.

use etcstack_config::document::{Document, Mysql, SyntaxError};
use etcstack_tests::dialects::{self, Tally, every};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::Judge;
use crate::text::{blanks, group, name, nasty};
use crate::{by_group, check, ours};

fn header() -> BoxedStrategy<String> {
    let name = prop_oneof![8 => group(), 1 => nasty(5)];
    let line =
        (blanks(), name.clone(), blanks(), prop_oneof![6 => Just(String::new()), 1 => nasty(6)]);
    let line = line.prop_map(|(start, name, end, after)| format!("{start}[{name}{end}]{after}"));
    prop_oneof![30 => line, 1 => name.prop_map(|name| format!("[{name}"))].boxed()
}

fn option() -> BoxedStrategy<String> {
    let name = prop_oneof![8 => name(), 1 => nasty(5)];
    let value = (blanks(), nasty(12), blanks());
    let value = value.prop_map(|(a, value, b)| format!("={a}{value}{b}"));
    let value = prop_oneof![5 => value, 2 => Just(String::new())];
    let comment = (blanks(), nasty(8)).prop_map(|(blanks, text)| format!("{blanks}#{text}"));
    let comment = prop_oneof![3 => Just(String::new()), 1 => comment];
    (blanks(), name, blanks(), value, comment)
        .prop_map(|(a, name, b, value, comment)| format!("{a}{name}{b}{value}{comment}"))
        .boxed()
}

/// What the reader acts on besides. No file that it names is there.
fn directive() -> BoxedStrategy<String> {
    let word = select(vec![
        "include /none.cnf",
        "include\t/none/x y.cnf  ",
        "includedir /proc/sys/abi",
        "includedirs x",
        "includes",
        "other",
        "",
        "include",
        "includedir ",
    ]);
    (blanks(), blanks(), word).prop_map(|(a, b, word)| format!("{a}!{b}{word}")).boxed()
}

/// A line around the size of the reader's buffer.
fn long_line() -> BoxedStrategy<String> {
    let start = select(vec!["a=", "#", "[x]", "x"]);
    (start, 4090_usize..4097, select(vec!["", " ", "#", " x"]))
        .prop_map(|(start, length, end)| {
            let fill = length.saturating_sub(start.len() + end.len());
            format!("{start}{}{end}", "y".repeat(fill))
        })
        .boxed()
}

fn line() -> BoxedStrategy<String> {
    prop_oneof![
        60 => header(),
        180 => option(),
        20 => blanks(),
        40 => (blanks(), "[#;]{1,2}", nasty(8)).prop_map(|(a, start, text)| a + &start + &text),
        8 => directive(),
        3 => nasty(8),
        1 => long_line(),
        1 => Just("a = b\0c".to_owned()),
        1 => Just("# b\0c".to_owned()),
    ]
    .boxed()
}

fn document() -> BoxedStrategy<String> {
    let end = prop_oneof![12 => Just("\n"), 4 => Just("\r\n"), 1 => Just("\n\r")];
    let start = prop_oneof![
        40 => Just("[mysqld]\n"),
        2 => Just(""),
        1 => Just("\u{feff}"),
        1 => Just("\u{feff}[mysqld]\n"),
        1 => Just("\n\u{feff}[mysqld]\n"),
    ];
    dialects::document(start, line(), end, 12)
}

/// What MariaDB reads, though not as anyone means it. Nothing else is refused by us alone.
const OURS_ALONE: [&str; 7] = [
    "has more than 4094 bytes",
    "NUL byte",
    "last byte of this character",
    "the option's name is missing",
    "the group has no name",
    "the value is two quotes",
    "is missing",
];

fn is_ours_alone(error: &SyntaxError) -> bool {
    OURS_ALONE.iter().any(|part| error.message.contains(part))
        || error.message.contains("on a last line without its end")
}

/// The line that MariaDB names.
fn line_of(refusal: &str) -> Option<usize> {
    let (_, rest) = refusal.split_once("at line")?;
    let digits = rest.trim_start_matches([':', ' ']);
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn compare(text: &str, judge: &Judge) -> Result<bool, TestCaseError> {
    let (lenient, _) = Document::parse_leniently(&Mysql, text);
    prop_assert_eq!(lenient.to_string(), text, "printing changed it");
    match (Document::parse(&Mysql, text), judge.read(text)) {
        (Ok(document), Ok(read)) => {
            prop_assert_eq!(ours(&document), by_group(read));
            Ok(true)
        }
        (Err(errors), Err(refusal)) => {
            // It counts what it takes for another line after a long one.
            let long = text.split('\n').any(|line| line.len() >= 4094);
            let same = |line| errors.iter().any(|error| error.line == line);
            let cut = errors.iter().any(|error| error.message.contains("without its end"));
            let here = long || cut || line_of(&refusal).is_some_and(same);
            prop_assert!(here, "{:?} but {}", errors, refusal);
            Ok(false)
        }
        (Ok(_), Err(refusal)) => {
            Err(TestCaseError::fail(format!("only MariaDB refuses it: {refusal}")))
        }
        (Err(errors), Ok(_)) if errors.iter().all(is_ours_alone) => Ok(false),
        (Err(errors), Ok(_)) => Err(TestCaseError::fail(format!("only we refuse it: {errors:?}"))),
    }
}

#[test]
fn we_read_what_mariadb_reads() {
    let judge = Judge::new();
    let tally = Tally::default();
    check(2500, &document(), |text| {
        tally.count(compare(&text, &judge)?);
        Ok(())
    });
    tally.assert_least(33, 5);
}

/// Every line of up to three characters that mean something.
#[test]
fn every_short_line() {
    let judge = Judge::new();
    let characters = ["a", "=", "#", "[", "]", "!", ";", "\"", "\\", " ", "à"];
    for line in every(&characters, 3) {
        let text = format!("[x]\nx = 1\n{line}\ny = 2\n");
        if let Err(error) = compare(&text, &judge) {
            panic!("{line:?}: {error}");
        }
    }
}

/// Every value of up to five characters that mean something, each as an option of one file.
#[test]
fn every_short_value() {
    let judge = Judge::new();
    let characters = ["a", "n", "#", "'", "\"", "\\", " ", "="];
    let mut text = "[x]\n".to_owned();
    for value in every(&characters, 5) {
        let line = format!("v={value}\n");
        let document = format!("[x]\n{line}");
        match Document::parse(&Mysql, &document) {
            Ok(_) => text.push_str(&line),
            Err(errors) => assert!(errors.iter().all(is_ours_alone), "{value:?}: {errors:?}"),
        }
    }
    let document = Document::parse(&Mysql, &text).unwrap();
    let (ours, theirs) = (ours(&document), judge.read(&text).unwrap());
    assert!(ours.len() > 30_000 && ours.len() == theirs.len());
    for ((ours, theirs), line) in ours.iter().zip(&theirs).zip(text.lines().skip(1)) {
        assert_eq!(ours, theirs, "{line:?}");
    }
}
