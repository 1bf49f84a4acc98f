//! The agent as what stands between a container's runtime and its daemon: as PID 1 of a PID
//! namespace and not, with a terminal and without.

use std::time::Duration;

use etcstack_tests::{PATIENCE, Process, children, cpu_ticks, eventually, is_alive};
use nix::sys::signal::killpg;

use crate::stage::{Stage, count};
use crate::world::{ALL, Inhabitant, World, daemon_pid};

/// Far more than fit into one round of anything.
const MANY: &str = "2000";

async fn only_the_daemon_is_left(inhabitant: &Inhabitant) {
    eventually("only the daemon is left", PATIENCE, async || {
        let left = children(inhabitant.agent).len();
        if left == 1 { Ok(()) } else { Err(format!("{left} children")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_orphans_and_exit_code_as_pid_one() {
    let stage = Stage::loaded().await;
    let mut agent = World::PidOne.run(&stage, &["--orphans", "20", "--on-term", "9"]).await;
    // The daemon is the second process of its world.
    assert!(agent.process.lines().iter().any(|line| line.starts_with("started 2 ")));
    only_the_daemon_is_left(&agent).await;
    stage.put("DEFAULT/debug", "true").await;
    agent.process.wait_for_line("got HUP", PATIENCE).await;
    agent.signal("TERM");
    assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_orphans_that_end_at_once_are_reaped_and_then_nothing_runs() {
    let stage = Stage::loaded().await;
    for world in [World::Plain, World::PidOne] {
        let mut agent = world.run(&stage, &["--orders", &format!("orphans:{MANY}")]).await;
        only_the_daemon_is_left(&agent).await;
        agent.signal("USR1");
        agent.process.wait_for_line("got USR1", PATIENCE).await;
        // A loop that never rests would use all of this second, in hundredths.
        let before = cpu_ticks(agent.agent);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let used = cpu_ticks(agent.agent) - before;
        assert!(used < 10, "{world:?}: {used} ticks");
    }
}

/// The daemon is one of two thousand that end in the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_found_among_thousands_of_orphans() {
    let stage = Stage::loaded().await;
    let orders = format!("held-orphans:{MANY}");
    for world in [World::Plain, World::PidOne] {
        let daemon = ["--orders", orders.as_str(), "--on-term", "9"];
        let mut agent = world.run(&stage, &daemon).await;
        assert!(children(agent.agent).len() > 1000);
        agent.signal("TERM");
        assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(9), "{world:?}");
        // Outside of its own world it has another number.
        if world == World::Plain {
            let group = daemon_pid(&agent.process.lines());
            assert!(killpg(group, None).is_err(), "something is left of the daemon's group");
        }
    }
}

/// A worker that does not want to end does not keep the container.
#[tokio::test(flavor = "multi_thread")]
async fn what_ignores_term_is_killed_with_its_group() {
    let stage = Stage::loaded().await;
    stage.manifest("[stop]\ngrace = '500ms'\n");
    for arguments in [
        ["--orders", "stubborn:3", "--on-term", "4"],
        ["--orders", "stubborn:3 ignore-term", "--on-term", "4"],
    ] {
        let code = if arguments[1].contains("ignore") { 128 + 9 } else { 4 };
        let mut agent = World::Plain.run(&stage, &arguments).await;
        let group = daemon_pid(&agent.process.lines());
        assert_eq!(count(&agent.process, "child "), 3);
        agent.signal("TERM");
        assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(code));
        assert!(killpg(group, None).is_err(), "a child of the daemon is left");
        assert!(!is_alive(group));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_on_by_itself() {
    let stage = Stage::loaded().await;
    for world in ALL {
        let mut agent = world.run(&stage, &[]).await;
        // A terminal that changes its size would stop Apache.
        agent.signal("WINCH");
        for name in ["USR1", "USR2", "ALRM", "RTMIN+3", "RTMAX"] {
            agent.signal(name);
            let expected = if name == "RTMAX" { "got RTMIN+30" } else { &format!("got {name}") };
            agent.process.wait_for_line(expected, PATIENCE).await;
        }
        agent.signal("HUP");
        agent.process.wait_for_line("got HUP", PATIENCE).await;
        agent.signal("QUIT");
        assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(0), "{world:?}");
        for (text, expected) in [("got WINCH", 0), ("got HUP", 1), ("got QUIT", 1)] {
            assert_eq!(count(&agent.process, text), expected, "{world:?}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_table_of_signals() {
    let stage = Stage::loaded().await;
    stage.manifest(
        "[signals]\nHUP = 'pass'\nWINCH = 'pass'\nUSR1 = 'ignore'\nUSR2 = 'HUP'\n\
         ALRM = 'reload'\nVTALRM = 'restart'\nPROF = 'stop'\n",
    );
    let mut agent = World::PidOne.run(&stage, &["--on-term", "6"]).await;
    agent.signal("USR1");
    for (name, expected) in [("HUP", "HUP"), ("WINCH", "WINCH"), ("USR2", "HUP"), ("ALRM", "HUP")] {
        agent.signal(name);
        agent.process.wait_for_line(&format!("got {expected}"), PATIENCE).await;
    }
    assert_eq!(count(&agent.process, "got USR"), 0);
    assert_eq!(count(&agent.process, "got ALRM"), 0);
    agent.signal("VTALRM");
    agent.process.wait_for_line("got TERM", PATIENCE).await;
    agent.process.wait_for_line("listening", PATIENCE).await;
    agent.signal("PROF");
    agent.process.wait_for_line("got TERM", PATIENCE).await;
    assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_signal_that_stops() {
    let stage = Stage::loaded().await;
    stage.manifest("[stop]\nsignal = 'QUIT'\n");
    let mut agent = World::Plain.run(&stage, &[]).await;
    agent.signal("TERM");
    agent.process.wait_for_line("got QUIT", PATIENCE).await;
    assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(0));
    assert_eq!(count(&agent.process, "got TERM"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_in_every_world() {
    let stage = Stage::loaded().await;
    stage.write("not-executable", "x");
    let not_executable = stage.path("not-executable");
    for world in ALL {
        for (command, code) in [
            (stage.daemon(&["--exit", "42"]), 42),
            (stage.daemon(&["--orders", "die-on-start:KILL"]), 128 + 9),
            (vec!["/no/such/program".into()], 127),
            (vec![not_executable.to_str().unwrap().into()], 126),
        ] {
            let mut agent = stage.agent("run");
            agent.arg("--").args(&command);
            let (mut agent, _terminal) = world.wrap(&agent);
            let status = Process::spawn(&mut agent).wait(PATIENCE).await;
            assert_eq!(status.code(), Some(code), "{world:?}: {command:?}");
        }
    }
}

/// The terminal's own signals come to the daemon through the agent, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn keys_and_a_new_size_of_the_terminal() {
    let stage = Stage::loaded().await;
    stage.manifest("[stop]\ngrace = '1s'\n");
    for world in [World::Terminal, World::PidOneInTerminal] {
        let mut agent = world.run(&stage, &["--orders", "ignore-term"]).await;
        agent.terminal.as_ref().unwrap().resize(50);
        agent.signal("USR1");
        agent.process.wait_for_line("got USR1", PATIENCE).await;
        agent.terminal.as_mut().unwrap().press(&[3]);
        agent.process.wait_for_line("got INT", PATIENCE).await;
        assert_eq!(agent.process.wait(PATIENCE).await.code(), Some(128 + 9), "{world:?}");
        assert_eq!(count(&agent.process, "got INT"), 1, "{world:?}");
        assert_eq!(count(&agent.process, "got WINCH"), 0, "{world:?}");
    }
}

/// A closed terminal is a HUP like any other: the daemon reloads and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_goes_away() {
    let stage = Stage::loaded().await;
    let mut agent = World::Terminal.run(&stage, &[]).await;
    agent.terminal.take();
    agent.process.wait_for_line("got HUP", PATIENCE).await;
    agent.signal("USR1");
    agent.process.wait_for_line("got USR1", PATIENCE).await;
}
