//! What agents refuse, `validate` tells at its place, whatever its reader is.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use etcstack_config::Entries;
use etcstack_config::data::Data;
use etcstack_config::dialect::Dialect;
use etcstack_config::layers::ServiceConfig;
use etcstack_config::problem::Problems;
use etcstack_config::render::{FileInputs, render};
use etcstack_config::variables::{Scope, references};
use etcstack_tests::{binary, folder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// What an agent makes of the keys, with a number for each variable that only it has.
fn rendered(entries: &Entries) -> Result<(), Problems> {
    let config = ServiceConfig::resolve(entries, &"r".parse().unwrap(), "s")?;
    let values = entries.values().map(|value| std::str::from_utf8(value).unwrap());
    let names: BTreeSet<String> = values.flat_map(references).collect();
    let unknown = names.into_iter().map(|name| (name, "1".to_owned()));
    let scope = Scope { environment: unknown.collect(), general: config.general };
    let mut problems = Problems::default();
    for (name, file) in config.files {
        let inputs = FileInputs::new(Dialect::by_name(&name), file, &scope);
        problems.take(render(&inputs, None));
    }
    problems.or_ok(())
}

/// The listings, each with the place of its mistake and a part of what is said of it.
fn cases() -> Vec<(String, &'static str, &'static str)> {
    let long = "x".repeat(4080);
    let case = |text: &str, place, said| (text.to_owned(), place, said);
    vec![
        case("r/s/swift.conf/a/Key=1\nr/s/swift.conf/a/key=2\n", "2:1", "in case only"),
        case("r/s/api-paste.ini/DEFAULT/É=1\nr/s/api-paste.ini/DEFAULT/é=2\n", "2:1", "case only"),
        case("r/s/swift.conf/swift-hash/suffix=voilà\n", "1:34", "byte by byte"),
        case("r/s/swift.conf/swift-hash/à = x\n", "1:31", "byte by byte"),
        case("general/V=à\nr/s/swift.conf/swift-hash/x=$V\n", "2:29", "byte by byte"),
        (format!("r/s/my.cnf/mysqld/init-connect={long}\n"), "1:32", "more than 4094 bytes"),
        (
            format!("general/V={long}\nr/s/my.cnf/mysqld/init-connect = $V\n"),
            "2:34",
            "more than 4094 bytes",
        ),
        case("general/V=a!\nr/s/x.ring.gz=YWJj$V\n", "2:15", "not base64"),
        case("general/V=${W}\ngeneral/W=-\nr/s/x.der=$V\n", "3:11", "not base64"),
        case("general/V=%HOME\nr/s/rsyncd.conf/m/path=/$V%\n", "2:24", "%NAME%"),
        case("general/V=x}\nr/s/f.conf/x/y=${group.$V\n", "2:16", "reference of oslo.config"),
        case("general/V=it's\nr/s/qemu.conf/user='$V'\n", "2:20", "single quote"),
    ]
}

#[test]
fn both_refuse() {
    for (listing, place, said) in cases() {
        let folder = folder(&[("d/x/keys", listing.as_str())]);
        let run = Command::new(binary("etcstack-loader"))
            .args(["validate", "d"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let out = String::from_utf8(run.stdout).unwrap();
        assert_eq!(run.status.code(), Some(65), "{listing}: {out}");
        let errors: Vec<_> = out.lines().filter(|line| line.contains(": error[")).collect();
        let [error] = errors.as_slice() else { panic!("{listing}: {out}") };
        assert!(
            error.starts_with(&format!("d/x/keys:{place}: ")) && error.contains(said),
            "{error}"
        );
        let pairs = listing.lines().map(|line| line.split_once('=').unwrap());
        let entries: Entries = pairs
            .map(|(key, value)| (key.trim().to_owned(), value.trim().as_bytes().to_vec()))
            .collect();
        let problems = rendered(&entries).unwrap_err().to_string();
        assert!(problems.contains(said), "{listing}: {problems}");
    }
}

/// Only a manifest can make these right.
#[test]
fn another_form_than_the_name_says() {
    let folder = folder(&[(
        "d/x/keys",
        "r/s/policy.yaml/a/b=1\nr/s/policy.yaml/a/c=1\nr/s/nova.conf=x\nr/s/x.der/a/b=1\n",
    )]);
    let run = Command::new(binary("etcstack-loader"))
        .args(["validate", "d"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0));
    let out = String::from_utf8(run.stdout).unwrap();
    let found: Vec<_> = out.lines().filter(|line| line.contains("[other-dialect]")).collect();
    assert_eq!(found.len(), 3, "{out}");
    for (line, start) in found.iter().zip(["d/x/keys:1:1: ", "d/x/keys:3:1: ", "d/x/keys:4:1: "]) {
        assert!(
            line.starts_with(&format!("{start}warning[")) && line.contains("manifest"),
            "{line}"
        );
    }
}

const FILES: [&str; 8] = [
    "f.conf",
    "api-paste.ini",
    "proxy-server.conf",
    "my.cnf",
    "rabbitmq.conf",
    "rsyncd.conf",
    "libvirtd.conf",
    "x.gz",
];

fn text() -> BoxedStrategy<String> {
    let piece = select(vec![
        "a", "B", "x_1", "1", "\"", "'", "%", "%(a)s", "%A%", "$V", "${W}", "${V|url}", "${U:-d}",
        "$$", "$a", "\\", "[", "]", ",", "#", ";", "=", ":", " ", "à", "\n", "\n  ", "(", "<",
        "YQ==", "${U}",
    ]);
    prop_oneof![
        3 => Just(String::new()),
        9 => vec(piece, 1..5).prop_map(|pieces| pieces.concat()),
    ]
    .boxed()
}

fn key() -> BoxedStrategy<String> {
    let section = select(vec!["DEFAULT/", "swift-hash/", "m/", "M/", "", ""]);
    let option = select(vec!["a", "A", "a-b", "a_b", "a b", "x.y", "port", "rsync port"]);
    (select(FILES.to_vec()), section, option)
        .prop_map(|(file, section, option)| match file {
            "x.gz" => format!("r/s/{file}"),
            _ => format!("r/s/{file}/{section}{option}"),
        })
        .boxed()
}

/// All that data may hold can be rendered: what agents refuse of it is told before.
#[test]
fn what_is_taken_is_rendered() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { cases: 6000, failure_persistence: None, ..Config::default() };
    let keys = vec((key(), text()), 1..6);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let taken = std::cell::Cell::new(0);
    let result = runner.run(&(keys, text(), text()), |(keys, v, w)| {
        let variables = [("general/V".to_owned(), v), ("general/W".to_owned(), w)];
        let keys: BTreeMap<_, _> = keys.into_iter().chain(variables).collect();
        let mut data = Data::default();
        for (key, value) in &keys {
            data.add_key(key, value);
        }
        let Ok(found) = data.finish() else { return Ok(()) };
        taken.set(taken.get() + 1);
        let entries =
            found.into_iter().map(|(key, datum)| (key, datum.value.into_bytes())).collect();
        match rendered(&entries) {
            // Whether it is base64 is not known before.
            Err(problems) if !problems.to_string().contains("base64") => {
                Err(TestCaseError::fail(problems.to_string()))
            }
            _ => Ok(()),
        }
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    println!("{} states were taken", taken.get());
    assert!(taken.get() > 600, "{}", taken.get());
}
