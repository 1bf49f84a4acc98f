//! One of several agents of a service, with a daemon that says over HTTP whether it is ready.

use std::path::PathBuf;
use std::process::Command;

use etcstack_tests::{Answer, PATIENCE, Port, Process, binary, eventually, http};
use serde_json::Value;

use crate::stage::{Stage, text};

pub(crate) struct Replica<'a> {
    stage: &'a Stage,
    host: String,
    /// The daemon's.
    port: Port,
}

/// What its manifest says besides the usual. All of it is TOML.
#[derive(Clone, Copy)]
pub(crate) struct Manifest<'a> {
    /// Before the first table.
    pub(crate) top: &'a str,
    /// Of `s.conf`.
    pub(crate) file: &'a str,
    /// Of `other.conf`.
    pub(crate) other: &'a str,
    pub(crate) ready: &'a str,
    pub(crate) reload: &'a str,
    /// More tables.
    pub(crate) more: &'a str,
}

pub(crate) const USUAL: Manifest<'_> = Manifest {
    top: "",
    file: "on_change = 'reload'",
    other: "on_change = 'reload'",
    ready: "timeout = '60s'\nsettle = '50ms'",
    reload: "min_interval = '0s'",
    more: "",
};

/// A manifest in which every change is a restart.
pub(crate) const RESTARTS: Manifest<'_> =
    Manifest { file: "on_change = 'restart'", other: "on_change = 'restart'", ..USUAL };

impl<'a> Replica<'a> {
    /// In a folder of its own, which has its name.
    pub(crate) fn new(stage: &'a Stage, host: &str, manifest: Manifest<'_>) -> Self {
        let replica = Self { stage, host: host.to_owned(), port: Port::claim() };
        replica.manifest(manifest);
        replica
    }

    pub(crate) fn manifest(&self, manifest: Manifest<'_>) {
        let Manifest { top, file, other, ready, reload, more } = manifest;
        let probe = if ["http", "tcp", "command"].iter().any(|probe| ready.starts_with(probe)) {
            String::new()
        } else {
            format!("http = 'http://{}/'", self.port.address())
        };
        let text = format!(
            "service = 's'\nrole = 'controller'\n{top}\n\
             [[file]]\nname = 's.conf'\npath = 'etc/s.conf'\ndefault = '../default.conf'\n{file}\n\
             [[file]]\nname = 'other.conf'\npath = 'etc/other.conf'\n\
             default = '../default.conf'\n{other}\n\
             [reload]\n{reload}\n[ready]\n{probe}\n{ready}\n{more}\n"
        );
        self.stage.write(&format!("{}/agent.toml", self.host), &text);
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Where its daemon answers.
    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.stage.path(&self.host).join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        self.stage.read(&format!("{}/{name}", self.host))
    }

    pub(crate) fn inode(&self, name: &str) -> u64 {
        self.stage.inode(&format!("{}/{name}", self.host))
    }

    /// The agent, without a daemon's command.
    pub(crate) fn agent(&self) -> Command {
        let mut agent = Command::new(binary("etcstack-agent"));
        agent.arg("run").arg("--manifest").arg(self.path("agent.toml"));
        agent.env("ETCSTACK_STORE", self.stage.etcd.url()).env("ETCSTACK_HOST", &self.host);
        agent.env("ETCSTACK_STATE_DIR", self.path("state"));
        agent.env("ETCSTACK_LISTEN", format!("unix:{}", text(&self.socket())));
        agent
    }

    fn socket(&self) -> PathBuf {
        self.path("http")
    }

    pub(crate) fn daemon(&self, arguments: &[&str]) -> Vec<String> {
        let file = text(&self.path("etc/s.conf"));
        let (listen, register) = (self.address(), text(&self.stage.path("register")));
        let mut command = vec![text(&binary("testd"))];
        for (option, value) in [
            ("--file", file),
            ("--name", self.host.clone()),
            ("--listen", listen),
            ("--register", register),
        ] {
            command.extend([option.to_owned(), value]);
        }
        command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        command
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(self.agent().arg("--").args(self.daemon(arguments)))
    }

    /// Starts it, and waits until its daemon is ready and the agent has seen it.
    pub(crate) async fn start(&self, arguments: &[&str]) -> Process {
        let mut process = self.spawn(arguments);
        process.wait_for_line(&format!("{} ready", self.host), PATIENCE).await;
        self.settled(0).await;
        process
    }

    /// What the agent answers over HTTP.
    pub(crate) async fn get(&self, path: &str) -> std::io::Result<Answer> {
        http(&text(&self.socket()), "GET", path).await
    }

    /// What it says of itself.
    pub(crate) async fn status(&self) -> Result<Value, String> {
        let answer = self.get("/status").await.map_err(|error| error.to_string())?;
        serde_json::from_str(&answer.body).map_err(|error| error.to_string())
    }

    /// Waits until the status is as it should be, and gives it.
    pub(crate) async fn wait_for(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{}: {what}", self.host);
        eventually(&what, PATIENCE, async || {
            let status = self.status().await?;
            if holds(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until it is in a state, such as `rolled_back`, and gives its status.
    pub(crate) async fn state(&self, state: &str) -> Value {
        self.wait_for(state, |status| status["state"] == state).await
    }

    /// Waits until a revision is applied and has been found good.
    pub(crate) async fn settled(&self, revision: i64) -> Value {
        let good = |status: &Value| status["revisions"]["good"].as_i64();
        self.wait_for(&format!("current with {revision}"), |status| {
            status["state"] == "current" && good(status).is_some_and(|good| good >= revision)
        })
        .await
    }

    /// How often its daemon was started.
    pub(crate) fn starts(&self, process: &Process) -> usize {
        self.said(process, "started ")
    }

    /// How often its daemon got HUP.
    pub(crate) fn hups(&self, process: &Process) -> usize {
        self.said(process, "got HUP")
    }

    /// How often its daemon said something that begins like this.
    pub(crate) fn said(&self, process: &Process, text: &str) -> usize {
        let start = format!("{} {text}", self.host);
        process.lines().iter().filter(|line| line.starts_with(&start)).count()
    }
}

/// How many were down at most, from the first moment at which all were up; and how often each of
/// them came up.
pub(crate) fn most_down(register: &str, hosts: &[String]) -> (usize, Vec<usize>) {
    let mut down: std::collections::BTreeSet<&str> = hosts.iter().map(String::as_str).collect();
    let mut counted = false;
    let mut most = 0;
    let mut ups = vec![0; hosts.len()];
    for line in register.lines() {
        match line.split_once(' ') {
            Some(("up", host)) => {
                down.remove(host);
                let at = hosts.iter().position(|known| known == host);
                ups[at.expect("a known host")] += 1;
            }
            Some(("down", host)) => _ = down.insert(host),
            _ => panic!("{line:?} is no line of the register"),
        }
        counted |= down.is_empty();
        if counted {
            most = most.max(down.len());
        }
    }
    (most, ups)
}
