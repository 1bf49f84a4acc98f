//! What is filled in as it is, inside quotes, is read as what the variable holds, or `validate` warns
//! of it.

use std::path::Path;

use etcstack_config::data::Data;
use etcstack_config::validate::{Code, Settings, Severity, validate};
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{Tally, check};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::judge::Judge;
use crate::{content, fill};

/// Files with one string, in the quotes that each of them knows; what stands around the variable.
const TEXTS: [(&str, &str); 12] = [
    ("local_settings.py", "name = '|'\n"),
    ("local_settings.py", "name = \"|\"\n"),
    ("local_settings.py", "name = '' '|'  # it's\n"),
    ("local_settings.py", "name = '''|'''\n"),
    ("local_settings.py", "name = \"\"\"|\"\"\"\n"),
    ("policy.yaml", "\"name\": '|'\n"),
    ("policy.yaml", "\"name\": \"|\"\n"),
    ("pools.yaml", "other: 'it''s'\nname: '|' # it's\n"),
    ("pools.yml.yaml", "name: \"|\"\n"),
    ("rules.json", "{\"name\": \"|\"}\n"),
    ("config.toml", "name = \"|\"\n"),
    ("config.toml", "name = '|'\n"),
];

fn is_warned_of(name: &str, text: &str, content: &str) -> bool {
    let mut data = Data::default();
    data.add_file(&["general", "V"], Path::new("general/V"), content.as_bytes());
    data.add_file(&["r", "s", name], Path::new("file"), text.as_bytes());
    let findings = validate(data, &Settings::default());
    // Some of it is no data at all, such as a NUL byte.
    findings.iter().any(|f| f.code == Code::RawInQuotes || f.severity == Severity::Error)
}

#[test]
fn what_is_torn_is_warned_of() {
    let judge = Judge::new();
    let tally = Tally::default();
    let around = select(vec!["", "", "x", "x "]);
    check(5000, &(select(TEXTS.to_vec()), around, content()), |((name, text), around, content)| {
        // A dollar may be the start of a reference; a break at the very end of a file is none of
        // its text.
        let content = content.replace('$', "S");
        let content = content.trim_end_matches(['\r', '\n']);
        let text = text.replace('|', &format!("{around}${{V}}"));
        let general = [("V".to_owned(), content.to_owned())].into();
        let scope = Scope { general, ..Scope::default() };
        let filled = fill(name, &text, &scope).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let meant = json!(format!("{around}{content}"));
        let is_read = judge.read(name, &filled).is_ok_and(|read| read["name"] == meant);
        tally.count(is_read);
        prop_assert!(is_read || is_warned_of(name, &text, content), "in {}: {:?}", name, filled);
        Ok(())
    });
    tally.assert_both();
}
