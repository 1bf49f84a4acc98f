//! oslo.config and its validator against the real options of cinder and glance.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use etcstack_config::catalog::{Catalog, CatalogOption};
use etcstack_config::validate::types::accepts;
use etcstack_tests::openstack_venv;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{folder, source, validate};

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

/// What the packages list, and its reduced form.
struct Service {
    folder: TempDir,
    catalog: Catalog,
}

impl Service {
    fn new(name: &str) -> Self {
        let output = Command::new(openstack_venv().join("bin/python"))
            .args(["-W", "ignore"])
            .arg(source("bootstrap-data/catalog/options.py"))
            .arg(name)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let raw = String::from_utf8(output.stdout).unwrap();
        let catalog = Catalog::reduce(Path::new(name), raw.as_bytes()).unwrap();
        Self { folder: folder(&[("raw.json", &raw)]), catalog }
    }

    /// Whether oslo.config takes these.
    fn judge(&self, pairs: &[(&CatalogOption, String)]) -> Vec<Option<bool>> {
        let question: Vec<_> =
            pairs.iter().map(|(option, value)| json!([option.group, option.name, value])).collect();
        let mut python = Command::new(openstack_venv().join("bin/python"))
            .args(["-W", "ignore"])
            .arg(source("tests/oslo/values.py"))
            .arg(self.folder.path().join("raw.json"))
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(python.stdin.take().unwrap(), "{}", json!(question)).unwrap();
        let output = python.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
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
    let service = Service::new(name);
    let options = service.catalog.options();
    let pairs: Vec<_> = options
        .iter()
        .enumerate()
        .flat_map(|(index, option)| values(option, index).into_iter().map(move |v| (option, v)))
        .collect();
    let verdicts = service.judge(&pairs);
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

/// What oslo-config-validator says of the names in a file: those that nobody knows.
fn unknown_to_oslo(service: &Service, file: &Path) -> BTreeSet<String> {
    let raw = std::fs::read(service.folder.path().join("raw.json")).unwrap();
    let raw: Value = serde_json::from_slice(&raw).unwrap();
    let mut command = Command::new(openstack_venv().join("bin/oslo-config-validator"));
    for namespace in raw["generator_options"]["namespace"].as_array().unwrap() {
        command.arg("--namespace").arg(namespace.as_str().unwrap());
    }
    let output = command.arg("--input-file").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let told =
        text.lines().filter_map(|line| line.strip_suffix(" is not part of the sample config"));
    let found: BTreeSet<String> =
        told.filter_map(|line| Some(line.rsplit_once(':')?.1.to_owned())).collect();
    assert_eq!(output.status.code(), Some(i32::from(!found.is_empty())), "{text}");
    found
}

/// What we say of them: by line, and so by the option that stands there.
fn unknown_to_us(name: &str, service: &Service, text: &str) -> BTreeSet<String> {
    let path = format!("data/role/{name}/x.conf");
    let catalog = format!("data/catalog/1/{name}.json");
    let data = folder(&[(&path, text), (&catalog, &service.catalog.to_string())]);
    let run = validate(data.path(), &["data", "--output", "json"]);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let lines: Vec<_> = text.lines().collect();
    let mut found = BTreeSet::new();
    for finding in findings {
        if finding["code"] == "unknown-option" {
            let line = usize::try_from(finding["line"].as_u64().unwrap()).unwrap() - 1;
            let header = lines[..line].iter().rev().find(|line| line.starts_with('[')).unwrap();
            let option = lines[line].split(" = ").next().unwrap();
            found.insert(format!("{}/{option}", header.trim_matches(['[', ']'])));
        }
    }
    found
}

/// A file with every option once, and a slip in each seventh name.
fn seeded(service: &Service) -> String {
    let options = service.catalog.options().iter().enumerate();
    // The validator passes over the one; the other has names that it does not print.
    let options = options.filter(|(_, option)| option.group != "keystone_authtoken");
    let lines = options.map(|(index, option)| {
        let slip = if index % 7 == 0 { "x" } else { "" };
        format!("[{}]\n{}{slip} = \n", option.group, option.name)
    });
    lines.collect()
}

fn names_agree(name: &str, least: usize) {
    let service = Service::new(name);
    let text = seeded(&service);
    let file = folder(&[("x.conf", &text)]);
    let theirs = unknown_to_oslo(&service, &file.path().join("x.conf"));
    let ours = unknown_to_us(name, &service, &text);
    assert_eq!(ours, theirs);
    assert!(ours.len() > least, "{}", ours.len());
}

#[test]
fn names_of_cinder() {
    names_agree("cinder", 150);
}

#[test]
fn names_of_glance() {
    names_agree("glance", 60);
}

/// The configuration of this repository, of which oslo.config knows all but made-up sections.
#[test]
fn names_of_the_repository() {
    for (name, file) in [("cinder", "cinder.conf"), ("glance", "glance-api.conf")] {
        let service = Service::new(name);
        let path = source("bootstrap-data/controller").join(name).join(file);
        let mut found = unknown_to_oslo(&service, &path);
        found.retain(|name| !name.starts_with("local/") && !name.starts_with("os_glance_"));
        assert!(found.is_empty(), "{found:?}");
        let ours = unknown_to_us(name, &service, &std::fs::read_to_string(path).unwrap());
        assert!(ours.is_empty(), "{ours:?}");
    }
}
