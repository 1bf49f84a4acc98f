//! libvirt reads its files as we do.

use std::fs;

use etcstack_config::dialect::Dialect;
use etcstack_tests::dialects::{Tally, every};
use etcstack_tests::judges;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::Judge;
use crate::text::{blanks, document, hostile, nasty};
use crate::{Values, check, check_refusal, check_untouched, ours, overlay, set, sorted};

/// What libvirt reads although we refuse it; the guide names each.
const NARROW: &[&str] =
    &["a second option on one line", "does not end on its line", "too large", "NUL"];

fn name() -> BoxedStrategy<String> {
    select(vec!["a", "b", "listen_tls", "max_clients", "auth_unix_rw"])
        .prop_map(String::from)
        .boxed()
}

fn quoted() -> BoxedStrategy<String> {
    let quote = prop_oneof![5 => Just("\""), 5 => Just("'"), 2 => Just("\"\"\"")];
    (quote, prop_oneof![1 => "[a-z /.#,;:']{0,6}", 2 => nasty(5)])
        .prop_map(|(quote, text)| format!("{quote}{text}{quote}"))
        .boxed()
}

fn number() -> BoxedStrategy<String> {
    prop_oneof![8 => "[0-9]{1,4}", 2 => "[+-][0-9]{1,3}", 1 => "[0-9+-]{1,22}"].boxed()
}

fn simple() -> BoxedStrategy<String> {
    prop_oneof![3 => number(), 5 => quoted(), 1 => nasty(4)].boxed()
}

fn value(blank: &'static [&'static str]) -> BoxedStrategy<String> {
    let list = |item: BoxedStrategy<String>| {
        let item = (select(blank), item, select(blank)).prop_map(|(a, b, c)| format!("{a}{b}{c}"));
        (vec(item, 0..4), select(vec!["", "", ",", ", "]))
            .prop_map(|(items, end)| format!("[{}{end}]", items.join(",")))
            .boxed()
    };
    let item = prop_oneof![8 => number(), 8 => quoted()].boxed();
    prop_oneof![
        8 => simple(),
        4 => list(item.clone()),
        1 => list(list(item)),
        1 => list(simple()),
    ]
    .boxed()
}

const BLANK: &[&str] = &["", "", " ", "\n", "\n  ", "\r\n\t", "\n\n", "\r", "\n# c\n"];

fn line() -> BoxedStrategy<String> {
    let name = prop_oneof![20 => name(), 1 => nasty(3)];
    let option = (blanks(), name, blanks(), "=", blanks(), value(BLANK), "[ \t]{0,2}");
    let option =
        option.prop_map(|(a, name, b, is, c, value, d)| [a, name, b, is, c, value, d].concat());
    let comment = (blanks(), nasty(6)).prop_map(|(a, b)| format!("{a}#{b}"));
    prop_oneof![
        20 => option.clone(),
        3 => (option.clone(), comment.clone()).prop_map(|(a, b)| a + &b),
        1 => (option, blanks(), nasty(3)).prop_map(|(a, b, c)| format!("{a};{b}{c}")),
        4 => comment,
        3 => "[ \t]{0,2}",
        1 => nasty(5),
    ]
    .boxed()
}

fn some_document() -> BoxedStrategy<String> {
    document(line(), &["\r\n", "\r", "\n\n"])
}

/// What libvirt makes of values that we give as they stand in the file.
fn meant(judge: &Judge, values: Values) -> Values {
    let meant = |value: String| judge.read(&format!("v = {value}\n")).unwrap().values.remove(0).2;
    values.into_iter().map(|(section, option, value)| (section, option, meant(value))).collect()
}

/// Checks that we read the same, or refuse the same; says whether it was read.
fn same(judge: &Judge, text: &str) -> Result<bool, TestCaseError> {
    match (ours(Dialect::Libvirt, text), judge.read(text)) {
        (Ok(values), Ok(answer)) => {
            prop_assert_eq!(meant(judge, values), answer.values);
            Ok(true)
        }
        (Err(_), Err(_)) => Ok(false),
        // libvirt wants something in a file that is not empty; an option that is set is something.
        (Ok(_), Err(_)) if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => Ok(false),
        (Ok(_), Err(error)) => Err(TestCaseError::fail(format!("only libvirt refuses: {error}"))),
        (Err(errors), Ok(_)) => {
            let narrow = |message: &str| NARROW.iter().any(|known| message.contains(known));
            prop_assert!(narrow(errors[0].message), "only we refuse: {errors:?}");
            Ok(false)
        }
    }
}

#[test]
fn we_read_what_libvirt_reads() {
    let judge = Judge::libvirt();
    let tally = Tally::default();
    check(3000, &some_document(), |text| {
        tally.count(same(&judge, &text)?);
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn every_short_value() {
    let judge = Judge::libvirt();
    let pieces = ["1", "\"", "'", "[", "]", ",", " ", "\n", "#", ";", "\r", "-"];
    let quotes = every(&["\"", "'", "1", "\n"], 5);
    for value in every(&pieces, 3).into_iter().chain(quotes) {
        let text = format!("x = 1\na ={value}\ny = 2\n");
        same(&judge, &text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let text = format!("a = {value}");
        same(&judge, &text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
}

#[test]
fn what_is_set_is_read_and_all_else_stays() {
    let judge = Judge::libvirt();
    let tally = Tally::default();
    let value = prop_oneof![6 => value(&["", " ", "\n "]), 1 => nasty(6), 1 => hostile()];
    check(2000, &(some_document(), name(), value), |(default, option, value)| {
        let value = value.replace('$', "S");
        prop_assume!(ours(Dialect::Libvirt, &default).is_ok());
        let before = judge.read(&default).unwrap_or_default();
        let options = [(option.clone(), value.clone())];
        let Ok(text) = set(Dialect::Libvirt, &default, &options, &[]) else {
            tally.bad();
            return Ok(());
        };
        tally.good();
        let expected = judge.read(&format!("v = {value}\n")).map_err(TestCaseError::fail)?;
        let after = judge.read(&text).map_err(TestCaseError::fail)?;
        let expected = overlay(&before.effective, &option, &expected.values[0].2);
        prop_assert_eq!(sorted(after.effective), expected);
        check_untouched(Dialect::Libvirt, &default, &text, |_, name| name == option)?;
        prop_assert_eq!(set(Dialect::Libvirt, &text, &options, &[]).unwrap(), text);
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn a_comment_behind_a_list_stays() {
    let judge = Judge::libvirt();
    for (list, expected) in [
        ("a = [\n  1,\n  2\n] # why\n", "a = [\"x\"] # why\n"),
        ("a = [ 1,\r\n  2 ]\t;  # why", "a = [\"x\"]\t;  # why"),
        ("a = [\n]\n# not\n", "a = [\"x\"]\n# not\n"),
    ] {
        assert!(judge.read(list).is_ok(), "{list}");
        let options = [("a".to_owned(), "[\"x\"]".to_owned())];
        let text = set(Dialect::Libvirt, list, &options, &[]).unwrap();
        assert_eq!(text, expected);
        assert_eq!(judge.read(&text).unwrap().values[0].2, "[\"x\"]");
    }
}

/// A text as the judge writes it.
fn written(text: &str) -> String {
    if text.contains('\n') || text.contains('"') && text.contains('\'') {
        format!("\"\"\"{text}\"\"\"")
    } else if text.contains('"') {
        format!("'{text}'")
    } else {
        format!("\"{text}\"")
    }
}

#[test]
fn a_variable_in_quotes_is_read_as_what_it_holds() {
    let judge = Judge::libvirt();
    let tally = Tally::default();
    let around = select(vec!["", "a", " ", "\"", "'", "#", "qemu+tls://"]);
    let quote = select(vec!["\"", "'", "\"\"\""]);
    check(2000, &(quote, around.clone(), hostile(), hostile(), around), |case| {
        let (quote, start, one, two, end) = case;
        let template = format!("{quote}{start}${{X}}${{Y}}{end}{quote}");
        let inner = format!("{start}{one}{two}{end}");
        let (option, expected) = if start == "#" {
            (format!("[1, {template}]"), format!("[1, {}]", written(&inner)))
        } else {
            (template, written(&inner))
        };
        let options = [("a".to_owned(), option)];
        let variables = [("X", one.as_str()), ("Y", two.as_str())];
        match set(Dialect::Libvirt, "b = 1\n", &options, &variables) {
            Ok(text) => {
                tally.good();
                let read = judge.read(&text).map_err(TestCaseError::fail)?;
                prop_assert_eq!(&read.values[1].2, &expected);
                prop_assert_eq!(read.values.len(), 2);
            }
            Err(problems) => {
                tally.bad();
                let easy = !inner.contains(['"', '\'', '\n', '\r', '\0']) && !inner.is_empty();
                check_refusal(&problems, &[&one, &two], easy)?;
            }
        }
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn a_variable_without_quotes_is_a_number() {
    let judge = Judge::libvirt();
    let tally = Tally::default();
    let text = prop_oneof![1 => number(), 1 => hostile()];
    check(2000, &text, |text| {
        let options = [("a".to_owned(), "[$X, 2]".to_owned())];
        match set(Dialect::Libvirt, "", &options, &[("X", &text)]) {
            Ok(file) => {
                tally.good();
                let read = judge.read(&file).map_err(TestCaseError::fail)?;
                // Blank lines mean nothing in a list.
                let number: i64 = text.trim_end_matches('\n').parse().unwrap();
                prop_assert_eq!(&read.values[0].2, &format!("[{number}, 2]"));
            }
            Err(_) => tally.bad(),
        }
        Ok(())
    });
    tally.assert_both();
}

/// The files of libvirt's packages: all of them are read, and each option that one speaks of is set
/// in its place.
#[test]
fn the_files_that_libvirt_ships() {
    let judge = Judge::libvirt();
    let mut options = 0;
    for file in fs::read_dir(judges().join("etc/libvirt")).unwrap() {
        let path = file.unwrap().path();
        let default = fs::read_to_string(&path).unwrap();
        assert!(same(&judge, &default).unwrap(), "{}", path.display());
        let commented =
            default.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" = "));
        for (option, _) in commented.filter(|(option, _)| !option.contains(' ')) {
            let set_to = [(option.to_owned(), "[\"x\", 1]".to_owned())];
            let text = set(Dialect::Libvirt, &default, &set_to, &[]).unwrap();
            let after = judge.read(&text).unwrap().effective;
            assert!(after.contains(&(None, option.to_owned(), "[\"x\", 1]".to_owned())));
            assert_eq!(text.lines().count(), default.lines().count(), "{option}");
            options += 1;
        }
    }
    assert!(options > 50, "{options}");
}
