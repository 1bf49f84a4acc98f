//! Where the files come from and how they are put there.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use etcstack_tests::{PATIENCE, Process, binary};

use crate::stage::{CONF, Stage, text};

fn mode(stage: &Stage, name: &str) -> u32 {
    std::fs::metadata(stage.path(name)).unwrap().permissions().mode() & 0o7777
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_mode() {
    let stage = Stage::loaded().await;
    let (user, group) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    // Root can give files away, others cannot.
    let (user, group) = if user == 0 { (1, 2) } else { (user, group) };
    stage.manifest(&format!(
        "[[file]]\nname = 'secret.conf'\npath = 'etc/secret.conf'\ndefault = 'default.conf'\n\
         mode = '0400'\nowner = '{user}:{group}'\n"
    ));
    stage.write("etc/other.conf", "");
    std::fs::set_permissions(stage.path("etc/other.conf"), PermissionsExt::from_mode(0o604))
        .unwrap();
    // The bytes are right already, the mode is not.
    stage.write("etc/secret.conf", "[DEFAULT]\n#debug = false\n");
    std::fs::set_permissions(stage.path("etc/secret.conf"), PermissionsExt::from_mode(0o666))
        .unwrap();
    stage.run(&[]).await;
    let metadata = std::fs::metadata(stage.path("etc/secret.conf")).unwrap();
    assert_eq!(
        (metadata.uid(), metadata.gid(), mode(&stage, "etc/secret.conf")),
        (user, group, 0o400)
    );
    assert_eq!(mode(&stage, "etc/s.conf"), 0o640, "a new file");
    assert_eq!(mode(&stage, "etc/other.conf"), 0o604, "a file that was there");
    let left: Vec<_> = std::fs::read_dir(stage.path("etc")).unwrap().flatten().collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_manifest() {
    let stage = Stage::loaded().await;
    stage.write("e/s/s.conf", "# from the image\n[DEFAULT]\n#debug = true\n");
    let run = |stage: &Stage| {
        let mut command = Command::new(binary("etcstack-agent"));
        command.args(["run", "--store", &stage.etcd.url()]);
        command.args(["--role", "controller", "--service", "s", "--etc", &text(&stage.path("e"))]);
        command.args(["--", &text(&binary("testd")), "--file", &text(&stage.path("e/s/s.conf"))]);
        command.env("ETCSTACK_STATE_DIR", stage.path("state"));
        Process::spawn(&mut command)
    };
    let mut agent = run(&stage);
    agent.wait_for_line("listening", PATIENCE).await;
    let rendered = "# from the image\n[DEFAULT]\ndebug = false\n";
    assert_eq!(stage.read("e/s/s.conf"), rendered);
    drop(agent);

    // Without a catalog nobody knows what a reload is good for: each change is a restart.
    // A container that starts again does not take its own rendering for the image's text.
    let mut agent = run(&stage);
    agent.wait_for_line("listening", PATIENCE).await;
    stage.put("DEFAULT/other", "1").await;
    agent.wait_for_line("listening", PATIENCE).await;
    assert_eq!(stage.read("e/s/s.conf"), format!("{rendered}other = 1\n"));
    stage.etcd.delete(&format!("{CONF}/DEFAULT/debug")).await;
    agent.wait_for_line("#debug = true", PATIENCE).await;
    agent.wait_for_line("listening", PATIENCE).await;
    // A file that is new to the store, and one that goes again.
    stage.etcd.put("controller/s/policy.yaml", "a: 1\n").await;
    agent.wait_for_line("listening", PATIENCE).await;
    stage.etcd.put("controller/s/plugins%2Fp.conf/a/b", "1").await;
    agent.wait_for_line("listening", PATIENCE).await;
    assert_eq!(stage.read("e/s/plugins/p.conf"), "[a]\nb = 1\n");
    assert_eq!(stage.read("e/s/policy.yaml"), "a: 1\n");
    // Not even an agent that starts again takes its own file for the image's.
    drop(agent);
    stage.etcd.delete("controller/s/plugins%2Fp.conf/a/b").await;
    let mut agent = run(&stage);
    agent.wait_for_line("listening", PATIENCE).await;
    assert!(!stage.path("e/s/plugins/p.conf").exists());
    stage.etcd.delete("controller/s/policy.yaml").await;
    agent.wait_for_line("listening", PATIENCE).await;
    assert!(!stage.path("e/s/policy.yaml").exists());
    stage.etcd.delete(&format!("{CONF}/DEFAULT/other")).await;
    stage.etcd.put("controller/s/z.conf/a/b", "1").await;
    agent.wait_for_line("z.conf", PATIENCE).await;
    assert_eq!(stage.read("e/s/s.conf"), "# from the image\n[DEFAULT]\n#debug = true\n");
}

/// They may be another manifest's of the same service, which is nothing to warn of.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_the_manifest_does_not_name_are_told_once() {
    let stage = Stage::loaded().await;
    stage.etcd.put("controller/s/y.conf/a/b", "1").await;
    stage.etcd.put("controller/s/z.conf/a/b", "1").await;
    let agent = stage.run(&[]).await;
    let lines = agent.lines();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("does not name")).collect();
    let [line] = told.as_slice() else { panic!("{told:?}") };
    assert!(line.contains("INFO") && line.contains("y.conf z.conf"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn render_writes_once_and_ends() {
    let stage = Stage::loaded().await;
    let mut render = Process::spawn(&mut stage.agent("render"));
    assert!(render.wait(PATIENCE).await.success());
    render.wait_for_line("etc/s.conf", PATIENCE).await;
    assert_eq!(stage.read("etc/s.conf"), "[DEFAULT]\ndebug = false\n");
    let inode = stage.inode("etc/s.conf");

    stage.put("DEFAULT/debug", "$NO_SUCH_VARIABLE").await;
    let mut render = Process::spawn(&mut stage.agent("render"));
    assert_eq!(render.wait(PATIENCE).await.code(), Some(65));
    render.wait_for_line(&format!("error: {CONF}/DEFAULT/debug: unknown variable"), PATIENCE).await;
    assert_eq!(stage.inode("etc/s.conf"), inode);

    stage.write("default.conf", "debug = x\n");
    let mut render = Process::spawn(&mut stage.agent("render"));
    assert_eq!(render.wait(PATIENCE).await.code(), Some(65));
    render
        .wait_for_line("default.conf:1:1: in the default file: an option stands before", PATIENCE)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_and_a_prefix() {
    let stage = Stage::new().await;
    stage.etcd.put("one/controller/s/s.conf/DEFAULT/debug", "base").await;
    stage.etcd.put("one/controller/s/s.conf/DEFAULT/a", "base").await;
    stage.etcd.put("one/controller@n1/s/s.conf/DEFAULT/debug", "node $POD_IP").await;
    stage.etcd.put("two/controller/s/s.conf/DEFAULT/debug", "another cloud").await;
    let mut command = Command::new(binary("etcstack-agent"));
    command.args(["render", "--store", &stage.etcd.url_with("one")]);
    command
        .args(["--role", "controller,controller@n1", "--manifest"])
        .arg(stage.path("agent.toml"));
    let mut render = Process::spawn(command.env("POD_IP", "10.0.0.7"));
    assert!(render.wait(PATIENCE).await.success());
    assert_eq!(stage.read("etc/s.conf"), "[DEFAULT]\ndebug = node 10.0.0.7\na = base\n");
}
