//! The real options of a real service.

use std::path::{Path, PathBuf};
use std::process::Command;

use etcstack_config::catalog::Catalog;
use serde_json::Value;
use tempfile::TempDir;

use crate::folder;

/// The services that have catalogs in `bootstrap-data/catalog`.
pub const SERVICES: [&str; 11] = [
    "barbican",
    "cinder",
    "designate",
    "glance",
    "heat",
    "keystone",
    "magnum",
    "neutron",
    "nova",
    "placement",
    "trove",
];

/// What a service's packages list, and its reduced form.
pub struct Service {
    folder: TempDir,
    /// What the packages list.
    pub raw: Value,
    /// Its reduced form.
    pub catalog: Catalog,
}

impl Service {
    /// Asks the packages of a Python environment, by `bootstrap-data/catalog/options.py`.
    pub fn new(venv: &Path, name: &str) -> Self {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../bootstrap-data/catalog/options.py");
        let mut python = Command::new(venv.join("bin/python"));
        let output = python.arg(script).arg(name).output().expect("cannot start Python");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        Self {
            catalog: Catalog::reduce(Path::new(name), text.as_bytes()).unwrap(),
            raw: serde_json::from_str(&text).unwrap(),
            folder: folder(&[("raw.json", &text)]),
        }
    }

    /// The file with what the packages list.
    pub fn raw_file(&self) -> PathBuf {
        self.folder.path().join("raw.json")
    }
}
