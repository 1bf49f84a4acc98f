//! What each of these tests needs: an etcd with the configuration of this repository, and a folder
//! with what the images of its services hold.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use etcd_client::TxnOp;
use etcstack_tests::{Etcd, Process, binary, openstack_venv};
use serde_json::Value;
use tempfile::TempDir;

/// Python and its databases take their time on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) struct Cloud {
    folder: TempDir,
    pub(crate) etcd: Etcd,
}

impl Cloud {
    /// A cloud whose store is loaded, and which nobody has started yet. Its image has this default
    /// file.
    pub(crate) async fn new(file: &str, default: &[u8]) -> Self {
        let cloud = Self { folder: TempDir::new().unwrap(), etcd: Etcd::new().await };
        for folder in ["cinder/lock", "glance/images", "glance/staging", "glance/tasks"] {
            std::fs::create_dir_all(cloud.path("state").join(folder)).unwrap();
        }
        let mut loader = Command::new(binary("etcstack-loader"));
        loader.arg("load").arg(source("tests/demo/data")).env("ETCSTACK_STORE", cloud.etcd.url());
        finish(&mut loader).await;
        cloud.write(&format!("default/{file}"), default);
        cloud
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        #[allow(clippy::disallowed_methods)]
        std::fs::write(path, bytes).unwrap();
    }

    /// Sets keys at once, and gives the revision. `None` removes one.
    pub(crate) async fn set(&self, keys: &[(&str, Option<&str>)]) -> i64 {
        let operation = |(key, value): &(&str, Option<&str>)| match value {
            Some(value) => TxnOp::put(*key, *value, None),
            None => TxnOp::delete(*key, None),
        };
        self.etcd.txn(keys.iter().map(operation).collect()).await
    }

    /// One of the agent's own records.
    pub(crate) async fn record(&self, key: &str) -> Option<Value> {
        let bytes = self.etcd.get(&format!("_etcstack/{key}")).await?;
        Some(serde_json::from_slice(&bytes).expect("a record is JSON"))
    }

    /// The service's catalog, made as an image's build makes it.
    pub(crate) async fn catalog(&self, service: &str) -> PathBuf {
        let path = self.path(&format!("{service}-catalog.json"));
        let mut loader = Command::new(binary("etcstack-loader"));
        loader.arg("catalog").arg(generated(service)).arg("--output").arg(&path);
        finish(&mut loader).await;
        path
    }

    /// What a program of these services needs in its environment.
    pub(crate) fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let venv = openstack_venv();
        let path = format!("{}:{}", venv.join("bin").display(), std::env::var("PATH").unwrap());
        command
            .env("PATH", path)
            .env("STATE_DIR", self.path("state"))
            .env("LOGGING_DIR", source("tests/demo/logging"))
            .env("GLANCE_PASTE_CONFIG", venv.join("etc/glance/glance-api-paste.ini"))
            .env("PYTHONWARNINGS", "ignore")
    }
}

/// A service's file as its packages document it.
pub(crate) async fn default_file(service: &str) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("default");
    let mut generator = Command::new(source("tests/openstack/default.sh"));
    finish(generator.arg(openstack_venv()).arg(service).arg(&file)).await;
    std::fs::read(file).unwrap()
}

/// What oslo-config-generator lists for a service.
pub(crate) fn generated(service: &str) -> PathBuf {
    let script = source("tests/openstack/catalog.sh");
    let output = Command::new(script).arg(openstack_venv()).arg(service).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

/// Runs a command to its end, which has to be a good one.
pub(crate) async fn finish(command: &mut Command) {
    let mut process = Process::quiet(command);
    let status = process.wait(LONG).await;
    assert!(status.success(), "{command:?}\n{}", process.lines().join("\n"));
}

/// A path of the checkout.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}
