//! What nobody may lose: who waits, who runs, who has to go back, and what only a file says.

use std::process::Command;

use etcstack_tests::{PATIENCE, Process, eventually};
use serde_json::json;

use crate::{GLANCE, ROOT, Stage, json, may_read};

const OPTION: &str = "controller/glance/glance-api.conf/DEFAULT/region";

/// Glance's agent, as glance's user.
fn agent(stage: &Stage, role: &str) -> Command {
    let mut agent = stage.command("etcstack-agent", &["run", "--service", "glance"]);
    agent.args(["--role", role, "--host", "n1", "--manifest", "agent.toml"]);
    agent.args(["--user", GLANCE, "--password-file", &format!("pw/{GLANCE}")]);
    agent.args(["--state-dir", "state", "--", "sh", "-c", "echo it runs; exec sleep 1000"]);
    agent
}

/// Waits until a line holds this.
async fn says(process: &Process, what: &str) {
    eventually(what, PATIENCE, async || {
        let lines = process.lines();
        if lines.iter().any(|line| line.contains(what)) { Ok(()) } else { Err(lines.join("\n")) }
    })
    .await;
}

async fn rendered(stage: &Stage, text: &str) {
    let path = stage.folder.path().join("glance-api.conf");
    eventually(text, PATIENCE, async || {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        if found.contains(text) { Ok(()) } else { Err(found) }
    })
    .await;
}

/// A load by the loader's user.
async fn as_loader(stage: &Stage, arguments: &[&str]) {
    let mut loader = stage.command("etcstack-loader", arguments);
    loader.args(["--user", "etcstack.loader", "--password-file", "pw/etcstack.loader"]);
    let mut process = Process::spawn(&mut loader);
    let status = process.wait(PATIENCE).await;
    assert!(status.success(), "{:?}", process.lines());
}

/// The rights to the steps and keys of others, as docs/security.md says them, are enough to wait.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_waits_for_others() {
    let mut stage = Stage::new().await;
    stage.write(
        "agent.toml",
        "[[file]]\nname = 'glance-api.conf'\npath = 'glance-api.conf'\ndefault = 'default.conf'\n\
         [[wait_for]]\nbootstrap = 'keystone/db-sync'\n\
         [[wait_for]]\nkey = 'controller/keystone/ready/DEFAULT/yes'\n",
    );
    stage.write("data/general/v", "UNUSED=x\n");
    stage.write(
        "data/.access.toml",
        "[also]\nglance = [\n \"_etcstack/bootstrap/keystone/db-sync\",\n \
         \"controller/keystone/ready/DEFAULT/yes\",\n]\n",
    );
    let (code, text) = stage.access(&["data", "--apply", "--passwords-dir", "pw"]).await;
    assert_eq!(code, 0, "{text}");
    stage.etcd.enable_auth(ROOT).await;
    let agent = Process::spawn(&mut agent(&stage, "controller"));
    says(&agent, "waiting for bootstrap keystone/db-sync: not there yet").await;
    let done = "{\"runs\": [{\"outcome\": \"done\"}]}";
    stage.etcd.put("_etcstack/bootstrap/keystone/db-sync", done).await;
    says(&agent, "waiting for key controller/keystone/ready/DEFAULT/yes: not there yet").await;
    stage.etcd.put("controller/keystone/ready/DEFAULT/yes", "1").await;
    says(&agent, "it runs").await;
    let lines = agent.lines();
    assert!(!lines.iter().any(|line| line.contains("permission denied")), "{lines:?}");
}

/// A layer whose last key is gone still has agents.
#[tokio::test(flavor = "multi_thread")]
async fn who_runs_keeps_their_layers() {
    let mut stage = Stage::new().await;
    let layer = "controller@n1/glance/glance-api.conf/DEFAULT/region";
    stage.etcd.put(layer, "one").await;
    stage.write("data/general/v", "UNUSED=x\n");
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;
    let _agent = Process::spawn(&mut agent(&stage, "controller,controller@n1"));
    rendered(&stage, "region = one").await;
    let record = "_etcstack/status/controller,controller@n1/glance/n1";
    eventually("a record", PATIENCE, async || stage.etcd.get(record).await.ok_or("none")).await;
    stage.etcd.delete_below("controller@n1/").await;
    let (code, text) = stage.as_root(&["data", "--apply", "--passwords-dir", "pw"]).await;
    assert!(code == 0 && !text.contains("@n1"), "{code} {text}");
    stage.etcd.put(layer, "two").await;
    rendered(&stage, "region = two").await;
    // Who has neither keys nor agents has no rights.
    stage.etcd.delete_below("controller@n1/").await;
    stage.etcd.delete_below("_etcstack/status/").await;
    let (code, text) = stage.as_root(&["data"]).await;
    let gone = "revoke  etcstack.controller.glance controller@n1/glance/*";
    assert!(code == 2 && text.contains(gone), "{code} {text}");
}

/// A rollback to the release before reaches everybody.
#[tokio::test(flavor = "multi_thread")]
async fn rights_outlive_one_release() {
    let mut stage = Stage::new().await;
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;
    let release = |name: &str| {
        stage.write("data/general/v", &format!("{name}=value-of-{name}\n"));
        stage.write(
            "data/controller/glance/glance-api.conf",
            &format!("[DEFAULT]\nregion = ${name}\n"),
        );
    };
    let access = async || {
        let (code, text) = stage.as_root(&["data", "--apply", "--passwords-dir", "pw"]).await;
        assert_eq!(code, 0, "{text}");
        text
    };
    for name in ["ONE", "TWO"] {
        release(name);
        access().await;
        as_loader(&stage, &["load", "data"]).await;
        let text = access().await;
        assert!(!text.contains("revoke  etcstack.controller.glance"), "{text}");
    }
    as_loader(&stage, &["rollback", "-1"]).await;
    let (code, text) = stage.render().await;
    assert_eq!(code, 0, "{text}");
    rendered(&stage, "region = value-of-ONE").await;
    // What neither the current release nor the one before refers to is revoked.
    for name in ["TWO", "THREE"] {
        release(name);
        as_loader(&stage, &["load", "data"]).await;
    }
    let text = access().await;
    let revoked: Vec<_> = text.lines().filter(|line| line.starts_with("revoke")).collect();
    assert_eq!(revoked, ["revoke  etcstack.controller.glance general/ONE"]);
    let mut glance = stage.client(GLANCE).await;
    assert!(may_read(&mut glance, "general/TWO").await && may_read(&mut glance, OPTION).await);
}

/// A run without the directory does not know what the file there says, and leaves it alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_file_says() {
    let stage = Stage::new().await;
    stage.write("data/general/v", "UNUSED=x\n");
    stage.write(
        "data/.access.toml",
        "[also]\n\"controller/glance\" = [\"general/DEBUG_*\", \"general/UNUSED\",\n \
         \"controller@n5/glance/*\", \"_etcstack/bootstrap/keystone/db-sync\"]\n\
         \"controller/only\" = [\"_etcstack/bootstrap/glance/*\"]\n",
    );
    let (code, text) = stage.access(&["data", "--apply", "--passwords-dir", "pw"]).await;
    assert_eq!(code, 0, "{text}");
    let (code, text) = stage.access(&["none", "--apply", "--passwords-dir", "pw"]).await;
    assert_eq!(code, 0, "{text}");
    for line in [
        "keep    etcstack.controller.glance general/DEBUG_*",
        "keep    etcstack.controller.glance controller@n5/glance/*",
        "keep    etcstack.controller.glance _etcstack/bootstrap/keystone/db-sync",
        "keep    etcstack.controller.only _etcstack/bootstrap/glance/*",
        "warning: without DIR nobody knows what .access.toml says",
        "1 change done",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.contains("revoke  etcstack.controller.glance general/UNUSED"), "{text}");
    let (code, text) = stage.access(&["none", "--output", "json"]).await;
    let report = json(&text);
    assert_eq!((code, &report["changes"]), (0, &json!([])), "{text}");
    let right = json!({"role": "etcstack.controller.glance", "key": "general/DEBUG_*"});
    assert!(report["kept"].as_array().unwrap().contains(&right), "{text}");
    // What the file does not say any more, a run that reads it revokes.
    stage.write("data/.access.toml", "");
    let (code, text) = stage.access(&["data", "--apply", "--passwords-dir", "pw"]).await;
    assert_eq!(code, 0, "{text}");
    for line in [
        "revoke  etcstack.controller.glance general/DEBUG_*",
        "revoke  etcstack.controller.glance controller@n5/glance/*",
        "delete  user etcstack.controller.only",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("keep "), "{text}");
}
