//! Each daemon and each step as its own user, with its own privileges.

use etcstack_tests::{PATIENCE, Process};
use serde_json::{Value, json};

use crate::clean_start::stage_for_others;
use crate::stage::{Stage, text};

/// What a program of this name said of itself.
fn identity(process: &Process, line: &str) -> Value {
    let lines = process.lines();
    let found = lines.iter().find_map(|found| {
        let at = found.find(line)?;
        found.get(at + line.len()..)
    });
    let json = found.unwrap_or_else(|| panic!("nobody says {line}"));
    // The log may say more behind it.
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    values.next().unwrap().unwrap()
}

/// A manifest in which the daemon's user is `daemon` where nothing else is said.
fn manifest(stage: &Stage, testd: &str) {
    stage.manifest(&format!(
        "[[bootstrap]]\nname = 'as-all'\nonce_per = 'ever'\n\
         command = ['{testd}', 'step', 'as-all', '--record', '{record}']\n\
         [[bootstrap]]\nname = 'as-mail'\nonce_per = 'ever'\nuser = 'mail'\n\
         command = ['{testd}', 'step', 'as-mail', '--record', '{record}']\n\
         [[bootstrap]]\nname = 'as-root'\nonce_per = 'ever'\nuser = 'root'\ngroups = []\n\
         command = ['{testd}', 'step', 'as-root', '--record', '{record}']\n\
         [[process]]\nname = 'plain'\ncommand = ['{testd}', '--name', 'plain']\n\
         [[process]]\nname = 'mail'\ncommand = ['{testd}', '--name', 'mail']\n\
         user = 'mail'\nno_new_privs = true\n\
         [[process]]\nname = 'both'\ncommand = ['{testd}', '--name', 'both']\n\
         group = 'mail'\ngroups = ['mail', 'daemon']\n",
        record = text(&stage.path("record")),
    ));
    stage.write("agent.toml", &format!("user = 'daemon'\n{}", stage.read("agent.toml")));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_as_the_manifest_says() {
    let Some((stage, [_, testd])) = stage_for_others().await else { return };
    // Whoever runs as somebody else writes here.
    stage.write("record", "");
    std::fs::set_permissions(
        stage.path("record"),
        std::os::unix::fs::PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    manifest(&stage, &text(&testd));
    let mut agent = Process::spawn(&mut stage.agent("run"));
    for _ in 0..3 {
        agent.wait_for_line(" listening", PATIENCE).await;
    }
    // Numbers of every system: daemon is 1, mail is 8.
    for (name, uid, gid, no_new_privs) in
        [("plain", 1, 1, false), ("mail", 8, 8, true), ("both", 1, 8, false)]
    {
        let is = identity(&agent, &format!("{name} is "));
        assert_eq!(is["uid"], json!([uid, uid, uid, uid]), "{name}: {is}");
        assert_eq!(is["gid"], json!([gid, gid, gid, gid]), "{name}: {is}");
        assert_eq!(is["no_new_privs"], no_new_privs, "{name}: {is}");
        assert_eq!(is["cap_eff"], "0000000000000000", "{name}: {is}");
        assert!(!is["groups"].as_array().unwrap().contains(&json!(0)), "{name}: {is}");
    }
    let groups = &identity(&agent, "both is ")["groups"];
    assert!([json!([1, 8]), json!([8, 1])].contains(groups), "{groups}");
    // The steps have ended; the order of the log is theirs.
    let lines = agent.lines();
    let steps = lines.iter().filter(|line| line.contains("step {")).cloned();
    let steps: Vec<_> = steps
        .map(|line| {
            let json = line[line.find('{').unwrap()..].to_owned();
            let mut values = serde_json::Deserializer::from_str(&json).into_iter::<Value>();
            values.next().unwrap().unwrap()
        })
        .collect();
    assert_eq!(steps.len(), 3, "{steps:?}");
    for (is, (uid, gid)) in steps.iter().zip([(1, 1), (8, 8), (0, 0)]) {
        assert_eq!(is["uid"], json!([uid, uid, uid, uid]), "{is}");
        assert_eq!(is["gid"], json!([gid, gid, gid, gid]), "{is}");
    }
    assert_eq!(stage.read("record").lines().filter(|line| line.starts_with("end")).count(), 3);
}

/// One of them may gain privileges where the others may not.
#[tokio::test(flavor = "multi_thread")]
async fn privileges_for_one_of_them() {
    let stage = Stage::loaded().await;
    let testd = text(&etcstack_tests::binary("testd"));
    stage.manifest(&format!(
        "[[process]]\nname = 'one'\ncommand = ['{testd}', '--name', 'one']\n\
         no_new_privs = false\n\
         [[process]]\nname = 'two'\ncommand = ['{testd}', '--name', 'two']\n"
    ));
    stage.write("agent.toml", &format!("no_new_privs = true\n{}", stage.read("agent.toml")));
    let mut agent = Process::spawn(&mut stage.agent("run"));
    for _ in 0..2 {
        agent.wait_for_line(" listening", PATIENCE).await;
    }
    for (name, expected) in [("one", false), ("two", true)] {
        let is = identity(&agent, &format!("{name} is "));
        assert_eq!(is["no_new_privs"], expected, "{name}: {is}");
    }
}
