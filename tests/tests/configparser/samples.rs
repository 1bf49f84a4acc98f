//! The files that OpenStack's packages ship for PasteDeploy and Swift.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcstack_config::data::Data;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::Document;
use etcstack_config::key::escape;
use etcstack_config::variables::Scope;
use etcstack_tests::openstack_venv;

use crate::judge::Judge;
use crate::{DIALECTS, Options, set};

/// A file, its name in an image, and who reads it.
struct Sample {
    path: PathBuf,
    name: String,
    dialect: Dialect,
    text: String,
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn samples() -> Vec<Sample> {
    let venv = openstack_venv();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/configparser/samples.sh");
    let output =
        Command::new(script).arg(&venv).stderr(Stdio::inherit()).output().expect("samples.sh");
    assert!(output.status.success(), "samples.sh: {}", output.status);
    let folder = String::from_utf8(output.stdout).unwrap();
    let mut paths = files(Path::new(folder.trim_end()));
    paths.push(venv.join("etc/cinder/api-paste.ini"));
    paths.push(venv.join("etc/glance/glance-api-paste.ini"));
    let sample = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.rsplit('_').next().unwrap().trim_end_matches("-sample").to_owned();
        let dialect = Dialect::by_name(&name);
        DIALECTS.contains(&dialect).then(|| {
            let text = std::fs::read_to_string(&path).unwrap();
            Sample { path, name, dialect, text }
        })
    };
    let samples: Vec<_> = paths.into_iter().filter_map(sample).collect();
    assert!(samples.len() >= 24, "only {} samples", samples.len());
    samples
}

fn key(section: &str, option: &str) -> String {
    format!("{}/{option}", escape(section))
}

#[test]
fn they_come_back_and_take_an_overlay() {
    let judge = Judge::new();
    for Sample { path, name, dialect, text } in samples() {
        let document = Document::parse(dialect.grammar().unwrap(), &text)
            .unwrap_or_else(|errors| panic!("{}: {errors:?}", path.display()));
        assert_eq!(document.to_string(), text, "{}", path.display());
        let before = judge.read(dialect, &text).unwrap();

        // What stands there is set again: no byte changes.
        let same: Vec<_> =
            before.values.iter().map(|((s, o), value)| (key(s, o), indented(value))).collect();
        let again = set(dialect, &text, &same, &Scope::default()).unwrap();
        assert_eq!(again, text, "{}", path.display());

        // Every option gets another value, every section a new option, the file a new section.
        let mut expected = before.values.clone();
        for ((_, option), value) in &mut expected {
            *value = format!("{option}\n{}", value.replace(['\n', '#'], " ").trim());
            *value = value.trim_end().to_owned();
        }
        let sections: BTreeSet<_> = document.sections().collect();
        for section in sections.into_iter().chain(["filter:new"]) {
            for option in ["/v99", "set log_level"] {
                expected.insert((section.to_owned(), option.to_owned()), "new: value".to_owned());
            }
        }
        let keys: Vec<_> =
            expected.iter().map(|((s, o), value)| (key(s, o), indented(value))).collect();
        let rendered = set(dialect, &text, &keys, &Scope::default())
            .unwrap_or_else(|problems| panic!("{}: {problems}", path.display()));
        let read = judge.read(dialect, &rendered).unwrap();
        assert_eq!(read.values, expected, "{}", path.display());
        assert_eq!(set(dialect, &rendered, &keys, &Scope::default()).unwrap(), rendered);
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        let (old, new) = (comments(&text), comments(&rendered));
        assert!(new + 4 >= old, "{}: {new} of {old} comments", path.display());

        assert_eq!(loaded(&judge, &name, &text), before.values, "{}", path.display());
    }
}

/// A value as its key holds it.
fn indented(value: &str) -> String {
    value.replace('\n', "\n  ")
}

/// The values that a file says as an overlay of the data.
fn loaded(judge: &Judge, name: &str, text: &str) -> Options {
    let mut data = Data::default();
    data.add_file(&["r", "s", name], Path::new(name), text.as_bytes());
    let found = data.finish().unwrap_or_else(|problems| panic!("{problems}"));
    let keys: Vec<_> = found
        .into_iter()
        .map(|(key, datum)| {
            let name = key.strip_prefix(&format!("r/s/{name}/")).unwrap().to_owned();
            (name, datum.value)
        })
        .collect();
    let dialect = Dialect::by_name(name);
    let rendered = set(dialect, "", &keys, &Scope::default()).unwrap();
    judge.read(dialect, &rendered).unwrap().values
}

/// An option of Swift that is commented out gets its value there: one line differs.
#[test]
fn a_commented_default_makes_room() {
    let judge = Judge::new();
    let mut count = 0;
    for Sample { name, dialect, text, .. } in samples() {
        if !name.ends_with("-server.conf") {
            continue;
        }
        let before = judge.read(dialect, &text).unwrap();
        for (section, option) in commented(&text) {
            let keys = [(key(&section, &option), "value".to_owned())];
            let rendered = set(dialect, &text, &keys, &Scope::default()).unwrap();
            let differing = rendered.lines().zip(text.lines()).filter(|(new, old)| new != old);
            assert_eq!(differing.count(), 1, "{name} [{section}] {option}");
            assert_eq!(rendered.lines().count(), text.lines().count());
            let mut expected = before.values.clone();
            expected.insert((section, option), "value".to_owned());
            assert_eq!(judge.read(dialect, &rendered).unwrap().values, expected);
            count += 1;
        }
    }
    assert!(count > 200, "only {count} options are documented");
}

/// What `# name = value` documents, each line of it alone behind its section's header.
fn commented(text: &str) -> BTreeSet<(String, String)> {
    let mut section = None;
    let mut set = BTreeSet::new();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = Some(name.trim_end_matches(']').to_owned());
        } else if line.starts_with("# [") || line.starts_with("#[") {
            section = None;
        } else if let (Some(section), Some((name, value))) =
            (&section, line.strip_prefix("# ").unwrap_or(line).split_once(" = "))
        {
            let name = (section.clone(), name.to_owned());
            if !line.starts_with('#') {
                set.insert(name);
            } else if value.split_whitespace().count() == 1
                && name.1.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                found.insert(name);
            }
        }
    }
    &found - &set
}
