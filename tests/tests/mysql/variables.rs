//! What a variable holds arrives at MariaDB as it is, whatever it holds.

use std::cell::Cell;

use etcstack_config::document::{Document, Mysql};
use etcstack_config::variables::Scope;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::edits::{default_file, is_just_that, keys};
use crate::judge::Judge;
use crate::text::nasty;
use crate::{check, environment, set};

fn content() -> BoxedStrategy<String> {
    let piece = prop_oneof![
        5 => nasty(6),
        2 => select(vec!["\n", "\r\n", "\n\n", "$V", "${V}", "$$", "\u{feff}", "\"\"", "'", "\\"])
            .prop_map(String::from),
    ];
    let long = (4080_usize..4096, select(vec!["x", "é", "\\", "\n"]))
        .prop_map(|(length, part)| part.repeat(length / part.len()));
    prop_oneof![
        40 => vec(piece, 0..5).prop_map(|pieces| pieces.concat()),
        10 => any::<String>(),
        3 => long,
        1 => Just("a\0b".to_owned()),
        1 => Just("\"\"".to_owned()),
    ]
    .boxed()
}

/// The value's own text around the variable.
fn around() -> BoxedStrategy<String> {
    select(vec!["", "", "", "x", " ", "\"", "'", "\\", "#", "=", "x\\"])
        .prop_map(String::from)
        .boxed()
}

#[test]
fn variables_arrive_as_they_are() {
    let judge = Judge::new();
    let (written, refused) = (Cell::new(0), Cell::new(0));
    let value = (around(), content(), around());
    check(1500, &(default_file(), keys(value)), |(default, keys)| {
        prop_assume!(Document::parse(&Mysql, &default).is_ok());
        let Some((name, (before, content, after))) = keys.into_iter().next() else {
            return Ok(());
        };
        let expected = format!("{before}{content}{after}");
        let two_quotes = |text: &str| text.split('\n').any(|line| line == "\"\"");
        let possible = !content.contains('\0')
            && !two_quotes(&format!("{before}{content}"))
            && !two_quotes(&expected);
        let text = format!("{before}${{V}}{after}");
        match set(&default, &vec![(name.clone(), text)], &environment(&[("V", &content)])) {
            Ok(rendered) => {
                prop_assert!(possible, "this cannot be right: {:?}", rendered);
                written.set(written.get() + 1);
                is_just_that(&judge, &default, &rendered, &vec![(name, vec![expected])])
            }
            Err(problems) => {
                refused.set(refused.get() + 1);
                let message = problems.to_string();
                let telling = content.chars().count() > 6 && message.contains(&content);
                prop_assert!(!telling, "it tells the value: {}", message);
                prop_assert!(message.contains("$V"), "{}", message);
                let long = message.contains("4094") && expected.len() > 2000;
                if possible && !long {
                    return Err(TestCaseError::fail(format!("it could be written: {message}")));
                }
                Ok(())
            }
        }
    });
    println!("{} files were written, {} refused", written.get(), refused.get());
    assert!(written.get() > refused.get() && refused.get() > 0);
}

/// Each byte that UTF-8 has, at each end and in the middle of a value.
#[test]
fn every_character_class() {
    let judge = Judge::new();
    let characters = ('\u{1}'..='\u{17f}')
        .chain("\u{2028}\u{2029}\u{20a0}\u{2020}\u{3000}\u{feff}\u{fffd}\u{10ffff}😠".chars());
    let contents: Vec<String> = characters
        .flat_map(|c| [format!("{c}"), format!("{c}x"), format!("x{c}"), format!("x{c}x")])
        .collect();
    // All as values of one option: each its own line.
    let contents_by_name =
        contents.iter().enumerate().map(|(n, text)| (format!("V{n}"), text.clone())).collect();
    let text: Vec<_> = (0..contents.len()).map(|n| format!("$V{n}")).collect();
    let scope = Scope { environment: contents_by_name, ..Scope::default() };
    let name = ("mysqld".to_owned(), "x".to_owned());
    let rendered = set("[mysqld]\n", &vec![(name, text.join("\n"))], &scope).unwrap();
    let read = judge.read(&rendered).unwrap();
    let values: Vec<_> = read.into_iter().map(|found| found.2).collect();
    assert_eq!(values, contents);
}

#[test]
fn an_empty_variable_leaves_the_option_alone() {
    let judge = Judge::new();
    let name = ("mysqld".to_owned(), "x".to_owned());
    for (text, scope, expected) in [
        ("$V", environment(&[("V", "")]), ""),
        ("${V:-}", environment(&[("V", "")]), ""),
        ("${V:-\"\"}", environment(&[("V", "")]), "\"\""),
        ("${V:-\"\"}", environment(&[("V", "y")]), "y"),
    ] {
        let rendered = set("[mysqld]\n", &vec![(name.clone(), text.to_owned())], &scope).unwrap();
        let read = judge.read(&rendered).unwrap();
        assert_eq!(read, [("mysqld".into(), "x".into(), expected.into())], "{text}");
    }
}
