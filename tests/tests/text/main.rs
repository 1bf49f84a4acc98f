//! The readers of texts judge what we fill in: Python's `ast`, oslo.policy, `PyYAML`, JSON and TOML.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod judge;
mod quoted;
mod raw;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::layers::ServiceConfig;
use etcstack_config::problem::Problems;
use etcstack_config::render::{FileInputs, render};
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::python::nasty;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The files of each reader.
const NAMES: [&str; 5] =
    ["local_settings.py", "policy.yaml", "pools.yaml", "access_rules.json", "config.toml"];

/// Fills in a text that is set as a whole.
fn fill(name: &str, text: &str, scope: &Scope) -> Result<String, Problems> {
    let entries: Entries = [(format!("r/s/{name}"), text.as_bytes().to_vec())].into();
    let config = ServiceConfig::resolve(&entries, &"r".parse().unwrap(), "s")?;
    let file = config.files.into_values().next().unwrap();
    let inputs = FileInputs::new(Dialect::by_name(name), file, scope);
    assert_eq!(inputs.dialect, Dialect::Text);
    Ok(String::from_utf8(render(&inputs, None)?.expect("there is a text")).unwrap())
}

/// What a variable may hold: anything.
fn content() -> BoxedStrategy<String> {
    let piece = select(vec![
        "'",
        "\"",
        "\\",
        "'''",
        "\"\"\"",
        "\\'",
        "\\n",
        "\\u0041",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "#",
        " #",
        ": ",
        "- ",
        "&",
        "*",
        "!",
        "%",
        "@",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        "${x}",
        "%s",
        "{{",
        "<<",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{fffe}",
        "😀",
        "é",
        "x",
        "true",
        "null",
        "~",
        "0x10",
        "1e3",
        "2026-01-01",
        "---",
        "...",
        " ",
        "?",
    ]);
    prop_oneof![
        6 => vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
        3 => nasty(10),
        2 => any::<String>(),
        1 => any::<char>().prop_map(String::from),
        1 => (nasty(8), 200..400_usize).prop_map(|(text, times)| text.repeat(times)),
    ]
    .boxed()
}
