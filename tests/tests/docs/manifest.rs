//! docs/manifest.md, and the manifests that stand elsewhere.

use std::collections::BTreeSet;
use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Process, binary};
use tempfile::TempDir;

use crate::{DOCUMENTS, blocks, rows, write};

/// Has the agent read a manifest: its exit code and what it said.
async fn read(etcd: &Etcd, text: &str) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    let manifest = folder.path().join("agent.toml");
    write(&manifest, text);
    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["render", "--role", "r", "--service", "s", "--store", &etcd.url()]);
    let mut agent = Process::spawn(agent.arg("--manifest").arg(manifest));
    let code = agent.wait(PATIENCE).await.code();
    (code, agent.lines().join("\n"))
}

/// With users that are there wherever this is tested: our own.
fn with_our_users(line: &str) -> String {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    match line.split_once(" = ") {
        Some(("user", _)) => format!("user = '{user}'"),
        Some(("group", _)) => format!("group = '{group}'"),
        Some(("groups", _)) => format!("groups = ['{group}']"),
        Some(("owner", _)) => format!("owner = '{user}:{group}'"),
        _ => line.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_of_the_documents_are_some() {
    let etcd = Etcd::new().await;
    let mut found = 0;
    for document in DOCUMENTS {
        for block in blocks(document, "toml") {
            found += 1;
            let text = block.iter().map(|line| with_our_users(line)).collect::<Vec<_>>();
            let text = text.join("\n");
            // It is read, and then there is nothing in the store.
            let (code, said) = read(&etcd, &text).await;
            assert!(code == Some(66) && said.contains("no key of"), "{document}: {said}\n{text}");
        }
    }
    assert!(found >= 4, "{found}");
}

/// The fields of a table, as the agent itself lists them for one that it does not know.
async fn fields(etcd: &Etcd, header: &str) -> BTreeSet<String> {
    let (code, said) = read(etcd, &format!("{header}\nnone_such = 1\n")).await;
    assert_eq!(code, Some(78), "{header}: {said}");
    let (_, expected) = said.split_once("expected").unwrap_or_else(|| panic!("{header}: {said}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_manifest_is_documented_and_no_other() {
    let etcd = Etcd::new().await;
    let rows = rows("docs/manifest.md");
    let documented = |heading: &str| -> BTreeSet<String> {
        let rows = rows.iter().filter(|(under, _)| under == heading);
        rows.flat_map(|(_, names)| names.clone()).collect()
    };
    // Those that are tables have a heading of their own.
    let mut top = documented("Top level");
    for heading in rows.iter().map(|(heading, _)| heading).filter(|heading| is_table(heading)) {
        top.insert(heading.trim_matches(['[', ']']).to_owned());
        // There a signal's name is the field.
        if heading != "[signals]" {
            assert_eq!(documented(heading), fields(&etcd, heading).await, "{heading}");
        }
    }
    assert_eq!(top, fields(&etcd, "").await);
}

fn is_table(heading: &str) -> bool {
    heading.starts_with('[')
}

/// The document shows a part of the demonstration's file.
#[test]
fn the_settings_of_uwsgi_are_those_that_are_tried() {
    let tried = crate::read("tests/demo/glance/uwsgi.ini");
    let tried: Vec<_> = tried.lines().map(str::trim).collect();
    for line in crate::code("docs/operators-guide.md", "ini") {
        let name = line.split(" = ").next().unwrap();
        // The port is of each service's own.
        let is_there = tried.iter().any(|tried| *tried == line || name == "http-socket");
        assert!(is_there, "{line}");
    }
}
