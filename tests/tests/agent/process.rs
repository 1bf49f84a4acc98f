//! The daemon as a process: signals passed on, orphans, exit codes.

use std::time::Duration;

use etcstack_tests::{PATIENCE, Process, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stage::{Stage, count};

#[tokio::test(flavor = "multi_thread")]
async fn term_and_int_are_passed_on_and_the_exit_code_is_the_daemons() {
    let stage = Stage::loaded().await;
    for (signal, line, code) in [(Signal::SIGTERM, "got TERM", 7), (Signal::SIGINT, "got INT", 0)] {
        let mut agent = stage.run(&["--on-term", "7"]).await;
        agent.signal(signal);
        agent.wait_for_line(line, PATIENCE).await;
        assert_eq!(agent.wait(PATIENCE).await.code(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes() {
    let stage = Stage::loaded().await;
    stage.write("no-program", "x");
    let not_executable = stage.path("no-program");
    for (command, code) in [
        (stage.daemon(&["--exit", "42"]), 42),
        (vec!["/no/such/program".into()], 127),
        (vec![not_executable.to_str().unwrap().into()], 126),
    ] {
        let mut agent = Process::spawn(stage.agent("run").arg("--").args(command));
        assert_eq!(agent.wait(PATIENCE).await.code(), Some(code));
    }
    let mut agent = stage.run(&[]).await;
    let line = agent.lines().into_iter().find(|line| line.starts_with("started")).unwrap();
    let daemon: i32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    kill(Pid::from_raw(daemon), Signal::SIGKILL).unwrap();
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(128 + 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_reaped() {
    let stage = Stage::loaded().await;
    let agent = stage.run(&["--orphans", "50"]).await;
    let children = format!("/proc/{0}/task/{0}/children", agent.pid());
    eventually("only the daemon is left", PATIENCE, async || {
        let children = std::fs::read_to_string(&children).unwrap();
        children.split_whitespace().count() == 1
    })
    .await;
    assert_eq!(agent.status(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_end_is_killed_after_its_grace_period() {
    let stage = Stage::loaded().await;
    stage.manifest("[stop]\ngrace = '300ms'\n");
    let mut agent = stage.run(&["--on-term", "ignore"]).await;
    agent.signal(Signal::SIGTERM);
    agent.wait_for_line("got TERM", PATIENCE).await;
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(128 + 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_leaves_behind_ends_with_it() {
    let stage = Stage::loaded().await;
    let script = "trap '' TERM; (sleep 1000) & echo left $!; exit 3";
    let mut agent = Process::spawn(stage.agent("run").args(["--", "sh", "-c", script]));
    let line = agent.wait_for_line("left", PATIENCE).await;
    let left: i32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(3));
    assert!(kill(Pid::from_raw(left), None).is_err(), "{left} is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_signals_are_passed_on_and_hup_is_a_reload() {
    let stage = Stage::loaded().await;
    let mut agent = stage.run(&[]).await;
    agent.signal(Signal::SIGUSR1);
    agent.wait_for_line("got USR1", PATIENCE).await;
    agent.signal(Signal::SIGHUP);
    agent.wait_for_line("got HUP", PATIENCE).await;
    assert_eq!(count(&agent, "got HUP"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_signal_is_the_one_that_tells() {
    let stage = Stage::loaded().await;
    let text = stage.read("agent.toml").replace("[reload]", "[reload]\nsignal = 'USR1'");
    stage.write("agent.toml", &text);
    let mut agent = stage.run(&[]).await;
    stage.put("DEFAULT/debug", "true").await;
    agent.wait_for_line("got USR1", PATIENCE).await;
    assert_eq!(count(&agent, "got HUP"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_obeyed_while_waiting_for_the_store() {
    let stage = Stage::new().await;
    let mut agent = Process::spawn(stage.agent("run").args(["--", "true"]));
    agent.wait_for_line("has it been loaded?", PATIENCE).await;
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait(Duration::from_secs(10)).await.code(), Some(128 + 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_does_not_end_the_agent() {
    let stage = Stage::loaded().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = stage.agent("run");
    command.env("ETCSTACK_LOG", "debug").args(["--", "sleep", "1000"]);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut agent = command.spawn().unwrap();
    for value in ["1", "2", "$NO_SUCH_VARIABLE", "3"] {
        stage.put("DEFAULT/debug", value).await;
    }
    eventually("the file is rendered", PATIENCE, async || {
        std::fs::read_to_string(stage.path("etc/s.conf"))
            .is_ok_and(|text| text.contains("debug = 3"))
    })
    .await;
    assert_eq!(agent.try_wait().unwrap(), None);
    agent.kill().unwrap();
    agent.wait().unwrap();
}

/// What is owed when the end comes is owed no more; and waiting for the end costs nothing.
#[tokio::test(flavor = "multi_thread")]
async fn no_signal_and_no_work_after_a_stop() {
    let stage = Stage::loaded().await;
    let text = stage.read("agent.toml").replace("'0s'", "'1s'");
    stage.write("agent.toml", &format!("{text}[stop]\ngrace = '3s'\n"));
    let mut agent = stage.run(&["--on-term", "ignore"]).await;
    stage.put("DEFAULT/debug", "1").await;
    agent.wait_for_line("got HUP", PATIENCE).await;
    stage.put("DEFAULT/debug", "2").await;
    agent.wait_for_line("applied", PATIENCE).await;
    agent.signal(Signal::SIGTERM);
    agent.wait_for_line("got TERM", PATIENCE).await;
    stage.put("DEFAULT/debug", "3").await;
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
    };
    let mut ticks = used();
    let before = ticks;
    while agent.status().is_none() {
        ticks = std::panic::catch_unwind(used).unwrap_or(ticks);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Of the three seconds, in hundredths.
    assert!(ticks - before < 50, "{} ticks", ticks - before);
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(128 + 9));
    assert_eq!(count(&agent, "got HUP"), 1);
    assert!(stage.read("etc/s.conf").contains("debug = 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_time_signal_is_an_end_as_any_other() {
    let stage = Stage::loaded().await;
    // One that catches none.
    let script = "echo its number $$; exec sleep 1000";
    let mut agent = Process::spawn(stage.agent("run").args(["--", "sh", "-c", script]));
    let line = agent.wait_for_line("its number ", PATIENCE).await;
    let daemon = line.rsplit(' ').next().unwrap().to_owned();
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("kill -35 {daemon}")])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(agent.wait(PATIENCE).await.code(), Some(128 + 35));
}
