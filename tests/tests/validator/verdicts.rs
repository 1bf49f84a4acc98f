//! What the two say of the names in a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use etcstack_tests::{Service, binary, folder};
use serde_json::Value;

use crate::seeded::Line;

/// What is said of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Fine,
    /// Nobody reads it.
    Unknown,
    /// It is a former one.
    Former,
}

/// What is said of each section and option, where it is not fine.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(pub(crate) BTreeMap<(String, String), Name>);

impl Verdicts {
    pub(crate) fn of(&self, line: &Line) -> Name {
        let found = self.0.get(&(line.section.clone(), line.option.clone()));
        found.copied().unwrap_or(Name::Fine)
    }
}

/// What oslo-config-validator says of a file.
pub(crate) fn theirs(venv: &Path, service: &Service, file: &Path) -> Verdicts {
    let mut command = Command::new(venv.join("bin/oslo-config-validator"));
    for namespace in service.raw["generator_options"]["namespace"].as_array().unwrap() {
        command.arg("--namespace").arg(namespace.as_str().unwrap());
    }
    let output = command.arg("--input-file").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let mut found = Verdicts::default();
    for line in text.lines() {
        let unknown = line.strip_suffix(" is not part of the sample config");
        let unknown = unknown.and_then(|line| Some((line.splitn(3, ':').nth(2)?, Name::Unknown)));
        let former = line.strip_suffix(" found");
        let former =
            former.and_then(|line| Some((line.split_once("Deprecated opt ")?.1, Name::Former)));
        if let Some((name, verdict)) = unknown.or(former) {
            let (section, option) = name.split_once('/').unwrap();
            found.0.insert((section.to_owned(), option.to_owned()), verdict);
        }
    }
    let is_bad = found.0.values().any(|verdict| *verdict == Name::Unknown);
    assert_eq!(output.status.code(), Some(i32::from(is_bad)), "{text}");
    found
}

/// What `validate` says of a file, by line, and so by the option that stands there.
pub(crate) fn ours(name: &str, service: &Service, text: &str) -> Verdicts {
    let path = format!("data/role/{name}/x.conf");
    let catalog = format!("data/catalog/1/{name}.json");
    let data = folder(&[(&path, text), (&catalog, &service.catalog.to_string())]);
    let mut command = Command::new(binary("etcstack-loader"));
    command.args(["validate", "--output", "json"]).arg(data.path().join("data"));
    command.env_remove("ETCSTACK_DATA").env_remove("ETCSTACK_RELEASE");
    let output = command.output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();

    let lines: Vec<_> = text.lines().collect();
    let mut found = Verdicts::default();
    for finding in json["findings"].as_array().unwrap() {
        let verdict = match finding["code"].as_str().unwrap() {
            "unknown-option" | "unknown-section" | "removed-option" => Name::Unknown,
            "deprecated-name" => Name::Former,
            _ => continue,
        };
        let at = usize::try_from(finding["line"].as_u64().unwrap()).unwrap() - 1;
        let header = lines[..=at].iter().rposition(|line| line.starts_with('[')).unwrap();
        let section = lines[header].trim_matches(['[', ']']);
        // Of a section, what stands first in it.
        let option = lines[at.max(header + 1)].split(" =").next().unwrap();
        found.0.insert((section.to_owned(), option.to_owned()), verdict);
    }
    found
}
