//! A change in the store: what becomes of the files, and what the daemon hears of it.

use std::process::Command;

use etcd_client::TxnOp;
use etcstack_tests::{PATIENCE, Process, eventually};

use crate::stage::{CONF, Stage, count, unshare};

#[tokio::test(flavor = "multi_thread")]
async fn a_put_is_rendered_and_told_once() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    assert!(stage.read("etc/s.conf").contains("debug = false"));
    stage.put("DEFAULT/debug", "true").await;
    let line = agent.wait_for_line("got HUP", PATIENCE).await;
    assert!(line.contains(r"[DEFAULT]\ndebug = true\n"), "{line}");
    // The next change comes after it, and with it any signal too many would have come.
    stage.put("DEFAULT/debug", "maybe").await;
    agent.wait_for_line("debug = maybe", PATIENCE).await;
    assert_eq!(count(&agent, "got HUP"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_one_rendering_and_one_signal() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/HOST", "a").await;
    stage.put("x/host", "$HOST").await;
    let mut agent = stage.run(&[]).await;
    for round in 1..=20 {
        let host = format!("host{round}");
        let mut operations = vec![TxnOp::put("general/HOST", host.clone(), None)];
        for option in ["a", "b", "c", "d"] {
            operations.push(TxnOp::put(format!("{CONF}/x/{option}"), host.clone(), None));
        }
        stage.etcd.txn(operations).await;
        let line = agent.wait_for_line("got HUP", PATIENCE).await;
        for option in ["a", "b", "c", "d", "host"] {
            assert!(line.contains(&format!(r"\n{option} = {host}\n")), "{line}");
        }
        assert_eq!(count(&agent, "got HUP"), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_renders_only_the_files_that_use_it() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/HOST", "a").await;
    stage.etcd.put("controller/s/other.conf/x/host", "$HOST").await;
    let mut agent = stage.run(&[]).await;
    let untouched = stage.inode("etc/s.conf");
    stage.etcd.put("general/HOST", "b").await;
    let line = agent.wait_for_line("applied", PATIENCE).await;
    assert!(line.contains("other.conf") && !line.contains("s.conf "), "{line}");
    // The log and what the daemon prints come on two ways: neither is the first for sure.
    eventually("the daemon is told", PATIENCE, async || count(&agent, "got HUP") == 1).await;
    assert!(stage.read("etc/other.conf").contains("host = b"));
    assert_eq!(stage.inode("etc/s.conf"), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_no_change() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    let before = stage.inode("etc/s.conf");
    // The same value again, a variable in its place, a variable that nobody uses.
    stage.put("DEFAULT/debug", "false").await;
    stage.etcd.put("general/DEBUG", "false").await;
    stage.put("DEFAULT/debug", "$DEBUG").await;
    agent.wait_for_line("no file changes", PATIENCE).await;
    stage.etcd.put("general/NOBODY", "1").await;
    assert_eq!(stage.inode("etc/s.conf"), before);
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("got HUP", PATIENCE).await;
    assert_eq!(count(&agent, "got HUP"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_refused_by_name_and_changes_nothing() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    let before = stage.inode("etc/s.conf");
    for (key, value, message) in [
        ("DEFAULT/url", "$NO_SUCH_VARIABLE", "DEFAULT/url: unknown variable $NO_SUCH_VARIABLE"),
        ("DEFAULT/a=b", "secret", "DEFAULT/a=b: the option \"a=b\" holds"),
        ("DEFAULT/a\nb", "secret", r#"DEFAULT/a\nb: the option "a\nb" holds"#),
        ("x]/y", "secret", "x]/y: the section \"x]\" holds"),
        ("DEFAULT/ a", "secret", "DEFAULT/ a: the option \" a\" is empty, or starts"),
        ("DEFAULT/#a", "secret", "DEFAULT/#a: the option \"#a\" starts with"),
    ] {
        stage.put(key, value).await;
        agent.wait_for_line(message, PATIENCE).await;
        agent.wait_for_line("revision refused", PATIENCE).await;
        // What is good beside it waits until the mistake is mended.
        stage.put("DEFAULT/debug", "true").await;
        agent.wait_for_line("revision refused", PATIENCE).await;
        assert_eq!(stage.inode("etc/s.conf"), before);
        stage.put("DEFAULT/debug", "false").await;
        agent.wait_for_line("revision refused", PATIENCE).await;
        stage.etcd.delete(&format!("{CONF}/{key}")).await;
        agent.wait_for_line("no file changes", PATIENCE).await;
    }
    assert_eq!(count(&agent, "got HUP"), 0);
    assert_eq!(count(&agent, "secret"), 0);
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("got HUP", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_adds_no_line_of_its_own() {
    let stage = Stage::loaded().await;
    stage.etcd.put("general/EVIL", "x\nauth = none\n[other]\ny = 1").await;
    stage.put("DEFAULT/name", "$EVIL").await;
    stage.put("DEFAULT/lines", "a\n[b]\nc = d").await;
    stage.run(&[]).await;
    let text = stage.read("etc/s.conf");
    let inside = "name = x\n    auth = none\n    [other]\n    y = 1\n";
    assert!(text.contains(inside), "{text}");
    assert!(text.contains("lines = a\nlines = [b]\nlines = c = d\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_keep_their_interval_and_the_last_change_is_told() {
    let stage = Stage::loaded().await;
    let text = stage.read("agent.toml").replace("'0s'", "'700ms'");
    stage.write("agent.toml", &text);
    let mut agent = stage.run(&[]).await;
    for number in 1..=30 {
        stage.put("DEFAULT/debug", &number.to_string()).await;
    }
    agent.wait_for_line(r"debug = 30\n", PATIENCE).await;
    // Thirty puts take far less than ten intervals.
    assert!(count(&agent, "told the daemon") < 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_waits_until_the_daemon_listens() {
    let stage = Stage::loaded().await;
    let daemon = stage.daemon(&["--handlers-after", "1500"]);
    let mut agent = Process::spawn(stage.agent("run").arg("--").args(daemon));
    agent.wait_for_line("started", PATIENCE).await;
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("does not listen yet", PATIENCE).await;
    agent.wait_for_line("listening", PATIENCE).await;
    agent.wait_for_line("got HUP", PATIENCE).await;
    assert_eq!(agent.status(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_follows_through_a_restart_of_etcd() {
    let mut stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    stage.etcd.stop_hard().await;
    agent.wait_for_line("the store cannot be read; the daemon runs on", PATIENCE).await;
    stage.etcd.start().await;
    agent.wait_for_line("the store is back or", PATIENCE).await;
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("got HUP", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_applied_when_all_of_it_is_there() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    stage.etcd.put("_etcstack/load", "somebody").await;
    agent.wait_for_line("a load is under way", PATIENCE).await;
    stage.put("DEFAULT/debug", "half").await;
    stage.put("DEFAULT/debug", "whole").await;
    stage.etcd.delete("_etcstack/load").await;
    let line = agent.wait_for_line("got HUP", PATIENCE).await;
    assert!(line.contains("debug = whole"), "{line}");
    assert_eq!(count(&agent, "half"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_keys_keeps_its_files() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    let before = stage.inode("etc/s.conf");
    stage.etcd.delete_below("controller/").await;
    agent.wait_for_line("any more; the files stay as they are", PATIENCE).await;
    assert_eq!(stage.inode("etc/s.conf"), before);
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("got HUP", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_tried_again() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    // A file stands where its folder should be. Permissions would not stop root.
    std::fs::rename(stage.path("etc"), stage.path("away")).unwrap();
    stage.write("etc", "");
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("cannot be read", PATIENCE).await;
    std::fs::remove_file(stage.path("etc")).unwrap();
    std::fs::rename(stage.path("away"), stage.path("etc")).unwrap();
    agent.wait_for_line("got HUP", PATIENCE).await;
    assert!(stage.read("etc/s.conf").contains("debug = true"));
}

/// All files of a revision, or none: `other.conf` cannot be replaced, since it is a mount.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_replaced_keeps_the_others_as_they_were() {
    let stage = Stage::loaded().await;
    let set = async |value: &str| {
        let keys = [format!("{CONF}/x/both"), "controller/s/other.conf/x/both".to_owned()];
        stage.etcd.txn(keys.map(|key| TxnOp::put(key, value, None)).to_vec()).await;
    };
    set("1").await;
    stage.write("etc/other.conf", "");
    let mount = "mount --bind etc/other.conf etc/other.conf && touch mounted && exec \"$@\"";
    let mut command = unshare();
    command.args(["--mount", "sh", "-c", mount, "sh"]);
    let agent = stage.agent("run");
    command.arg(agent.get_program()).args(agent.get_args()).arg("--").args(stage.daemon(&[]));
    command.env("ETCSTACK_STORE", stage.etcd.url()).current_dir(stage.folder.path());
    let mut agent = Process::spawn(&mut command);
    agent.wait_for_line("other.conf: cannot be replaced", PATIENCE).await;
    assert!(!stage.path("etc/s.conf").exists());
    set("2").await;
    agent.wait_for_line("other.conf: cannot be replaced", PATIENCE).await;
    assert!(!stage.path("etc/s.conf").exists());
    let pid = agent.pid().to_string();
    let mut umount = Command::new("nsenter");
    umount.args(["--target", &pid, "--mount", "--root"]);
    if !nix::unistd::geteuid().is_root() {
        umount.args(["--user", "--preserve-credentials"]);
    }
    umount.args(["--", "umount"]);
    assert!(umount.arg(stage.path("etc/other.conf")).status().unwrap().success());
    agent.wait_for_line("listening", PATIENCE).await;
    for name in ["etc/s.conf", "etc/other.conf"] {
        assert!(stage.read(name).contains("both = 2"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_store_is_followed_as_well() {
    let stage = Stage::new().await;
    stage.write("data/controller/s/s.conf", "[DEFAULT]\ndebug = $DEBUG\n");
    stage.write("data/general/vars", "DEBUG=1\n");
    let store = format!("dir:{}", stage.path("data").display());
    let mut command = stage.agent("run");
    command.env("ETCSTACK_STORE", store).arg("--").args(stage.daemon(&[]));
    let mut agent = Process::spawn(&mut command);
    agent.wait_for_line("listening", PATIENCE).await;
    assert!(stage.read("etc/s.conf").contains("debug = 1"));
    stage.write("data/general/vars", "DEBUG=2\n");
    agent.wait_for_line("debug = 2", PATIENCE).await;
    stage.write("data/general/vars", "DEBUG 3\n");
    agent.wait_for_line("general/vars:1:1: there is no = in this line", PATIENCE).await;
    stage.write("data/general/vars", "DEBUG=4\n");
    agent.wait_for_line("debug = 4", PATIENCE).await;
    eventually("nothing else was told", PATIENCE, async || count(&agent, "got HUP") == 2).await;
}
