//! What the daemon is given at its start: signals, open files, a user.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use etcstack_tests::{PATIENCE, Process, binary, wrap};
use serde_json::{Value, json};

use crate::stage::{Stage, text};
use crate::world::{ALL, World};

/// What the daemon said of itself when it started.
fn identity(process: &Process) -> Value {
    let lines = process.lines();
    let line = lines.iter().find_map(|line| line.strip_prefix("is "));
    serde_json::from_str(line.expect("a daemon that says what it is")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_signal_is_blocked_and_only_hup_is_ignored() {
    let stage = Stage::loaded().await;
    // What a runtime may leave behind: the agent itself is started with all of this.
    let mut dirty = Command::new("env");
    dirty.args(["--ignore-signal=PIPE,INT,ALRM,USR1,TTIN", "--block-signal=USR2,WINCH,CHLD"]);
    let mut agent = stage.agent("run");
    // No program of ours: Rust's runtime changes some of it before `main`.
    agent.args(["--", "cat", "/proc/self/status"]);
    let (mut agent, _terminal) = World::Plain.wrap(&wrap(dirty, &agent));
    let mut agent = Process::spawn(&mut agent);
    let mask = async |agent: &mut Process, name: &str| {
        let line = agent.wait_for_line(name, PATIENCE).await;
        u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap()
    };
    assert_eq!(mask(&mut agent, "SigBlk:").await, 0);
    // The C library keeps 32 and 33 to itself: nobody can change them.
    let ignored = mask(&mut agent, "SigIgn:").await & !(0b11 << 31);
    assert_eq!(ignored, 1, "HUP, and nothing else");
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_the_agents_is_open() {
    let stage = Stage::loaded().await;
    // One that the runtime left open, besides the agent's own connections.
    let mut runtime = Command::new("sh");
    runtime.args(["-c", "exec 7</dev/null; exec \"$@\"", "sh"]);
    let mut agent = stage.agent("run");
    agent.arg("--").args(stage.daemon(&[]));
    let mut agent = Process::spawn(&mut wrap(runtime, &agent));
    agent.wait_for_line("listening", PATIENCE).await;
    let files = &identity(&agent)["files"];
    let numbers: Vec<_> = files.as_object().unwrap().keys().collect();
    assert_eq!(numbers, ["0", "1", "2"], "{files}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_its_own_and_the_folder_and_the_variables_of_the_container() {
    let stage = Stage::loaded().await;
    for world in ALL {
        let mut agent = stage.agent("run");
        agent.env("SOME_VARIABLE", "some value").current_dir(stage.folder.path());
        agent.arg("--").args(stage.daemon(&["--show", "SOME_VARIABLE"]));
        let (mut agent, _terminal) = world.wrap(&agent);
        let mut agent = Process::spawn(&mut agent);
        agent.wait_for_line("listening", PATIENCE).await;
        let is = identity(&agent);
        assert_eq!(is["process_group"], is["pid"], "{world:?}");
        assert_eq!(is["cwd"], json!(stage.folder.path()), "{world:?}");
        assert_eq!(is["shown"]["SOME_VARIABLE"], "some value", "{world:?}");
        assert_eq!(is["no_new_privs"], false, "{world:?}");
        assert_eq!(is["blocked"], json!([]), "{world:?}");
        assert_eq!(is["ignored"], json!([1]), "{world:?}");
    }
}

/// A stage in which others may read, and programs where they may run them; `None`, and a word about
/// it, where the test is not root.
pub(crate) async fn stage_for_others() -> Option<(Stage, [PathBuf; 2])> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can run a daemon as somebody else");
        return None;
    }
    let stage = Stage::loaded().await;
    std::fs::set_permissions(stage.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let programs = ["etcstack-agent", "testd"].map(|name| {
        let path = stage.path(name);
        std::fs::copy(binary(name), &path).unwrap();
        path
    });
    Some((stage, programs))
}

/// A daemon that tells what it is, started with these lines at the top of the manifest.
async fn started_with(stage: &Stage, testd: &PathBuf, top: &str) -> Value {
    stage.manifest("");
    stage.write("agent.toml", &format!("{top}\n{}", stage.read("agent.toml")));
    let mut agent = stage.agent("run");
    agent.arg("--").arg(testd).arg("--file").arg(stage.path("etc/s.conf"));
    let mut agent = Process::spawn(&mut agent);
    agent.wait_for_line("listening", PATIENCE).await;
    identity(&agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_user_and_groups() {
    let Some((stage, [_, testd])) = stage_for_others().await else { return };
    // Numbers of Debian's, and of every other system's: daemon is 1, mail is 8.
    for (top, uid, gid, groups) in [
        ("", 0, 0, None),
        ("user = 'daemon'", 1, 1, Some(vec![1])),
        ("user = 'daemon'\ngroup = 'mail'", 1, 8, None),
        ("user = 'daemon'\ngroup = 'mail'\ngroups = ['daemon', 'mail']", 1, 8, Some(vec![1, 8])),
        ("user = 'daemon'\ngroups = []", 1, 1, Some(vec![])),
        ("user = '4711'\ngroup = '4712'", 4711, 4712, None),
    ] {
        let is = started_with(&stage, &testd, top).await;
        assert_eq!(is["uid"], json!([uid, uid, uid, uid]), "{top}");
        assert_eq!(is["gid"], json!([gid, gid, gid, gid]), "{top}");
        let is_groups = is["groups"].as_array().unwrap();
        if uid != 0 {
            assert!(!is_groups.contains(&json!(0)), "{top}: root's groups are left: {is_groups:?}");
            assert_eq!(is["cap_eff"], "0000000000000000", "{top}");
        }
        if let Some(expected) = groups {
            // Whether the user's own group is among the others makes no difference.
            let mut found: Vec<_> = is_groups.iter().filter_map(Value::as_i64).collect();
            found.retain(|found| *found != gid || expected.contains(found));
            let expected: Vec<_> = expected
                .into_iter()
                .filter(|group| *group != gid || found.contains(group))
                .collect();
            assert_eq!(found, expected, "{top}");
        }
        assert_eq!(is["no_new_privs"], false, "{top}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_new_privileges() {
    let stage = Stage::loaded().await;
    stage.write("agent.toml", &format!("no_new_privs = true\n{}", stage.read("agent.toml")));
    let agent = stage.run(&[]).await;
    assert_eq!(identity(&agent)["no_new_privs"], true);
}

/// Files are root's to write, and the daemon's to read.
#[tokio::test(flavor = "multi_thread")]
async fn what_needs_root_is_done_before() {
    let Some((stage, [_, testd])) = stage_for_others().await else { return };
    stage.manifest("");
    let manifest = stage.read("agent.toml");
    let manifest =
        manifest.replacen("on_change", "owner = 'root:daemon'\nmode = '0640'\non_change", 1);
    stage.write("agent.toml", &format!("user = 'daemon'\n{manifest}"));
    let mut agent = stage.agent("run");
    agent.arg("--").arg(testd).arg("--file").arg(stage.path("etc/s.conf"));
    let mut agent = Process::spawn(&mut agent);
    let line = agent.wait_for_line("started", PATIENCE).await;
    let line = if line.starts_with("started") {
        line
    } else {
        agent.wait_for_line("started", PATIENCE).await
    };
    assert!(line.contains("debug = false"), "the daemon cannot read its file: {line}");
    stage.put("DEFAULT/debug", "true").await;
    let line = agent.wait_for_line("got HUP", PATIENCE).await;
    assert!(line.contains("debug = true"), "{line}");
    let file = std::fs::metadata(stage.path("etc/s.conf")).unwrap();
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (0, 1, 0o640));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_itself_without_root() {
    let Some((stage, [program, testd])) = stage_for_others().await else { return };
    chown(stage.folder.path(), Some(1), Some(1)).unwrap();
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--reuid", "1", "--regid", "1", "--clear-groups", "--no-new-privs"]);
    let agent = |testd: &PathBuf| {
        let mut agent = Command::new(&program);
        agent.args(["run", "--store", &stage.etcd.url(), "--manifest"]);
        agent.arg(stage.path("agent.toml")).env("ETCSTACK_STATE_DIR", text(&stage.path("state")));
        agent.arg("--").arg(testd).arg("--file").arg(stage.path("etc/s.conf"));
        agent
    };
    let mut command = Command::new("setpriv");
    command.args(setpriv.get_args());
    let mut process = Process::spawn(&mut wrap(command, &agent(&testd)));
    process.wait_for_line("listening", PATIENCE).await;
    stage.put("DEFAULT/debug", "true").await;
    process.wait_for_line("got HUP", PATIENCE).await;
    assert_eq!(identity(&process)["uid"][0], 1);
    drop(process);
    // What it cannot do, it says, before it starts anything.
    stage.write("agent.toml", &format!("user = 'mail'\n{}", stage.read("agent.toml")));
    let mut process = Process::spawn(&mut wrap(setpriv, &agent(&testd)));
    assert_ne!(process.wait(PATIENCE).await.code(), Some(0));
    process.wait_for_line("not root", PATIENCE).await;
    assert!(!process.lines().iter().any(|line| line.starts_with("started")));
    // Whoever only writes the files need not become anybody.
    let mut render = Command::new(&program);
    render.args(["render", "--store", &stage.etcd.url(), "--manifest"]);
    render.arg(stage.path("agent.toml")).env("ETCSTACK_STATE_DIR", text(&stage.path("state")));
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--reuid", "1", "--regid", "1", "--clear-groups"]);
    let mut process = Process::spawn(&mut wrap(setpriv, &render));
    assert_eq!(process.wait(PATIENCE).await.code(), Some(0), "{:?}", process.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_or_group_that_the_image_lacks_is_a_mistake() {
    let stage = Stage::loaded().await;
    for top in ["user = 'nobody-here'", "group = 'nobody-here'", "groups = ['nobody-here']"] {
        stage.manifest("");
        stage.write("agent.toml", &format!("{top}\n{}", stage.read("agent.toml")));
        let mut agent = Process::spawn(stage.agent("run").args(["--", "true"]));
        assert_eq!(agent.wait(PATIENCE).await.code(), Some(78), "{top}");
        agent.wait_for_line("nobody-here", PATIENCE).await;
    }
}
