//! What all commands of the loader print for programs: one object each, in one vocabulary.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use etcstack_tests::{Etcd, Ran, binary, folder, run};
use serde_json::{Value, json};
use tempfile::TempDir;

const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","default":false,"mutable":true,"single":true}
]}
"#;

/// These print no report: what they print is what they are for.
const NO_REPORT: [&str; 4] = ["catalog", "completions", "help", "man"];

/// What an option of a catalog says of itself, and that is in the words of the catalog.
const OF_OTHERS: &str = "options";

/// Every verb, in an order in which each has something to tell, and what it ends with.
const WALK: [(&[&str], i32); 30] = [
    (&["validate", "bad"], 65),
    (&["validate", "more"], 0),
    (&["secrets", "generate", "good", "--dry-run"], 2),
    (&["secrets", "generate", "good", "--from-dir", "given"], 2),
    (&["secrets", "generate", "good", "--from-dir", "given", "--replace"], 2),
    (&["secrets", "list", "good"], 0),
    (&["secrets", "rotate", "DB_PASSWORD"], 0),
    (&["secrets", "rotate", "DB_PASSWORD", "--apply"], 0),
    (&["plan", "good"], 2),
    (&["load", "good"], 0),
    (&["load", "good"], 0),
    (&["load", "--abort"], 0),
    (&["set", "general/HOST", "other"], 0),
    (&["set", "general/A=1", "general/B=2", "--dry-run"], 2),
    (&["plan", "more"], 2),
    (&["load", "more"], 0),
    (&["unset", "general/HOST", "--force"], 0),
    (&["history"], 0),
    (&["diff", "-1"], 0),
    (&["diff", "-1", "6"], 0),
    (&["rollback", "-1"], 0),
    (&["get", "general/HOST"], 0),
    (&["get", "general/", "r/s/"], 0),
    (&["explain", "r/s/s.conf/DEFAULT/debug", "--data", "good"], 0),
    (&["explain", "general/DB_PASSWORD", "--data", "good"], 0),
    (&["status"], 0),
    (&["status", "--service", "none"], 0),
    (&["export", "exported", "--partial"], 0),
    (&["access", "more"], 2),
    (&["access", "more", "--apply", "--no-password"], 0),
];

/// A store, and what the verbs of the walk are given.
struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let stage = Self {
            etcd: Etcd::new().await,
            folder: folder(&[
                ("bad/general/list", "A=$NOWHERE\n"),
                ("bad/r/s/s.conf", "[x]\nnonsense\n"),
                ("good/catalog/2026.1/s.json", CATALOG),
                ("good/general/list", "HOST=db\nDEBUG=true\n"),
                (
                    "good/r/s/s.conf",
                    "[DEFAULT]\ndebug = $DEBUG\n[x]\nurl = x://$DB_PASSWORD@$HOST\n\
                     key = $CEPH_KEY $MY_TOKEN\n",
                ),
                ("good/r@n/s/s.conf", "[DEFAULT]\ndebug = false\n"),
                ("more/general/list", "HOST=db2\nDEBUG=true\n"),
                ("more/r/s/s.conf", "[DEFAULT]\ndebug = $DEBUG\n[x]\nurl = x://$HOST\n"),
                ("given/MY_TOKEN", "sesame-given"),
            ]),
        };
        let record = json!({"state": "current", "revisions": {"seen": 1, "applied": 1, "good": 1}});
        stage.etcd.put("_etcstack/status/r,r@n/s/n1", record.to_string()).await;
        stage.etcd.put("general/MY_TOKEN", "sesame-of-a-hand").await;
        stage.etcd.put("no key at all", "sesame").await;
        stage
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).args(["--output", "json"]).current_dir(&self.folder);
        if arguments.first() != Some(&"validate") {
            command.args(["--store", &self.etcd.url()]);
        }
        run(command).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_each_and_one_vocabulary() {
    let stage = Stage::new().await;
    let words = documented();
    let mut seen = BTreeSet::new();
    for (arguments, code) in WALK {
        let ran = stage.run(arguments).await;
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(!ran.out.contains("sesame"), "{arguments:?}: {ran:?}");
        assert_eq!(ran.out.matches('\n').count(), 1, "{arguments:?}: {ran:?}");
        let printed: Value = serde_json::from_str(&ran.out).unwrap();
        assert!(printed.is_object(), "{arguments:?}: {ran:?}");
        check(&printed, &words, &mut seen, &format!("{arguments:?}"));
    }
    // Whatever is written down is there.
    let unseen: Vec<_> = words.keys().filter(|word| !seen.contains(*word)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// All fields are in the table, and of the kind that it says.
fn check(
    value: &Value,
    words: &BTreeMap<String, String>,
    seen: &mut BTreeSet<String>,
    place: &str,
) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| check(value, words, seen, place)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = format!("{place}.{name}");
                let kind = words.get(name).unwrap_or_else(|| panic!("{place}: not in the table"));
                let found = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "flag",
                    Value::Number(_) => "number",
                    Value::String(_) => "text",
                    Value::Array(_) => "list",
                    Value::Object(_) => "object",
                };
                assert!(kind.split(" or ").any(|kind| kind == found), "{place}: {value}");
                seen.insert(name.clone());
                if name != OF_OTHERS {
                    check(value, words, seen, &place);
                }
            }
        }
        _ => {}
    }
}

/// The names of the fields in docs/json.md, and of which kind they are.
fn documented() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/json.md")).unwrap();
    let mut words = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [names, kind, _] = columns[..] else { continue };
        for name in names.split('`').skip(1).step_by(2) {
            let is_snake = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(is_snake && !name.is_empty(), "{name}");
            let earlier = words.insert(name.to_owned(), kind.to_owned());
            assert_eq!(earlier, None, "{name} is there twice");
        }
    }
    assert!(words.len() > 50, "{words:?}");
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verb_is_left_out() {
    let mut command = Command::new(binary("etcstack-loader"));
    command.arg("--help");
    let help = run(command).await.out;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs = lines.take_while(|line| !line.is_empty());
    let verbs: BTreeSet<_> = verbs.filter_map(|line| line.split_whitespace().next()).collect();
    let walked = WALK.iter().map(|(arguments, _)| arguments[0]);
    assert_eq!(walked.chain(NO_REPORT).collect::<BTreeSet<_>>(), verbs);
}
