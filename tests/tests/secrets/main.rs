//! `etcstack-loader secrets`: made once, listed, replaced, never shown.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod made;
mod rotated;

use std::collections::BTreeMap;
use std::process::Command;

use etcstack_tests::{Etcd, binary, said, write};
use serde_json::Value;
use tempfile::TempDir;

struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let stage = Self { etcd: Etcd::new().await, folder: TempDir::new().unwrap() };
        stage.write(
            "data/general/cloud.conf",
            "MYSQL_HOST=db\nGLANCE_URL=mysql://g:${GLANCE_DB_PASSWORD|url}@$MYSQL_HOST/g\n\
             FIXED_PASSWORD=in-the-data\n",
        );
        stage.write(
            "data/controller/glance/glance-api.conf",
            "[database]\nconnection = $GLANCE_URL\n[x]\nhost = $POD_IP\nfixed = $FIXED_PASSWORD\n\
             optional = ${OPTIONAL_PASSWORD:-none}\nceph = $CEPH_GLANCE_KEY\n",
        );
        stage
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.folder.path().join(name), text);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).current_dir(&self.folder).env("ETCSTACK_STORE", self.etcd.url());
        command
    }

    /// Runs the loader; gives its exit code and what it printed, which holds no value.
    async fn run(&self, arguments: &[&str]) -> (i32, String) {
        self.run_command(self.command(arguments)).await
    }

    async fn run_command(&self, mut command: Command) -> (i32, String) {
        let before = self.general().await;
        let (code, text) = said(&mut command).await;
        for (name, value) in before.into_iter().chain(self.general().await) {
            let shown = value.len() > 8 && text.contains(&value);
            assert!(!shown && !text.contains("sesame"), "{name} is shown: {text}");
        }
        (code, text)
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let (code, text) = self.run(&[arguments, &["--output", "json"]].concat()).await;
        assert!(code == 0 || code == 2, "{text}");
        report(&text)
    }

    /// The variables of the store.
    async fn general(&self) -> BTreeMap<String, String> {
        let pairs = self.etcd.get_below("general/").await.into_iter();
        let name = |key: String| key.strip_prefix("general/").unwrap().to_owned();
        pairs.map(|(key, value)| (name(key), String::from_utf8(value).unwrap())).collect()
    }
}

/// What was printed for programs.
fn report(text: &str) -> Value {
    serde_json::from_str(text.lines().find(|line| line.starts_with('{')).unwrap()).unwrap()
}

/// The object with this name in a list.
fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array().unwrap().iter().find(|object| object["name"] == name)
}
