//! Rendering ends, with a file or with problems that hold no value, and what is rendered is read.
#![no_main]

use std::path::Path;

use arbitrary::Arbitrary;
use etcstack_config::dialect::Dialect;
use etcstack_config::document::Document;
use etcstack_config::layers::ServiceConfig;
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::Scope;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    file: u8,
    default: &'a str,
    options: Vec<(&'a str, &'a str)>,
    variables: Vec<(u8, &'a str)>,
}

const FILES: [&str; 9] = [
    "f.conf", "api-paste.ini", "proxy-server.conf", "my.cnf", "rabbitmq.conf", "rsyncd.conf",
    "libvirtd.conf", "policy.yaml", "object.ring.gz",
];

fuzz_target!(|case: Case<'_>| {
    let file = FILES[usize::from(case.file) % FILES.len()];
    let options = case.options.iter().take(8);
    let keys = options.map(|(name, value)| (format!("r/s/{file}/{name}"), *value));
    let variables = case.variables.iter().take(8);
    let variables = variables.map(|(name, value)| {
        (format!("general/{}", char::from(b'A' + name % 8)), *value)
    });
    let entries = keys.chain(variables).map(|(key, value)| (key, value.as_bytes().to_vec()));
    let entries = entries.collect();
    let Ok(config) = ServiceConfig::resolve(&entries, &"r".parse().expect("a role"), "s") else {
        return;
    };
    let scope = Scope { general: config.general.clone(), ..Scope::default() };
    let Some(file_config) = config.files.get(file).cloned() else { return };
    let dialect = Dialect::by_name(file);
    let inputs = FileInputs::new(dialect, file_config, &scope);
    let default = DefaultFile { path: Path::new("/d"), bytes: case.default.as_bytes() };
    let Ok(Some(bytes)) = render(&inputs, Some(default)) else { return };
    let Some(grammar) = dialect.grammar() else { return };
    let text = std::str::from_utf8(&bytes).expect("text");
    Document::parse(grammar, text).expect("what was rendered is read");
});
