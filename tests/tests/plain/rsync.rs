//! rsync's daemon reads `rsyncd.conf` as we do.
//!
//! It tells of each module its comment, which may be the one of all modules, and of the options
//! that it does not know their names.

use std::fs;
use std::path::Path;

use etcstack_config::dialect::Dialect;
use etcstack_tests::dialects::{Tally, check_in_parts, every};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::{Answer, Judge};
use crate::text::{blanks, document, hostile, nasty};
use crate::{Values, check_refusal, check_untouched, is_alphanumeric, ours, set};

/// rsync waits before it says that it refuses something, so several are asked at once.
const PARTS: u32 = 8;

/// What rsync reads, or passes over, although we refuse it; the guide names each.
const NARROW: &[&str] = &[
    "neither an option",
    "the ] behind",
    "[global] stands behind a module",
    "starts with a backslash",
    "ends in a backslash",
    "byte order mark",
    "NUL",
    "directives are",
];

fn normal(name: &str) -> String {
    let blank = |c: &char| !matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}' | '\r');
    name.chars().filter(blank).collect::<String>().to_ascii_lowercase()
}

/// A module's name as rsync shows it.
fn shown(name: &str) -> String {
    let parts = name.split([' ', '\t', '\u{b}', '\u{c}', '\r']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// What rsync should tell, from what we read: the comment of each module, in the order of the
/// file, and the options that it does not know.
fn expected(text: &str, values: &Values) -> (Values, Vec<String>) {
    let grammar = Dialect::Rsync.grammar().unwrap();
    let document = etcstack_config::document::Document::parse(grammar, text).unwrap();
    let comment = |wanted: Option<&str>| {
        let is_it = |(section, option, _): &&(Option<String>, String, String)| {
            section.as_deref().map(normal).as_deref() == wanted && normal(option) == "comment"
        };
        values.iter().rev().find(is_it).map(|(.., value)| value.clone())
    };
    let mut modules: Values = Vec::new();
    for name in document.sections() {
        let known =
            modules.iter().any(|(known, ..)| known.as_deref().map(normal) == Some(normal(name)));
        if !known {
            let own = comment(Some(&normal(name))).or_else(|| comment(None));
            modules.push((Some(shown(name)), "comment".into(), own.unwrap_or_default()));
        }
    }
    let unknown = values.iter().filter(|(_, option, _)| normal(option) != "comment");
    (modules, unknown.map(|(_, option, _)| shown(option)).collect())
}

fn option_name() -> BoxedStrategy<String> {
    select(vec!["comment", "comment", "Com Ment", "zz", "z  Z", "x-1"])
        .prop_map(String::from)
        .boxed()
}

fn module() -> BoxedStrategy<String> {
    select(vec!["a", "A", "my mod", "My  Mod", "b#;", "global"]).prop_map(String::from).boxed()
}

fn value() -> BoxedStrategy<String> {
    let more = ("[a-z ]{0,3}", "\\\\[ \t]{0,2}\r?\n", "[ \t]{0,2}[a-z#\\[=]{0,3}");
    prop_oneof![
        4 => "[a-z]{1,4} [a-z]{1,3}",
        4 => nasty(8).prop_map(|text| text.replace('%', "_")),
        2 => more.prop_map(|(a, b, c)| a + &b + &c),
    ]
    .boxed()
}

fn line() -> BoxedStrategy<String> {
    let option = (blanks(), option_name(), blanks(), "=", blanks(), value(), blanks());
    let option =
        option.prop_map(|(a, name, b, is, c, value, d)| [a, name, b, is, c, value, d].concat());
    let header = (blanks(), blanks(), module(), blanks(), nasty(3));
    prop_oneof![
        12 => option,
        4 => header.prop_map(|(a, b, name, c, end)| format!("{a}[{b}{name}{c}]{end}")),
        2 => (option_name(), nasty(3)).prop_map(|(name, value)| format!("#{name}={value}")),
        3 => (blanks(), "[#;]", nasty(6)).prop_map(|(a, b, c)| [a, b, c].concat()),
        3 => blanks(),
        1 => select(vec!["[a", "[]", "[a/b]", "=1", "x", "\\x = 1", "[ ]"]).prop_map(String::from),
    ]
    .boxed()
}

fn some_document() -> BoxedStrategy<String> {
    document(line(), &["\r\n", "\n\n"])
}

/// rsync shows characters in its log that cannot be printed in another way, and takes nothing else.
fn check_unknown(told: &[String], expected: &[String]) -> Result<(), TestCaseError> {
    prop_assert_eq!(told.len(), expected.len(), "{:?} but {:?}", told, expected);
    for (told, expected) in told.iter().zip(expected) {
        let plain = expected.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
        prop_assert!(told == expected || !plain, "{told:?} but {expected:?}");
    }
    Ok(())
}

/// Checks that we read the same, or refuse the same; says whether it was read.
fn same(judge: &Judge, text: &str) -> Result<bool, TestCaseError> {
    match (ours(Dialect::Rsync, text), judge.read(text)) {
        (Ok(values), Ok(Answer { values: told, unknown, ignored, .. })) => {
            let (modules, names) = expected(text, &values);
            prop_assert_eq!(told, modules);
            check_unknown(&unknown, &names)?;
            prop_assert_eq!(ignored, 0);
            Ok(true)
        }
        (Err(_), Err(_)) => Ok(false),
        (Ok(_), Err(error)) => Err(TestCaseError::fail(format!("only rsync refuses: {error}"))),
        (Err(errors), Ok(_)) => {
            let narrow = |message: &str| NARROW.iter().any(|known| message.contains(known));
            prop_assert!(narrow(errors[0].message), "only we refuse: {errors:?}");
            Ok(false)
        }
    }
}

#[test]
fn we_read_what_rsync_reads() {
    let tally = Tally::default();
    check_in_parts(2000, PARTS, Judge::rsync, some_document, |judge, text| {
        tally.count(same(judge, &text)?);
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn every_short_line() {
    let judge = Judge::rsync();
    let pieces = ["a", "=", "[", "]", "#", "\\", " ", "\r", "&"];
    // rsync takes its time to refuse something.
    let most = every(&["a", "=", "[", "]"], 3);
    for line in every(&pieces, 2).into_iter().chain(most) {
        let text = format!("comment = x\n{line}\ncomment = y\n[m]\n");
        same(&judge, &text).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    }
    for value in every(&["b", "\\", " ", "\n", "\r"], 3) {
        let text = format!("[m]\ncomment ={value}\nzz = 1\n[n]\n");
        same(&judge, &text).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    }
}

#[test]
fn what_is_set_is_read_and_all_else_stays() {
    let tally = Tally::default();
    let case = || {
        let key =
            select(vec!["a/comment", "comment", "my mod/Comment", "new/comment", "zz", "a/z Z"]);
        let refused = select(vec![" x", "x\t", "x\\", "x\ny", "x\ry"]).prop_map(String::from);
        let value = prop_oneof![4 => nasty(8), 2 => hostile(), 1 => refused];
        (some_document(), key, value)
    };
    check_in_parts(1600, PARTS, Judge::rsync, case, |judge, (default, key, value)| {
        let value = value.replace(['$', '%'], "S");
        // rsync answers in lines of limited length.
        prop_assume!(ours(Dialect::Rsync, &default).is_ok() && value.len() < 3000);
        let (section, option) = key.split_once('/').map_or((None, key), |(s, o)| (Some(s), o));
        let options = [(key.to_owned(), value.clone())];
        let Ok(text) = set(Dialect::Rsync, &default, &options, &[]) else {
            tally.bad();
            return Ok(());
        };
        tally.good();
        let value = value.strip_suffix('\n').unwrap_or(&value).to_owned();
        let is_it = |s: Option<&str>, o: &str| {
            s.map(normal) == section.map(normal) && normal(o) == normal(option)
        };
        // What the edited document should mean, from what the first one meant to us.
        prop_assert!(same(judge, &text)?);
        let meant = |values: Values| {
            let all = values.into_iter();
            all.map(|(s, o, v)| (s.map(|s| normal(&s)), normal(&o), v)).collect::<Values>()
        };
        let mut before = meant(ours(Dialect::Rsync, &default).unwrap());
        let mut after = meant(ours(Dialect::Rsync, &text).unwrap());
        before.retain(|(s, o, _)| !is_it(s.as_deref(), o));
        let mine = |(s, o, _): &(Option<String>, String, String)| is_it(s.as_deref(), o);
        let own: Vec<_> = after.iter().filter(|found| mine(found)).map(|f| f.2.clone()).collect();
        prop_assert_eq!(own, [value]);
        after.retain(|found| !mine(found));
        prop_assert_eq!(after, before);
        check_untouched(Dialect::Rsync, &default, &text, is_it)?;
        prop_assert_eq!(set(Dialect::Rsync, &text, &options, &[]).unwrap(), text);
        Ok(())
    });
    tally.assert_both();
}

#[test]
fn a_variable_is_read_as_what_it_holds() {
    let tally = Tally::default();
    let case = || {
        let around = select(vec!["", "a", " ", "%", "%LC_ALL", "%A%", "ALL%", "\\"]);
        let texts = prop_oneof![6 => hostile(), 1 => "%?LC_[AL]{1,3}%?"];
        (around.clone(), texts.clone(), texts, around)
    };
    check_in_parts(1600, PARTS, Judge::rsync, case, |judge, (start, one, two, end)| {
        let expected = format!("{start}{one}{two}{end}");
        prop_assume!(expected.len() < 3000);
        let options = [("m/comment".to_owned(), format!("{start}${{X}}${{Y}}{end}"))];
        let variables = [("X", one.as_str()), ("Y", two.as_str())];
        match set(Dialect::Rsync, "[m]\nread only = yes\n", &options, &variables) {
            Ok(text) => {
                tally.good();
                let read = judge.read(&text).map_err(TestCaseError::fail)?;
                prop_assert_eq!(&read.values, &[(Some("m".into()), "comment".into(), expected)]);
                prop_assert!(read.unknown.is_empty() && read.ignored == 0);
            }
            Err(problems) => {
                tally.bad();
                check_refusal(&problems, &[&one, &two], is_alphanumeric(&expected))?;
            }
        }
        Ok(())
    });
    tally.assert_both();
}

/// What is no reference, since there is no such thing, may begin one with its end.
#[test]
fn references_that_overlap() {
    let judge = Judge::rsync();
    let set = |value: &str, holds| {
        let options = [("m/comment".to_owned(), value.to_owned())];
        set(Dialect::Rsync, "[m]\nread only = yes\n", &options, &[("X", holds)])
    };
    let text = set("%A%LC_ALL%$X", "x").unwrap();
    assert_eq!(judge.read(&text).unwrap().values[0].2, "%AC.UTF-8x");
    for (value, holds) in [
        ("%A%$X", "LC_ALL%"),
        ("%A%$X%", "LC_ALL"),
        ("%A%LC_$X%", "ALL"),
        ("%A b%$X", "LC_ALL%"),
        ("%A$X", "%LC_ALL%"),
    ] {
        assert!(set(value, holds).is_err(), "{value}");
    }
    let text = set("%a$X", "%b%").unwrap();
    assert_eq!(judge.read(&text).unwrap().values[0].2, "%a%b%");
}

/// The file that rsync's package brings along, where it is installed with its documentation.
#[test]
fn the_file_that_rsync_ships() {
    let path = Path::new("/usr/share/doc/rsync/examples/rsyncd.conf");
    let Ok(default) = fs::read_to_string(path) else { return };
    let judge = Judge::rsync();
    let before = judge.read(&default).unwrap();
    assert_eq!(before.values, [(Some("ftp".into()), "comment".into(), "public archive".into())]);
    let values = ours(Dialect::Rsync, &default).unwrap();
    assert!(values.contains(&(Some("ftp".into()), "timeout".into(), "600".into())));
    let options = [("ftp/Comment".to_owned(), "x".to_owned()), ("uid".to_owned(), "0".to_owned())];
    let text = set(Dialect::Rsync, &default, &options, &[]).unwrap();
    let after = judge.read(&text).unwrap();
    assert_eq!(after.values, [(Some("ftp".into()), "comment".into(), "x".into())]);
    assert_eq!(after.unknown, before.unknown);
    // What is commented out makes room.
    let options = [("ftp/max connections".to_owned(), "4".to_owned())];
    let text = set(Dialect::Rsync, &default, &options, &[]).unwrap();
    assert!(text.contains("\n\tmax connections=4\n") && judge.read(&text).is_ok());
}
