//! An agent as PID 1 of a container's namespaces, and what it says of itself.

use std::path::PathBuf;
use std::process::Command;

use etcstack_tests::{Process, binary, eventually, http, named, wrap};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::cloud::{Cloud, LONG};

/// A replica of a service. It has a folder of its own.
pub(crate) struct Agent<'a> {
    cloud: &'a Cloud,
    host: String,
    pub(crate) process: Process,
}

impl<'a> Agent<'a> {
    /// Starts an agent of the role `controller` with this manifest. Its daemon's paths begin in its
    /// folder.
    pub(crate) fn start(cloud: &'a Cloud, host: &str, manifest: &str, daemon: &[&str]) -> Self {
        Self::start_with(cloud, host, manifest, daemon, &[])
    }

    /// Starts one with more variables in its environment.
    pub(crate) fn start_with(
        cloud: &'a Cloud,
        host: &str,
        manifest: &str,
        daemon: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        cloud.write(&format!("{host}/agent.toml"), manifest);
        let folder = cloud.path(host);
        let mut agent = Command::new(binary("etcstack-agent"));
        agent.arg("run").arg("--manifest").arg(folder.join("agent.toml")).arg("--").args(daemon);
        cloud.environment(&mut agent).current_dir(&folder);
        agent
            .env("ETCSTACK_STORE", cloud.etcd.url())
            .env("ETCSTACK_ROLE", "controller")
            .env("ETCSTACK_HOST", host)
            .env("ETCSTACK_STATE_DIR", folder.join("state"))
            .env("ETCSTACK_LISTEN", format!("unix:{}", folder.join("http").display()))
            .envs(environment.iter().copied());
        let process = Process::spawn(&mut as_pid_one(&agent));
        Self { cloud, host: host.to_owned(), process }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.cloud.path(&self.host).join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    async fn status(&self) -> Result<Value, String> {
        let socket = self.path("http");
        let answer = http(socket.to_str().unwrap(), "GET", "/status").await;
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::from_str(&answer.body).map_err(|error| error.to_string())
    }

    /// Waits until the status is as it should be, and gives it.
    pub(crate) async fn wait_for(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{}: {what}", self.host);
        eventually(&what, LONG, async || {
            assert_eq!(self.process.status(), None, "{what}: the agent has ended");
            let status = self.status().await?;
            if holds(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until a revision is applied and has been found good.
    pub(crate) async fn settled(&self, revision: i64) -> Value {
        self.wait_for(&format!("current with {revision}"), |status| {
            let good = status["revisions"]["good"].as_i64();
            status["state"] == "current" && good.is_some_and(|good| good >= revision)
        })
        .await
    }

    /// Ends it as a container's runtime would, and gives its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let agent = named("etcstack-agent", self.process.pid()).expect("the agent runs");
        kill(agent, Signal::SIGTERM).unwrap();
        self.process.wait(LONG).await.code()
    }

    /// How many lines of its log, the daemon's among them, hold a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.process.lines().iter().filter(|line| line.contains(text)).count()
    }
}

/// Wraps a command so that it is PID 1, with a `/proc` of its own. Whoever is not root becomes root
/// of a user namespace for it.
fn as_pid_one(command: &Command) -> Command {
    let mut outer = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        outer.arg("--map-root-user");
    }
    outer.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    wrap(outer, command)
}
