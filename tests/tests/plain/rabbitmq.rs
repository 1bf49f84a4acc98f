//! RabbitMQ reads `rabbitmq.conf` as we do.

use etcstack_config::dialect::Dialect;
use etcstack_config::document::SyntaxError;
use etcstack_tests::dialects::{Tally, every};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::Judge;
use crate::text::{blanks, document, hostile, nasty};
use crate::{check, check_refusal, check_untouched, is_alphanumeric, ours, overlay, set, sorted};

/// What RabbitMQ may read although we refuse it; the guide names each.
const NARROW: &[&str] =
    &["does not end on its line", "follows the single quote", "without a line break behind"];

/// RabbitMQ, of whatever version is at hand.
struct Rabbit {
    judge: Judge,
    /// It takes off single quotes, as version 4 does.
    quotes: bool,
    /// It reads more than Latin-1, as version 4 does.
    unicode: bool,
}

impl Rabbit {
    fn new() -> Self {
        let judge = Judge::rabbitmq();
        let quotes = judge.read("a = 'x'\n").unwrap().values[0].2 == "x";
        let unicode = judge.read("a = \u{20ac}\n").is_ok();
        Self { judge, quotes, unicode }
    }

    /// Whether all versions read a document in one way.
    fn is_plain(&self, text: &str) -> bool {
        let latin = text.chars().all(|c| u32::from(c) < 256);
        let quoted = text.lines().any(|line| {
            let value = line.split_once('=').map_or("", |(_, value)| value);
            value.trim_start_matches([' ', '\t']).starts_with('\'')
        });
        (self.unicode || latin) && (self.quotes || !quoted)
    }
}

fn name() -> BoxedStrategy<String> {
    select(vec!["a", "b", "a.b", "log.file.level", "default_pass", "x-1.2", "a\\.b", "include"])
        .prop_map(String::from)
        .boxed()
}

fn line() -> BoxedStrategy<String> {
    let name = prop_oneof![12 => name(), 1 => nasty(4)];
    let value = prop_oneof![4 => nasty(8), 1 => "'[a #=b]{0,4}'", 1 => "[a-z]{1,4} [a-z]{1,3}"];
    let option = (blanks(), name, blanks(), "=", blanks(), value, blanks());
    let option =
        option.prop_map(|(a, name, b, is, c, value, d)| [a, name, b, is, c, value, d].concat());
    let comment = (blanks(), "##?", nasty(6)).prop_map(|(a, b, c)| [a, b, c].concat());
    prop_oneof![
        20 => option.clone(),
        4 => (option, blanks(), comment.clone()).prop_map(|(a, b, c)| [a, b, c].concat()),
        4 => comment,
        3 => "[ \t]{0,2}",
        1 => (blanks(), select(vec!["a.conf", "conf.d/*.conf", "x # c"]), blanks())
            .prop_map(|(a, file, b)| format!("include{a}{file}{b}")),
        1 => nasty(6),
    ]
    .boxed()
}

fn some_document() -> BoxedStrategy<String> {
    let start = prop_oneof![30 => Just(""), 1 => Just("\r")];
    (start, document(line(), &["\r\n", "\r", "\n\n"])).prop_map(|(a, b)| format!("{a}{b}")).boxed()
}

/// Checks that we read the same, or refuse the same; says whether it was read.
fn same(rabbit: &Rabbit, text: &str) -> Result<bool, TestCaseError> {
    // Files that are taken in are not there, and their place is no matter of the parser.
    match (ours(Dialect::Plain, text), rabbit.judge.read(text)) {
        (Ok(values), Ok(answer)) => {
            prop_assert_eq!(values, answer.values);
            Ok(true)
        }
        (Err(_), Err(_)) => Ok(false),
        (Ok(_), Err(error)) if error.contains("unable_to_open") => Ok(true),
        (Ok(_), Err(error)) => Err(TestCaseError::fail(format!("only RabbitMQ refuses: {error}"))),
        (Err(errors), Ok(_)) => {
            // RabbitMQ 3 takes a file's name without a blank before it.
            let glued = |line: usize| {
                let line = text.split('\n').nth(line - 1).unwrap_or_default();
                !rabbit.quotes && line.trim_start().starts_with("include")
            };
            let narrow = |error: &SyntaxError| {
                NARROW.iter().any(|known| error.message.contains(known)) || glued(error.line)
            };
            // What goes over several lines for RabbitMQ 4 has more of them.
            prop_assert!(narrow(&errors[0]), "only we refuse: {errors:?}");
            Ok(false)
        }
    }
}

#[test]
fn we_read_what_rabbitmq_reads() {
    let rabbit = Rabbit::new();
    let tally = Tally::default();
    check(2000, &some_document(), |text| {
        prop_assume!(rabbit.is_plain(&text));
        tally.count(same(&rabbit, &text)?);
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn every_short_line() {
    let rabbit = Rabbit::new();
    let pieces = ["a", "=", ".", "\\.", "#", "'", " ", "\r", "\u{a0}", "-"];
    let most = every(&["a", "=", "'", "#", " "], 4);
    for line in every(&pieces, 3).into_iter().chain(most) {
        let text = format!("x = 1\n{line}\ny = 2\n");
        if rabbit.is_plain(&text) {
            same(&rabbit, &text).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        }
    }
}

#[test]
fn what_is_set_is_read_and_all_else_stays() {
    let rabbit = Rabbit::new();
    let tally = Tally::default();
    let value = prop_oneof![2 => nasty(8), 1 => hostile(), 2 => "[a-z0-9:/@.*\"]{1,9}"];
    check(1200, &(some_document(), name(), value), |(default, option, value)| {
        let value = value.replace('$', "S");
        prop_assume!(rabbit.is_plain(&default) && (rabbit.unicode || value.is_ascii()));
        prop_assume!(ours(Dialect::Plain, &default).is_ok() && !default.contains("$("));
        let before = rabbit.judge.read(&default).unwrap();
        let options = [(option.clone(), value.clone())];
        let Ok(text) = set(Dialect::Plain, &default, &options, &[]) else {
            tally.bad();
            return Ok(());
        };
        tally.good();
        // A line break at the very end of a key is not part of the value.
        let value = value.strip_suffix('\n').unwrap_or(&value);
        let after = rabbit.judge.read(&text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(sorted(after.effective), overlay(&before.effective, &option, value));
        check_untouched(Dialect::Plain, &default, &text, |_, name| name == option)?;
        prop_assert_eq!(set(Dialect::Plain, &text, &options, &[]).unwrap(), text);
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn a_variable_is_read_as_what_it_holds() {
    let rabbit = Rabbit::new();
    let tally = Tally::default();
    let around = select(vec!["", "", "a", "a ", "$", "(", "amqp://u:"]);
    let texts = vec((around.clone(), hostile()), 1..3);
    check(2000, &(texts, around), |(texts, end)| {
        let names = ["X0", "X1"];
        let pairs = || names.iter().zip(&texts);
        let variables: Vec<_> = pairs().map(|(name, (_, text))| (*name, text.as_str())).collect();
        let (mut template, mut expected) = (String::new(), String::new());
        for (name, (before, text)) in pairs() {
            template.extend([before, "${", name, "}"]);
            expected.extend([before, text.as_str()]);
        }
        let (template, expected) = (template + end, expected + end);
        prop_assume!(rabbit.unicode || expected.is_ascii());
        // A dollar before a brace would be one of ours.
        prop_assume!(!template.contains("$$"));
        let options = [("a".to_owned(), template)];
        match set(Dialect::Plain, "b = 1\n", &options, &variables) {
            Ok(text) => {
                tally.good();
                prop_assert!(!expected.contains("$("), "RabbitMQ puts another value there");
                let read = rabbit.judge.read(&text).map_err(TestCaseError::fail)?;
                prop_assert_eq!(&read.effective[1].2, &expected);
                prop_assert_eq!(read.values.len(), 2);
            }
            Err(problems) => {
                tally.bad();
                let contents: Vec<_> = texts.iter().map(|(_, text)| text.as_str()).collect();
                let easy = is_alphanumeric(&expected) && !expected.is_empty();
                check_refusal(&problems, &contents, easy)?;
            }
        }
        Ok(())
    });
    tally.assert_both();
}
