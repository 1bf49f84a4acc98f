//! What a variable holds arrives at the service as it is, whatever it holds.

use std::fmt::Write as _;

use etcstack_config::dialect::Dialect;
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{Tally, both, keys};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::edits::{default_file, options};
use crate::judge::{Judge, Read};
use crate::text::strip;
use crate::{DIALECTS, check, set};

/// A part of a value.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// `%%`.
    Double,
    /// A percent sign that stands for nothing.
    Single,
    /// A reference to the option of the default that holds `<REFERRED>`.
    Reference,
    Variable {
        content: String,
        general: bool,
    },
}

fn content() -> BoxedStrategy<String> {
    let piece = select(vec![
        "%",
        "%",
        "%%",
        "%(",
        "%(x)s",
        "(x)s",
        "%(referred)s",
        ")s",
        "$",
        "\\",
        "x",
        " ",
        "\t",
        "\"",
        "'",
        "[a]",
        "#",
        ";",
        "=",
        ":",
        "é",
        "à",
        "\u{a0}",
        "\u{2028}",
        "\u{85}",
        "\u{c}",
        "\u{feff}",
        "\u{1f}",
        "\u{7f}",
        "/",
        "@",
    ]);
    let line = vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop_oneof![
        6 => line.clone(),
        2 => vec(line, 2..4).prop_map(|lines| lines.join("\n")),
        1 => Just("a\rb".to_owned()),
        1 => Just("x".repeat(70_000)),
    ]
    .boxed()
}

fn part() -> BoxedStrategy<Part> {
    prop_oneof![
        4 => "[a-z=:#;\"'\\[\\]é]{1,5}".prop_map(Part::Text),
        2 => Just(Part::Double),
        1 => Just(Part::Single),
        1 => Just(Part::Reference),
        6 => (content(), any::<bool>()).prop_map(|(content, general)| {
            Part::Variable { content, general }
        }),
    ]
    .boxed()
}

/// The lines of a value, each of parts.
fn lines() -> BoxedStrategy<Vec<Vec<Part>>> {
    vec(vec(part(), 1..4), 1..3).boxed()
}

/// The key's text for these lines, and what a service is to get: `None` where that cannot be.
fn write(dialect: Dialect, lines: &[Vec<Part>], scope: &mut Scope) -> (String, Option<String>) {
    let refers = lines.iter().flatten().any(|part| matches!(part, Part::Reference));
    // In Swift's servers a percent sign is one, unless the value refers to an option.
    let literal = dialect == Dialect::Swift && !refers;
    let (mut text, mut meant, mut possible) = (String::new(), String::new(), true);
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push_str("\n  ");
            meant.push('\n');
        }
        for part in line {
            match part {
                Part::Text(own) => {
                    text.push_str(own);
                    meant.push_str(own);
                }
                Part::Double => {
                    text.push_str("%%");
                    meant.push_str(if literal { "%%" } else { "%" });
                }
                Part::Single => {
                    text.push_str("5%d");
                    meant.push_str("5%d");
                    possible &= literal;
                }
                Part::Reference => {
                    text.push_str("%(referred)s");
                    meant.push_str("<REFERRED>");
                }
                Part::Variable { content, general } => {
                    let name = format!("V{}", scope.general.len() + scope.environment.len());
                    write!(text, "${{{name}}}").unwrap();
                    let variables =
                        if *general { &mut scope.general } else { &mut scope.environment };
                    variables.insert(name, content.clone());
                    meant.push_str(content);
                }
            }
        }
    }
    let all: Vec<_> = meant.split('\n').collect();
    possible &= !meant.contains('\r') && all.iter().all(|line| strip(line) == *line);
    if let [_, more @ ..] = all.as_slice() {
        possible &=
            more.last() != Some(&"") && !more.iter().any(|line| line.starts_with(['#', ';']));
    }
    (text, possible.then_some(meant))
}

fn filled<'r>(read: &'r Read, section: &str, option: &str) -> &'r [Option<String>; 2] {
    let mut found = read.filled.iter().filter(|(s, o, _)| s == section && o == option);
    &found.next().expect("what was set").2
}

#[test]
fn services_get_what_variables_hold() {
    let judge = Judge::new();
    for dialect in DIALECTS {
        let tally = Tally::default();
        check(1500, &(default_file(), options(lines())), |(default, mut options)| {
            let referred = "[DEFAULT]\nreferred = <%(more)s>\nmore: REFERRED\n";
            let default = format!("{default}\n{referred}");
            prop_assume!(judge.read(dialect, &default).is_ok());
            // These have reasons of their own to be refused.
            options.retain(|((section, option), _)| {
                section != "swift-hash" && option.to_lowercase() == *option
            });
            let mut scope = Scope::default();
            let mut texts = Vec::new();
            let mut meant = Some(Vec::new());
            for (name, lines) in &options {
                let (text, value) = write(dialect, lines, &mut scope);
                texts.push((name.clone(), text));
                meant = meant.zip(value).map(|(mut all, value)| {
                    all.push(value);
                    all
                });
            }
            let rendered = set(dialect, &default, &keys(&texts, String::clone), &scope);
            if let Err(problems) = &rendered {
                let message = problems.to_string();
                prop_assume!(!message.contains("in the default file"));
                prop_assume!(!message.contains("in case only"));
                prop_assert!(!message.contains("would read something else"), "{}", message);
            }
            let Some((rendered, meant)) = both(rendered, meant)? else {
                tally.bad();
                return Ok(());
            };
            tally.good();
            let read = judge.read(dialect, &rendered).map_err(TestCaseError::fail)?;
            for (((section, option), _), meant) in options.iter().zip(meant) {
                for reader in filled(&read, section, option) {
                    prop_assert_eq!(reader.as_ref(), Some(&meant), "in {:?}", &rendered);
                }
            }
            Ok(())
        });
        tally.assert_both();
    }
}
