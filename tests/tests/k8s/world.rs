//! What the rules look at: the built manifests, the images, the data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, OnceLock};

use etcstack_tests::judges;
use serde_json::Value;

use crate::images::{Image, images};

/// The overlays, by their names.
pub(crate) const OVERLAYS: [&str; 4] = ["single-node", "ha", "migration", "restore"];

/// All that is applied, and its folder in `k8s/`.
pub(crate) const FOLDERS: [(&str, &str); 5] = [
    ("single-node", "overlays/single-node"),
    ("ha", "overlays/ha"),
    ("migration", "overlays/migration"),
    ("restore", "overlays/restore"),
    ("tools", "tools"),
];

/// An overlay as it would be applied, and what it has to fit.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) objects: Vec<Value>,
    pub(crate) images: &'static BTreeMap<String, Image>,
    /// The text of `bootstrap-data/.access.toml`.
    pub(crate) access: String,
}

impl World {
    pub(crate) fn of(overlay: &str) -> Self {
        static BUILT: LazyLock<BTreeMap<&str, Vec<Value>>> =
            LazyLock::new(|| FOLDERS.map(|(name, folder)| (name, objects(&built(folder)))).into());
        let objects = BUILT[overlay].clone();
        let access = std::fs::read_to_string(root().join("bootstrap-data/.access.toml")).unwrap();
        Self { objects, images: images(), access }
    }

    /// The objects of a kind.
    pub(crate) fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of a kind and a name; the names of generated ones end in a hash.
    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.iter().find(|object| object["kind"] == kind && is_named(object, name))
    }

    /// The same, to be broken.
    pub(crate) fn find_mut(&mut self, kind: &str, name: &str) -> &mut Value {
        let found = |object: &&mut Value| object["kind"] == kind && is_named(object, name);
        let object = self.objects.iter_mut().find(found);
        object.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// The entries of a `ConfigMap`.
    pub(crate) fn config(&self, name: &str) -> BTreeMap<String, String> {
        let data = self.find("ConfigMap", name).map(|map| &map["data"]);
        let entries = data.and_then(Value::as_object).into_iter().flatten();
        entries.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }
}

fn is_named(object: &Value, name: &str) -> bool {
    let found = text(&object["metadata"]["name"]);
    let hash = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    let is_hash = |hash: &str| hash.len() == 10 && hash.bytes().all(|c| c.is_ascii_alphanumeric());
    found == name || (object["kind"] == "ConfigMap" && hash.is_some_and(is_hash))
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A text, empty where there is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The elements of a list, none where there is no list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A kind and a name, for people.
pub(crate) fn label(object: &Value) -> String {
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// What `kubectl apply -k` would send, in YAML.
pub(crate) fn built(folder: &str) -> String {
    let output = Command::new("kubectl")
        .arg("kustomize")
        .arg(root().join("k8s").join(folder))
        .output()
        .expect("cannot run kubectl; `make prepare` installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl kustomize k8s/{folder}: {said}");
    assert!(said.is_empty(), "kubectl kustomize k8s/{folder} warns: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The objects of manifests in YAML.
pub(crate) fn objects(yaml: &str) -> Vec<Value> {
    let (code, out) = judge(&["json"], yaml);
    assert_eq!(code, 0, "{out}");
    serde_json::from_str(&out).unwrap()
}

/// Runs `tests/judges/kubernetes.py`: its exit code and what it printed.
pub(crate) fn judge(arguments: &[&str], yaml: &str) -> (i32, String) {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let packages = PYTHON.get_or_init(|| judges().join("python"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifests.yaml");
    etcstack_tests::write(&file, yaml);
    let output = Command::new("python3")
        .arg(root().join("tests/judges/kubernetes.py"))
        .args(arguments)
        .env("PYTHONPATH", packages)
        .stdin(std::fs::File::open(file).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}
