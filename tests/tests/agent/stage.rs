//! What each of these tests needs: a store, a folder, an agent.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcd_client::TxnOp;
use etcstack_tests::{Etcd, PATIENCE, Process, binary};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CONF: &str = "controller/s/s.conf";

/// Two files of a service `s` in the role `controller`, with a manifest, and an etcd.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) etcd: Etcd,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let stage = Self { folder, etcd: Etcd::new().await };
        stage.write("default.conf", "[DEFAULT]\n#debug = false\n");
        stage.manifest("");
        stage
    }

    /// A stage whose store has an option, so that the agent starts its daemon.
    pub(crate) async fn loaded() -> Self {
        let stage = Self::new().await;
        stage.put("DEFAULT/debug", "false").await;
        stage
    }

    /// The usual manifest, in which every change is a reload, and something behind it.
    pub(crate) fn manifest(&self, more: &str) {
        let text = format!(
            "service = 's'\nrole = 'controller'\n\
             [[file]]\nname = 's.conf'\npath = 'etc/s.conf'\ndefault = 'default.conf'\n\
             on_change = 'reload'\n\
             [[file]]\nname = 'other.conf'\npath = 'etc/other.conf'\ndefault = 'default.conf'\n\
             on_change = 'reload'\n\
             [reload]\nmin_interval = '0s'\n{more}"
        );
        self.write("agent.toml", &text);
    }

    pub(crate) async fn put(&self, option: &str, value: &str) {
        self.etcd.put(&format!("{CONF}/{option}"), value).await;
    }

    /// Sets keys of the service at once, `FILE/SECTION/OPTION`, and gives the revision. `None`
    /// removes one.
    pub(crate) async fn set(&self, keys: &[(&str, Option<&str>)]) -> i64 {
        let operation = |(key, value): &(&str, Option<&str>)| {
            let key = format!("controller/s/{key}");
            match value {
                Some(value) => TxnOp::put(key, *value, None),
                None => TxnOp::delete(key, None),
            }
        };
        self.etcd.txn(keys.iter().map(operation).collect()).await
    }

    /// One of the agent's own records.
    pub(crate) async fn record(&self, key: &str) -> Option<Value> {
        let bytes = self.etcd.get(&format!("_etcstack/{key}")).await?;
        Some(serde_json::from_slice(&bytes).expect("a record is JSON"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = path.with_extension("tmp");
        #[allow(clippy::disallowed_methods)]
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes when a file is replaced, and only then.
    pub(crate) fn inode(&self, name: &str) -> u64 {
        std::fs::metadata(self.path(name)).unwrap().ino()
    }

    pub(crate) fn agent(&self, command: &str) -> Command {
        let mut agent = Command::new(binary("etcstack-agent"));
        agent.arg(command).env("ETCSTACK_STORE", self.etcd.url());
        agent.env("ETCSTACK_STATE_DIR", self.path("state"));
        agent.arg("--manifest").arg(self.path("agent.toml"));
        agent
    }

    /// An agent with a daemon that says what happens to it, ready when this returns.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Process {
        let mut agent = Process::spawn(self.agent("run").arg("--").args(self.daemon(arguments)));
        agent.wait_for_line("listening", PATIENCE).await;
        agent
    }

    pub(crate) fn daemon(&self, arguments: &[&str]) -> Vec<String> {
        let mut command =
            vec![text(&binary("testd")), "--file".into(), text(&self.path("etc/s.conf"))];
        command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        command
    }
}

/// `unshare`, with what it takes to make namespaces: nothing more for root; for others a user
/// namespace, in which they are root.
pub(crate) fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// How many lines hold a text.
pub(crate) fn count(process: &Process, text: &str) -> usize {
    process.lines().iter().filter(|line| line.contains(text)).count()
}
