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
    /// One of oslo.config's own.
    Reference,
}

/// The option that such references are to, and what it holds.
const REFERRED: (&str, &str) = ("zz_ref", "<R>");

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
        1 => Just(Part::Reference),
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
        Part::Reference => {
            write!(text, "${}", REFERRED.0).unwrap();
            REFERRED.1.to_owned()
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
                // A default is the value's own text.
                let is_variable = match part {
                    Part::Variable { content, general, form: Form::WithDefault } => {
                        !(*general && content.is_empty())
                    }
                    other => matches!(other, Part::Variable { .. }),
                };
                let goes_on = match before {
                    Some(Part::Variable { form, .. }) => matches!(form, Form::Plain),
                    Some(Part::Reference) => !is_variable,
                    _ => false,
                };
                if goes_on {
                    written.push('/');
                    literal.push('/');
                }
                let own = literal.len();
                literal.push_str(&write(part, &mut written, scope));
                // A dollar of the value's own behind a variable that ends in a backslash: refused.
                let behind = matches!(before, Some(Part::Variable { .. } | Part::Default(_)));
                possible &= !(behind
                    && matches!(part, Part::Dollar("$$") | Part::Reference)
                    && literal[..own].ends_with('\\'));
                before = Some(part);
            }
            if matches!(before, Some(Part::Reference)) {
                written.push('/');
                literal.push('/');
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
        let default = format!("[DEFAULT]\n{} = {}\n{default}", REFERRED.0, REFERRED.1);
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
        let mut names: Vec<_> =
            options.iter().map(|((section, option), _)| (&**section, &**option)).collect();
        names.push(("DEFAULT", REFERRED.0));
        for (read, meant) in judge.options(&rendered, &names).into_iter().zip(meant) {
            prop_assert!(read.error.is_none(), "{:?} in {rendered:?}", read.error);
            prop_assert_eq!(read.single.as_ref(), meant.last(), "in {:?}", &rendered);
            // There, what is referred to has several values as well.
            let several = format!("['{}']", REFERRED.1);
            let plain = |value: &String| value.replace(&several, REFERRED.1);
            let multi = read.multi.map(|values| values.iter().map(plain).collect::<Vec<_>>());
            prop_assert_eq!(multi.as_ref(), Some(&meant), "in {:?}", &rendered);
        }
        Ok(())
    });
    tally.assert_both();
}

/// The rest of a key and what it holds.
fn keys(options: &[(&str, &str)]) -> Vec<(String, String)> {
    options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_reference_ends_before_a_variable() {
    let judge = Judge::new();
    let default = "[DEFAULT]\nstate_path = /var\n";
    for (text, holds, meant) in [
        ("$state_path$W", "x", "/varx"),
        ("$state_path$W", "_2", "/var_2"),
        ("$state_path$W", ".x", "/var.x"),
        ("$state_path$W", "\u{17f}", "/var\u{17f}"),
        ("$state_path$W", "\u{212a}", "/var\u{212a}"),
        ("$state_path$W", "\u{131}", "/var\u{131}"),
        ("$state_path$W", "\u{130}", "/var\u{130}"),
        ("$state_path$W", "é", "/varé"),
        ("$state_path$W", "/x", "/var/x"),
        ("$state_path$W", "", "/var"),
        ("$state_path$E$W", "x", "/varx"),
        ("$state_path${E}x$W", "y", "/varxy"),
        ("$state_path$W$W", "x", "/varxx"),
        ("${state_path}$W", "x", "/varx"),
        ("${UNKNOWN:-$state}_path$W", "x", "/varx"),
        ("$$state_path$W", "x", "$state_pathx"),
        ("\\$state_path$W", "x", "$state_pathx"),
        ("$$$state_path$W", "x", "$/varx"),
        ("\\$$state_path$W", "x", "$/varx"),
        ("${UNKNOWN:-$}$W", "state_path", "$state_path"),
        ("${UNKNOWN:-$}$W", "{state_path}", "${state_path}"),
        ("${UNKNOWN:-$}$W", "$state_path", "$$state_path"),
        ("${UNKNOWN:-$$$}$W", "state_path", "$$state_path"),
        ("$1x$W", "y", "$1xy"),
        ("${1x$W}", "y", "${1xy}"),
        ("a\n  $state_path$W", "x\ny", "a\n/varx\ny"),
    ] {
        let mut scope = Scope::default();
        scope.environment.insert("W".into(), holds.into());
        scope.environment.insert("E".into(), String::new());
        let rendered = set(default, &keys(&[("DEFAULT/a", text)]), &scope).unwrap();
        let read = judge.options(&rendered, &[("DEFAULT", "state_path"), ("DEFAULT", "a")]);
        assert_eq!(read[1].single.as_deref(), Some(meant), "{text} in {rendered:?}");
    }
}

#[test]
fn no_variable_completes_a_reference() {
    for text in ["${$W}", "${state_$W}", "$$${state_$W}", "\\$${state_$W}", "${UNKNOWN:-$}{$W}"] {
        let mut scope = Scope::default();
        scope.environment.insert("W".into(), "path".into());
        let problems = set("", &keys(&[("DEFAULT/a", text)]), &scope).unwrap_err().to_string();
        assert!(problems.contains("what $W holds would stand inside a reference"), "{problems}");
    }
}
