//! Data is read or refused, and what was read is written so that it reads back the same.
#![no_main]

use std::collections::BTreeSet;
use std::path::Path;

use arbitrary::Arbitrary;
use etcstack_config::Entries;
use etcstack_config::data::Data;
use etcstack_config::data::write::{Layout, files};
use etcstack_config::dialect::Dialect;
use etcstack_config::dialects::Dialects;
use etcstack_config::layers::ServiceConfig;
use etcstack_config::render::{FileInputs, render};
use etcstack_config::variables::{Scope, references};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    files: Vec<(u8, &'a [u8])>,
    listings: bool,
}

const PATHS: [&str; 12] = [
    "general/A", "general/all.conf", "r/list", "r/s/f.conf", "r/s/api-paste.ini",
    "r/s/proxy-server.conf", "r/s/my.cnf", "r/s/rabbitmq.conf", "r/s/rsyncd.conf",
    "r/s/libvirtd.conf", "r/s/policy.yaml", "r/s/object.ring.gz",
];

fuzz_target!(|case: Case<'_>| {
    let mut data = Data::default();
    for (path, bytes) in case.files.iter().take(6) {
        let path = PATHS[usize::from(*path) % PATHS.len()];
        let parts: Vec<_> = path.split('/').collect();
        data.add_file(&parts, Path::new(path), bytes);
    }
    let Ok(found) = data.finish() else { return };
    let entries: Entries =
        found.into_iter().map(|(key, datum)| (key, datum.value.into_bytes())).collect();
    let layout = if case.listings { Layout::Listings } else { Layout::Overlays };
    // It reads back by itself what it has written.
    files(&entries, layout, &Dialects::default()).expect("what was read can be written");
    check_rendered(&entries);
});

/// What was read can be rendered by an agent that has a number for each variable that is unknown.
fn check_rendered(entries: &Entries) {
    let role = "r".parse().expect("a role");
    let config = ServiceConfig::resolve(entries, &role, "s").expect("what was read is understood");
    let values = entries.values().filter_map(|value| std::str::from_utf8(value).ok());
    let names: BTreeSet<String> = values.flat_map(references).collect();
    let environment = names.into_iter().map(|name| (name, "1".to_owned())).collect();
    let scope = Scope { general: config.general, environment };
    for (name, file) in config.files {
        let dialect = Dialect::by_name(&name);
        // Only a manifest can say that a key of another form is right.
        let has_options = dialect.grammar().is_some();
        if if has_options { file.whole.is_some() } else { !file.options.is_empty() } {
            continue;
        }
        if let Err(problems) = render(&FileInputs::new(dialect, file, &scope), None) {
            // Whether it is base64 is not known before.
            assert_eq!(dialect, Dialect::Binary, "{problems}");
        }
    }
}
