//! Variables that nothing defines, and those that nobody uses.

use super::{Code, Entry, Finding, Settings};
use crate::key::Key;
use crate::validate::nearest::nearest;
use crate::variables::{Mention, Scope, mentions};

/// What containers have in their environment everywhere, or by custom.
const USUAL: [&str; 5] = ["HOME", "HOSTNAME", "PATH", "TZ", "USER"];
/// How names start that Kubernetes' downward API is asked for by custom.
const USUAL_STARTS: [&str; 3] = ["KUBERNETES_", "NODE_", "POD_"];
/// How names end that Kubernetes gives to every container.
const USUAL_ENDS: [&str; 2] = ["_SERVICE_HOST", "_SERVICE_PORT"];

pub(super) fn check(
    entries: &[Entry<'_>],
    scope: &Scope,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) {
    for entry in entries {
        for mention in mentions(&entry.datum.value, entry.dialect) {
            let known = mention.has_default
                || scope.general.contains_key(&mention.name)
                || settings.environment.contain(&mention.name)
                || settings.generated.contain(&mention.name);
            if !known {
                findings.push(unknown(entry, &mention, scope));
            }
        }
    }
    let values = entries.iter().filter(|entry| !matches!(entry.key, Key::Variable(_)));
    let used = scope.needed(values.map(|entry| entry.datum.value.as_str()));
    for entry in entries {
        if let Key::Variable(name) = &entry.key
            && !used.contains(name)
            && !settings.used.contain(name)
        {
            let message = format!("no value of the data refers to ${name}");
            let remedy = "delete it; or list it in validate.toml under `used`, if a manifest or \
                          somebody else needs it";
            let finding = Finding::warning(entry.marks.name(), Code::UnusedVariable, message);
            findings.push(finding.remedy(remedy));
        }
    }
}

fn unknown(entry: &Entry<'_>, mention: &Mention, scope: &Scope) -> Finding {
    let name = &mention.name;
    let place = entry.marks.offset(&entry.datum.value, mention.at);
    let usual = USUAL.contains(&name.as_str())
        || USUAL_STARTS.iter().any(|start| name.starts_with(start))
        || USUAL_ENDS.iter().any(|end| name.ends_with(end));
    if usual {
        let message = format!("${name} can only come from the agent's environment");
        let remedy = "list it in validate.toml under `environment`, if the agents have it there";
        return Finding::warning(place, Code::EnvironmentVariable, message).remedy(remedy);
    }
    let message = format!("unknown variable ${name}");
    // A variable that refers to itself would go in a circle.
    let is_own = |other: &str| matches!(&entry.key, Key::Variable(own) if own == other);
    let names = scope.general.keys().map(String::as_str).filter(|other| !is_own(other));
    let remedy = match nearest(name, names) {
        Some(near) => format!("perhaps ${near} is meant; else set general/{name}"),
        None => format!("set general/{name}"),
    };
    let remedy = format!(
        "{remedy}, give a default with ${{{name}:-…}}, or list it in validate.toml: under \
         `environment` if the agents have it there, under `generated` if it is made in the store"
    );
    Finding::error(place, Code::UnknownVariable, message).remedy(remedy)
}
