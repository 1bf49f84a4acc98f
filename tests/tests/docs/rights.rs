//! docs/security.md: the rights in etcd that are named there are enough.

use std::path::Path;
use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Process, binary, eventually};
use serde_json::Value;
use tempfile::TempDir;

use crate::{code, root, words, write};

const ROOT: &str = "root-pw";
const USER: &str = "etcstack.controller.glance";
const STATUS: &str = "_etcstack/status/controller/glance/n1";
const BAD: &str = "_etcstack/bad/controller/glance";

/// The users of the document's command, with the rights that it grants them.
async fn grant(etcd: &mut Etcd, folder: &Path) {
    let lines = code("docs/security.md", "sh");
    let line = lines.iter().find(|line| line.contains(" --apply ")).expect("a command");
    let mut loader = Command::new(binary("etcstack-loader"));
    for word in &words(line)[1..] {
        loader.arg(word.replace("/run/etcstack", &folder.display().to_string()));
    }
    loader.env("ETCSTACK_STORE", etcd.url()).current_dir(root());
    assert!(Process::spawn(&mut loader).wait(PATIENCE).await.success(), "{line}");
    etcd.enable_auth(ROOT).await;
}

async fn record(etcd: &Etcd, key: &str) -> Option<Value> {
    serde_json::from_slice(&etcd.get(key).await?).ok()
}

/// Waits until the status in the store says so.
async fn status(etcd: &Etcd, what: &str, holds: impl Fn(&Value) -> bool) {
    eventually(what, PATIENCE, async || {
        let status = record(etcd, STATUS).await.ok_or("no status")?;
        if holds(&status) { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_enough() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(
        &path("agent.toml"),
        "[[file]]\nname = 'glance-api.conf'\npath = 'glance-api.conf'\non_change = 'restart'\n\
         [[wait_for]]\nbootstrap = 'glance/before'\n\
         [[bootstrap]]\nname = 'db-sync'\nonce_per = 'ever'\ncommand = ['true']\n",
    );
    let mut etcd = Etcd::new().await;
    let option = |name: &str| format!("controller/glance/glance-api.conf/DEFAULT/{name}");
    etcd.put("general/MYSQL_HOST", "db").await;
    etcd.put("general/GLANCE_DB_PASSWORD", "hunter2").await;
    etcd.put(&option("a"), "$GLANCE_DB_PASSWORD@$MYSQL_HOST").await;
    let done = "{\"runs\": [{\"outcome\": \"done\"}]}";
    etcd.put("_etcstack/bootstrap/glance/before", done).await;
    grant(&mut etcd, folder.path()).await;

    let mut agent = Command::new(binary("etcstack-agent"));
    agent.args(["run", "--role", "controller", "--service", "glance", "--host", "n1"]);
    agent.args(["--store", &etcd.url(), "--user", USER]);
    agent.args(["--password-file", &format!("passwords/{USER}")]);
    agent.args(["--manifest", "agent.toml", "--state-dir", "state", "--"]);
    let script = "grep -q die glance-api.conf && exit 3; exec sleep 1000";
    agent.args(["sh", "-c", script]).current_dir(&folder);
    let process = Process::spawn(&mut agent);

    status(&etcd, "the daemon runs", |status| status["revisions"]["good"].is_i64()).await;
    assert!(etcd.get("_etcstack/bootstrap/glance/db-sync").await.is_some());
    // By turns.
    etcd.put(&option("a"), "fine").await;
    status(&etcd, "a restart", |status| status["processes"][0]["starts"] == 2).await;
    etcd.put(&option("a"), "die").await;
    eventually("a mark", PATIENCE, async || record(&etcd, BAD).await.is_some()).await;
    etcd.put(&option("a"), "fine again").await;
    status(&etcd, "the next change", |status| status["state"] == "current").await;
    eventually("the mark is gone", PATIENCE, async || record(&etcd, BAD).await.is_none()).await;
    let lines = process.lines();
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("refuses")).collect();
    assert!(refused.is_empty(), "{refused:?}");
}
