//! oslo.config against the real options of cinder and glance.

use etcstack_config::catalog::CatalogOption;
use etcstack_config::validate::types::accepts;
use etcstack_tests::dialects::Script;
use etcstack_tests::{Service, openstack_venv};
use serde_json::{Value, json};

/// Values for any option: whatever a type may take or not.
const VALUES: [&str; 64] = [
    "true",
    "False",
    "YES",
    "off",
    "2",
    "0",
    "1",
    "-1",
    "+1",
    "1_000",
    "1__0",
    "0x10",
    "007",
    "1e3",
    "1.5",
    ".5",
    "5.",
    "nan",
    "-inf",
    "99999999999999999999",
    "65535",
    "65536",
    "x",
    "a,b",
    "a,,b",
    "a, b,",
    ",",
    "1,2",
    "1,x",
    "[a]",
    "[]",
    "[",
    "a:b",
    "a:b,c:d",
    "a:b,a:c",
    ":b",
    "a:",
    "a=b",
    "{a:b}",
    "10.0.0.1",
    "10.0.0.01",
    "10.0.0.256",
    "::1",
    "fe80::1%eth0",
    "10.0.0.0/8",
    "host",
    "host.example.com.",
    "-host",
    "a_b",
    "host:80",
    "1.2",
    "http://host",
    "https://u:p@host:80/x?y",
    "http://",
    "http:/x",
    "ftp://host/a b",
    "http://[::1]:80/",
    "http://h^st/",
    "1-5",
    "",
    "http://u^:p@host/",
    "http://u:p|q@host",
    "http://ho st/",
    "//host",
];

/// Whether oslo.config takes these.
fn judge(service: &Service, pairs: &[(&CatalogOption, String)]) -> Vec<Option<bool>> {
    let question: Vec<_> =
        pairs.iter().map(|(option, value)| json!([option.group, option.name, value])).collect();
    let script = Script::with_openstack("oslo/values.py", &[service.raw_file().as_os_str()]);
    script.ask(&json!(question))
}

/// Values for this option: some of all, another part for each, and those near its rules.
fn values(option: &CatalogOption, index: usize) -> Vec<String> {
    let own = option.choices.iter().filter_map(Value::as_str);
    let mut values: Vec<String> = own.map(str::to_owned).collect();
    values.extend(values.clone().iter().map(|choice| choice.to_uppercase()));
    for bound in [&option.min, &option.max].into_iter().filter_map(Value::as_i64) {
        values.extend([bound - 1, bound, bound + 1].map(|number| number.to_string()));
    }
    let is_text = option.kind == "string value" && option.choices.is_empty();
    let count = if is_text { 3 } else { VALUES.len() };
    values.extend((0..count).map(|step| VALUES[(index * 7 + step) % VALUES.len()].to_owned()));
    values
}

/// The types whose rules are oslo.config's own; all others are a service's or a library's.
const KINDS: [&str; 13] = [
    "boolean value",
    "dict value",
    "floating point value",
    "host address value",
    "host domain value",
    "hostname value",
    "integer value",
    "IP address value",
    "list value",
    "multi valued",
    "port value",
    "string value",
    "uri value",
];

/// Why a value may pass here that oslo.config does not take.
fn may_pass(option: &CatalogOption) -> bool {
    let rules = option.rules.as_ref();
    let items = rules.and_then(|rules| rules.items.as_ref());
    let is_foreign = |kind: &str| !KINDS.contains(&kind);
    // Its largest number is that of the machine's processors, and is in no catalog.
    option.name == "backup_workers"
        || is_foreign(&option.kind)
        || items.is_some_and(|items| is_foreign(&items.kind))
        // A regular expression of Python.
        || rules.is_some_and(|rules| rules.pattern)
        || items.is_some_and(|items| items.rules.pattern)
}

fn agrees(name: &str, least: usize) {
    let service = Service::new(&openstack_venv(), name);
    let options = service.catalog.options();
    let pairs: Vec<_> = options
        .iter()
        .enumerate()
        .flat_map(|(index, option)| values(option, index).into_iter().map(move |v| (option, v)))
        .collect();
    let verdicts = judge(&service, &pairs);
    let (mut taken, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for ((option, value), verdict) in pairs.iter().zip(verdicts) {
        let Some(theirs) = verdict else { continue };
        let ours = accepts(option, value);
        if theirs {
            taken += 1;
        } else {
            refused += 1;
        }
        if ours.is_ok() != theirs && (theirs || !may_pass(option)) {
            let shown = format!("[{}] {}, a {}", option.group, option.name, option.kind);
            wrong.push(format!("{shown}: {value:?}: {ours:?}, oslo.config takes it: {theirs}"));
        }
    }
    println!("{name}: {taken} taken, {refused} refused, {} disagreements", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken > least && refused > least, "{taken} taken, {refused} refused");
}

#[test]
fn values_of_cinder() {
    agrees("cinder", 10_000);
}

#[test]
fn values_of_glance() {
    agrees("glance", 3_000);
}
