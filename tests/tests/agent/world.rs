//! The worlds in which an agent may find itself.

use std::process::Command;

use etcstack_tests::{PATIENCE, Process, Terminal, eventually, named, wrap};
use nix::unistd::Pid;

use crate::stage::{Stage, unshare};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    Plain,
    PidOne,
    Terminal,
    PidOneInTerminal,
}

pub(crate) const ALL: [World; 4] =
    [World::Plain, World::PidOne, World::Terminal, World::PidOneInTerminal];

/// An agent in its world.
pub(crate) struct Inhabitant {
    /// What the test started: the agent itself, or what stands before it.
    pub(crate) process: Process,
    /// The agent, as seen from outside.
    pub(crate) agent: Pid,
    pub(crate) terminal: Option<Terminal>,
}

impl World {
    /// Wraps a command so that it runs in this world. The terminal is to be kept.
    pub(crate) fn wrap(self, command: &Command) -> (Command, Option<Terminal>) {
        let namespaces = || {
            let mut outer = unshare();
            outer.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
            wrap(outer, command)
        };
        let terminal = matches!(self, Self::Terminal | Self::PidOneInTerminal).then(Terminal::new);
        let command = match self {
            Self::PidOne | Self::PidOneInTerminal => namespaces(),
            Self::Plain | Self::Terminal => wrap(Command::new("env"), command),
        };
        match terminal {
            Some(terminal) => (terminal.in_front(&command), Some(terminal)),
            None => (command, None),
        }
    }

    /// Starts the stage's agent with a daemon, and waits until the daemon listens.
    pub(crate) async fn run(self, stage: &Stage, arguments: &[&str]) -> Inhabitant {
        let mut agent = stage.agent("run");
        agent.arg("--").args(stage.daemon(arguments));
        let (mut command, terminal) = self.wrap(&agent);
        let mut process = Process::spawn(&mut command);
        process.wait_for_line("listening", PATIENCE).await;
        let agent = eventually("the agent is there", PATIENCE, async || {
            named("etcstack-agent", process.pid())
        })
        .await;
        Inhabitant { process, agent, terminal }
    }
}

impl Inhabitant {
    /// Sends the agent a signal by any of its names, real-time ones as well.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.agent, name);
    }
}

/// Sends a signal by its name or number, as `kill` of procps or a shell has them.
pub(crate) fn signal(pid: Pid, name: &str) {
    let status = Command::new("bash").args(["-c", &format!("kill -s {name} {pid}")]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -s {name} {pid} fails");
}

/// The daemon's process id, as it says itself; inside its own world.
pub(crate) fn daemon_pid(lines: &[String]) -> Pid {
    let mut words = lines.iter().rev().map(|line| line.split(' '));
    let pid = words.find_map(|mut words| {
        words.find(|word| *word == "started")?;
        words.next()?.parse().ok()
    });
    Pid::from_raw(pid.expect("a daemon that has started"))
}
