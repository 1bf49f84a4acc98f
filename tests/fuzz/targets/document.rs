//! A file is printed as it was read; what is set is read back, and nothing else has changed.
#![no_main]

use arbitrary::Arbitrary;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::{Document, Grammar, Value};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    dialect: u8,
    text: &'a str,
    section: Option<&'a str>,
    option: &'a str,
    value: &'a str,
}

const DIALECTS: [&str; 7] =
    ["oslo", "configparser", "swift", "mysql", "plain", "rsync", "libvirt"];

/// Every option with its section, both as the reader compares them, and its value.
type Reading = Vec<((Option<String>, String), String)>;

fn reading(grammar: &'static dyn Grammar, document: &Document<'_>) -> Reading {
    let name = |section: Option<&str>, option: &str| {
        let section = section.map(|section| grammar.normal_section(section).into_owned());
        (section, grammar.normal_option(option).into_owned())
    };
    let all = document.assignments().into_iter();
    all.map(|found| (name(found.section, found.option), found.value)).collect()
}

fuzz_target!(|case: Case<'_>| {
    let name = DIALECTS[usize::from(case.dialect) % DIALECTS.len()];
    let dialect: Dialect = name.parse().expect("a dialect");
    let grammar = dialect.grammar().expect("a grammar");
    let (lenient, _) = Document::parse_leniently(grammar, case.text);
    assert_eq!(lenient.to_string(), case.text);
    let Ok(before) = Document::parse(grammar, case.text) else { return };
    if grammar.check_name(case.section, case.option).is_err() {
        return;
    }
    let Ok(value) = Value::from_lines(grammar, case.value.split('\n')) else { return };
    let mut after = before.clone();
    if after.set(case.section, case.option, std::slice::from_ref(&value)).is_err() {
        assert_eq!(after.to_string(), case.text);
        return;
    }
    let printed = after.to_string();
    let read = Document::parse(grammar, &printed).expect("what was written is read");
    let own = (
        case.section.map(|section| grammar.normal_section(section).into_owned()),
        grammar.normal_option(case.option).into_owned(),
    );
    let (ours, others): (Reading, Reading) =
        reading(grammar, &read).into_iter().partition(|(name, _)| *name == own);
    assert_eq!(ours, [(own.clone(), value.text())]);
    let mut expected = reading(grammar, &before);
    expected.retain(|(name, _)| *name != own);
    assert_eq!(others, expected);
    // Once more changes nothing.
    let mut again = read.clone();
    again.set(case.section, case.option, &[value]).expect("it was set before");
    assert_eq!(again.to_string(), printed);
});
