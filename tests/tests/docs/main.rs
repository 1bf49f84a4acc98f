//! What the documentation shows works as it is shown.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod manifest;
mod observing;
mod rights;

use std::path::Path;
use std::process::Command;

use etcstack_config::key::Key;
use etcstack_tests::{Etcd, PATIENCE, Process, binary, write};

/// Those that show commands.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "docs/keys.md",
    "docs/loading.md",
    "docs/manifest.md",
    "docs/observing.md",
    "docs/operators-guide.md",
    "docs/secrets.md",
    "docs/security.md",
];

/// What `oslo-config-generator` prints of a service with one option.
const GENERATED: &str = r#"{"options": {"DEFAULT": {"opts": [
    {"name": "debug", "type": "boolean value", "mutable": true}
]}}}"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The lines of each code block in a language.
fn blocks(document: &str, language: &str) -> Vec<Vec<String>> {
    let mut blocks = Vec::new();
    // Whether the block that is open is one of them.
    let mut open = None;
    for line in read(document).lines() {
        if let Some(name) = line.strip_prefix("```") {
            open = if open.is_none() { Some(name == language) } else { None };
            if open == Some(true) {
                blocks.push(Vec::new());
            }
        } else if open == Some(true)
            && let Some(block) = blocks.last_mut()
        {
            block.push(line.to_owned());
        }
    }
    blocks
}

/// The lines of all code blocks in a language.
fn code(document: &str, language: &str) -> Vec<String> {
    blocks(document, language).concat()
}

/// The heading above each row of a table, and the names in the row's first column.
fn rows(document: &str) -> Vec<(String, Vec<String>)> {
    let mut heading = String::new();
    let mut rows = Vec::new();
    for line in read(document).lines() {
        if let Some(text) = line.strip_prefix("## ") {
            text.clone_into(&mut heading);
        } else if let Some(row) = line.strip_prefix("| `") {
            let first = row.split(" | ").next().unwrap();
            let names = first.split('`').step_by(2).filter(|name| !name.is_empty());
            rows.push((heading.clone(), names.map(str::to_owned).collect()));
        }
    }
    rows
}

/// A command line without its comment, in words.
fn words(line: &str) -> Vec<&str> {
    line.split(" # ").next().unwrap().split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documents_run() {
    let etcd = Etcd::new().await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("cinder.json"), GENERATED);
    // Of an image, and of its build.
    let places = ["/usr/share/etcstack/", "/tmp/", "/run/"];
    let here = format!("{}/", folder.path().display());
    let (mut loads, mut puts, mut agents) = (0, 0, 0);
    for line in DOCUMENTS.iter().flat_map(|document| code(document, "sh")) {
        let words = words(&line);
        let (mut command, good): (Command, &[i32]) = match words[..] {
            // A plan, and of an empty store.
            ["etcstack-loader", "access" | "explain" | "plan" | "secrets", ..] => {
                (Command::new(binary("etcstack-loader")), &[0, 2, 66])
            }
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
        for word in &words[1..] {
            let place = places.iter().find_map(|place| word.strip_prefix(place));
            command.arg(place.map_or((*word).to_owned(), |name| format!("{here}{name}")));
        }
        command.current_dir(root()).env("ETCSTACK_STORE", etcd.url());
        let mut process = Process::spawn(&mut command);
        let code = process.wait(PATIENCE).await.code().unwrap();
        assert!(good.contains(&code), "{line}: exit code {code}");
    }
    assert!(loads >= 3 && puts >= 5 && agents >= 3, "{loads} {puts} {agents}");
    assert!(folder.path().join("catalog.json").exists());
}

/// The directory of the README's first look, made from the block that shows it: on each line a
/// path and the file's first line, or one more line of the file before.
fn first_look(folder: &Path) {
    let block = code("README.md", "");
    let start = block.iter().position(|line| line == "bootstrap-data/").unwrap();
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in block[start + 1..].iter().take_while(|line| line.starts_with("  ")) {
        if line.starts_with("   ") {
            let text = &mut files.last_mut().unwrap().1;
            text.push_str(line.trim());
            text.push('\n');
        } else {
            let (path, text) = line.trim().split_once("  ").unwrap();
            files.push((path, format!("{}\n", text.trim())));
        }
    }
    assert!(files.len() >= 3, "{}", block.join("\n"));
    for (path, text) in files {
        write(&folder.join("bootstrap-data").join(path), &text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    first_look(folder.path());
    write(&path("default.conf"), "[database]\n#connection = <None>\n");
    write(
        &path("agent.toml"),
        "[[file]]\nname = 'glance-api.conf'\npath = 'glance-api.conf'\ndefault = 'default.conf'\n",
    );
    let etcd = Etcd::new().await;
    let mut loader = Command::new(binary("etcstack-loader"));
    let mut agent = Command::new(binary("etcstack-agent"));
    loader.args(["load", "bootstrap-data"]);
    agent.args(["render", "--role", "controller", "--service", "glance"]);
    agent.args(["--manifest", "agent.toml"]);
    for command in [&mut loader, &mut agent] {
        command.current_dir(&folder).env("ETCSTACK_STORE", etcd.url());
        let mut process = Process::spawn(command);
        let status = process.wait(PATIENCE).await;
        assert!(status.success(), "{command:?}: {status}\n{}", process.lines().join("\n"));
    }
    let connection = "connection = mysql+pymysql://glance:s3cret@db.internal/glance";
    let rendered = std::fs::read_to_string(path("glance-api.conf")).unwrap();
    assert_eq!(rendered, format!("[database]\n{connection}\n"));
    assert!(read("README.md").contains(connection));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transaction_is_one() {
    let lines = code("docs/operators-guide.md", "sh");
    let start = lines.iter().position(|line| line.starts_with("etcdctl txn")).unwrap();
    let end = start + lines[start..].iter().position(|line| line == "END").unwrap();
    let etcd = Etcd::new().await;
    let mut shell = Command::new("sh");
    shell.args(["-c", &lines[start..=end].join("\n")]);
    shell.env("ETCDCTL_API", "3").env("ETCDCTL_ENDPOINTS", etcd.address());
    assert!(Process::spawn(&mut shell).wait(PATIENCE).await.success());
    assert_eq!(etcd.get("general/MYSQL_HOST").await.as_deref(), Some(&b"db2.internal"[..]));
    let size = "controller/cinder/cinder.conf/database/max_pool_size";
    assert_eq!(etcd.get(size).await.as_deref(), Some(&b"20"[..]));
}

#[test]
fn every_environment_variable_is_documented() {
    let guide = read("docs/operators-guide.md");
    let files = ["agent/src/cli.rs", "loader/src/cli.rs", "store/src/args.rs"];
    let verbs = std::fs::read_dir(root().join("loader/src/cli")).unwrap();
    let verbs = verbs.map(|file| file.unwrap().file_name().into_string().unwrap());
    let verbs = verbs.map(|name| format!("loader/src/cli/{name}"));
    for source in files.into_iter().map(str::to_owned).chain(verbs) {
        for text in read(&source).split("\"ETCSTACK_").skip(1) {
            let name = format!("`ETCSTACK_{}`", text.split('"').next().unwrap());
            assert!(guide.contains(&name), "{source}: {name}");
        }
    }
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
    let decisions = std::fs::read_dir(root().join("docs/decisions")).unwrap();
    let decisions = decisions.map(|file| file.unwrap().file_name().into_string().unwrap());
    let others = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/connections.md",
        "docs/json.md",
        "docs/status.md",
    ];
    let documents = DOCUMENTS.iter().chain(&others).map(|name| (*name).to_owned());
    for document in documents.chain(decisions.map(|name| format!("docs/decisions/{name}"))) {
        let folder = Path::new(&document).parent().unwrap();
        for link in read(&document).split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (target, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = match target {
                "" => root().join(&document),
                target => root().join(folder).join(target),
            };
            assert!(path.exists(), "{document}: {link}");
            let is_there = heading.is_empty() || anchors(&path).any(|anchor| anchor == heading);
            assert!(is_there, "{document}: {link}");
        }
    }
}

/// What the headings of a document are called in links.
fn anchors(path: &Path) -> impl Iterator<Item = String> {
    let text = std::fs::read_to_string(path).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(anchor).collect::<Vec<_>>().into_iter()
}
