//! What a variable holds arrives at the service as it is, whatever it holds.

use std::fmt::Write as _;

use etcstack_config::key::escape;
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{Tally, both};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::edits::{default_file, options};
use crate::judge::Judge;
use crate::text::strip;
use crate::{check, set};

/// A part of a value, as it is written and as it is meant.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// A dollar that is one, by oslo.config's rules.
    Dollar(&'static str),
    Variable {
        content: String,
        general: bool,
        form: Form,
    },
    Default(String),
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Plain,
    Braces,
    WithDefault,
    Url,
}

/// Pieces in which dollars, backslashes and line breaks meet.
fn content() -> BoxedStrategy<String> {
    let piece = select(vec![
        "$", "$", "$", "\\", "\\", "${", "}", "x", "my_ip", "$x", "${x.y}", "$$", "%", "%s", " ",
        "\"", "'", "[a]", "#", "=", ":", "é", "\u{a0}", "\u{2028}", ";", "/", "@", "\\n",
    ]);
    let line = vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop_oneof![
        6 => line.clone(),
        1 => vec(line, 2..4).prop_map(|lines| lines.join("\n")),
        1 => Just("a\rb".to_owned()),
    ]
    .boxed()
}

fn part() -> BoxedStrategy<Part> {
    let form = select(vec![Form::Plain, Form::Braces, Form::WithDefault, Form::Url]);
    prop_oneof![
        3 => "[a-z=:#;\"'\\[\\]%{} \u{a0}é]{1,5}".prop_map(Part::Text),
        1 => "\\\\{1,2}[a-z]".prop_map(Part::Text),
        1 => select(vec!["$$", "\\$"]).prop_map(Part::Dollar),
        6 => (content(), any::<bool>(), form).prop_map(|(content, general, form)| {
            Part::Variable { content, general, form }
        }),
        1 => "[a-z ]{0,4}".prop_map(Part::Default),
    ]
    .boxed()
}

/// Values, each of lines, each of parts.
fn values() -> BoxedStrategy<Vec<Vec<Vec<Part>>>> {
    vec(vec(vec(part(), 1..5), 1..3), 1..3).boxed()
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

/// Writes a part into a key's value, and gives what it means.
fn write(part: &Part, text: &mut String, scope: &mut Scope) -> String {
    match part {
        Part::Text(literal) => {
            text.push_str(literal);
            literal.clone()
        }
        Part::Dollar(written) => {
            text.push_str(written);
            "$".to_owned()
        }
        Part::Default(default) => {
            write!(text, "${{UNKNOWN:-{default}}}").unwrap();
            default.clone()
        }
        Part::Variable { content, general, form } => {
            let number = scope.general.len() + scope.environment.len();
            let name = format!("V{number}");
            let variables = if *general { &mut scope.general } else { &mut scope.environment };
            // What the environment holds was not written for us: nothing in it is a reference.
            let content = if *general { content.clone() } else { format!("{content}$V0${{V1}}") };
            variables.insert(name.clone(), content.clone());
            match form {
                Form::Plain => write!(text, "${name}"),
                Form::Braces => write!(text, "${{{name}}}"),
                Form::WithDefault => write!(text, "${{{name}:-default}}"),
                Form::Url => write!(text, "${{{name}|url}}"),
            }
            .unwrap();
            match form {
                Form::Url => percent_encoded(&content),
                Form::WithDefault if content.is_empty() => "default".to_owned(),
                _ => content,
            }
        }
    }
}

/// The key's text for these values, and what a service is to get: `None` where that cannot be
/// written, or not be told from something else.
fn write_all(values: &[Vec<Vec<Part>>], scope: &mut Scope) -> (String, Option<Vec<String>>) {
    let mut text = String::new();
    let mut meant = Vec::new();
    let mut possible = true;
    for (index, value) in values.iter().enumerate() {
        let mut result = String::new();
        for (number, line) in value.iter().enumerate() {
            let mut literal = String::new();
            let mut written = String::new();
            // Blanks at the start of a line would mean something else.
            if number > 0 {
                text.push_str("  ");
                result.push('\n');
                written.push('c');
            } else if index > 0 {
                written.push('v');
            }
            literal.push_str(&written);
            let mut before: Option<&Part> = None;
            for part in line {
                // After a name goes no letter, and before a reference no backslash.
                if matches!(before, Some(Part::Variable { form: Form::Plain, .. })) {
                    written.push('/');
                    literal.push('/');
                }
                let own = literal.len();
                literal.push_str(&write(part, &mut written, scope));
                // A dollar of the value's own behind a variable that ends in a backslash: refused.
                let behind = matches!(before, Some(Part::Variable { .. } | Part::Default(_)));
                possible &= !(behind
                    && matches!(part, Part::Dollar("$$"))
                    && literal[..own].ends_with('\\'));
                before = Some(part);
            }
            if number > 0 {
                written.push('.');
                literal.push('.');
            }
            text.push_str(&written);
            text.push('\n');
            result.push_str(&literal);
        }
        let mut lines = result.split('\n');
        possible &= !result.contains('\r');
        lines.next();
        possible &= lines.all(|line| !line.is_empty() && strip(line) == line);
        meant.push(result);
    }
    (text, possible.then_some(meant))
}

#[test]
fn services_get_what_variables_hold() {
    let judge = Judge::new();
    let tally = Tally::default();
    check(6000, &(default_file(), options(values())), |(default, options)| {
        prop_assume!(judge.read(&default).is_ok());
        let mut scope = Scope::default();
        let mut keys = Vec::new();
        let mut meant = Some(Vec::new());
        for ((section, option), values) in &options {
            let (text, values) = write_all(values, &mut scope);
            keys.push((format!("{}/{option}", escape(section)), text));
            meant = meant.zip(values).map(|(mut all, values)| {
                all.push(values);
                all
            });
        }
        let Some((rendered, meant)) = both(set(&default, &keys, &scope), meant)? else {
            tally.bad();
            return Ok(());
        };
        tally.good();
        let names: Vec<_> =
            options.iter().map(|((section, option), _)| (&**section, &**option)).collect();
        for (read, meant) in judge.options(&rendered, &names).into_iter().zip(meant) {
            prop_assert!(read.error.is_none(), "{:?} in {rendered:?}", read.error);
            prop_assert_eq!(read.single.as_ref(), meant.last(), "in {:?}", &rendered);
            prop_assert_eq!(read.multi.as_ref(), Some(&meant), "in {:?}", &rendered);
        }
        Ok(())
    });
    tally.assert_both();
}
