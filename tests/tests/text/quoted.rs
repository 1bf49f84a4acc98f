//! What is filled in with `|json` is read as what the variable holds, whatever that is.

use etcstack_config::variables::Scope;
use etcstack_tests::dialects::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::judge::Judge;
use crate::{NAMES, content, fill};

/// Where a string stands in a file.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The value of a name.
    Alone,
    /// In a list, behind another one.
    List,
    /// In a mapping.
    Mapping,
    /// On a line with a comment, where the file knows some.
    Commented,
}

/// How the variable gets what it holds.
#[derive(Clone, Copy, Debug)]
enum Way {
    Environment,
    General,
    /// By another variable.
    Through,
}

/// A variable in a place of a file.
type Entry = (Place, Way, String);

fn entries() -> BoxedStrategy<Vec<Entry>> {
    let place = select(vec![Place::Alone, Place::List, Place::Mapping, Place::Commented]);
    let way = select(vec![Way::Environment, Way::General, Way::Through]);
    vec((place, way, content()), 1..5).boxed()
}

/// How a file writes the value of a name, and what comes before and behind them all.
struct Syntax {
    start: &'static str,
    between: &'static str,
    end: &'static str,
    assign: fn(&str, &str) -> String,
    mapping: fn(&str) -> String,
    comment: &'static str,
}

fn syntax(name: &str) -> Syntax {
    let braces = |value: &str| format!("{{\"x\": {value}, \"y\": 1}}");
    let plain = Syntax {
        start: "",
        between: "\n",
        end: "\n",
        assign: |name, value| format!("{name} = {value}"),
        mapping: braces,
        comment: "  # it's a \"comment",
    };
    match name.rsplit_once('.').unwrap().1 {
        "json" => Syntax {
            start: "{",
            between: ",\n",
            end: "}\n",
            assign: |name, value| format!("\"{name}\": {value}"),
            comment: "",
            ..plain
        },
        "yaml" => Syntax {
            start: "---\n",
            assign: |name, value| format!("\"{name}\": {value}"),
            mapping: |value| format!("\n  x: {value}\n  \"y\": 1"),
            ..plain
        },
        "toml" => Syntax { mapping: |value| format!("{{ x = {value}, y = 1 }}"), ..plain },
        _ => plain,
    }
}

/// The file's text, and what is to be read from it.
fn write(name: &str, entries: &[Entry], scope: &mut Scope) -> (String, Value) {
    let syntax = syntax(name);
    let (mut lines, mut expected) = (Vec::new(), Map::new());
    for (index, (place, way, content)) in entries.iter().enumerate() {
        let variable = format!("V{index}");
        // A dollar in `general/` may be the start of a reference.
        let general = content.replace('$', "S");
        let content = match way {
            Way::Environment => {
                scope.environment.insert(variable.clone(), content.clone());
                content.clone()
            }
            Way::General => {
                scope.general.insert(variable.clone(), general.clone());
                general
            }
            Way::Through => {
                scope.general.insert(variable.clone(), format!("<${{W{index}}}>"));
                scope.environment.insert(format!("W{index}"), content.clone());
                format!("<{content}>")
            }
        };
        let string = format!("${{{variable}|json}}");
        let (value, meant, comment) = match place {
            Place::Alone => (string, json!(content), ""),
            Place::List => (format!("[1, {string}]"), json!([1, content]), ""),
            Place::Mapping => ((syntax.mapping)(&string), json!({ "x": content, "y": 1 }), ""),
            Place::Commented => (string, json!(content), syntax.comment),
        };
        let name = format!("name{index}");
        lines.push((syntax.assign)(&name, &value) + comment);
        expected.insert(name, meant);
    }
    let text = syntax.start.to_owned() + &lines.join(syntax.between) + syntax.end;
    (text, Value::Object(expected))
}

#[test]
fn every_reader_reads_what_variables_hold() {
    let judge = Judge::new();
    check(5000, &(select(NAMES.to_vec()), entries()), |(name, entries)| {
        let mut scope = Scope::default();
        let (text, expected) = write(name, &entries, &mut scope);
        let filled = fill(name, &text, &scope).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let read = judge.read(name, &filled);
        prop_assert_eq!(read, Ok(expected), "in {}: {:?}", name, filled);
        Ok(())
    });
}

/// Each character that has one code in UTF-16, and some beyond, by all readers.
#[test]
fn every_character() {
    let judge = Judge::new();
    let most = '\0'..='\u{ffff}';
    let beyond = "\u{10000}\u{1fffe}\u{1ffff}\u{e0001}\u{f0000}\u{10fffd}\u{10ffff}".chars();
    let all: String = most.chain(beyond).collect();
    let scope = Scope { environment: [("V0".to_owned(), all.clone())].into(), ..Scope::default() };
    for name in NAMES {
        let text =
            write(name, &[(Place::Alone, Way::General, String::new())], &mut Scope::default());
        let read = judge.read(name, &fill(name, &text.0, &scope).unwrap());
        assert!(read == Ok(json!({ "name0": all })), "{name}");
    }
}

/// A string beside another one is the two together, in Python.
#[test]
fn strings_of_python_side_by_side() {
    let judge = Judge::new();
    let scope = Scope {
        general: [("PASSWORD".to_owned(), "it's \\ \"x\"".to_owned())].into(),
        ..Scope::default()
    };
    let text = "URL = 'redis://:' ${PASSWORD|json} '@cache'\n";
    let read = judge.read("local_settings.py", &fill("local_settings.py", text, &scope).unwrap());
    assert_eq!(read, Ok(json!({ "URL": "redis://:it's \\ \"x\"@cache" })));
}
