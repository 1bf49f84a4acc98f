//! What we set is what MariaDB reads, and all else stays as it was.

use std::cell::Cell;

use etcstack_config::document::{Document, Mysql, join_values};
use etcstack_config::variables::Scope;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::judge::Judge;
use crate::text::{blanks, group, name, nasty};
use crate::{Found, Keys, Options, check, same_option, set};

/// A header, an option, a commented default, …
fn default_line() -> BoxedStrategy<String> {
    let value = (blanks(), nasty(8)).prop_map(|(blanks, value)| format!("={blanks}{value}"));
    let value = prop_oneof![4 => value, 1 => Just(String::new())];
    let option = (name(), blanks(), value, prop_oneof![3 => Just(""), 1 => Just(" # why = x")]);
    let option = option
        .prop_map(|(name, blanks, value, comment)| format!("{name}{blanks}{value}{comment}"))
        .boxed();
    prop_oneof![
        3 => (blanks(), group()).prop_map(|(start, name)| format!("{start}[{name}]")),
        6 => (blanks(), option.clone()).prop_map(|(start, option)| start + &option),
        5 => ("#{1,2} ?", option).prop_map(|(start, option)| start + &option),
        2 => nasty(10).prop_map(|text| format!("# {text}")),
        2 => blanks(),
        1 => Just("# [mysqld]".to_owned()),
        1 => Just("!include /none.cnf".to_owned()),
    ]
    .boxed()
}

pub(crate) fn default_file() -> BoxedStrategy<String> {
    let end = select(vec!["\n", "\n", "\r\n"]);
    (vec(default_line(), 0..14), end, any::<bool>())
        .prop_map(|(mut lines, end, closed)| {
            lines.insert(0, "[mysqld]".into());
            lines.join(end) + if closed { end } else { "" }
        })
        .boxed()
}

/// What a key may hold: several nasty lines.
fn value() -> BoxedStrategy<String> {
    let indent = prop_oneof![8 => Just(""), 2 => Just(" "), 1 => Just("\t"), 1 => Just("\u{a0}")];
    let line = (indent, nasty(8)).prop_map(|(indent, text)| format!("{indent}{text}"));
    let lines = vec((line, select(vec!["\n", "\n", "\r\n", "\n\n"])), 1..4);
    prop_oneof![
        4 => nasty(12),
        1 => Just(String::new()),
        1 => Just("\"\"".to_owned()),
        3 => lines.prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect()),
    ]
    .boxed()
}

/// Options of groups, none of them twice, and what each is to hold.
pub(crate) fn keys<V: Strategy + 'static>(value: V) -> BoxedStrategy<Options<V::Value>> {
    vec(((group(), name()), value), 1..5)
        .prop_map(|mut keys| {
            let mut seen: Vec<(String, String)> = Vec::new();
            keys.retain(|((group, option), _)| {
                let same = (group.to_ascii_lowercase(), option.replace('-', "_"));
                let new = !seen.contains(&same);
                seen.push(same);
                new
            });
            keys
        })
        .boxed()
}

/// The values that a key's text stands for.
///
/// Written from the description and not from the code: each line is a value, a line that begins
/// with a blank continues the one before.
fn values_of(text: &str) -> Vec<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut values: Vec<String> = Vec::new();
    for line in text.split('\n') {
        match values.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push('\n');
                last.push_str(
                    line.trim_matches(|c: char| {
                        c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
                    }),
                );
            }
            _ => values.push(line.to_owned()),
        }
    }
    values
}

/// The values of one option.
fn of<'f>(read: &'f [Found], group: &str, option: &str) -> Vec<&'f str> {
    let is_it =
        |found: &&Found| found.0 == group.to_ascii_lowercase() && same_option(&found.1, option);
    read.iter().filter(is_it).map(|found| found.2.as_str()).collect()
}

/// All but the options that are set.
fn others<'f, V>(read: &'f [Found], keys: &Options<V>) -> Vec<&'f Found> {
    let is_set = |found: &&Found| {
        keys.iter().any(|((group, option), _)| {
            found.0 == group.to_ascii_lowercase() && same_option(&found.1, option)
        })
    };
    read.iter().filter(|found| !is_set(found)).collect()
}

/// Checks a rendered file: the options that were set, the others, and the lines.
pub(crate) fn is_just_that(
    judge: &Judge,
    default: &str,
    rendered: &str,
    keys: &Options<Vec<String>>,
) -> Result<(), TestCaseError> {
    let before = judge.read(default).expect("the default is read");
    let after = match judge.read(rendered) {
        Ok(after) => after,
        Err(refusal) => {
            return Err(TestCaseError::fail(format!("{refusal} in {rendered:?}")));
        }
    };
    for ((group, option), values) in keys {
        prop_assert_eq!(&of(&after, group, option), values, "in {:?}", rendered);
    }
    prop_assert_eq!(others(&after, keys), others(&before, keys), "in {:?}", rendered);
    let mentions = |line: &str| {
        let name = line.split(['=', '#']).find(|part| !part.trim().is_empty());
        let name = name.unwrap_or_default().trim();
        keys.iter().any(|((_, option), _)| same_option(option, name))
    };
    let mut lines = rendered.split_inclusive('\n');
    // A blank line that has become the last one and lost its end is none.
    let stays = |line: &&str| !mentions(line) && !line.trim().is_empty();
    for line in default.split_inclusive('\n').filter(stays) {
        // The last one may have got or lost its end.
        let same = |new: &str| {
            new == line || new.trim_end_matches(['\r', '\n']) == line.trim_end_matches(['\r', '\n'])
        };
        prop_assert!(lines.any(same), "lost {:?} of {:?} in {:?}", line, default, rendered);
    }
    Ok(())
}

#[test]
fn what_is_set_is_read_and_nothing_else_changes() {
    let judge = Judge::new();
    let written = Cell::new(0);
    check(1500, &(default_file(), keys(value())), |(default, keys)| {
        prop_assume!(Document::parse(&Mysql, &default).is_ok());
        let rendered = match set(&default, &keys, &Scope::default()) {
            Ok(rendered) => rendered,
            Err(problems) => {
                return Err(TestCaseError::fail(format!("it could be written: {problems}")));
            }
        };
        written.set(written.get() + 1);
        let expected: Vec<_> =
            keys.iter().map(|(name, text)| (name.clone(), values_of(text))).collect();
        is_just_that(&judge, &default, &rendered, &expected)?;
        // Setting again what is set changes no byte.
        prop_assert_eq!(set(&rendered, &keys, &Scope::default()).unwrap(), rendered);
        Ok(())
    });
    println!("{} files were written", written.get());
    assert!(written.get() > 500);
}

/// Setting what is there changes nothing, however it is spelled.
#[test]
fn what_is_there_already_changes_nothing() {
    let asked = Cell::new(0);
    check(3000, &default_file(), |default| {
        let document = Document::parse(&Mysql, &default);
        prop_assume!(document.is_ok());
        let document = document.unwrap();
        let mut all: Options<Vec<String>> = Vec::new();
        for found in document.assignments() {
            let group = found.section.unwrap().to_ascii_lowercase();
            let same = |((g, o), _): &&mut ((String, String), _)| {
                *g == group && same_option(o, found.option)
            };
            match all.iter_mut().find(same) {
                Some((_, values)) => values.push(found.value),
                None => all.push(((group, found.option.to_owned()), vec![found.value])),
            }
        }
        let keys: Keys = all
            .into_iter()
            .filter_map(|(name, values)| Some((name, join_values(&values).ok()?)))
            // What follows a dollar may be a variable, which is none here.
            .filter(|(_, text)| !text.contains('$'))
            .collect();
        asked.set(asked.get() + keys.len());
        prop_assert_eq!(set(&default, &keys, &Scope::default()).unwrap(), default);
        Ok(())
    });
    assert!(asked.get() > 3000);
}
