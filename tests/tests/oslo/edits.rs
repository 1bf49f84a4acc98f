//! What we set is what oslo.config reads, and all else stays as it was.

use std::collections::BTreeMap;

use etcstack_config::document::normal_section;
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{Tally, both, keys};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::judge::Judge;
use crate::text::{blanks, is_blank, name, nasty, strip};
use crate::{check, overlay, set};

/// A section's header, an option with or without more lines, a commented default, …
fn default_part() -> BoxedStrategy<Vec<String>> {
    let section = select(vec!["DEFAULT", "database", "Database", "a b", "x]y", "empty"]);
    let option = (name(), blanks(), select(vec!["=", ":"]), blanks(), nasty(8));
    let option = option
        .prop_map(|(name, a, separator, b, value)| format!("{name}{a}{separator}{b}{value}"))
        .boxed();
    let more = ("[ \t]{1,4}[a-z#\\[]", nasty(5)).prop_map(|(start, rest)| start + &rest);
    prop_oneof![
        2 => section.prop_map(|name| vec![format!("[{name}]")]),
        4 => (option.clone(), vec(more, 0..3)).prop_map(|(first, more)| [vec![first], more].concat()),
        4 => ("#{1,2} ?", option).prop_map(|(start, option)| vec![start + &option]),
        1 => nasty(10).prop_map(|text| vec![format!("# {text}")]),
        2 => blanks().prop_map(|blanks| vec![blanks]),
        1 => Just(vec!["# [database]".to_owned()]),
    ].boxed()
}

pub(crate) fn default_file() -> BoxedStrategy<String> {
    let end = select(vec!["\n", "\n", "\r\n", "\r"]);
    (vec(default_part(), 0..14), end, any::<bool>(), any::<bool>())
        .prop_map(|(parts, end, header, closed)| {
            let mut lines = parts.concat();
            if header || lines.iter().any(|line| !line.starts_with(['#', '['])) {
                lines.insert(0, "[DEFAULT]".into());
            }
            lines.join(end) + if closed && !lines.is_empty() { end } else { "" }
        })
        .boxed()
}

/// What a key may hold: several nasty lines.
fn value() -> BoxedStrategy<String> {
    let indent = prop_oneof![
        8 => Just(""), 2 => Just(" "), 1 => Just("\t"), 1 => Just("    "), 1 => Just("\u{a0}")
    ];
    let line = (indent, nasty(8)).prop_map(|(indent, text)| format!("{indent}{text}"));
    let end = prop_oneof![20 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\n\n")];
    prop_oneof![
        4 => nasty(12),
        4 => vec((line, end), 1..5).prop_map(|lines| {
            lines.into_iter().map(|(line, end)| line + end).collect::<String>()
        }),
    ]
    .boxed()
}

/// Sections and options, and what each is to hold.
pub(crate) type Options<V> = Vec<((String, String), V)>;

pub(crate) fn options<V: Strategy + 'static>(value: V) -> BoxedStrategy<Options<V::Value>> {
    let section = prop_oneof![
        8 => select(vec!["DEFAULT", "database", "a b", "empty", "new", "é/%"]).prop_map(String::from),
        1 => Just("DATABASE".to_owned()),
    ];
    btree_map((section, name()), value, 1..6)
        .prop_map(|options| {
            // [database] and [DATABASE] are one section: the same option twice is a mistake.
            let mut unique = BTreeMap::new();
            for ((section, option), value) in options {
                let same = (normal_section(&section), option.clone());
                unique.entry(same).or_insert(((section, option), value));
            }
            unique.into_values().collect()
        })
        .boxed()
}

/// The values that a key's text stands for; `None` where a file cannot hold them.
///
/// Written from the description and not from the code: each line is a value, a line that begins
/// with a blank continues the one before.
fn values_of(text: &str) -> Option<Vec<String>> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.len() > 1 && lines.last() == Some(&"") {
        lines.pop();
    }
    let mut values: Vec<String> = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        if index > 0 && line.starts_with([' ', '\t']) {
            let rest = strip(line);
            if rest.is_empty() || rest.contains('\r') {
                return None;
            }
            let last = values.last_mut()?;
            last.push('\n');
            last.push_str(rest);
        } else if line.contains('\r') {
            return None;
        } else {
            values.push(line.to_owned());
        }
    }
    Some(values)
}

#[test]
fn oslo_reads_what_was_set() {
    let judge = Judge::new();
    let tally = Tally::default();
    check(7000, &(default_file(), options(value())), |(default, options)| {
        let before = judge.read(&default);
        prop_assume!(before.is_ok());
        let mut expected = Some(before.unwrap());
        for ((section, option), text) in &options {
            match (values_of(text), &mut expected) {
                (Some(values), Some(expected)) => overlay(expected, section, option, values),
                _ => expected = None,
            }
        }
        let rendered = set(&default, &keys(&options, String::clone), &Scope::default());
        let Some((rendered, expected)) = both(rendered, expected)? else {
            tally.bad();
            return Ok(());
        };
        tally.good();
        match judge.read(&rendered) {
            Ok(read) => prop_assert_eq!(read, expected, "in {:?}", rendered),
            Err(refusal) => {
                return Err(TestCaseError::fail(format!("{} in {rendered:?}", refusal.message)));
            }
        }
        unset_lines_stay(&default, &rendered, &options)?;
        // Setting again what is set changes no byte.
        let again = set(&rendered, &keys(&options, String::clone), &Scope::default());
        prop_assert_eq!(again.unwrap(), rendered);
        Ok(())
    });
    tally.assert_both();
}

/// Every line of the default that says nothing about the options that were set stands in the
/// rendered file as well, in the same order and with the same end.
fn unset_lines_stay<V>(
    default: &str,
    rendered: &str,
    options: &[((String, String), V)],
) -> Result<(), TestCaseError> {
    let mentions = |line: &str| {
        let name = line.split([':', '=']).next().unwrap_or_default();
        let name = strip(name.trim_start_matches(['#', ' ']));
        options.iter().any(|((_, option), _)| option == name)
    };
    let mut lines = rendered.split_inclusive('\n');
    let mut set = false;
    for line in default.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        // A carriage return alone ends a line for oslo.config: look at the others only.
        if line.trim_end_matches(['\r', '\n']).contains('\r') {
            return Ok(());
        }
        let continues = line.starts_with([' ', '\t']) && !line.chars().all(is_blank);
        set = if continues { set } else { mentions(line) };
        if !set {
            // What has become the last line may have lost its end, as the last one had none.
            let same = |l: &str| l == line || (!l.ends_with('\n') && l == line.trim_end());
            prop_assert!(lines.any(same), "lost {line:?} of {default:?} in {rendered:?}");
        }
    }
    Ok(())
}
