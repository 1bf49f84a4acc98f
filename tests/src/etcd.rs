//! A real etcd.

mod cluster;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use cluster::Cluster;
use etcd_client::{
    Certificate, Client, CompactionOptions, ConnectOptions, DeleteOptions, GetOptions, Identity,
    Permission, TlsOptions, Txn, TxnOp,
};
use nix::sys::signal::Signal;
use server::Server;

use crate::{Certificates, PATIENCE, Process, eventually};

/// An etcd of one member on 127.0.0.1, or one member of a [`Cluster`]. Dropping it ends it and
/// removes its data.
pub struct Etcd {
    // Dropped before its data is removed.
    process: Option<Process>,
    server: Server,
    root_password: Option<String>,
}

impl fmt::Debug for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Etcd({})", self.address())
    }
}

impl Etcd {
    /// Starts an etcd and waits until it answers.
    pub async fn new() -> Self {
        Self::alone(None, &[]).await
    }

    /// The same, with these options on its command line.
    pub async fn with_options(options: &[&str]) -> Self {
        Self::alone(None, options).await
    }

    /// Starts one that speaks TLS, and only to clients whose certificate the authority signed.
    pub async fn with_tls(certificates: Arc<Certificates>) -> Self {
        Self::alone(Some(certificates), &[]).await
    }

    async fn alone(tls: Option<Arc<Certificates>>, options: &[&str]) -> Self {
        loop {
            let mut etcd = Self::of(Server::new("alone", tls.clone()));
            etcd.server.options = options.iter().map(|option| (*option).to_owned()).collect();
            if etcd.try_start().await {
                return etcd;
            }
        }
    }

    fn of(server: Server) -> Self {
        Self { server, process: None, root_password: None }
    }

    /// `127.0.0.1:PORT`, where it listens for clients.
    pub fn address(&self) -> String {
        self.server.client.address()
    }

    /// The port where it listens for clients.
    pub fn port(&self) -> u16 {
        self.server.client.number()
    }

    /// The store's URL for all of it.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.server.tls.is_some() { "etcds" } else { "etcd" }, self.address())
    }

    /// The store's URL for what is below a prefix, which has no slash at its ends.
    pub fn url_with(&self, prefix: &str) -> String {
        format!("{}/{prefix}", self.url())
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.server.data()
    }

    /// A client that may do everything.
    pub async fn client(&self) -> Client {
        self.connect().await.expect("etcd answers")
    }

    async fn connect(&self) -> Result<Client, etcd_client::Error> {
        let mut options = ConnectOptions::new();
        if let Some(certificates) = &self.server.tls {
            let read = |path: &Path| std::fs::read(path).expect("a certificate");
            let (certificate, key) = certificates.client();
            let identity = Identity::from_pem(read(&certificate), read(&key));
            let ca = Certificate::from_pem(read(&certificates.ca()));
            options = options.with_tls(TlsOptions::new().ca_certificate(ca).identity(identity));
        }
        if let Some(password) = &self.root_password {
            options = options.with_user("root", password);
        }
        let scheme = if self.server.tls.is_some() { "https" } else { "http" };
        Client::connect([format!("{scheme}://{}", self.address())], Some(options)).await
    }

    /// Sets a key.
    pub async fn put(&self, key: &str, value: impl Into<Vec<u8>>) {
        self.client().await.put(key, value, None).await.expect("a put");
    }

    /// What a key holds.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.client().await.get(key, None).await.expect("a get");
        answer.kvs().first().map(|pair| pair.value().to_vec())
    }

    /// All keys below a prefix, and what they hold.
    pub async fn get_below(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let options = GetOptions::new().with_prefix();
        let answer = self.client().await.get(prefix, Some(options)).await.expect("a get");
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        answer.kvs().iter().map(|pair| (text(pair.key()), pair.value().to_vec())).collect()
    }

    /// Removes a key.
    pub async fn delete(&self, key: &str) {
        self.client().await.delete(key, None).await.expect("a delete");
    }

    /// Removes all keys below a prefix.
    pub async fn delete_below(&self, prefix: &str) {
        let options = DeleteOptions::new().with_prefix();
        self.client().await.delete(prefix, Some(options)).await.expect("a delete");
    }

    /// Does several things at one revision, and gives it.
    pub async fn txn(&self, operations: Vec<TxnOp>) -> i64 {
        let txn = Txn::new().and_then(operations);
        let answer = self.client().await.txn(txn).await.expect("a transaction");
        answer.header().expect("a header").revision()
    }

    /// The newest revision.
    pub async fn revision(&self) -> i64 {
        let answer = self.client().await.get("any", None).await.expect("a get");
        answer.header().expect("a header").revision()
    }

    /// How many leases there are.
    pub async fn leases(&self) -> usize {
        self.client().await.leases().await.expect("the leases").leases().len()
    }

    /// Forgets what was before a revision, and waits until it is forgotten.
    pub async fn compact(&self, revision: i64) {
        let options = CompactionOptions::new().with_physical();
        let mut client = self.client().await;
        client.compact(revision, Some(options)).await.expect("a compaction");
    }

    /// Turns access control on; from now on the helpers here are the user root.
    pub async fn enable_auth(&mut self, root_password: &str) {
        let mut client = self.client().await;
        client.user_add("root", root_password, None).await.expect("a user");
        client.user_grant_role("root", "root").await.expect("root's role");
        client.auth_enable().await.expect("access control");
        self.root_password = Some(root_password.to_owned());
    }

    /// Adds a user with these permissions and no others.
    pub async fn add_user(&self, name: &str, password: &str, permissions: Vec<Permission>) {
        let mut client = self.client().await;
        client.user_add(name, password, None).await.expect("a user");
        client.role_add(name).await.expect("a role");
        for permission in permissions {
            client.role_grant_permission(name, permission).await.expect("a permission");
        }
        client.user_grant_role(name, name).await.expect("the role");
    }

    /// Ends it in order, as an upgrade does. Takes seconds where somebody watches.
    pub async fn stop(&mut self) {
        self.end(Signal::SIGTERM).await;
    }

    /// Kills it, as a failing node does.
    pub async fn stop_hard(&mut self) {
        self.end(Signal::SIGKILL).await;
    }

    async fn end(&mut self, signal: Signal) {
        let mut process = self.process.take().expect("etcd runs");
        process.signal(signal);
        process.wait(PATIENCE).await;
    }

    /// Starts it again, on the same port and with the same data, and waits until it answers.
    pub async fn start(&mut self) {
        assert!(self.try_start().await, "somebody took the port of {self:?} while it was stopped");
    }

    /// `false` where a port is taken.
    async fn try_start(&mut self) -> bool {
        self.launch();
        self.healthy().await
    }

    fn launch(&mut self) {
        assert!(self.process.is_none(), "{self:?} runs already");
        self.process = Some(Process::quiet(&mut self.server.command()));
    }

    /// Waits until it answers; `false` where it ended because a port is taken.
    async fn healthy(&self) -> bool {
        let process = self.process.as_ref().expect("etcd runs");
        eventually("etcd is healthy", PATIENCE, async || {
            if let Some(status) = process.status() {
                let lines = process.lines();
                let taken = lines.iter().any(|line| line.contains("address already in use"));
                assert!(taken, "etcd ended with {status}:\n{}", lines.join("\n"));
                return Ok(false);
            }
            // A read that needs a leader; one that is refused has been answered as well.
            let mut client = self.connect().await?;
            match client.get("health", None).await {
                Err(etcd_client::Error::GRpcStatus(status)) if is_refusal(&status) => Ok(true),
                answer => answer.map(|_| true),
            }
        })
        .await
    }
}

fn is_refusal(status: &impl fmt::Debug) -> bool {
    let text = format!("{status:?}");
    text.contains("PermissionDenied") || text.contains("user name is empty")
}
