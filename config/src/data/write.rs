//! The way back: keys and values into files of data that say just them.
//!
//! A value takes the friendliest form that reads back to the byte: an option stands in an overlay,
//! a text in its own file, a variable on a line; where a form cannot say something, a listing of
//! whole keys may. What no form can say is named, with what to do about it.

mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use self::tree::Tree;
use super::{Data, check, is_passed_over, normal};
use crate::Entries;
use crate::dialect::Dialect;
use crate::dialects::Dialects;
use crate::document::{Document, Edit, Grammar, Value, check_number, join_values, split_values};
use crate::key::{FileName, GENERAL, Key, OptionName};
use crate::problem::{Place, Problem, Problems};
use crate::validate::Finding;

/// The file of all variables that fit on a line.
const VARIABLES: &str = "general/variables.conf";

/// The first line of a file of whole keys. With it, no key is ever in the place of a byte order
/// mark.
const LISTING_HEAD: &str = "# Whole keys and their values, to the byte\n";

/// The same for variables.
const VARIABLES_HEAD: &str = "# NAME=value, to the byte\n";

/// The longest name of a file or folder that Linux takes, in bytes.
const LONGEST_NAME: usize = 255;

/// The longest path; the folder that it is written to needs room as well.
const LONGEST_PATH: usize = 1024;

/// As deep as data may lie.
const DEEPEST: usize = 16;

/// Which form options take where both can say them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// In the file's own syntax, at `role/service/file`.
    #[default]
    Overlays,
    /// As whole keys, at `role/service.keys`.
    Listings,
}

/// Data that says what a store holds.
pub struct Written {
    /// The files by their paths, and their text.
    pub files: BTreeMap<String, String>,
    /// How many keys they say.
    pub keys: usize,
    /// The keys that no file can say, and why.
    pub left_out: Problems,
}

/// Writes the keys of a store, but for the system's own records, as files of data in these dialects.
/// Where names do not tell them, `validate.toml` has to say them beside the files.
///
/// What is written has been read back and found the same. An error is a mistake in here.
pub fn files(entries: &Entries, layout: Layout, dialects: &Dialects) -> Result<Written, Problems> {
    let (mut left_out, mut said) = (Problems::default(), BTreeMap::new());
    for (key, value) in entries {
        match understand(key, value, dialects) {
            Ok((Key::System(_), _)) => {}
            Ok((parsed, value)) => _ = said.insert(key.as_str(), (parsed, value)),
            Err(message) => left_out.0.push(Problem::key(key, message)),
        }
    }
    for (key, message) in refused_together(&said, dialects) {
        said.remove(key.as_str());
        left_out.0.push(Problem::key(key, message));
    }
    let mut writer = Writer { layout, dialects: dialects.clone(), ..Writer::default() };
    // In a file, what is in no section stands before them all.
    let is_in_section = |key: &Key| matches!(key, Key::Option(_, name) if name.section.is_some());
    for in_section in [false, true] {
        said.retain(|key, (parsed, value)| {
            if is_in_section(parsed) != in_section {
                return true;
            }
            let added = writer.add(key, parsed, value);
            let message = added.err().map(|message| Problem::key(*key, message));
            left_out.0.extend(message.iter().cloned());
            message.is_none()
        });
    }
    let files = writer.finish();
    read_back(&files, &said, dialects)?;
    left_out.0.sort();
    Ok(Written { files, keys: said.len(), left_out })
}

/// The key and its value, if data could say them.
fn understand<'a>(
    key: &str,
    value: &'a [u8],
    dialects: &Dialects,
) -> Result<(Key, &'a str), String> {
    let parsed = Key::parse(key).map_err(|error| format!("{error}; delete it"))?;
    if let Key::System(_) = parsed {
        return Ok((parsed, ""));
    }
    let spelled = normal(parsed.clone(), dialects).to_string();
    if spelled != key {
        return Err(format!(
            "section names are in lower case; put its value under {} and delete it",
            spelled.escape_debug()
        ));
    }
    let value = std::str::from_utf8(value)
        .map_err(|_| "its value is not UTF-8 text; no service gets it; put it again")?;
    check(&parsed, value, dialects)
        .map_err(|(_, error, _)| format!("{error}; put it again or delete it"))?;
    Ok((parsed, value))
}

/// The keys that data may not hold beside the others, variables that need themselves among them.
fn refused_together(
    said: &BTreeMap<&str, (Key, &str)>,
    dialects: &Dialects,
) -> Vec<(String, String)> {
    let mut data = Data::with_dialects(dialects.clone());
    for (key, (_, value)) in said {
        data.add_key(key, value);
    }
    let findings = data.together();
    let of_key = |finding: Finding| match &finding.place {
        Place::Key(key) => Some((key.clone(), finding.text())),
        Place::File { .. } => None,
    };
    findings.into_iter().filter_map(of_key).collect()
}

/// Checks that a load of these files finds just what was to be said.
fn read_back(
    files: &BTreeMap<String, String>,
    said: &BTreeMap<&str, (Key, &str)>,
    dialects: &Dialects,
) -> Result<(), Problems> {
    let mut data = Data::with_dialects(dialects.clone());
    for (path, text) in files {
        let parts: Vec<_> = path.split('/').collect();
        // What a reader passes over is lost.
        if !parts.iter().enumerate().all(|(depth, name)| is_name_of_data(name, depth)) {
            continue;
        }
        data.add_file(&parts, Path::new(path), text.as_bytes());
    }
    let found = data.finish()?;
    let lost = said
        .iter()
        .filter(|(key, (_, value))| found.get(**key).is_none_or(|datum| datum.value != *value));
    let lost = lost.map(|(key, _)| *key);
    let strange = found.keys().map(String::as_str).filter(|key| !said.contains_key(key));
    let problem = |key| Problem::key(key, "would not read back the same; please report this");
    Problems(lost.chain(strange).map(problem).collect()).or_ok(())
}

#[derive(Default)]
struct Writer {
    layout: Layout,
    dialects: Dialects,
    tree: Tree,
    /// The section that an overlay is in, by its path.
    sections: BTreeMap<String, String>,
    variables: String,
    /// Whole keys, by role and service.
    listings: BTreeMap<(String, String), String>,
}

impl Writer {
    fn add(&mut self, key: &str, parsed: &Key, value: &str) -> Result<(), String> {
        match parsed {
            Key::Variable(name) => self.variable(name, value),
            Key::File(file) => self.text(key, file, value),
            Key::Option(file, option) => self.option(key, file, option, value),
            Key::System(_) => Ok(()),
        }
    }

    fn variable(&mut self, name: &str, value: &str) -> Result<(), String> {
        if let Some(line) = line(name, value) {
            self.variables.push_str(&line);
            return Ok(());
        }
        let path = format!("{GENERAL}/{name}");
        if name.len() > LONGEST_NAME || !self.tree.claim(&path) {
            return Err("a value of several lines needs a file with the variable's name, \
                        which is too long for one"
                .into());
        }
        // Just one line end is taken off again.
        let end = if value.ends_with('\r') { "\r\n" } else { "\n" };
        self.tree.append(&path, &format!("{value}{end}"));
        Ok(())
    }

    fn text(&mut self, key: &str, file: &FileName, value: &str) -> Result<(), String> {
        let dialect = self.dialects.of(file);
        if dialect == Dialect::Text
            && let Some(path) = path_of(file)
            && self.tree.claim(&path)
        {
            self.tree.append(&path, value);
            return Ok(());
        }
        if self.list(key, file, value) {
            return Ok(());
        }
        Err(if dialect == Dialect::Text {
            "its name cannot be that of a file of data, and a listing cannot hold it".into()
        } else {
            format!(
                "it holds a whole file, which data can say for text files only; this one is of the \
                 {dialect} dialect, unless [dialects] in validate.toml says otherwise"
            )
        })
    }

    fn option(
        &mut self,
        key: &str,
        file: &FileName,
        option: &OptionName,
        value: &str,
    ) -> Result<(), String> {
        let overlays = self.layout == Layout::Overlays;
        let said = (overlays && self.overlay(file, option, value))
            || self.list(key, file, value)
            || (!overlays && self.overlay(file, option, value));
        if said { Ok(()) } else { Err(unsayable(self.dialects.of(file), file, option, value)) }
    }

    fn overlay(&mut self, file: &FileName, option: &OptionName, value: &str) -> bool {
        let Some(grammar) = self.dialects.of(file).grammar() else { return false };
        let section = option.section.as_deref();
        if grammar.check_name(section, &option.option).is_err() {
            return false;
        }
        let Some(path) = path_of(file) else { return false };
        let Some(lines) = overlay_lines(grammar, option, value) else { return false };
        let begins =
            section.filter(|section| self.sections.get(&path).is_none_or(|s| s != section));
        if !self.tree.claim(&path) {
            return false;
        }
        if let Some(section) = begins {
            let blank = if self.tree.is_empty(&path) { "" } else { "\n" };
            self.tree.append(&path, &format!("{blank}[{section}]\n"));
            self.sections.insert(path.clone(), section.to_owned());
        }
        self.tree.append(&path, &lines);
        true
    }

    fn list(&mut self, key: &str, file: &FileName, value: &str) -> bool {
        let Some(line) = line(key, value) else { return false };
        let service = (file.role.clone(), file.service.clone());
        self.listings.entry(service).or_insert_with(|| LISTING_HEAD.to_owned()).push_str(&line);
        true
    }

    fn finish(mut self) -> BTreeMap<String, String> {
        if !self.variables.is_empty() {
            self.tree.files.insert(VARIABLES.into(), format!("{VARIABLES_HEAD}{}", self.variables));
        }
        for ((role, service), text) in self.listings {
            let own = format!("{service}.keys");
            let own = [role.as_str(), own.as_str()];
            let is_read = own.iter().enumerate().all(|(depth, name)| is_name_of_data(name, depth));
            let own = is_read.then(|| own.join("/"));
            // What such a file and its folder are called means nothing.
            let others = (1..).map(|number: u64| format!("keys/{number}.keys"));
            if let Some(path) = own.into_iter().chain(others).find(|path| self.tree.is_free(path)) {
                self.tree.claim(&path);
                self.tree.append(&path, &text);
            }
        }
        self.tree.files
    }
}

/// The place of a service's file in the data, if it can have one.
fn path_of(name: &FileName) -> Option<String> {
    let parts = || [&*name.role, &*name.service].into_iter().chain(name.file.split('/'));
    let path = format!("{}/{}/{}", name.role, name.service, name.file);
    let own = !name.role.contains('/') && !name.service.contains('/');
    let fits = path.len() <= LONGEST_PATH && parts().count() <= DEEPEST;
    let is_read = parts().enumerate().all(|(depth, name)| is_name_of_data(name, depth));
    (own && fits && is_read).then_some(path)
}

/// Whether a file or folder of this name, so many folders deep, is read as data.
fn is_name_of_data(name: &str, depth: usize) -> bool {
    !name.contains('/') && name.len() <= LONGEST_NAME && !is_passed_over(name, depth)
}

/// The line of a listing that reads back as just this.
fn line(key: &str, value: &str) -> Option<String> {
    let plain = key.trim() == key && !key.starts_with('#') && !key.contains(['=', '\n']);
    // Just one carriage return is taken off the end of a line.
    let end = if value.ends_with('\r') { "\r\n" } else { "\n" };
    (plain && !value.contains('\n')).then(|| format!("{key}={value}{end}"))
}

/// The lines of an overlay that read back as just this.
fn overlay_lines(grammar: &'static dyn Grammar, name: &OptionName, value: &str) -> Option<String> {
    let split = split_values(value).into_iter();
    let values: Result<Vec<_>, _> = split.map(|lines| Value::from_lines(grammar, lines)).collect();
    let values = values.ok()?;
    check_number(grammar, values.len()).ok()?;
    let texts: Vec<_> = values.iter().map(Value::text).collect();
    if join_values(&texts).ok()? != value {
        return None;
    }
    let edit = Edit { section: name.section.as_deref(), option: &name.option, values: &values };
    grammar.check_place(&edit).ok()?;
    let mut overlay = Document::empty(grammar);
    let section = (!grammar.opening().is_empty()).then_some("section");
    overlay.set(section, &name.option, &values).ok()?;
    let text = overlay.to_string();
    Some(text.strip_prefix(grammar.opening()).unwrap_or(&text).to_owned())
}

/// Why no form can say an option's value.
fn unsayable(dialect: Dialect, file: &FileName, option: &OptionName, value: &str) -> String {
    if !value.contains('\n') {
        return "its name can neither stand in a listing nor in an overlay; delete it".into();
    }
    let fits = |grammar: &dyn Grammar| {
        grammar.check_name(option.section.as_deref(), &option.option).is_ok()
    };
    if dialect.grammar().is_some_and(fits) && path_of(file).is_some() {
        return "data spells a value of several lines without a line break at its end, and with \
                four blanks before each line that continues another; put it again like that"
            .into();
    }
    format!(
        "a listing cannot say a value of several lines, and this option cannot stand in an overlay \
         of the file, which is of the {dialect} dialect"
    )
}

#[cfg(test)]
mod tests;
