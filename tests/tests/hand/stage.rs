//! An etcd, a folder to work in, and the loader.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use etcstack_tests::{Etcd, binary, write};
use serde_json::Value;
use tempfile::TempDir;

/// An option of glance.
pub(crate) const DEBUG: &str = "controller/glance/glance-api.conf/DEFAULT/debug";

/// What `set` says where nobody knows the options of services.
pub(crate) const NO_CATALOG: &str = "note: there are no catalogs: only the syntax was checked, not \
     whether the service has these options; name the data that holds some with --data, or their \
     folder with --catalog\n";

pub(crate) struct Stage {
    pub(crate) etcd: Etcd,
    pub(crate) folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// It ended with this code and has said all of this.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            let said = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(said, "{word:?} is not in {self:#?}");
        }
    }

    /// It printed no result.
    #[track_caller]
    pub(crate) fn is_silent(&self) {
        assert_eq!(self.stdout, "", "{self:?}");
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self { etcd: Etcd::new().await, folder: TempDir::new().unwrap() }
    }

    /// The data of a release, loaded.
    pub(crate) async fn load(&self, text: &str) {
        self.write("data/s/list", text);
        self.run(&["load", "data"]).await.is(0, &[]);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.folder.path().join(name), text);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.etcd.url(), arguments)
    }

    pub(crate) fn command_at(&self, store: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).current_dir(&self.folder).env("ETCSTACK_STORE", store);
        for variable in ["ETCSTACK_AUTHOR", "ETCSTACK_DATA", "ETCSTACK_RELEASE"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        run(self.command(arguments), "").await
    }

    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--output", "json"]].concat()).await;
        ended.is(0, &[]);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// The entries of the history, the newest first.
    pub(crate) async fn history(&self) -> Vec<Value> {
        self.json(&["history"]).await["entries"].as_array().unwrap().clone()
    }

    pub(crate) async fn value(&self, key: &str) -> Option<String> {
        self.etcd.get(key).await.map(|value| String::from_utf8(value).unwrap())
    }

    /// The catalogs of the project.
    pub(crate) fn catalogs() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        root.join("bootstrap-data/catalog").to_str().unwrap().to_owned()
    }
}

/// Runs a command to its end with this on its standard input.
pub(crate) async fn run(mut command: Command, input: &str) -> Ended {
    let input = input.to_owned();
    let end = tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who does not read it does not want it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = end.await.unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
