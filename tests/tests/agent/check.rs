//! Commands that look at the files before they go live.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use etcstack_tests::{PATIENCE, eventually, is_alive};
use nix::unistd::Pid;

use crate::replica::{Manifest, RESTARTS, Replica, USUAL};
use crate::stage::{Stage, count, text};

const SECRET: &str = "hunter2";

/// Every file below a folder, with its mode.
fn files_below(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if let Ok(metadata) = std::fs::metadata(&path) {
            files.push((path, metadata.permissions().mode() & 0o777));
        }
    }
    files
}

/// The replica's two files, as a check finds them.
fn staged(replica: &Replica<'_>) -> [String; 2] {
    ["etc/s.conf", "etc/other.conf"].map(|name| format!("{{staged}}{}", text(&replica.path(name))))
}

/// A manifest with a check of all files: a script of sh.
fn with_check(stage: &Stage, host: &str, script: &str) -> String {
    stage.write(&format!("{host}-check"), script);
    format!(
        "check_timeout = '20s'\ncheck = [['sh', '{}', ",
        text(&stage.path(&format!("{host}-check")))
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_check_refuses_does_not_go_live() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let [conf, _] = staged(&replica);
    let check = with_check(&stage, "n1", "! grep bad \"$1\"");
    replica.manifest(Manifest { top: &format!("{check}'{conf}']]"), ..USUAL });
    let process = replica.start(&[]).await;
    let before = replica.inode("etc/s.conf");
    let refused = stage.set(&[("s.conf/x/a", Some("bad"))]).await;
    let status = replica.state("refused").await;
    assert!(status["refused"]["revision"].as_i64() >= Some(refused), "{status}");
    assert!(status["refused"]["reasons"][0].as_str().unwrap().contains("check"), "{status}");
    assert_eq!(replica.inode("etc/s.conf"), before);
    let revision = stage.set(&[("s.conf/x/a", Some("good"))]).await;
    let status = replica.settled(revision).await;
    assert!(status["refused"].is_null(), "{status}");
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_of_a_revision_pass_or_none_goes_live() {
    let stage = Stage::loaded().await;
    let other = "on_change = 'reload'\ncheck = [['sh', '-c', '! grep bad {file}']]";
    let replica = Replica::new(&stage, "n1", Manifest { other, ..USUAL });
    let process = replica.start(&[]).await;
    let before = [replica.inode("etc/s.conf"), replica.inode("etc/other.conf")];
    stage.set(&[("s.conf/x/a", Some("fine")), ("other.conf/x/a", Some("bad"))]).await;
    replica.state("refused").await;
    assert_eq!([replica.inode("etc/s.conf"), replica.inode("etc/other.conf")], before);
    // What was fine waits for the rest.
    let revision = stage.set(&[("other.conf/x/a", Some("fine"))]).await;
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("a = fine"));
    assert_eq!(replica.hups(&process), 1);
}

/// Those that do not change are there as well: a validator reads them together.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_sees_all_files_under_their_names_and_nobody_else_does() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let seen = text(&stage.path("seen"));
    let script = format!(
        "set -e; cat \"$1\" \"$2\" | grep '^[ab] =' | tr '\\n' ' ' >> {seen}\n\
         stat -c %a \"$1\" \"$2\" \"$3\" | tr '\\n' ' ' >> {seen}\necho >> {seen}"
    );
    let check = with_check(&stage, "n1", &script);
    let [conf, other] = staged(&replica);
    replica.manifest(Manifest {
        top: &format!("{check}'{conf}', '{other}', '{{staged}}']]"),
        ..USUAL
    });
    stage.set(&[("s.conf/x/a", Some("1")), ("other.conf/x/b", Some("1"))]).await;
    let _process = replica.start(&[]).await;
    let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
    replica.settled(revision).await;
    let seen = stage.read("seen");
    let last = seen.lines().last().unwrap();
    assert!(last.starts_with("a = 2 b = 1 "), "{seen}");
    let modes: Vec<_> = last.split(' ').filter(|word| word.len() == 3).collect();
    assert_eq!(modes.len(), 3, "{seen}");
    assert_eq!(modes[2], "700", "the folder: {seen}");
}

/// One for a file runs only when that file changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_one_file() {
    let stage = Stage::loaded().await;
    let seen = text(&stage.path("seen"));
    let check = format!("check = [['sh', '-c', 'grep ^a {{file}} >> {seen} || true']]");
    let other = format!("on_change = 'reload'\n{check}");
    let replica = Replica::new(&stage, "n1", Manifest { other: &other, ..USUAL });
    let _process = replica.start(&[]).await;
    for (key, value) in
        [("other.conf/x/a", "1"), ("s.conf/x/a", "2"), ("s.conf/x/a", "3"), ("other.conf/x/a", "4")]
    {
        let revision = stage.set(&[(key, Some(value))]).await;
        replica.settled(revision).await;
    }
    assert_eq!(stage.read("seen"), "a = 1\na = 4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_left_behind() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let [conf, _] = staged(&replica);
    let script = "! grep -q bad \"$1\"";
    let check = with_check(&stage, "n1", script);
    replica.manifest(Manifest { top: &format!("{check}'{conf}']]"), ..USUAL });
    let process = replica.start(&[]).await;
    let bad = format!("{SECRET} bad");
    stage.set(&[("s.conf/DEFAULT/password", Some(&bad))]).await;
    let status = replica.state("refused").await;
    assert!(!status.to_string().contains(SECRET), "{status}");
    let holds = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().contains(SECRET);
    eventually("nothing of what was refused is left", PATIENCE, async || {
        match files_below(&replica.path("")).into_iter().find(|(path, _)| holds(path)) {
            None => Ok(()),
            Some((path, _)) => Err(path.display().to_string()),
        }
    })
    .await;
    let revision = stage.set(&[("s.conf/DEFAULT/password", Some(SECRET))]).await;
    replica.settled(revision).await;
    for (path, mode) in files_below(&replica.path("state")).iter().filter(|(path, _)| holds(path)) {
        assert_eq!(*mode, 0o600, "{}", path.display());
    }
    assert!(!replica.status().await.unwrap().to_string().contains(SECRET));
    // The daemon of these tests prints its file; the agent does not.
    let said = process.lines();
    let mut said = said.iter().filter(|line| !line.starts_with("n1 "));
    assert_eq!(said.find(|line| line.contains(SECRET)), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_hangs_is_ended_with_its_children() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let pids = text(&stage.path("pids"));
    let script = format!("grep -q bad \"$1\" || exit 0; sleep 1000 & echo $! $$ > {pids}; wait");
    let check = with_check(&stage, "n1", &script).replace("20s", "1s");
    let [conf, _] = staged(&replica);
    replica.manifest(Manifest { top: &format!("{check}'{conf}']]"), ..USUAL });
    let process = replica.start(&[]).await;
    stage.set(&[("s.conf/x/a", Some("bad"))]).await;
    replica.state("refused").await;
    for pid in stage.read("pids").split_whitespace() {
        let pid = Pid::from_raw(pid.parse().unwrap());
        eventually("the check has ended", PATIENCE, async || !is_alive(pid)).await;
    }
    let revision = stage.set(&[("s.conf/x/a", Some("good"))]).await;
    replica.settled(revision).await;
    assert_eq!(replica.hups(&process), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_is_not_started_on_what_a_check_refuses() {
    let stage = Stage::loaded().await;
    stage.set(&[("s.conf/x/a", Some("bad"))]).await;
    let file = "on_change = 'reload'\ncheck = [['sh', '-c', '! grep -q bad {file}']]";
    let replica = Replica::new(&stage, "n1", Manifest { file, ..USUAL });
    let mut process = replica.spawn(&[]);
    replica.state("refused").await;
    assert_eq!(replica.starts(&process), 0);
    assert!(!replica.path("etc/s.conf").exists());
    stage.set(&[("s.conf/x/a", Some("good"))]).await;
    process.wait_for_line("n1 ready", PATIENCE).await;
    assert_eq!(count(&process, "a = bad"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_cannot_be_run_refuses() {
    let stage = Stage::loaded().await;
    let replica =
        Replica::new(&stage, "n1", Manifest { top: "check = [['/no/such/check']]", ..USUAL });
    let process = replica.spawn(&[]);
    let status = replica.state("refused").await;
    assert!(status.to_string().contains("/no/such/check"), "{status}");
    assert_eq!(replica.starts(&process), 0);
}

/// The turn may be long in coming, and the check may take its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_waits_for_its_turn_is_checked_once() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", RESTARTS);
    let [conf, _] = staged(&replica);
    let record = text(&stage.path("checked"));
    let check = with_check(&stage, "n1", &format!("sed -n 's/^a = //p' \"$1\" >> {record}"));
    replica.manifest(Manifest { top: &format!("{check}'{conf}']]"), ..RESTARTS });
    let _process = replica.start(&[]).await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    let revision = stage.set(&[("s.conf/x/a", Some("2"))]).await;
    replica.settled(revision).await;
    assert_eq!(stage.read("checked"), "1\n2\n");
}
