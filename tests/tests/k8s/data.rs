//! The data as the Job loads it: the image's, with the `ConfigMap`s in their places.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use etcstack_config::references::{References, ServiceName};
use etcstack_store::{finish_data, gather_data};
use etcstack_tests::{binary, write};
use tempfile::TempDir;

use crate::world::{World, root};

/// A folder with what stands in the loader's `/bootstrap-data`.
pub(crate) fn data(world: &World) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(root().join("bootstrap-data/."))
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    std::fs::remove_dir_all(folder.path().join("general")).unwrap();
    for (place, map) in [("general", "general"), ("listings", "listings")] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
        for (name, value) in world.config(map) {
            write(&folder.path().join(place).join(name), &value);
        }
    }
    folder
}

/// Who refers to which variables.
pub(crate) fn references(dir: &Path) -> Result<References, String> {
    let data = gather_data(dir).map_err(|error| error.to_string())?;
    let data = finish_data(data).map_err(|problems| problems.to_string())?;
    let mut references = References::default();
    for (key, datum) in &data {
        references.add(key, &datum.value);
    }
    Ok(references)
}

/// The variables that a service's values refer to.
pub(crate) fn reached(references: &References, role: &str, service: &str) -> BTreeSet<String> {
    references.of_service(&ServiceName { role: role.to_owned(), service: service.to_owned() })
}

/// What `etcstack-loader validate` says is wrong.
pub(crate) fn validate(dir: &Path) -> Vec<String> {
    let output = Command::new(binary("etcstack-loader"))
        .arg("validate")
        .arg(dir)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    if output.status.success() {
        return Vec::new();
    }
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).lines().map(str::to_owned).collect()
}
