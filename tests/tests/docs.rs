//! What the documentation shows works as it is shown.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use etcstack_config::key::Key;
use etcstack_tests::{Etcd, PATIENCE, Process, binary};

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "docs/keys.md",
    "docs/manifest.md",
    "docs/operators-guide.md",
    "docs/security.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The lines of all code blocks in a language.
fn code(document: &str, language: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in read(document).lines() {
        if line.starts_with("```") {
            inside = line == format!("```{language}");
        } else if inside {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// A command line without its comment, in words.
fn words(line: &str) -> Vec<&str> {
    line.split(" # ").next().unwrap().split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documents_run() {
    let etcd = Etcd::new().await;
    let (mut loads, mut puts, mut agents) = (0, 0, 0);
    for line in DOCUMENTS.iter().flat_map(|document| code(document, "sh")) {
        let words = words(&line);
        let (mut command, good): (Command, &[i32]) = match words[..] {
            ["etcstack-loader", ..] => {
                loads += 1;
                (Command::new(binary("etcstack-loader")), &[0])
            }
            // With nothing to run after a millisecond; but a wrong option ends it with 64.
            ["etcstack-agent", ..] => {
                agents += 1;
                let mut agent = Command::new(binary("etcstack-agent"));
                agent.env("ETCSTACK_START_TIMEOUT", "1ms");
                (agent, &[69])
            }
            ["etcdctl", "put" | "del", ..] => {
                puts += 1;
                let mut etcdctl = Command::new("etcdctl");
                etcdctl.env("ETCDCTL_API", "3").args(["--endpoints", &etcd.address()]);
                (etcdctl, &[0])
            }
            _ => continue,
        };
        command.args(&words[1..]).current_dir(root()).env("ETCSTACK_STORE", etcd.url());
        let mut process = Process::spawn(&mut command);
        let code = process.wait(PATIENCE).await.code().unwrap();
        assert!(good.contains(&code), "{line}: exit code {code}");
    }
    assert!(loads >= 2 && puts >= 4 && agents >= 2, "{loads} {puts} {agents}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("agent.toml");
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&manifest, code("docs/manifest.md", "toml").join("\n")).unwrap();
    let etcd = Etcd::new().await;
    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["render", "--store", &etcd.url(), "--manifest"]).arg(manifest);
    // It is read, and then there is nothing in the store.
    assert_eq!(Process::spawn(&mut agent).wait(PATIENCE).await.code(), Some(66));
}

#[test]
fn keys_in_the_documents_are_keys() {
    let mut found = 0;
    for line in DOCUMENTS.iter().flat_map(|document| code(document, "sh")) {
        if let ["etcdctl", "put" | "del", key, ..] = words(&line)[..] {
            found += 1;
            assert!(Key::parse(key).is_ok(), "{line}");
        }
    }
    assert!(found >= 4, "{found}");
}

#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS.iter().chain(&["ARCHITECTURE.md"]) {
        let folder = Path::new(document).parent().unwrap();
        for link in read(document).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if !target.is_empty() && !target.starts_with("http") {
                assert!(root().join(folder).join(target).exists(), "{document}: {target}");
            }
        }
    }
}
