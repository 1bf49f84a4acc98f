//! The files of `bootstrap-data`, read into keys and values.
//!
//! | file | holds |
//! |---|---|
//! | `general/NAME` (a variable's name) | the variable's value, without the last line break |
//! | `general/*` (any other name) | lines `NAME=value`, or whole keys |
//! | `role/service/file` | an overlay in the file's own syntax, or the whole of a text or binary file |
//! | `*/*` | a listing: a line for each whole key, `role/service/file/section/option=value` |
//!
//! In a listing, blank lines and lines that start with `#` are passed over. `key=value` takes the
//! value to the byte; with a blank before the `=`, blanks around the value are dropped. Hidden
//! files, `README.md`, and what editors leave behind (`*~`, `*.swp`) are no data. Nor are the folder
//! `catalog` and the file `validate.toml` beside the roles, which `validate` reads.

mod check;
mod listing;
mod marks;
mod together;

pub mod write;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use crate::binary;
use crate::dialect::Dialect;
use crate::dialects::{DIALECTS, Dialects};
use crate::document::{Document, Grammar, join_values};
use crate::key::{FileName, GENERAL, Key, OptionName};
use crate::problem::{Place, Problem, Problems};
use crate::validate::{Code, Finding};
use crate::variables::is_name;
pub use check::normal_key;
use check::{check, normal};
pub(crate) use marks::Marks;

/// The folder of the catalogs, beside the roles.
pub const CATALOGS: &str = "catalog";
/// The file that says how the data is to be validated, beside the roles.
pub const SETTINGS: &str = "validate.toml";

/// The largest value, in bytes: etcd takes 1.5 MiB in a request, key and frame included.
pub const LARGEST_VALUE: usize = 1_300_000;

const SYSTEM_IS_NO_DATA: &str = "_etcstack/ holds the system's own records, not data";

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
    dialects: Dialects,
    /// Where the data says of which files it speaks there.
    patterns: BTreeMap<String, Place>,
    found: BTreeMap<String, Datum>,
    marks: BTreeMap<String, Marks>,
    findings: Vec<Finding>,
}

/// All that was read, what is wrong with it included.
pub(crate) struct Gathered {
    pub(crate) dialects: Dialects,
    /// Where the patterns of the dialects stand.
    pub(crate) patterns: BTreeMap<String, Place>,
    pub(crate) found: BTreeMap<String, Datum>,
    /// By key, as what was found.
    pub(crate) marks: BTreeMap<String, Marks>,
    pub(crate) findings: Vec<Finding>,
}

/// Whether a file or folder of this name is none of the data.
pub fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name == "README.md"
}

/// Whether a file or folder of this name, directly in the folder of the data, is none of it.
pub fn is_beside(name: &str) -> bool {
    is_ignored(name) || matches!(name, CATALOGS | SETTINGS)
}

/// Whether a reader of data passes over what has this name, so many folders below that of the data.
pub fn is_passed_over(name: &str, depth: usize) -> bool {
    if depth == 0 { is_beside(name) } else { is_ignored(name) }
}

impl Data {
    /// Data whose files have these dialects.
    pub fn with_dialects(dialects: Dialects) -> Self {
        Self { dialects, ..Self::default() }
    }

    /// Reads what `validate.toml` says of dialects. What is added afterwards is read by it.
    pub fn add_settings(&mut self, path: &Path, text: &str) {
        let place = |at: usize| {
            let before = text.get(..at).unwrap_or_default();
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            Place::position(path, before.matches('\n').count() + 1, column)
        };
        let (dialects, patterns, mistakes) = Dialects::read(text);
        self.dialects.extend(&dialects);
        self.patterns.extend(patterns.into_iter().map(|(pattern, at)| (pattern, place(at))));
        for mistake in mistakes {
            let at = mistake.at.map_or_else(|| Place::file(path), |at| place(at.start));
            self.fault(at, Code::BadDialect, mistake.message);
        }
    }

    /// Says which dialects files have, whatever was said before.
    pub fn add_dialects(&mut self, dialects: &Dialects) {
        self.dialects.extend(dialects);
    }

    /// Which dialects the files have.
    pub fn dialects(&self) -> &Dialects {
        &self.dialects
    }

    /// What whoever reads the keys somewhere else has to know of the dialects: a key of a record and
    /// what it is to hold.
    pub fn record(&self) -> Option<(String, Datum)> {
        let place = self.patterns.values().next()?.clone();
        Some((DIALECTS.to_owned(), Datum { value: self.dialects.record()?, place }))
    }

    /// Reads one file. `parts` is its path inside the data, `path` its name in messages.
    pub fn add_file(&mut self, parts: &[&str], path: &Path, bytes: &[u8]) {
        if let [role, service, file @ ..] = parts
            && !file.is_empty()
            && self.dialects.of(&file_name(role, service, file)) == Dialect::Binary
        {
            return self.place(parts, &binary::encode(bytes), path);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.place(parts, text, path),
            Err(error) => {
                let place = Place::not_utf8(path, bytes, error);
                self.fault(place, Code::Unreadable, "the file is not UTF-8 text");
            }
        }
    }

    /// Takes what a file holds, by its place.
    fn place(&mut self, parts: &[&str], text: &str, path: &Path) {
        match parts {
            [GENERAL, name] if is_name(name) => {
                let value = text.strip_suffix('\n').unwrap_or(text);
                let value = value.strip_suffix('\r').unwrap_or(value);
                self.add(Key::Variable((*name).to_owned()), value, Marks::whole(path, value));
            }
            [folder, _] => self.listing(text, path, *folder == GENERAL),
            [GENERAL, ..] => self.fault(
                Place::file(path),
                Code::Misplaced,
                "general/ holds no folders; its files hold lines NAME=value",
            ),
            [role, service, file @ ..] if !file.is_empty() => {
                self.overlay(file_name(role, service, file), text, path);
            }
            _ => self.fault(
                Place::file(path),
                Code::Misplaced,
                "data stands in general/FILE, in role/service/FILE, or as a listing of whole keys \
                 two levels deep; move the file there",
            ),
        }
    }

    /// Takes a key of a store, and what it holds or is to hold. Problems name the key.
    pub fn add_key(&mut self, key: &str, value: &str) {
        match Key::parse(key) {
            Ok(Key::System(_)) => {
                self.fault(Place::Key(key.to_owned()), Code::BadKey, SYSTEM_IS_NO_DATA);
            }
            Ok(parsed) => self.add(parsed, value, Marks::stored(key)),
            Err(error) => {
                let message = format!("this is not a key: {error}");
                self.fault(Place::Key(key.to_owned()), Code::BadKey, message);
            }
        }
    }

    /// All that was read, or all that is wrong with it.
    pub fn finish(self) -> Result<BTreeMap<String, Datum>, Problems> {
        let (found, problems) = self.apart();
        problems.or_ok(found)
    }

    /// All that was read, and all that is wrong with it.
    pub fn apart(self) -> (BTreeMap<String, Datum>, Problems) {
        let Gathered { found, findings, .. } = self.gathered();
        let mut problems: Vec<_> = findings.into_iter().map(Problem::from).collect();
        problems.sort();
        problems.dedup();
        (found, Problems(problems))
    }

    /// All that was read and all that is wrong with it.
    pub(crate) fn gathered(mut self) -> Gathered {
        let findings = self.together();
        self.findings.extend(findings);
        let Self { dialects, patterns, found, marks, findings } = self;
        Gathered { dialects, patterns, found, marks, findings }
    }

    /// What is wrong with keys only together.
    fn together(&self) -> Vec<Finding> {
        together::check(&self.found, &self.marks, &self.dialects)
    }

    /// Whether nothing was read, not even a mistake.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.findings.is_empty()
    }

    /// Whether anything stands in its place and can be read.
    pub fn holds_keys(&self) -> bool {
        !self.found.is_empty()
    }

    /// Whether a mistake was found in one of the files.
    pub fn has_mistakes(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Reports something about a file that could not even be read.
    pub fn problem(&mut self, place: Place, message: impl std::fmt::Display) {
        self.fault(place, Code::Unreadable, message);
    }

    fn fault(&mut self, place: Place, code: Code, message: impl std::fmt::Display) {
        self.findings.push(Finding::error(place, code, message));
    }

    fn add(&mut self, key: Key, value: &str, marks: Marks) {
        let key = normal(key, &self.dialects);
        if let Err((code, message, at)) = check(&key, value, &self.dialects) {
            return match at.map_or_else(|| marks.name(), |at| marks.offset(value, at)) {
                place @ Place::Key(_) => self.fault(place, code, message),
                place => {
                    let key = key.to_string();
                    self.fault(place, code, format!("{}: {message}", key.escape_debug()));
                }
            };
        }
        let key = key.to_string();
        let place = marks.key();
        match self.found.entry(key) {
            Entry::Vacant(entry) => {
                self.marks.insert(entry.key().clone(), marks);
                entry.insert(Datum { value: value.to_owned(), place });
            }
            Entry::Occupied(earlier) if earlier.get().value == value => {}
            Entry::Occupied(earlier) => {
                let first = earlier.get().place.clone();
                let key = earlier.key().escape_debug();
                let message = format!("{key} has another value at {first}; keep one of the two");
                self.fault(place, Code::Duplicate, message);
            }
        }
    }

    fn overlay(&mut self, name: FileName, text: &str, path: &Path) {
        let key = Key::File(name.clone());
        if let Err(error) = Key::parse(&key.to_string()) {
            return self.fault(Place::file(path), Code::BadKey, error);
        }
        match self.dialects.of(&name).grammar() {
            None => self.add(key, text, Marks::whole(path, text)),
            Some(grammar) => self.options(grammar, &name, text, path),
        }
    }

    fn options(&mut self, grammar: &'static dyn Grammar, name: &FileName, text: &str, path: &Path) {
        let (document, errors) = Document::parse_leniently(grammar, text);
        for error in errors {
            self.fault(Place::position(path, error.line, error.column), Code::Syntax, error);
        }
        for (line, _) in document.directives() {
            let message = "this is no option; an overlay holds options only";
            self.fault(Place::position(path, line, 1), Code::Syntax, message);
        }
        // By what the reader takes for the same; the first spelling counts.
        let mut options: BTreeMap<_, (OptionName, Vec<String>, Marks)> = BTreeMap::new();
        for found in document.assignments() {
            let section = found.section.map(|name| grammar.normal_section(name).into_owned());
            let option = grammar.normal_option(found.option).into_owned();
            let (_, values, marks) = options.entry((section, option)).or_insert_with(|| {
                let section = found.section.map(|name| grammar.key_section(name).into_owned());
                let option = OptionName { section, option: found.option.to_owned() };
                let name = (found.line, found.column);
                (option, Vec::new(), Marks::new(path, found.section_at, name, Vec::new()))
            });
            values.push(found.value);
            marks.lines.extend(found.starts);
        }
        for (option, values, marks) in options.into_values() {
            let shown = option.to_string().escape_debug().to_string();
            if values.len() > 1 && !grammar.repeats() {
                let times = values.len();
                let reader = grammar.reader();
                let message =
                    format!("{shown} stands {times} times, and {reader} takes one; keep one");
                self.fault(marks.name(), Code::Duplicate, message);
                continue;
            }
            match join_values(&values) {
                Ok(value) => self.add(Key::Option(name.clone(), option), &value, marks),
                Err(message) => {
                    self.fault(marks.name(), Code::BadValue, format!("{shown}: {message}"));
                }
            }
        }
    }
}

fn file_name(role: &str, service: &str, file: &[&str]) -> FileName {
    FileName { role: role.to_owned(), service: service.to_owned(), file: file.join("/") }
}

#[cfg(test)]
mod tests;
