//! The alert rules and the dashboard.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use etcstack_tests::{judges, write};
use serde_json::Value;

use crate::world::{World, list, root, text};

/// A Prometheus rule file of the rules, and tests of them beside it.
fn promtool(verb: &[&str], rules: &Value, tests: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    // JSON is YAML.
    write(&folder.path().join("rules.yaml"), &rules.to_string());
    write(&folder.path().join("tests.yaml"), tests);
    let output = Command::new(judges().join("usr/bin/promtool"))
        .args(verb)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn rules() -> Value {
    let world = World::of("ha");
    world.find("PrometheusRule", "etcstack").unwrap()["spec"].clone()
}

#[test]
fn the_rules_are_rules() {
    let (good, said) =
        promtool(&["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"], &rules(), "");
    assert!(good, "{said}");
    let mut broken = rules();
    broken["groups"][0]["rules"][0]["expr"] = "etcstack_revision_lag >".into();
    assert!(!promtool(&["check", "rules", "rules.yaml"], &broken, "").0);
}

#[test]
fn the_rules_tell_what_they_should() {
    let tests = std::fs::read_to_string(root().join("tests/tests/k8s/alerts.yaml")).unwrap();
    let (good, said) = promtool(&["test", "rules", "tests.yaml"], &rules(), &tests);
    assert!(good, "{said}");
    // Each rule is tested, and a rule that never tells is found out.
    for (group, rule) in
        [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0), (1, 1), (1, 2), (1, 3)]
    {
        let mut broken = rules();
        broken["groups"][group]["rules"][rule]["expr"] = "vector(0) > 1".into();
        let name = text(&broken["groups"][group]["rules"][rule]["alert"]).to_owned();
        assert!(
            !promtool(&["test", "rules", "tests.yaml"], &broken, &tests).0,
            "{name} is not tested"
        );
    }
    let count: usize = list(&rules()["groups"]).map(|group| list(&group["rules"]).count()).sum();
    assert_eq!(count, 10, "a rule that no test breaks");
}

/// The agent's metrics are those of docs/observing.md.
#[test]
fn the_metrics_are_there() {
    let known = metrics(&root().join("docs/observing.md"));
    assert!(known.len() > 10);
    let world = World::of("ha");
    let dashboard = world.config("etcstack-dashboard");
    let dashboard: Value = serde_json::from_str(&dashboard["etcstack.json"]).unwrap();
    let asked = list(&dashboard["panels"]).flat_map(|panel| list(&panel["targets"]));
    let asked: Vec<_> = asked.map(|target| text(&target["expr"]).to_owned()).collect();
    assert!(asked.len() > 10);
    let rules = rules();
    let alerts = list(&rules["groups"]).flat_map(|group| list(&group["rules"]));
    let alerts = alerts.map(|rule| text(&rule["expr"]).to_owned());
    for expression in asked.into_iter().chain(alerts) {
        for name in words(&expression).filter(|word| word.starts_with("etcstack_")) {
            let name = name.trim_end_matches("_bucket");
            assert!(known.contains(name), "{name} in {expression} is no metric of the agent's");
        }
    }
    let ids: BTreeSet<_> = list(&dashboard["panels"]).map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), list(&dashboard["panels"]).count(), "two panels with one id");
}

/// Kubernetes has an etcd of its own, and others have certificates.
#[test]
fn the_rules_are_for_their_own_namespace() {
    let world = World::of("ha");
    let own = text(&world.find("PrometheusRule", "etcstack").unwrap()["metadata"]["namespace"]);
    let rules = rules();
    let alerts = list(&rules["groups"]).flat_map(|group| list(&group["rules"]));
    for expression in alerts.map(|rule| text(&rule["expr"])) {
        let named: Vec<_> = expression.split("namespace=\"").skip(1).collect();
        let is_own = |rest: &&str| rest.starts_with(&format!("{own}\"")) || rest.starts_with('"');
        assert!(named.iter().all(is_own), "{expression}");
        assert!(expression.contains("etcstack_") || !named.is_empty(), "{expression}");
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

fn metrics(document: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `etcstack_")?.split('`').next().map(str::to_owned));
    rows.map(|name| format!("etcstack_{name}")).collect()
}
