//! The files of `bootstrap-data`, read into keys and values.
//!
//! | file | holds |
//! |---|---|
//! | `general/NAME` (a variable's name) | the variable's value, without the last line break |
//! | `general/*` (any other name) | lines `NAME=value`, or whole keys |
//! | `role/service/file` | an overlay in the file's own syntax, or the text of a text file |
//! | `*/*` | a listing: a line for each whole key, `role/service/file/section/option=value` |
//!
//! In a listing, blank lines and lines that start with `#` are passed over. `key=value` takes the
//! value to the byte; with a blank before the `=`, blanks around the value are dropped. Hidden
//! files, `README.md`, and what editors leave behind (`*~`, `*.swp`) are no data.

pub mod write;

use std::collections::BTreeMap;
use std::path::Path;

use crate::dialect::Dialect;
use crate::document::{Document, Value, check_name, join_values, normal_section, split_values};
use crate::key::{FileName, GENERAL, Key, OptionName};
use crate::problem::{Place, Problem, Problems};
use crate::variables::{self, Scope, is_name};

/// The largest value, in bytes: etcd takes 1.5 MiB in a request, key and frame included.
pub const LARGEST_VALUE: usize = 1_300_000;

/// A value and where the data says it.
#[derive(Clone, PartialEq, Eq)]
pub struct Datum {
    /// What the key is to hold.
    pub value: String,
    /// The line that says so.
    pub place: Place,
}

/// The data of a whole directory, gathered file by file.
#[derive(Default)]
pub struct Data {
    found: BTreeMap<String, Datum>,
    problems: Problems,
}

/// Whether a file or folder of this name is none of the data.
pub fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name == "README.md"
}

impl Data {
    /// Reads one file. `parts` is its path inside the data, `path` its name in messages.
    pub fn add_file(&mut self, parts: &[&str], path: &Path, bytes: &[u8]) {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let place = Place::not_utf8(path, bytes, error);
                return self.problem(place, "the file is not UTF-8 text");
            }
        };
        match parts {
            [GENERAL, name] if is_name(name) => {
                let value = text.strip_suffix('\n').unwrap_or(text);
                let value = value.strip_suffix('\r').unwrap_or(value);
                self.add(Key::Variable((*name).to_owned()), value, Place::position(path, 1, 1));
            }
            [folder, _] => self.listing(text, path, *folder == GENERAL),
            [GENERAL, ..] => self.problem(
                Place::file(path),
                "general/ holds no folders; its files hold lines NAME=value",
            ),
            [role, service, file @ ..] if !file.is_empty() => self.overlay(
                FileName {
                    role: (*role).to_owned(),
                    service: (*service).to_owned(),
                    file: file.join("/"),
                },
                text,
                path,
            ),
            _ => self.problem(
                Place::file(path),
                "data stands in general/FILE, in role/service/FILE, or as a listing of whole keys \
                 two levels deep; move the file there",
            ),
        }
    }

    /// All that was read, or all that is wrong with it.
    pub fn finish(mut self) -> Result<BTreeMap<String, Datum>, Problems> {
        let mut scope = Scope::default();
        let mut places = BTreeMap::new();
        for (key, datum) in &self.found {
            if let Ok(Key::Variable(name)) = Key::parse(key) {
                places.insert(name.clone(), datum.place.clone());
                scope.general.insert(name, datum.value.clone());
            }
        }
        for (name, error) in scope.check_general() {
            // A malformed value has been reported where it stands.
            if let (variables::VariableError::Circle(_), Some(place)) = (&error, places.get(&name))
            {
                self.problems.0.push(Problem::new(place.clone(), error));
            }
        }
        self.problems.or_ok(self.found)
    }

    /// Reports something about a file that could not even be read.
    pub fn problem(&mut self, place: Place, message: impl std::fmt::Display) {
        self.problems.0.push(Problem::new(place, message));
    }

    fn add(&mut self, key: Key, value: &str, place: Place) {
        let key = normal(key);
        if let Err(message) = check(&key, value) {
            return self.problem(place, format!("{}: {message}", key.to_string().escape_debug()));
        }
        let key = key.to_string();
        match self.found.get(&key) {
            None => {
                self.found.insert(key, Datum { value: value.to_owned(), place });
            }
            Some(earlier) if earlier.value == value => {}
            Some(earlier) => {
                let first = earlier.place.clone();
                let message = format!("{key} has another value at {first}; keep one of the two");
                self.problem(place, message);
            }
        }
    }

    fn listing(&mut self, text: &str, path: &Path, general: bool) {
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
            let place = Place::position(path, index + 1, blanks + 1);
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if index == 0 && content.starts_with('\u{feff}') {
                self.problem(place, "the file starts with a byte order mark; save it without");
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                let form = if general { "NAME=value" } else { "a whole key, then =value" };
                self.problem(place, format!("there is no = in this line; write {form}"));
                continue;
            };
            let value = if key.ends_with([' ', '\t']) { value.trim() } else { value };
            let key = key.trim();
            let parsed = if general && !key.contains('/') {
                Key::parse(&format!("{GENERAL}/{key}"))
            } else {
                Key::parse(key)
            };
            match parsed {
                Ok(Key::System(_)) => {
                    self.problem(place, "_etcstack/ holds the system's own records, not data");
                }
                Ok(key) => self.add(key, value, place),
                Err(error) => {
                    let key = key.escape_debug();
                    self.problem(place, format!(
                        "\"{key}\" is not a key: {error} (a file two levels deep is a listing of \
                         whole keys; an overlay stands at role/service/FILE)"
                    ));
                }
            }
        }
    }

    fn overlay(&mut self, name: FileName, text: &str, path: &Path) {
        let key = Key::File(name.clone());
        if let Err(error) = Key::parse(&key.to_string()) {
            return self.problem(Place::file(path), error);
        }
        match Dialect::by_name(&name.file) {
            Dialect::Text => self.add(key, text, Place::position(path, 1, 1)),
            Dialect::Oslo => self.oslo_overlay(&name, text, path),
            other => self.problem(
                Place::file(path),
                format!(
                    "{} is in the {other} dialect, in which overlays are not read yet; \
                     list its options as whole keys in a file two levels deep",
                    name.file
                ),
            ),
        }
    }

    fn oslo_overlay(&mut self, name: &FileName, text: &str, path: &Path) {
        let (document, errors) = Document::parse_leniently(text);
        for error in errors {
            self.problem(Place::position(path, error.line, error.column), error);
        }
        let mut options: BTreeMap<OptionName, (usize, Vec<String>)> = BTreeMap::new();
        for found in document.assignments() {
            let section = Some(normal_section(found.section));
            let option = OptionName { section, option: found.option.to_owned() };
            let (_, values) = options.entry(option).or_insert((found.line, Vec::new()));
            values.push(found.value);
        }
        for (option, (line, values)) in options {
            let place = Place::position(path, line, 1);
            match join_values(&values) {
                Ok(value) => self.add(Key::Option(name.clone(), option), &value, place),
                Err(message) => self.problem(place, format!("{option}: {message}")),
            }
        }
    }
}

/// The key that data would have for what this key means: one spelling for each option.
pub fn normal_key(key: &str) -> String {
    Key::parse(key).map_or_else(|_| key.to_owned(), |key| normal(key).to_string())
}

/// One key for each option: oslo.config does not tell `[LVM]` from `[lvm]`.
fn normal(key: Key) -> Key {
    match key {
        Key::Option(file, OptionName { section: Some(section), option })
            if Dialect::by_name(&file.file) == Dialect::Oslo =>
        {
            Key::Option(file, OptionName { section: Some(normal_section(&section)), option })
        }
        key => key,
    }
}

/// What can be said of a key and its value without knowing the service's manifest.
fn check(key: &Key, value: &str) -> Result<(), String> {
    let dialect = match key {
        Key::Option(file, _) => Dialect::by_name(&file.file),
        _ => Dialect::Text,
    };
    variables::check(value, dialect).map_err(|error| error.to_string())?;
    if value.len() > LARGEST_VALUE {
        let length = value.len();
        return Err(format!("its value has {length} bytes; etcd takes {LARGEST_VALUE} at most"));
    }
    if value.contains('\0') {
        return Err("its value holds a NUL byte".into());
    }
    if let (Dialect::Oslo, Key::Option(_, name)) = (dialect, key) {
        // Without a section it may be a plain file after all: its manifest decides.
        if name.section.is_some() {
            check_name(name.section.as_deref(), &name.option)?;
        }
        for lines in split_values(value) {
            Value::from_lines(lines)
                .map_err(|error| format!("its value cannot stand in an oslo file: {error}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let mut data = Data::default();
        for (path, text) in files {
            let parts: Vec<_> = path.split('/').collect();
            data.add_file(&parts, Path::new(path), text.as_bytes());
        }
        let found = data.finish().map_err(|problems| problems.to_string())?;
        Ok(found.into_iter().map(|(key, datum)| (key, datum.value)).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_three_forms() {
        let found = read(&[
            (
                "general/cloud.conf",
                "# Names\n\nHOST=db\r\n  PW = a=b #c \ngeneral/URL=x&y+z%\n\
                 RAW= q ",
            ),
            ("general/FROM_A_FILE", "secret\n"),
            (
                "r/s/s.conf",
                "[Database]\r\nurl = \" x\"\r\n[m]\nmulti = a\n  b\nmulti = c\nempty =\n",
            ),
            ("r/s/policy.yaml", "a: 'b'\n"),
            ("r/s/keys/0", "k"),
            (
                "s/listing",
                "r/s/rsyncd.conf/account/max connections=2\nr/s/p.ini/composite:x//v3=a = b\n\
                 r/s/s.conf/database/quoted=\"é\"",
            ),
        ]);
        assert_eq!(
            found.unwrap(),
            pairs(&[
                ("general/FROM_A_FILE", "secret"),
                ("general/HOST", "db"),
                ("general/PW", "a=b #c"),
                ("general/RAW", " q "),
                ("general/URL", "x&y+z%"),
                ("r/s/keys%2F0", "k"),
                ("r/s/p.ini/composite:x//v3", "a = b"),
                ("r/s/policy.yaml", "a: 'b'\n"),
                ("r/s/rsyncd.conf/account/max connections", "2"),
                ("r/s/s.conf/database/quoted", "\"é\""),
                ("r/s/s.conf/database/url", " x"),
                ("r/s/s.conf/m/empty", ""),
                ("r/s/s.conf/m/multi", "a\n    b\nc"),
            ])
        );
    }

    #[test]
    fn every_mistake_with_its_place() {
        let problems = read(&[
            ("general/a", "HOST=db\nlower=1\nno\n  _etcstack/x=1\nOPEN=${X\nA=$B\nB=$A\n"),
            ("r/s/s.conf", "x = 1\n[A]\nfoo\na=1\n[default]\nd = 1\n"),
            ("s/list", "general/HOST=other\nr/s/s.conf/A/a=2\nr/s/s.conf/a]/b=1\nr/s=1\n"),
            ("top", ""),
            ("general/x/y", ""),
            ("r/s/rsyncd.conf", "uid = x\n"),
        ])
        .unwrap_err();
        let lines: Vec<_> = problems.lines().collect();
        for (line, start) in lines.iter().zip([
            "general/a:2:1: \"lower\" is not a key",
            "general/a:3:1: there is no =",
            "general/a:4:3: _etcstack/",
            "general/a:5:1: general/OPEN: ${X is not closed",
            "general/a:6:1: the variables go in a circle: $A → $B → $A",
            "general/a:7:1: the variables go in a circle: $B → $A → $B",
            "general/x/y: general/ holds no folders",
            "r/s/rsyncd.conf: rsyncd.conf is in the plain dialect",
            "r/s/s.conf:1:1: an option stands before",
            "r/s/s.conf:3:3: neither an option",
            "r/s/s.conf:6:1: r/s/s.conf/default/d: oslo.config ignores",
            "s/list:1:1: general/HOST has another value at general/a:1:1",
            "s/list:2:1: r/s/s.conf/a/a has another value at r/s/s.conf:4:1",
            "s/list:3:1: r/s/s.conf/a]/b: the section \"a]\" holds",
            "s/list:4:1: \"r/s\" is not a key",
            "top: data stands in",
        ]) {
            assert!(line.starts_with(start), "{line}\nshould start with\n{start}");
        }
        assert_eq!(lines.len(), 16, "{problems}");
    }

    #[test]
    fn what_is_no_data() {
        for name in [".git", "..data", "x~", ".x.swp", "README.md"] {
            assert!(is_ignored(name), "{name}");
        }
        assert!(!is_ignored("glance.conf"));
    }
}
