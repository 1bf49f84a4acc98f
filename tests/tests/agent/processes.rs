//! Several daemons in one container.

use etcstack_tests::{PATIENCE, Process, eventually};
use nix::sys::signal::{Signal, kill};

use crate::stage::{Stage, count, text};
use crate::world::daemon_pid;

/// A service's API, which is told of a change, and its worker, which is started anew.
fn manifest(stage: &Stage, api: &str, worker: &str) {
    let command = |name: &str, file: &str| {
        let mut command = stage.daemon(&["--name", name, "--on-term", "0"]);
        command[2] = text(&stage.path(file));
        command
    };
    stage.manifest(&format!(
        "[[process]]\nname = 'api'\ncommand = {:?}\nfiles = ['s.conf']\non_change = 'reload'\n{api}\n\
         [[process]]\nname = 'worker'\ncommand = {:?}\nfiles = ['other.conf']\n\
         on_change = 'restart'\n{worker}\n",
        command("api", "etc/s.conf"),
        command("worker", "etc/other.conf"),
    ));
}

async fn run(stage: &Stage) -> Process {
    let mut agent = stage.agent("run");
    agent.env("ETCSTACK_LISTEN", format!("unix:{}", text(&stage.path("http"))));
    let mut process = Process::spawn(&mut agent);
    process.wait_for_line(" ready", PATIENCE).await;
    process.wait_for_line(" ready", PATIENCE).await;
    process
}

/// Waits until a revision has proved good.
async fn settled(stage: &Stage, revision: i64) {
    reached(stage, revision, "good").await;
}

/// Waits until a revision is what the agent says in its status.
async fn reached(stage: &Stage, revision: i64, what: &str) {
    let socket = text(&stage.path("http"));
    eventually(&format!("{revision} is {what}"), PATIENCE, async || {
        let status = etcstack_tests::http(&socket, "GET", "/status").await;
        let status = status.map_err(|error| error.to_string())?.body;
        let parsed: serde_json::Value = serde_json::from_str(&status).unwrap();
        let reached = parsed["revisions"][what].as_i64();
        if reached >= Some(revision) { Ok(()) } else { Err(status) }
    })
    .await;
}

fn said(process: &Process, text: &str) -> usize {
    process.lines().iter().filter(|line| line.starts_with(text)).count()
}

/// The process id of one of them.
fn pid_of(process: &Process, name: &str) -> nix::unistd::Pid {
    let lines = process.lines();
    let own: Vec<_> = lines.into_iter().filter(|line| line.starts_with(name)).collect();
    daemon_pid(&own)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hears_of_its_own_files_in_its_own_way() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "");
    let mut process = run(&stage).await;
    stage.set(&[("s.conf/x/a", Some("1"))]).await;
    process.wait_for_line("api got HUP", PATIENCE).await;
    stage.set(&[("other.conf/x/a", Some("1"))]).await;
    process.wait_for_line("worker got TERM", PATIENCE).await;
    process.wait_for_line("worker ready", PATIENCE).await;
    stage.set(&[("s.conf/x/a", Some("2"))]).await;
    process.wait_for_line("api got HUP", PATIENCE).await;
    for (text, expected) in [
        ("api started", 1),
        ("api got HUP", 2),
        ("worker started", 2),
        ("worker got HUP", 0),
        ("api got TERM", 0),
    ] {
        assert_eq!(said(&process, text), expected, "{text}");
    }
}

/// Nobody knows when such a daemon is up: it is given ten seconds, and all of them the same ten.
#[tokio::test(flavor = "multi_thread")]
async fn daemons_that_catch_no_signal_are_waited_for_together() {
    let stage = Stage::loaded().await;
    let process = |n: usize| format!("[[process]]\nname = 'p{n}'\ncommand = ['sleep', '600']\n");
    stage.manifest(&(0..7).map(process).collect::<String>());
    let begun = std::time::Instant::now();
    let mut agent = stage.agent("run");
    agent.env("ETCSTACK_LISTEN", format!("unix:{}", text(&stage.path("http"))));
    let _agent = Process::spawn(&mut agent);
    settled(&stage, 1).await;
    let took = begun.elapsed().as_secs();
    // One after the other they would take more than seventy.
    assert!((10..40).contains(&took), "{took} seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_the_agent_is_for_all_of_them() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "");
    let mut process = run(&stage).await;
    process.signal(Signal::SIGUSR1);
    eventually("both have it", PATIENCE, async || {
        said(&process, "api got USR1") == 1 && said(&process, "worker got USR1") == 1
    })
    .await;
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait(PATIENCE).await.code(), Some(0));
    assert_eq!((said(&process, "api got TERM"), said(&process, "worker got TERM")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_ends_with_the_first_that_ends() {
    for name in ["api", "worker"] {
        let stage = Stage::loaded().await;
        manifest(&stage, "", "");
        let mut process = run(&stage).await;
        let other = if name == "api" { "worker" } else { "api" };
        kill(pid_of(&process, name), Signal::SIGKILL).unwrap();
        assert_eq!(process.wait(PATIENCE).await.code(), Some(128 + 9), "{name}");
        assert_eq!(said(&process, &format!("{other} got TERM")), 1, "the {other} is stopped");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn or_starts_it_again() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "on_exit = 'restart'");
    let mut process = run(&stage).await;
    for _ in 0..2 {
        kill(pid_of(&process, "worker"), Signal::SIGKILL).unwrap();
        process.wait_for_line("worker ready", PATIENCE).await;
    }
    assert_eq!((said(&process, "worker started"), said(&process, "api started")), (3, 1));
    kill(pid_of(&process, "api"), Signal::SIGINT).unwrap();
    assert_eq!(process.wait(PATIENCE).await.code(), Some(0));
}

/// What changes while it is away is what it starts on; and the other one hears of everything.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_started_again_under_changes() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "on_exit = 'restart'");
    // Each of them reads both files, and the worker is told as well.
    let text =
        stage.read("agent.toml").replace("'other.conf']\non_change = 'restart'", "'s.conf']");
    stage.write("agent.toml", &text.replace("etc/other.conf\"", "etc/s.conf\""));
    let process = run(&stage).await;
    let knows = async |name: &str, value: &str| {
        eventually(&format!("{name} knows {value}"), PATIENCE, async || {
            let lines = process.lines();
            let reads = |line: &&String| {
                line.starts_with(&format!("{name} started"))
                    || line.starts_with(&format!("{name} got HUP"))
            };
            let last = lines.iter().rfind(reads).cloned().unwrap_or_default();
            if last.contains(&format!(r"a = {value}\n")) { Ok(()) } else { Err(last) }
        })
        .await;
    };
    for value in ["1", "2", "3"] {
        kill(pid_of(&process, "worker"), Signal::SIGKILL).unwrap();
        eventually("its end is seen", PATIENCE, async || {
            count(&process, "starting it again in").to_string() == value
        })
        .await;
        let revision = stage.set(&[("s.conf/x/a", Some(value))]).await;
        knows("api", value).await;
        knows("worker", value).await;
        // Before that its end would be the change's fault.
        settled(&stage, revision).await;
    }
    assert_eq!((said(&process, "worker started"), said(&process, "api started")), (4, 1));
    // It has read each of them at its start: no signal is owed.
    assert_eq!((said(&process, "worker got HUP"), said(&process, "api got HUP")), (0, 3));
    assert_eq!(stage.record("bad/controller/s").await, None);
    assert_eq!(process.status(), None);
}

/// A change that restarts it does not wait for the pause, and nobody starts it twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_one_that_is_away() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "on_exit = 'restart'");
    let process = run(&stage).await;
    for number in 1..=2_usize {
        kill(pid_of(&process, "worker"), Signal::SIGKILL).unwrap();
        eventually("its end is seen", PATIENCE, async || {
            count(&process, "starting it again in") == number
        })
        .await;
        let revision = stage.set(&[("other.conf/x/a", Some(&number.to_string()))]).await;
        eventually("it is there again", PATIENCE, async || {
            let text = format!(r"a = {number}\n");
            let lines = process.lines();
            lines.iter().any(|line| line.starts_with("worker started") && line.contains(&text))
        })
        .await;
        // Before that its end would be the change's fault.
        settled(&stage, revision).await;
    }
    // A second start of either would have come before this one's end.
    kill(pid_of(&process, "worker"), Signal::SIGKILL).unwrap();
    eventually("its end is seen", PATIENCE, async || {
        count(&process, "starting it again in") == 3 && said(&process, "worker started") == 4
    })
    .await;
    assert_eq!(said(&process, "api started"), 1);
}

/// Somebody has asked for a restart of all, and a change that needs one of them restarted comes
/// while they wait for their turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_all_that_a_change_of_one_joins() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "");
    let text = stage.read("agent.toml");
    stage.write("agent.toml", &format!("{text}\n[signals]\nUSR2 = 'restart'\n"));
    let process = run(&stage).await;
    settled(&stage, 0).await;
    let mut client = stage.etcd.client().await;
    let slot = "_etcstack/turns/controller/s/0";
    client.put(slot, r#"{"holder":"elsewhere","since":0}"#, None).await.unwrap();
    process.signal(Signal::SIGUSR2);
    eventually("it waits", PATIENCE, async || count(&process, "elsewhere restarts now") == 1).await;
    let revision = stage.set(&[("other.conf/x/a", Some("1"))]).await;
    reached(&stage, revision, "seen").await;
    client.delete(slot, None).await.unwrap();
    settled(&stage, revision).await;
    assert_eq!((said(&process, "api started"), said(&process, "worker started")), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_knows_them_by_their_names() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "");
    let process = run(&stage).await;
    let socket = text(&stage.path("http"));
    let status = etcstack_tests::http(&socket, "GET", "/status").await.unwrap();
    let status: serde_json::Value = serde_json::from_str(&status.body).unwrap();
    for (number, name) in ["api", "worker"].into_iter().enumerate() {
        let shown = &status["processes"][number];
        assert_eq!(shown["name"], name, "{status}");
        assert_eq!(shown["pid"], pid_of(&process, name).as_raw(), "{status}");
    }
}

/// A change that breaks one of them is undone for both.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_is_undone_for_all() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "");
    let process = run(&stage).await;
    settled(&stage, 0).await;
    stage
        .set(&[("s.conf/x/a", Some("1")), ("other.conf/DEFAULT/orders", Some("die-on-start"))])
        .await;
    eventually("the change is marked bad", PATIENCE, async || {
        stage.record("bad/controller/s").await.is_some()
    })
    .await;
    eventually("both files are as they were", PATIENCE, async || {
        !stage.read("etc/s.conf").contains("a = 1") && !stage.read("etc/other.conf").contains("die")
    })
    .await;
    eventually("the worker runs again", PATIENCE, async || {
        let lines = process.lines();
        let last = lines.iter().rfind(|line| line.starts_with("worker started"));
        last.is_some_and(|line| !line.contains("die-on-start"))
    })
    .await;
    assert_eq!(process.status(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_command_line_beside_them_is_a_mistake() {
    let stage = Stage::loaded().await;
    manifest(&stage, "", "");
    let mut agent = Process::spawn(stage.agent("run").args(["--", "true"]));
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(64));
    assert_eq!(count(&agent, "started"), 0);
    stage.manifest("");
    let mut agent = Process::spawn(&mut stage.agent("run"));
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(64));
}
