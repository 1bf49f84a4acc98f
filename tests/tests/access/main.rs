//! `etcstack-loader access`: users and roles with least privilege, on a real etcd.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod keeps;
mod rights;
mod runs;

use std::process::Command;

use etcd_client::{Client, ConnectOptions, TxnOp};
use etcstack_tests::{Etcd, binary, said, write};
use serde_json::Value;
use tempfile::TempDir;

const ROOT: &str = "root-sesame";
const GLANCE: &str = "etcstack.controller.glance";

/// An etcd, and a folder for data, passwords and what agents write.
struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    /// With two services, their variables, and one that nobody uses.
    async fn new() -> Self {
        Self::with_options(&[]).await
    }

    /// The same, with these options for etcd.
    async fn with_options(options: &[&str]) -> Self {
        // Passwords are cheap to check, but not to be read.
        let etcd = Etcd::with_options(&[&["--bcrypt-cost", "4"], options].concat()).await;
        let mut puts = Vec::new();
        for (key, value) in [
            ("general/MYSQL_HOST", "db"),
            ("general/GLANCE_URL", "mysql://glance:${GLANCE_DB_PASSWORD|url}@$MYSQL_HOST/glance"),
            ("general/GLANCE_DB_PASSWORD", "glance-sesame"),
            ("general/NOVA_DB_PASSWORD", "nova-sesame"),
            ("general/UNUSED", "x"),
            ("controller/glance/glance-api.conf/database/connection", "$GLANCE_URL"),
            ("controller/nova/nova.conf/database/connection", "nova:$NOVA_DB_PASSWORD@$MYSQL_HOST"),
        ] {
            puts.push(TxnOp::put(key, value, None));
        }
        etcd.txn(puts).await;
        let stage = Self { etcd, folder: TempDir::new().unwrap() };
        stage.write("root.pw", ROOT);
        stage.write(
            "agent.toml",
            "[[file]]\nname = 'glance-api.conf'\npath = 'glance-api.conf'\ndefault = 'default.conf'\n",
        );
        stage.write("default.conf", "[database]\n#connection = <None>\n");
        stage
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.folder.path().join(name), text);
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(program));
        command.args(arguments).current_dir(&self.folder).env("ETCSTACK_STORE", self.etcd.url());
        command
    }

    /// Runs `access`; gives its exit code and what it printed.
    async fn access(&self, arguments: &[&str]) -> (i32, String) {
        let (code, text) = said(self.command("etcstack-loader", &["access"]).args(arguments)).await;
        assert!(!text.contains("sesame"), "{text}");
        (code, text)
    }

    /// The same, as root.
    async fn as_root(&self, arguments: &[&str]) -> (i32, String) {
        let root = ["--user", "root", "--password-file", "root.pw"];
        self.access(&[&root[..], arguments].concat()).await
    }

    async fn apply(&self) {
        let (code, text) = self.access(&["none", "--apply", "--passwords-dir", "pw"]).await;
        assert_eq!(code, 0, "{text}");
    }

    fn password(&self, user: &str) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("pw").join(user)).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    /// A client that is this user.
    async fn client(&self, user: &str) -> Client {
        let options = ConnectOptions::new().with_user(user, self.password(user));
        Client::connect([self.etcd.address()], Some(options)).await.unwrap()
    }

    /// Renders glance's file as glance's user; gives the exit code and what was printed.
    async fn render(&self) -> (i32, String) {
        let mut agent = self.command("etcstack-agent", &["render", "--role", "controller"]);
        agent.args(["--service", "glance", "--manifest", "agent.toml", "--user", GLANCE]);
        agent.args(["--password-file", &format!("pw/{GLANCE}"), "--start-timeout", "5s"]);
        said(&mut agent).await
    }
}

async fn may_read(client: &mut Client, key: &str) -> bool {
    may(client.get(key, None).await)
}

async fn may_put(client: &mut Client, key: &str) -> bool {
    may(client.put(key, "x", None).await)
}

fn may<T>(answer: Result<T, etcd_client::Error>) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => {
            assert!(error.to_string().contains("permission denied"), "{error}");
            false
        }
    }
}

fn json(text: &str) -> Value {
    let line = text.lines().find(|line| line.starts_with('{')).unwrap();
    serde_json::from_str(line).unwrap()
}
