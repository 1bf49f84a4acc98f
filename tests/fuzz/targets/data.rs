//! Data is read or refused, and what was read is written so that it reads back the same.
#![no_main]

use std::path::Path;

use arbitrary::Arbitrary;
use etcstack_config::Entries;
use etcstack_config::data::Data;
use etcstack_config::data::write::{Layout, files};
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
    files(&entries, layout).expect("what was read can be written");
});
