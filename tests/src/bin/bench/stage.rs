//! What each measurement needs: an etcd, a folder with a manifest, a daemon that can be heard.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Process};
use tempfile::TempDir;

pub(crate) const KEY: &str = "controller/bench/bench.conf/DEFAULT/option";

const MANIFEST: &str = "service = 'bench'\nrole = 'controller'\n\
    [[file]]\nname = 'bench.conf'\npath = 'etc/bench.conf'\ndefault = 'default.conf'\n\
    on_change = 'reload'\n[reload]\nmin_interval = '0s'\n";

pub(crate) struct Stage {
    agent: PathBuf,
    folder: TempDir,
    pub(crate) etcd: Etcd,
    told: UnixDatagram,
}

impl Stage {
    pub(crate) async fn new(agent: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let prose = "# A line of prose.\n#an_option = 1\n\n".repeat(2000);
        for (name, text) in
            [("default.conf", &*format!("[DEFAULT]\n{prose}")), ("agent.toml", MANIFEST)]
        {
            #[allow(clippy::disallowed_methods)]
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let etcd = Etcd::new().await;
        etcd.put(KEY, "0").await;
        let told = UnixDatagram::bind(folder.path().join("told")).unwrap();
        told.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { agent: agent.to_owned(), folder, etcd, told }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until the daemon has been started or told.
    pub(crate) fn heard(&self) {
        self.told.recv(&mut [0]).expect("the daemon is started, and told of every change");
    }

    /// The same ear once more, for another thread.
    pub(crate) fn ear(&self) -> UnixDatagram {
        self.told.try_clone().unwrap()
    }

    pub(crate) fn daemon(&self) -> Command {
        let mut daemon = Command::new(std::env::current_exe().unwrap());
        daemon.arg("daemon").arg(self.path("told"));
        daemon
    }

    pub(crate) fn agent(&self) -> Command {
        let mut agent = Command::new(&self.agent);
        agent.args(["run", "--store", &self.etcd.url(), "--manifest"]).arg(self.path("agent.toml"));
        agent.env("ETCSTACK_LOG", "warn").env("ETCSTACK_STATE_DIR", self.path("state"));
        let daemon = self.daemon();
        agent.arg("--").arg(daemon.get_program()).args(daemon.get_args());
        agent
    }

    /// Starts the agent; its daemon is up when this returns.
    pub(crate) fn start(&self) -> Process {
        let process = Process::quiet(&mut self.agent());
        self.heard();
        process
    }
}
