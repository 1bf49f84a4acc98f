//! What we set is what PasteDeploy and Swift read, and all else stays as it was.

use std::collections::BTreeSet;

use etcstack_config::dialect::Dialect;
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{Tally, both, keys};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::judge::Judge;
use crate::text::{self, blanks, is_blank, nasty, strip};
use crate::{DIALECTS, Options, check, set};

const SECTIONS: [&str; 6] =
    ["DEFAULT", "filter:authtoken", "pipeline:main", "swift-hash", "Empty", "empty"];

/// The name of an option; no upper case but at a start.
fn name() -> BoxedStrategy<String> {
    prop_oneof![
        8 => select(vec!["debug", "use", "/v3", "set log_level", "pipeline", "a", "ref"])
            .prop_map(String::from),
        1 => select(vec!["Debug", "à"]).prop_map(String::from),
        1 => text::name(),
    ]
    .boxed()
}

/// A piece of a default file, with its section or its option's name.
#[derive(Clone, Debug)]
enum Part {
    Section(String),
    Option { name: String, lines: Vec<String> },
    Other(String),
}

fn indent() -> BoxedStrategy<&'static str> {
    prop_oneof![12 => Just(""), 1 => Just("  "), 1 => Just("    "), 1 => Just("\t")].boxed()
}

fn part() -> BoxedStrategy<Part> {
    let option = (name(), blanks(), select(vec!["=", "=", ":"]), blanks(), nasty(8));
    let written =
        option.prop_map(|(name, a, by, b, value)| (format!("{name}{a}{by}{b}{value}"), name));
    let more = prop_oneof![
        6 => ("[ \t]{5,6}[a-z\\[]", nasty(5)).prop_map(|(start, rest)| start + &rest),
        1 => Just(String::new()),
        1 => Just("# between".to_owned()),
        1 => Just("   ; between".to_owned()),
    ];
    prop_oneof![
        2 => select(SECTIONS.to_vec()).prop_map(|name| Part::Section(name.to_owned())),
        4 => (indent(), written.clone(), vec(more, 0..4)).prop_map(|(indent, (first, name), more)| {
            Part::Option { name, lines: [vec![indent.to_owned() + &first], more].concat() }
        }),
        3 => ("[#;]{1,2} ?", written).prop_map(|(start, (text, _))| Part::Other(start + &text)),
        1 => nasty(10).prop_map(|text| Part::Other(format!("# {text}"))),
        2 => Just(Part::Other(String::new())),
        1 => Just(Part::Other("# [empty]".to_owned())),
    ]
    .boxed()
}

/// A file in which nothing stands twice.
pub(crate) fn default_file() -> BoxedStrategy<String> {
    let end = select(vec!["\n", "\n", "\r\n", "\r"]);
    (vec((indent(), part()), 0..14), end, any::<bool>())
        .prop_map(|(parts, end, closed)| {
            let mut section = "DEFAULT".to_owned();
            let mut lines = vec!["[DEFAULT]".to_owned()];
            let mut seen = BTreeSet::new();
            for (indent, part) in parts {
                match part {
                    Part::Section(name) if seen.insert((name.clone(), None)) => {
                        lines.push(format!("{indent}[{name}]"));
                        section = name;
                    }
                    Part::Option { name, lines: own }
                        if seen.insert((section.clone(), Some(name.to_lowercase()))) =>
                    {
                        lines.extend(own);
                    }
                    Part::Other(line) => lines.push(line),
                    _ => {}
                }
            }
            lines.join(end) + if closed { end } else { "" }
        })
        .boxed()
}

/// What a key may hold: several nasty lines.
fn value() -> BoxedStrategy<String> {
    let percent = select(vec!["%%", "%(debug)s", "%", "5%", "%(", "%()s", "#", ";"]);
    let text = prop_oneof![
        6 => nasty(8),
        1 => percent.prop_map(String::from),
        1 => (nasty(4), select(vec!["%%", "%(here)s"]), nasty(4)).prop_map(|(a, b, c)| a + b + &c),
    ];
    let indent = prop_oneof![20 => Just("  "), 2 => Just(""), 2 => Just("\t"), 1 => Just("\u{a0}")];
    let more = (indent, text.clone()).prop_map(|(indent, text)| format!("{indent}{text}"));
    let end = prop_oneof![30 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\n\n")];
    let more = vec((more, end), 0..4);
    prop_oneof![
        4 => text.clone(),
        2 => "[a-z :/.]{0,12}",
        3 => (text, more).prop_map(|(first, more)| {
            let more = more.into_iter().map(|(line, end)| line + end);
            format!("{first}\n{}", more.collect::<String>())
        }),
    ]
    .boxed()
}

/// Sections and options, and what each is to hold.
pub(crate) type Wanted<V> = Vec<((String, String), V)>;

pub(crate) fn options<V: Strategy + 'static>(value: V) -> BoxedStrategy<Wanted<V::Value>> {
    let section = prop_oneof![
        8 => select(SECTIONS.to_vec()).prop_map(String::from),
        1 => Just("é/%".to_owned()),
    ];
    btree_map((section, name()), value, 1..5)
        .prop_map(|options| options.into_iter().collect())
        .boxed()
}

/// The names that configparser fills in, character by character; `None` where it cannot.
fn references(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            continue;
        }
        match characters.next() {
            Some('%') => {}
            Some('(') => {
                let name: String = characters.by_ref().take_while(|c| *c != ')').collect();
                if name.is_empty() || characters.next() != Some('s') {
                    return None;
                }
                names.push(name);
            }
            _ => return None,
        }
    }
    Some(names)
}

/// The value that a key's text stands for; `None` where a file cannot hold it.
///
/// Written from the description and not from the code.
fn value_of(dialect: Dialect, text: &str) -> Option<String> {
    // What stands around a line that continues is no part of it, a carriage return included.
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.len() > 1 && lines.last() == Some(&"") {
        lines.pop();
    }
    let (first, more) = lines.split_first()?;
    let mut value = vec![*first];
    for line in more {
        if !line.starts_with([' ', '\t']) || strip(line).starts_with(['#', ';']) {
            return None;
        }
        value.push(strip(line));
    }
    if value.iter().any(|line| line.contains('\r'))
        || strip(first) != *first
        || (value.len() > 1 && value.ends_with(&[""]))
    {
        return None;
    }
    let refers = dialect == Dialect::Configparser || value.iter().any(|line| line.contains("%("));
    let known = |name: &String| dialect == Dialect::Configparser || name != "here";
    let good = |line: &&str| references(line).is_some_and(|names| names.iter().all(known));
    (!refers || value.iter().all(good)).then(|| value.join("\n"))
}

/// Whether Swift hashes with just these bytes, which it takes for Latin-1.
fn is_same_hash(text: &str) -> bool {
    text.split('\n').all(|line| {
        !line.ends_with(|c: char| {
            !c.is_ascii() && {
                let mut bytes = [0; 4];
                matches!(c.encode_utf8(&mut bytes).as_bytes().last(), Some(0x85 | 0xa0))
            }
        })
    })
}

/// What is to be read afterwards; `None` where that cannot be written.
fn expected(
    dialect: Dialect,
    before: Options,
    options: &[((String, String), String)],
) -> Option<Options> {
    let mut expected = before;
    for ((section, option), text) in options {
        let value = value_of(dialect, text)?;
        let hashed = dialect == Dialect::Configparser && section == "swift-hash";
        if hashed && !(is_same_hash(option) && is_same_hash(&value)) {
            return None;
        }
        expected.insert((section.clone(), option.clone()), value);
    }
    let names = expected.keys();
    let folded: BTreeSet<_> = names.map(|(s, option)| (s, option.to_lowercase())).collect();
    let clashes = dialect == Dialect::Configparser && folded.len() < expected.len();
    (!clashes).then_some(expected)
}

#[test]
fn they_read_what_was_set() {
    let judge = Judge::new();
    for dialect in DIALECTS {
        let tally = Tally::default();
        check(1500, &(default_file(), options(value())), |(default, options)| {
            let before = judge.read(dialect, &default);
            prop_assume!(before.is_ok());
            let keys = keys(&options, String::clone);
            let rendered = set(dialect, &default, &keys, &Scope::default());
            if let Err(problems) = &rendered {
                // What we alone refuse of a default is the matter of the tests of documents.
                prop_assume!(!problems.to_string().contains("in the default file"));
            }
            let expected = expected(dialect, before.unwrap().values, &options);
            let Some((rendered, expected)) = both(rendered, expected)? else {
                tally.bad();
                return Ok(());
            };
            tally.good();
            match judge.read(dialect, &rendered) {
                Ok(read) => prop_assert_eq!(read.values, expected, "in {:?}", rendered),
                Err(refusal) => {
                    return Err(TestCaseError::fail(format!(
                        "{dialect}: {refusal} in {rendered:?}"
                    )));
                }
            }
            unset_lines_stay(&default, &rendered, &options)?;
            // Setting again what is set changes no byte.
            let again = set(dialect, &rendered, &keys, &Scope::default());
            prop_assert_eq!(again.unwrap(), rendered);
            Ok(())
        });
        tally.assert_least(20, 20);
    }
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
        let name = strip(strip(name).trim_start_matches(['#', ' ']));
        options.iter().any(|((_, option), _)| option == name)
    };
    let is_comment = |line: &str| strip(line).starts_with(['#', ';']);
    // A carriage return alone ends a line, too: look at the others only.
    if default.replace("\r\n", "\n").contains('\r') {
        return Ok(());
    }
    let mut stay: Vec<&str> = Vec::new();
    // What may stand inside the value of an option that was set.
    let mut inside: Option<Vec<&str>> = None;
    for line in default.split_inclusive('\n') {
        let waits = line.chars().all(is_blank) || (is_comment(line) && !mentions(line));
        match &mut inside {
            Some(waiting) if waits => waiting.push(line),
            Some(waiting) if line.starts_with(is_blank) => waiting.clear(),
            _ => {
                stay.extend(inside.take().unwrap_or_default());
                if mentions(line) {
                    inside = Some(Vec::new());
                } else {
                    stay.push(line);
                }
            }
        }
    }
    stay.extend(inside.unwrap_or_default());
    let mut lines = rendered.split_inclusive('\n');
    for line in stay.into_iter().filter(|line| line.ends_with('\n')) {
        // What has become the last line may have lost its end, as the last one had none.
        let same =
            |l: &str| l == line || (!l.ends_with('\n') && l == line.trim_end_matches(['\r', '\n']));
        prop_assert!(lines.any(same), "lost {line:?} of {default:?} in {rendered:?}");
    }
    Ok(())
}
