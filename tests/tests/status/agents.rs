//! An etcd, agents in folders of their own, and the command that is tested.

use std::path::PathBuf;
use std::process::Command;

use etcd_client::TxnOp;
use etcstack_tests::{Etcd, PATIENCE, Port, Process, binary};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Stage {
    pub(crate) etcd: Etcd,
    folder: TempDir,
}

/// What the command printed, on both outputs, and its exit code.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self { etcd: Etcd::new().await, folder: TempDir::new().unwrap() }
    }

    /// With an option of the service `s`.
    pub(crate) async fn loaded() -> Self {
        let stage = Self::new().await;
        stage.put("DEFAULT/debug", "false").await;
        stage
    }

    /// Sets an option of the service `s`, and gives the revision.
    pub(crate) async fn put(&self, option: &str, value: &str) -> i64 {
        self.set(&format!("controller/s/s.conf/{option}"), value).await
    }

    /// Sets a key, and gives the revision.
    pub(crate) async fn set(&self, key: &str, value: &str) -> i64 {
        self.etcd.txn(vec![TxnOp::put(key, value, None)]).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An agent of the role `controller`, whose daemon is ready when this returns.
    pub(crate) async fn start(&self, service: &str, host: &str) -> Process {
        self.start_as("controller", service, host).await
    }

    pub(crate) async fn start_as(&self, role: &str, service: &str, host: &str) -> Process {
        let mut agent = self.spawn(role, service, host);
        agent.wait_for_line(&format!("{host} ready"), PATIENCE).await;
        agent
    }

    pub(crate) fn spawn(&self, role: &str, service: &str, host: &str) -> Process {
        let folder = self.path(host);
        std::fs::create_dir_all(&folder).unwrap();
        // The daemon answers on a port that nobody else has as long as the process lives.
        let port = Port::claim();
        let manifest = format!(
            "[[file]]\nname = 's.conf'\npath = 's.conf'\non_change = 'reload'\n\
             [reload]\nmin_interval = '0s'\n\
             [ready]\nhttp = 'http://{}/'\ntimeout = '60s'\nsettle = '50ms'\n",
            port.address()
        );
        #[allow(clippy::disallowed_methods)]
        std::fs::write(folder.join("agent.toml"), manifest).unwrap();
        let mut agent = Command::new(binary("etcstack-agent"));
        agent.args(["run", "--role", role, "--service", service, "--host", host]);
        agent.args(["--store", &self.etcd.url(), "--manifest", "agent.toml"]);
        agent.env("ETCSTACK_STATE_DIR", folder.join("state")).current_dir(&folder);
        agent.arg("--").arg(binary("testd")).args(["--file", "s.conf", "--name", host]);
        Process::spawn(agent.args(["--listen", &port.address()]))
    }

    /// `status` with these arguments, to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("etcstack-loader"));
        command.arg("status").env("ETCSTACK_STORE", self.etcd.url()).args(arguments);
        command
    }

    /// Runs `status` to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Shown {
        end(&mut Process::spawn(&mut self.command(arguments))).await
    }

    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let output = command.args(["--output", "json"]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs `status --wait`.
    pub(crate) async fn wait(&self, arguments: &[&str]) -> Shown {
        self.run(&[&["--wait", "--timeout", "60s"], arguments].concat()).await
    }

    /// `status --wait`, once it says that it waits.
    pub(crate) async fn waiting(&self, arguments: &[&str]) -> Process {
        let arguments = [&["--wait", "--timeout", "60s"], arguments].concat();
        let mut process = Process::spawn(&mut self.command(&arguments));
        process.wait_for_line("waiting: ", PATIENCE).await;
        process
    }
}

/// Waits for the end of `status`.
pub(crate) async fn end(process: &mut Process) -> Shown {
    let code = process.wait(PATIENCE).await.code().unwrap();
    Shown { code, text: process.lines().join("\n") }
}

/// The replica on a host.
pub(crate) fn host(status: &Value, name: &str) -> Value {
    let replicas = status["replicas"].as_array().unwrap();
    let found = replicas.iter().find(|replica| replica["host"] == name);
    found.unwrap_or_else(|| panic!("there is no {name} in {status}")).clone()
}
