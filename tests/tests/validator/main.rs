//! `validate` and oslo-config-validator agree on the names in a file, but for what is listed here.
//!
//! The validator knows names and no values, and of names just those that the generator prints.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod seeded;
mod verdicts;

use std::path::{Path, PathBuf};

use etcstack_config::catalog::Catalog;
use etcstack_tests::{SERVICES, Service, folder, openstack_venv};
use seeded::{Difference, Line};
use verdicts::{Name, ours, theirs};

/// Holds the two against each other, on a file with each kind of a mistake.
fn agree(venv: &Path, name: &str, least: usize) {
    let service = Service::new(venv, name);
    let lines = seeded::lines(&service);
    let text: String = lines.iter().map(Line::text).collect();
    let file = folder(&[("x.conf", &text)]);
    let theirs = theirs(venv, &service, &file.path().join("x.conf"));
    let ours = ours(name, &service, &text);

    let (mut wrong, mut seen) = (Vec::new(), 0);
    for line in &lines {
        let (expected, found) = (line.difference(), (theirs.of(line), ours.of(line)));
        seen += usize::from(found.1 != Name::Fine);
        let agree = match expected {
            None => found.0 == found.1 && found.1 == line.name,
            Some(Difference { theirs, ours, .. }) => found == (theirs, ours),
        };
        if !agree {
            let shown = line.text().trim().replace('\n', " ");
            wrong.push(format!("{shown}: {:?}, they and we: {found:?}", line.mistake));
        }
    }
    println!("{name}: {} options, {seen} mistakes", lines.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > least, "{seen}");
}

#[test]
fn of_cinder() {
    agree(&openstack_venv(), "cinder", 500);
}

#[test]
fn of_glance() {
    agree(&openstack_venv(), "glance", 200);
}

/// Of every service of a release: `make validator` names its packages.
#[test]
#[ignore = "installs the packages of all services, gigabytes of them: make validator runs it"]
fn of_all_services() {
    let venv: PathBuf = std::env::var_os("ETCSTACK_TEST_VENV").expect("run make validator").into();
    for name in SERVICES {
        agree(&venv, name, 50);
    }
}

/// The configuration of this repository: both know all of it but what the services make up.
#[test]
fn of_the_repository() {
    let venv = openstack_venv();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = ["bootstrap-data", "tests/demo/data"].into_iter().flat_map(|data| {
        [("cinder", "cinder.conf"), ("glance", "glance-api.conf")]
            .map(|(name, file)| (data, name, file))
    });
    for (data, name, file) in files {
        let service = Service::new(&venv, name);
        let path = root.join(data).join("controller").join(name).join(file);
        let mut found = theirs(&venv, &service, &path);
        let is_made_up = |catalog: &Catalog, section: &str| {
            let is_known = catalog.options().iter().any(|option| option.group == section);
            !is_known || catalog.makes_up(section)
        };
        // The validator does not know what keystoneauth's plugins read.
        let is_plugins = |name: &str| {
            name == "auth_type"
                || service.catalog.templates().iter().any(|option| option.name == name)
        };
        found.0.retain(|(section, option), _| {
            !is_made_up(&service.catalog, section) && !is_plugins(option)
        });
        assert!(found.0.is_empty(), "{found:?}");
        let ours = ours(name, &service, &std::fs::read_to_string(path).unwrap());
        assert!(ours.0.is_empty(), "{ours:?}");
    }
}
