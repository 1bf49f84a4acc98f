//! The whole sample files of real services.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use etcstack_config::document::{Document, Oslo};
use etcstack_config::variables::Scope;
use etcstack_tests::openstack_venv;

use crate::judge::Judge;
use crate::{overlay, set};

/// The default file of a service, as its packages document it.
fn sample(service: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.conf");
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/openstack/default.sh"));
    command.arg(openstack_venv()).arg(service).arg(&file);
    let output = command.output().expect("default.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(file).unwrap()
}

/// The options that a sample documents, by section: `#name = default`, without a blank.
fn documented(sample: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut section = "";
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in sample.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').unwrap();
        } else if let Some(rest) = line.strip_prefix('#')
            && let Some((name, _)) = rest.split_once(" =")
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        {
            found.entry(section).or_default().insert(name);
        }
    }
    found
}

fn every_option_at_once(sample: &str, least: usize) {
    let judge = Judge::new();
    let document = Document::parse(&Oslo, sample).unwrap();
    assert_eq!(document.to_string(), sample, "printing changed it");
    let untouched = set(sample, &[], &Scope::default()).unwrap();
    assert_eq!(untouched, sample, "rendering nothing changed it");

    let mut keys = Vec::new();
    let mut expected = judge.read(sample).unwrap();
    for (section, options) in documented(sample) {
        for option in options {
            let value = format!("value {} of {section} {option}", keys.len());
            overlay(&mut expected, section, option, vec![value.clone()]);
            keys.push((format!("{section}/{option}"), value));
        }
    }
    assert!(keys.len() >= least, "only {} options are documented", keys.len());
    let rendered = set(sample, &keys, &Scope::default()).unwrap();
    assert_eq!(judge.read(&rendered).unwrap(), expected);

    // Each option stands where it was commented out, and every other line is as it was.
    let mut changed = 0;
    assert_eq!(rendered.lines().count(), sample.lines().count());
    for (new, old) in rendered.lines().zip(sample.lines()) {
        if new != old {
            let (name, _) = new.split_once(" =").unwrap();
            assert!(old.starts_with(&format!("#{name} =")), "{new:?} in place of {old:?}");
            changed += 1;
        }
    }
    assert_eq!(changed, keys.len());
    assert_eq!(set(&rendered, &keys, &Scope::default()).unwrap(), rendered);
}

/// One option of its own, as people change it: one line differs.
fn one_after_the_other(sample: &str) {
    for (section, options) in documented(sample) {
        let option = options.first().unwrap();
        let keys = [(format!("{section}/{option}"), "value".to_owned())];
        let rendered = set(sample, &keys, &Scope::default()).unwrap();
        let differing = rendered.lines().zip(sample.lines()).filter(|(new, old)| new != old);
        assert_eq!(differing.count(), 1, "[{section}] {option}");
        assert_eq!(rendered.lines().count(), sample.lines().count());
    }
}

#[test]
fn cinder() {
    let sample = sample("cinder");
    every_option_at_once(&sample, 1000);
    one_after_the_other(&sample);
}

#[test]
fn glance() {
    let sample = sample("glance");
    every_option_at_once(&sample, 300);
    one_after_the_other(&sample);
}

/// Of every service of a release: `make samples` writes the files.
#[test]
#[ignore = "installs the packages of all services, gigabytes of them: make samples runs it"]
fn of_all_services() {
    let folder = std::env::var("ETCSTACK_SAMPLES").expect("run make samples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            println!("{}", path.display());
            let sample = std::fs::read_to_string(path).unwrap();
            every_option_at_once(&sample, 100);
            one_after_the_other(&sample);
            count += 1;
        }
    }
    assert_eq!(count, 10);
}

/// Sections and options that the sample does not know.
#[test]
fn what_is_new_goes_to_the_end() {
    let judge = Judge::new();
    let sample = sample("glance");
    let mut expected = judge.read(&sample).unwrap();
    let mut keys = Vec::new();
    for (section, option) in
        [("DEFAULT", "new"), ("database", "new"), ("Database", "newer"), ("ceph-1", "rbd_pool")]
    {
        overlay(&mut expected, section, option, vec![option.to_owned()]);
        keys.push((format!("{section}/{option}"), option.to_owned()));
    }
    let rendered = set(&sample, &keys, &Scope::default()).unwrap();
    assert_eq!(judge.read(&rendered).unwrap(), expected);
    let mut lines = rendered.lines();
    assert!(sample.lines().all(|line| lines.any(|new| new == line)), "a line was lost");
}
