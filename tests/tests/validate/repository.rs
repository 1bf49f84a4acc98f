//! The data of this repository, its catalogs, and how a run ends.

use std::process::{Command, Stdio};

use etcstack_config::catalog::{Catalog, CatalogOption};
use etcstack_config::validate::Code;
use etcstack_store::read_data;
use etcstack_tests::{SERVICES, binary};

use crate::{folder, source, validate};

const RELEASES: [&str; 2] = ["2026.1", "2026.2"];

#[test]
fn the_data_of_the_repository_is_clean() {
    for (data, release) in ["bootstrap-data", "tests/demo/data"]
        .into_iter()
        .flat_map(|data| RELEASES.map(|release| (data, release)))
    {
        let catalogs = ["--catalog", "bootstrap-data/catalog", "--release", release];
        let arguments = [&[data, "--deny-warnings"], catalogs.as_slice()].concat();
        let run = validate(&source(""), &arguments);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
        let count = SERVICES.len();
        let summary =
            format!("0 errors, 0 warnings; checked against {count} catalogs of {release}\n");
        assert_eq!(run.out, summary);
        let arguments = [&[data, "--output", "json"], catalogs.as_slice()].concat();
        let run = validate(&source(""), &arguments);
        let expected = format!(
            "{{\"catalog_release\":\"{release}\",\"error_count\":0,\"findings\":[],\"warning_count\":0}}\n"
        );
        assert_eq!((run.code, run.out), (0, expected));
    }
}

#[test]
fn the_catalogs_are_as_the_loader_writes_them() {
    for release in RELEASES {
        for service in SERVICES {
            let path = source(&format!("bootstrap-data/catalog/{release}/{service}.json"));
            let text = std::fs::read_to_string(&path).unwrap();
            let catalog = Catalog::parse(&path, text.as_bytes()).unwrap();
            assert_eq!(catalog.to_string(), text, "{}", path.display());
            let debug = catalog.find("DEFAULT", "debug").next().unwrap();
            assert!(debug.mutable && debug.single && !debug.help.is_empty());
            let lean = Catalog::parse_lean(&path, text.as_bytes()).unwrap();
            for (lean, full) in lean.options().iter().zip(catalog.options()) {
                let needed = |option: &CatalogOption| {
                    let CatalogOption { group, name, refers, deprecated, .. } = option.clone();
                    let flags = (option.mutable, option.secret, option.single);
                    (group, name, refers, deprecated, flags)
                };
                assert_eq!(needed(lean), needed(full), "{}", path.display());
            }
            assert_eq!(lean.options().len(), catalog.options().len());
        }
    }
}

#[test]
fn catalogs_and_settings_are_no_data() {
    let files = [
        ("general/A", "1"),
        ("catalog/2026.1/nova.json", "no JSON"),
        ("validate.toml", "nobody = \"knows\""),
        ("role/catalog/x.yaml", "data"),
    ];
    let folder = folder(&files);
    let keys: Vec<_> = read_data(folder.path()).unwrap().into_keys().collect();
    assert_eq!(keys, ["general/A", "role/catalog/x.yaml"]);
}

#[test]
fn what_cannot_be_done() {
    let folder = folder(&[
        ("empty/README.md", ""),
        ("data/general/A", "1"),
        ("toml/general/A", "1"),
        ("toml/validate.toml", "# é\nenvironment = [\"A\"]\nrelaese = \"1\"\n"),
        ("names/general/A", "1"),
        (
            "names/validate.toml",
            "environment = [\"POD_*\", \"A\"]\ngenerated = [\n  \"B\",\n  \"SECRET*_X\"]\n",
        ),
        ("dollar/general/A", "1"),
        ("dollar/validate.toml", "# é\nenvironment = [\"$HOSTNAME\"]\n"),
        ("lower/general/A", "1"),
        ("lower/validate.toml", "used = [\"start_*\"]\n"),
        ("broken/general/A", "1"),
        ("broken/catalog/1/x.json", "{\"format\":\n9}"),
        ("broken/catalog/notes.txt", ""),
    ]);
    for (arguments, code, says) in [
        (&["missing"][..], 66, "missing"),
        (&["empty"], 66, "there is no data in empty"),
        (&["toml"], 66, "toml/validate.toml:3:1: unknown field `relaese`"),
        (
            &["names"],
            66,
            "names/validate.toml:4:3: generated: \"SECRET*_X\" is no name of a variable",
        ),
        (
            &["dollar"],
            66,
            "dollar/validate.toml:2:16: environment: \"$HOSTNAME\" is no name of a variable",
        ),
        (&["lower"], 66, "lower/validate.toml:1:9: used: \"start_*\" is no name of a variable"),
        (&["used", "--environment", "A,pod_*"], 64, "pod_*"),
        (&["broken"], 66, "broken/catalog/1/x.json: the catalog is of format 9"),
        (
            &["broken", "--release", "2"],
            66,
            "broken/catalog: there are no catalogs of 2; there are those of 1",
        ),
        (&["data", "--catalog", "nowhere"], 66, "nowhere: cannot be read"),
        (&["data", "--catalog", "data/general"], 66, "no folder of a release"),
        (&["data", "--frobnicate"], 64, "--frobnicate"),
    ] {
        let run = validate(folder.path(), arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}{}", run.out, run.err);
        assert!(run.err.contains(says) && run.out.is_empty(), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn what_warnings_mean() {
    let folder = folder(&[
        ("data/general/A", "1"),
        ("data/r/s/x.yaml", "$B $C_D\n"),
        ("used/general/A", "1"),
        ("used/validate.toml", "used = [\"A\"]\n"),
    ]);
    let run = validate(folder.path(), &["data", "--environment", "B,C_*"]);
    let unchecked = "options are not checked: there are no catalogs\n";
    assert_eq!(run.code, 0);
    assert!(run.out.ends_with(&format!("0 errors, 1 warning; {unchecked}")), "{}", run.out);
    let run = validate(folder.path(), &["data", "--environment", "B,C_*", "--deny-warnings"]);
    assert_eq!(run.code, 65);
    // As scripts put them together.
    for names in ["B,C_*,", ",B,,C_*"] {
        let run = validate(folder.path(), &["data", "--environment", names]);
        assert_eq!(run.code, 0, "{names}: {}{}", run.out, run.err);
    }
    for arguments in
        [&["data"][..], &["data", "--environment", ""], &["data", "--environment", ","]]
    {
        let run = validate(folder.path(), arguments);
        assert_eq!(run.code, 65, "{arguments:?}: {}", run.err);
        assert!(run.out.contains("data/r/s/x.yaml:1:4: error[unknown-variable]"), "{}", run.out);
    }
    let run = validate(folder.path(), &["used", "--deny-warnings"]);
    assert_eq!((run.code, run.out), (0, format!("0 errors, 0 warnings; {unchecked}")));
}

#[test]
fn a_warning_can_be_meant_so() {
    let accept = "[[accept]]\ncode = \"secret-in-clear\"\nfile = \"r/s/x.conf\"\n";
    let conf = "[DEFAULT]\npassword = hunter2\n";
    let folder = folder(&[
        ("data/r/s/x.conf", conf),
        ("data/r/s/y.conf", conf),
        ("data/validate.toml", accept),
        ("typo/r/s/x.conf", conf),
        ("typo/validate.toml", "[[accept]]\ncode = \"secrets\"\nfile = \"x\"\n"),
        ("error/r/s/x.conf", "[DEFAULT]\ndebug = $X\n"),
        ("error/validate.toml", &accept.replace("secret-in-clear", "unknown-variable")),
    ]);
    let run = validate(folder.path(), &["data", "--deny-warnings"]);
    assert_eq!(run.code, 65);
    assert!(run.out.starts_with("data/r/s/y.conf:2:12: warning[secret-in-clear]"), "{}", run.out);
    assert!(run.out.contains("0 errors, 1 warning;"), "{}", run.out);
    let run = validate(folder.path(), &["typo"]);
    assert!(run.code == 66 && run.err.contains("typo/validate.toml:2:8"), "{}", run.err);
    let run = validate(folder.path(), &["error"]);
    assert!(run.code == 65 && run.out.contains("error[unknown-variable]"), "{}", run.out);
}

#[test]
fn nobody_has_to_read_it() {
    let folder = folder(&[("data/r/s/x.yaml", &"$X\n".repeat(20_000))]);
    let mut command = Command::new(binary("etcstack-loader"));
    command.arg("validate").arg(folder.path().join("data"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_kind_of_mistake_is_documented() {
    let text = std::fs::read_to_string(source("docs/validate.md")).unwrap();
    for (name, _) in Code::NAMES {
        assert!(text.contains(&format!("| `{name}` | ")), "{name}");
    }
}

/// What agents would refuse is refused with its place, by all who read data.
#[test]
fn what_agents_refuse() {
    let folder = folder(&[
        ("data/general/LINES", "a\n\nb\n"),
        ("data/list/all", "r/s/s.conf/debug=1\nr/s/s.conf/x/a=$LINES\nr/s/p.conf=text\n"),
        ("data/r/s/p.conf", "[x]\na = 1\n"),
    ]);
    let expected = [
        "data/list/all:1:12: error[bad-name]: r/s/s.conf/debug: oslo.config reads no option before \
         the first section; use role/service/file/DEFAULT/option",
        "data/list/all:2:16: error[bad-value]: its value cannot stand in the file: one of its \
         lines is blank, which ends the value for oslo.config (it uses $LINES)",
        "data/list/all:3:1: error[duplicate]: this is the whole text of a file of which there are \
         options as well, such as r/s/p.conf/x/a; delete the text or the options: agents refuse both",
    ];
    let run = validate(folder.path(), &["data"]);
    assert_eq!(run.code, 65);
    assert_eq!(run.out.lines().take(3).collect::<Vec<_>>(), expected);
    let mut load = Command::new(binary("etcstack-loader"));
    load.args(["load", "data", "--store", "etcd://127.0.0.1:1"]).current_dir(folder.path());
    let output = load.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(65), "{err}");
    for line in expected {
        let (place, message) = line.split_once(": error").unwrap();
        let (_, message) = message.split_once(": ").unwrap();
        assert!(err.contains(&format!("error: {place}: {message}\n")), "{place} {err}");
    }
}

/// A slip in the name of a role or service is a warning, with what may be meant.
#[test]
fn roles_and_services_that_look_like_slips() {
    let many = "[DEFAULT]\na = 1\nb = 1\nc = 1\n";
    let folder = folder(&[
        ("data/controller/glance/glance-api.conf", many),
        ("data/controller@rack7/glance/glance-api.conf", "[DEFAULT]\na = 1\n"),
        ("data/contoller/glance/glance-api.conf", "[DEFAULT]\na = 1\n"),
        ("data/controller/glnace/policy.yaml", "x: y\n"),
        ("data/store1/swift/swift.conf.txt", "x"),
        ("data/store2/swift/swift.conf.txt", "x"),
    ]);
    let run = validate(folder.path(), &["data"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (
            0,
            "data/contoller/glance/glance-api.conf:2:1: warning[unknown-role]: the role contoller \
             stands in this file only; did you mean controller?\n\
             data/controller/glnace/policy.yaml:1:1: warning[unknown-service]: the service glnace \
             stands in this file only; did you mean glance?\n\
             0 errors, 2 warnings; options are not checked: there are no catalogs\n"
        )
    );
}
