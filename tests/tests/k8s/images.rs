//! The images, as `dockerfiles/` has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use toml::{Table, Value};

use crate::world::root;

pub(crate) struct Image {
    /// The number of the user that it runs as; `None` for root, and for whom its base has.
    pub(crate) user: Option<u64>,
    /// By the names of their files: those in `/etc/etcstack`.
    pub(crate) manifests: BTreeMap<String, Manifest>,
    /// The ports of EXPOSE.
    pub(crate) exposed: BTreeSet<u64>,
}

/// An agent's manifest.
pub(crate) struct Manifest(pub(crate) Table);

/// All images, by their names.
pub(crate) fn images() -> &'static BTreeMap<String, Image> {
    static IMAGES: LazyLock<BTreeMap<String, Image>> = LazyLock::new(|| {
        let folders = std::fs::read_dir(root().join("dockerfiles")).unwrap();
        let folders = folders.map(|entry| entry.unwrap().path());
        let images = folders.filter(|folder| folder.join("Dockerfile").is_file());
        images.map(|folder| (name(&folder), Image::read(&folder))).collect()
    });
    &IMAGES
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Image {
    fn read(folder: &std::path::Path) -> Self {
        let dockerfile = std::fs::read_to_string(folder.join("Dockerfile")).unwrap();
        let words: Vec<_> = dockerfile.split_whitespace().collect();
        let user = words.windows(2).rfind(|pair| pair[0] == "USER").map(|pair| pair[1]);
        let user = user.and_then(|user| number_of(&words, user));
        let lines = dockerfile.lines().filter_map(|line| line.strip_prefix("EXPOSE "));
        let exposed =
            lines.flat_map(str::split_whitespace).map(|port| port.parse().unwrap()).collect();
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let manifests = files
            .filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
            .map(|file| {
                let text = std::fs::read_to_string(&file).unwrap();
                (name(&file), Manifest(text.parse().unwrap()))
            })
            .collect();
        Self { user, manifests, exposed }
    }
}

/// By `add-service-user NAME NUMBER`, or by `useradd --uid NUMBER … NAME`.
fn number_of(words: &[&str], user: &str) -> Option<u64> {
    let added = words.windows(3).find_map(|words| match words {
        [program, name, number] if program.ends_with("add-service-user") && *name == user => {
            number.parse().ok()
        }
        _ => None,
    });
    added.or_else(|| {
        let uid = words.windows(2).find(|pair| pair[0] == "--uid")?;
        words.contains(&"useradd").then(|| uid[1].parse().ok()).flatten()
    })
}

impl Manifest {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The tables of `[[name]]`.
    pub(crate) fn tables(&self, name: &str) -> impl Iterator<Item = &Table> {
        let tables = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        tables.filter_map(Value::as_table)
    }

    /// `[name]`, of all daemons and of each.
    fn everywhere<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Table> {
        let own = self.tables("process").filter_map(move |process| process.get(name));
        own.chain(self.0.get(name)).filter_map(Value::as_table)
    }

    /// The longest that a daemon may take to end, in seconds.
    pub(crate) fn grace(&self) -> u64 {
        let graces = self.everywhere("stop").filter_map(|stop| stop.get("grace")?.as_str());
        let longest = graces.map(seconds).max().unwrap_or(0);
        let all_say = !self.tables("process").any(|process| process.get("stop").is_none());
        if all_say { longest } else { longest.max(60) }
    }

    /// The ports of the host itself that its daemons are asked at.
    pub(crate) fn own_ports(&self) -> BTreeSet<u64> {
        let asked = self.everywhere("ready").flat_map(|ready| {
            ["tcp", "http"].into_iter().filter_map(|field| ready.get(field)?.as_str())
        });
        asked.filter(|place| place.contains("127.0.0.1:")).filter_map(port).collect()
    }

    /// What is asked for of others before the start.
    pub(crate) fn waits(&self) -> impl Iterator<Item = &str> {
        let fields =
            |table| ["tcp", "http"].into_iter().filter_map(move |field| field_of(table, field));
        self.tables("wait_for").flat_map(fields)
    }

    /// The keys that it reads besides those that the data says, by docs/security.md.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for table in self.tables("wait_for") {
            keys.extend(
                field_of(table, "bootstrap").map(|step| format!("_etcstack/bootstrap/{step}")),
            );
            keys.extend(field_of(table, "key").map(str::to_owned));
        }
        let ready = self.everywhere("ready").flat_map(|table| {
            ["tcp", "http"].into_iter().filter_map(move |field| field_of(table, field))
        });
        for place in self.waits().chain(ready) {
            keys.extend(variables(place).map(|name| format!("general/{name}")));
        }
        let exported = self.0.get("environment").and_then(|table| table.get("export"));
        for name in exported.and_then(Value::as_array).into_iter().flatten() {
            keys.insert(format!("general/{}", name.as_str().unwrap()));
        }
        keys
    }
}

fn field_of<'a>(table: &'a Table, field: &str) -> Option<&'a str> {
    table.get(field)?.as_str()
}

/// The names after dollar signs.
fn variables(place: &str) -> impl Iterator<Item = &str> {
    place.split('$').skip(1).map(|rest| {
        let rest = rest.trim_start_matches('{');
        rest.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_')
            .next()
            .unwrap()
    })
}

/// The port of `HOST:PORT` and of `http://HOST:PORT/…`.
pub(crate) fn port(place: &str) -> Option<u64> {
    let rest = place.trim_start_matches("http://").rsplit_once(':')?.1;
    rest.split('/').next()?.parse().ok()
}

/// Of `10s` and `5m`.
fn seconds(time: &str) -> u64 {
    let (number, unit) = time.split_at(time.len() - 1);
    let number: u64 = number.parse().unwrap();
    match unit {
        "s" => number,
        "m" => number * 60,
        _ => panic!("{time}: how long is that?"),
    }
}
