//! How long it takes to put many options into a service's whole default file, beside `crudini`.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::layers::{FileConfig, ServiceConfig};
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::Scope;

use crate::times::{line, title};

/// How many options are set.
const OPTIONS: usize = 500;

/// An option of a section.
type Name<'s> = (&'s str, &'s str);

pub(crate) fn measure(sample: &Path, rounds: usize) {
    let text = std::fs::read_to_string(sample).expect("the sample");
    let names = commented(&text);
    // Some of each section.
    let every = (names.len() / OPTIONS).max(1);
    let names: Vec<Name<'_>> = names.into_iter().step_by(every).take(OPTIONS).collect();
    let lines = text.lines().count();
    title(&format!("{} options set in nova's file of {lines} lines", names.len()));
    let mut crudini: Vec<_> = (0..5).map(|_| merge(sample, &names)).collect();
    let base = line("crudini --merge", &mut crudini, None);
    let mut whole = times(&text, &names, rounds);
    let own = line("rendered", &mut whole, Some(base));
    let (twice, half) = (text.repeat(2), &names[..names.len() / 2]);
    let mut larger = times(&twice, &names, rounds);
    line("  in a file twice as long", &mut larger, Some(base));
    let mut fewer = times(&text, half, rounds);
    line("  half of the options", &mut fewer, Some(base));
    println!("rendered {:.0} times as fast as crudini merges", base / own);
}

/// The options that are commented out, in the order of the file.
fn commented(text: &str) -> Vec<Name<'_>> {
    let mut section = "";
    let mut names = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((name, _)) = line.strip_prefix('#').and_then(|l| l.split_once(" ="))
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            names.push((section, name));
        }
    }
    names
}

fn times(text: &str, names: &[Name<'_>], rounds: usize) -> Vec<Duration> {
    let inputs = FileInputs::new(Dialect::Oslo, config(names), &Scope::default());
    let default = || DefaultFile { path: Path::new("/default"), bytes: text.as_bytes() };
    let mut times = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        let rendered = render(&inputs, Some(default())).expect("rendered").expect("a file");
        times.push(begun.elapsed());
        assert!(rendered.len() > text.len() / 2);
    }
    times
}

fn config(names: &[Name<'_>]) -> FileConfig {
    let key = |(section, name): &Name<'_>| format!("r/s/f.conf/{section}/{name}");
    let entries: Entries = names.iter().map(|name| (key(name), b"a value".to_vec())).collect();
    let config = ServiceConfig::resolve(&entries, &"r".parse().expect("a role"), "s");
    config.expect("keys").files.into_values().next().expect("a file")
}

fn merge(sample: &Path, names: &[Name<'_>]) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, overlay) = (folder.path().join("nova.conf"), folder.path().join("overlay"));
    std::fs::copy(sample, &file).expect("a copy");
    let mut text = std::fs::File::create(&overlay).expect("an overlay");
    let mut section = "";
    for (of, name) in names {
        if *of != section {
            section = of;
            writeln!(text, "[{section}]").expect("written");
        }
        writeln!(text, "{name} = a value").expect("written");
    }
    let begun = Instant::now();
    let status = Command::new("crudini")
        .arg("--merge")
        .arg(&file)
        .stdin(std::fs::File::open(&overlay).expect("the overlay"))
        .status()
        .expect("crudini");
    assert!(status.success());
    begun.elapsed()
}
