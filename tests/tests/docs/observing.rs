//! docs/observing.md, beside an agent that is looked at.

use std::collections::BTreeSet;
use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Port, Process, binary, eventually, http};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{read, rows, write};

/// An agent that has done what it takes to show all that there is.
struct Shown {
    metrics: String,
    status: Value,
    _folder: TempDir,
}

async fn shown() -> Shown {
    let folder = TempDir::new().unwrap();
    write(
        &folder.path().join("agent.toml"),
        "[[file]]\nname = 's.conf'\npath = 's.conf'\n\
         [[bootstrap]]\nname = 'step'\nonce_per = 'ever'\ncommand = ['true']\n",
    );
    let etcd = Etcd::new().await;
    etcd.put("r/s/s.conf/DEFAULT/debug", "true").await;
    let port = Port::claim();
    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["run", "--role", "r", "--service", "s", "--store", &etcd.url()]);
    agent.args(["--listen", &port.address(), "--manifest", "agent.toml"]);
    agent.current_dir(&folder).env("ETCSTACK_STATE_DIR", folder.path().join("state"));
    let mut agent = Process::spawn(agent.args(["--", "sleep", "1000"]));
    agent.wait_for_line("the daemon is started", PATIENCE).await;
    let answer = async |path: &str| http(&port.address(), "GET", path).await.unwrap().body;
    // One that does no harm.
    agent.signal(Signal::SIGCONT);
    let metrics = eventually("the signal is counted", PATIENCE, async || {
        let metrics = answer("/metrics").await;
        metrics.contains("passed_on").then_some(metrics)
    })
    .await;
    let status = serde_json::from_str(&answer("/status").await).unwrap();
    Shown { metrics, status, _folder: folder }
}

/// The names in the first column of the tables under a heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let rows = rows("docs/observing.md").into_iter().filter(|(under, _)| under == heading);
    rows.flat_map(|(_, names)| names).collect()
}

/// The names of all values: `a.b`, and `a[].b` in lists of objects.
fn leaves(name: &str, value: &Value, found: &mut BTreeSet<String>) {
    let below = |separator: &str, fields: &serde_json::Map<String, Value>, found: &mut _| {
        for (field, value) in fields {
            let dot = if name.is_empty() { "" } else { separator };
            leaves(&format!("{name}{dot}{field}"), value, found);
        }
    };
    match value {
        Value::Object(fields) => below(".", fields, found),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for fields in items.iter().filter_map(Value::as_object) {
                below("[].", fields, found);
            }
        }
        _ => _ = found.insert(name.to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_and_field_is_documented_and_no_other() {
    let Shown { metrics, status, .. } = shown().await;
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.map(|line| match line.split_once(' ').unwrap() {
        (name, "counter") => format!("{name}_total"),
        (name, "info") => format!("{name}_info"),
        (name, _) => name.to_owned(),
    });
    assert_eq!(documented("Metrics"), names.collect());

    let mut fields = BTreeSet::new();
    leaves("", &status, &mut fields);
    assert_eq!(documented("Status"), fields);
    assert_eq!(documented("States"), states());
}

/// The states that an agent may say, as they are written.
fn states() -> BTreeSet<String> {
    let source = read("config/src/status.rs");
    let (_, body) = source.split_once("enum State {").unwrap();
    let (body, _) = body.split_once('}').unwrap();
    let variants = body.lines().filter_map(|line| line.trim().strip_suffix(','));
    variants.filter(|name| *name != "Unknown").map(snake_case).collect()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
