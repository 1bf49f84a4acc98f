//! What an etcd is started with.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::{Certificates, Port};

/// A server's ports, data and place in its cluster.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) client: Port,
    pub(super) peer: Port,
    pub(super) tls: Option<Arc<Certificates>>,
    /// `NAME=URL` of each member, with commas between.
    pub(super) members: String,
    /// What its command line says besides.
    pub(super) options: Vec<String>,
    folder: TempDir,
}

impl Server {
    pub(super) fn new(name: &str, tls: Option<Arc<Certificates>>) -> Self {
        let mut server = Self {
            name: name.to_owned(),
            client: Port::claim(),
            peer: Port::claim(),
            tls,
            members: String::new(),
            options: Vec::new(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        server.members = server.member();
        server
    }

    pub(super) fn member(&self) -> String {
        format!("{}={}", self.name, self.peer_url())
    }

    fn peer_url(&self) -> String {
        format!("http://{}", self.peer.address())
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn command(&self) -> Command {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let client = format!("{scheme}://{}", self.client.address());
        let mut command = Command::new("etcd");
        // Nothing from outside, such as ETCD_NAME, has a say.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(["--logger", "zap", "--log-level", "warn", "--name", &self.name]);
        command.arg("--data-dir").arg(self.data());
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &self.peer_url()]);
        command.args(["--initial-advertise-peer-urls", &self.peer_url()]);
        command.args(["--initial-cluster", &self.members]);
        command.args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        if let Some(certificates) = &self.tls {
            let (certificate, key) = certificates.server();
            command.arg("--cert-file").arg(certificate).arg("--key-file").arg(key);
            command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(certificates.ca());
        }
        command.args(&self.options);
        command
    }
}
