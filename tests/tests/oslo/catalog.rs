//! What a change does to a service, as oslo.config does it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etcstack_config::catalog::Catalog;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::normal_section;
use etcstack_config::effect::{Change, Effect, effect};
use etcstack_tests::dialects::Script;
use etcstack_tests::{binary, openstack_venv};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Sections, check};

/// What a service does that was started on one text and is told of another one. None of these
/// where oslo.config gives up.
#[derive(Debug, Deserialize)]
struct Verdict {
    before: Option<State>,
    told: Option<State>,
    fresh: Option<State>,
}

/// What a service reads.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct State {
    /// By `[GROUP] NAME`.
    values: BTreeMap<String, Value>,
    raw: Sections,
    sections: Vec<String>,
}

fn change(old: &str, new: &str, catalog: Option<&Catalog>) -> Change {
    effect(Dialect::Oslo, Some(old.as_bytes()), Some(new.as_bytes()), catalog)
}

fn line() -> BoxedStrategy<String> {
    let name = prop_oneof![
        2 => select(vec!["debug", "verbose", "many", "ports", "tags", "size"]),
        1 => select(vec!["level", "log_file", "log-file", "logfile", "rate", "near", "far"]),
        1 => select(vec!["path", "dir", "hosts", "map", "limit", "new"]),
    ];
    let value = prop_oneof![
        12 => select(vec!["1", "0", "2", "", "'1'", "a:b"]),
        1 => select(vec!["$level", "${net.near}", "$path/x", "$near", "$rate", r"\$level", "$$dir"]),
        1 => select(vec!["$verbose", "$size", "$logfile", "$net.far", "$debug.x", "$Store.size"]),
    ];
    let section = select(vec![
        "DEFAULT", "DEFAULT", "net", "Net", "store", "Store", "old", "kept", "default", "other",
    ]);
    prop_oneof![
        8 => (name, value).prop_map(|(name, value)| format!("{name} = {value}")),
        3 => section.prop_map(|name| format!("[{name}]")),
        1 => select(vec!["# debug = 1", ";", "", "  more"]).prop_map(str::to_owned),
    ]
    .boxed()
}

/// A line replaced, taken away, put in, twice, moved.
#[derive(Clone, Debug)]
enum Edit {
    Set(usize, String),
    Remove(usize),
    Insert(usize, String),
    Repeat(usize),
    Swap(usize, usize),
}

fn edit() -> BoxedStrategy<Edit> {
    let at = any::<usize>;
    prop_oneof![
        4 => (at(), line()).prop_map(|(at, line)| Edit::Set(at, line)),
        2 => at().prop_map(Edit::Remove),
        4 => (at(), line()).prop_map(|(at, line)| Edit::Insert(at, line)),
        2 => at().prop_map(Edit::Repeat),
        2 => (at(), at()).prop_map(|(at, to)| Edit::Swap(at, to)),
    ]
    .boxed()
}

impl Edit {
    fn apply(self, lines: &mut Vec<String>) {
        let count = lines.len().max(1);
        match self {
            Self::Set(at, line) => {
                if let Some(old) = lines.get_mut(at % count) {
                    *old = line;
                }
            }
            Self::Remove(at) if !lines.is_empty() => drop(lines.remove(at % count)),
            Self::Insert(at, line) => lines.insert(at % (lines.len() + 1), line),
            Self::Repeat(at) if !lines.is_empty() => lines.push(lines[at % count].clone()),
            Self::Swap(at, to) if !lines.is_empty() => lines.swap(at % count, to % count),
            Self::Remove(_) | Self::Repeat(_) | Self::Swap(..) => {}
        }
    }
}

fn print(lines: &[String]) -> String {
    format!("[DEFAULT]\n{}\n", lines.join("\n"))
}

/// A text and what it becomes by one or a few edits.
fn texts() -> BoxedStrategy<(String, String)> {
    (vec(line(), 0..10), vec(edit(), 1..3))
        .prop_map(|(mut lines, edits)| {
            let old = print(&lines);
            for edit in edits {
                edit.apply(&mut lines);
            }
            (old, print(&lines))
        })
        .boxed()
}

/// The catalog of the options that the script has.
fn judged(python: &Script) -> Catalog {
    let raw: Value = python.ask(&json!({ "generator": true }));
    Catalog::reduce(Path::new("raw"), raw.to_string().as_bytes()).unwrap()
}

/// The options that a service reads as something else, all of whose names are missing in a change.
fn unsaid(before: &State, fresh: &State, change: &Change, catalog: &Catalog) -> Vec<String> {
    let show = |(group, name): (&str, &str)| format!("[{}] {name}", normal_section(group));
    let options = catalog.options().iter().filter(|option| {
        let shown = format!("[{}] {}", option.group, option.name);
        before.values[&shown] != fresh.values[&shown]
            && !option.names().any(|name| change.options.contains(&show(name)))
    });
    options.map(|option| option.name.clone()).collect()
}

#[test]
fn what_is_said_of_a_change_is_what_oslo_does() {
    let python = Script::with_openstack("oslo/catalog.py", &[]);
    let catalog = judged(&python);
    let counts = RefCell::new(BTreeMap::<Effect, usize>::new());
    check(1000, &texts(), |(old, new)| {
        let verdict: Verdict = python.ask(&json!({ "old": &old, "new": &new }));
        let Verdict { before, told, fresh } = &verdict;

        let change_known = change(&old, &new, Some(&catalog));
        *counts.borrow_mut().entry(change_known.effect).or_default() += 1;
        match change_known.effect {
            Effect::Nothing => {
                let values = |state: &Option<State>| state.as_ref().map(|s| s.values.clone());
                prop_assert_eq!(values(before), values(fresh));
            }
            // Where the new text is not one that oslo.config takes, a service cannot take it.
            Effect::Mutable if before.is_some() && fresh.is_some() => {
                let (told, fresh) = (told.as_ref().unwrap(), fresh.as_ref().unwrap());
                prop_assert_eq!(&told.values, &fresh.values);
            }
            Effect::Mutable | Effect::Other => {}
        }
        if let (Some(before), Some(fresh)) = (before, fresh)
            && !change_known.options.is_empty()
        {
            let unsaid = unsaid(before, fresh, &change_known, &catalog);
            prop_assert!(unsaid.is_empty(), "{:?} are not in {:?}", unsaid, change_known);
        }

        // Without a catalog, a program may ask for any option in any way.
        let change_unknown = change(&old, &new, None);
        if change_unknown.effect == Effect::Nothing {
            prop_assert_eq!(before, fresh);
        } else if let (Some(before), Some(fresh)) = (before, fresh) {
            prop_assert!(before.raw != fresh.raw || before.sections != fresh.sections);
        }
        Ok(())
    });
    println!("{:?}", counts.borrow());
    let least = counts.borrow().values().sum::<usize>() / 20;
    for effect in [Effect::Nothing, Effect::Mutable, Effect::Other] {
        let count = counts.borrow().get(&effect).copied().unwrap_or_default();
        assert!(count > least, "{effect:?}: {count}");
    }
}

/// What oslo-config-generator lists for a real service.
fn generated(service: &str) -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/openstack/catalog.sh");
    let output = Command::new(script).arg(openstack_venv()).arg(service).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

fn loader(arguments: &[&Path], stdin: Stdio) -> Output {
    let mut command = Command::new(binary("etcstack-loader"));
    command.arg("catalog").args(arguments).stdin(stdin).output().unwrap()
}

/// Its real options, and which of them it takes when all have changed.
#[derive(Deserialize)]
struct Real {
    /// Group, name, mutable, secret, several values.
    options: Vec<(String, String, bool, bool, bool)>,
    taken: BTreeSet<(String, String)>,
}

fn agrees(service: &str, least: usize) {
    let raw = generated(service);
    let output = loader(&[&raw], Stdio::null());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let catalog = Catalog::parse(Path::new(service), &output.stdout).unwrap();
    let real: Real = Script::with_openstack("oslo/catalog.py", &[]).ask(&json!({ "catalog": raw }));

    let mut names = BTreeSet::new();
    for (group, name, mutable, secret, multi) in &real.options {
        let shown = format!("[{group}] {name}");
        assert_eq!(catalog.is_secret(group, name), Some(*secret), "{shown}");
        assert!(!(*multi && catalog.is_single(group, name)), "{shown}");
        let taken = real.taken.contains(&(group.clone(), name.clone()));
        assert_eq!(*mutable, taken, "{shown}");
        let change = change("", &format!("[{group}]\n{name} = x\n"), Some(&catalog));
        assert_eq!(change.effect == Effect::Mutable, taken, "{shown}");
        names.insert((normal_section(group), name.clone()));
    }
    assert!(names.len() >= least, "only {}", names.len());
    assert_eq!(catalog.options().len(), names.len());
    let debug = ("DEFAULT".to_owned(), "debug".to_owned());
    assert!(real.taken.contains(&debug), "{:?}", real.taken);
}

#[test]
fn of_cinder() {
    agrees("cinder", 1400);
}

#[test]
fn of_glance() {
    agrees("glance", 450);
}

#[test]
fn the_loader_merges_lists_and_replaces_a_file_as_a_whole() {
    let (cinder, glance) = (generated("cinder"), generated("glance"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.json");
    let read = || std::fs::read(&file).unwrap();

    let both = [&cinder, &glance, Path::new("--output"), &file];
    assert!(loader(&both, Stdio::null()).status.success());
    let text = read();
    let catalog = Catalog::parse(&file, &text).unwrap();
    assert_eq!(catalog.to_string().as_bytes(), text);
    for (section, option) in [("coordination", "backend_url"), ("glance_store", "stores")] {
        assert_eq!(catalog.find(section, option).count(), 1, "[{section}] {option}");
    }

    // Again, from standard input, in another order.
    let stdin = std::fs::File::open(&cinder).unwrap();
    let again = loader(&[&glance, Path::new("-")], stdin.into());
    assert!(again.status.success() && again.stdout == text);

    // What is no catalog leaves the file as it was, and is told with its place.
    let wrong = folder.path().join("wrong.json");
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&wrong, "{\"options\":\n{\"DEFAULT\": \"hush\"}}").unwrap();
    let missing = folder.path().join("missing.json");
    let nowhere = folder.path().join("no/catalog.json");
    let output = Path::new("--output");
    for (arguments, code, says) in [
        (&[&*cinder, &wrong, output, &file], 65, "wrong.json:2:18: this is JSON of another form"),
        (&[&*cinder, &missing, output, &file], 66, "cannot read"),
        (&[&*cinder, &glance, output, &nowhere], 73, "cannot write"),
        (&[&*cinder, &file, output, &file], 65, "oslo-config-generator --format json"),
    ] {
        let result = loader(arguments, Stdio::null());
        let message = String::from_utf8(result.stderr).unwrap();
        assert_eq!(result.status.code(), Some(code), "{message}");
        assert!(message.starts_with("error: ") && message.contains(says), "{message}");
        assert!(!message.contains("hush"), "{message}");
        assert_eq!(read(), text);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "a temporary file stays");
}

/// What the build of an image does: its own Python, the service's name and the loader.
#[test]
fn an_image_makes_a_lean_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.json");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bootstrap-data/catalog/options.py");
    let loader = binary("etcstack-loader");
    let python = openstack_venv().join("bin/python");
    let pipe = |service: &str| {
        let mut shell = Command::new("sh");
        let line = r#""$1" "$2" "$3" | "$4" catalog --lean -o "$5""#;
        shell.args(["-c", line, "sh"]).arg(&python).arg(&script).arg(service);
        shell.arg(&loader).arg(&file).output().unwrap()
    };
    let made = pipe("glance");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(String::from_utf8_lossy(&made.stderr), "");
    let lean = std::fs::read(&file).unwrap();

    // The agent reads the same from it as from the whole one, and from a third of the bytes.
    let raw = Command::new(&python).arg(&script).arg("glance").output().unwrap().stdout;
    let whole = Catalog::reduce(&file, &raw).unwrap().to_string();
    let read = Catalog::parse_lean(&file, &lean).unwrap();
    assert_eq!(read, Catalog::parse_lean(&file, whole.as_bytes()).unwrap());
    assert!(2 * lean.len() < whole.len(), "{} of {}", lean.len(), whole.len());
    assert!(read.options().len() > 450 && read.is_mutable("DEFAULT", "debug"));
    let secret = ("database", "connection");
    assert_eq!(read.is_secret(secret.0, secret.1), Some(true));

    // Who validates needs more.
    let refused = Catalog::parse(&file, &lean).unwrap_err().to_string();
    assert!(refused.contains("without --lean"), "{refused}");

    // A service that is not there leaves the file as it was, and the build fails.
    for (service, says) in [("glacne", "there is no glacne in"), ("nova", "no packages of nova")] {
        let failed = pipe(service);
        let message = String::from_utf8(failed.stderr).unwrap();
        assert_eq!(failed.status.code(), Some(65), "{message}");
        assert!(message.contains(says) && !message.contains("Traceback"), "{message}");
        assert_eq!(std::fs::read(&file).unwrap(), lean);
    }
}
