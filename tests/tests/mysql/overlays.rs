//! Overlays in the file's own syntax: into keys, into files, and back.

use std::cell::Cell;
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::data::{Data, write};
use etcstack_config::dialects::Dialects;
use etcstack_config::document::{Document, Mysql};
use etcstack_config::key::Key;
use etcstack_config::problem::Problems;
use etcstack_config::variables::Scope;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::edits::default_file;
use crate::judge::Judge;
use crate::{Found, Keys, check, set};

/// The keys that an overlay says.
fn keys_of(overlay: &str) -> Result<Entries, Problems> {
    let mut data = Data::default();
    data.add_file(&["r", "s", "f.cnf"], Path::new("r/s/f.cnf"), overlay.as_bytes());
    let entry =
        |(key, datum): (String, etcstack_config::data::Datum)| (key, datum.value.into_bytes());
    Ok(data.finish()?.into_iter().map(entry).collect())
}

/// As options of a file.
fn as_options(entries: &Entries) -> Keys {
    let option = |(key, value): (&String, &Vec<u8>)| match Key::parse(key) {
        Ok(Key::Option(_, name)) => {
            ((name.section.unwrap(), name.option), String::from_utf8(value.clone()).unwrap())
        }
        other => panic!("{other:?}"),
    };
    entries.iter().map(option).collect()
}

/// By group and option, as MariaDB compares it; values in their order.
fn sorted(read: Vec<Found>) -> Vec<Found> {
    let mut read: Vec<Found> =
        read.into_iter().map(|(g, o, v)| (g, o.replace('-', "_"), v)).collect();
    read.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    read
}

#[test]
fn overlays_say_what_mariadb_reads_in_them() {
    let judge = Judge::new();
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    check(800, &default_file(), |overlay| {
        // Variables are another matter.
        let overlay = overlay.replace('$', "s").replace("!include", "#include");
        prop_assume!(Document::parse(&Mysql, &overlay).is_ok());
        let entries = match keys_of(&overlay) {
            Ok(entries) => entries,
            Err(problems) => {
                refused.set(refused.get() + 1);
                let known = ["which in a key", "a key cannot say", "the option \""];
                let known = |message: String| known.iter().any(|known| message.contains(known));
                prop_assert!(
                    problems.0.iter().all(|problem| known(problem.to_string())),
                    "it can be said: {}",
                    problems
                );
                return Ok(());
            }
        };
        taken.set(taken.get() + 1);
        let rendered = set("", &as_options(&entries), &Scope::default()).unwrap();
        let read = |text: &str| judge.read(text).map(sorted).map_err(TestCaseError::fail);
        prop_assert_eq!(read(&rendered)?, read(&overlay)?, "in {:?}", rendered);
        // And back: what export writes says the same keys.
        let written = write::files(&entries, write::Layout::Overlays, &Dialects::default());
        let written = written.map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(written.left_out.0.len(), 0, "{}", written.left_out);
        let empty = String::new();
        let text = written.files.get("r/s/f.cnf").unwrap_or(&empty);
        prop_assert_eq!(read(text)?, read(&overlay)?, "in {:?}", text);
        Ok(())
    });
    println!("{} overlays were taken, {} refused", taken.get(), refused.get());
    assert!(taken.get() > refused.get());
}

#[test]
fn an_overlay_names_an_option_once_however_it_is_spelled() {
    let entries = keys_of("[MySQLd]\nplugin-load-add = a\nx\nplugin_load_add = b\n").unwrap();
    let found: Vec<_> = entries.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
    let expected: [(&str, &[u8]); 2] =
        [("r/s/f.cnf/mysqld/plugin-load-add", b"a\nb"), ("r/s/f.cnf/mysqld/x", b"")];
    assert_eq!(found, expected);
}

#[test]
fn an_overlay_has_no_other_file_read() {
    let refused = keys_of("[mysqld]\n!includedir /etc/x/\n").unwrap_err().to_string();
    assert!(refused.starts_with("r/s/f.cnf:2:1: "), "{refused}");
}
