//! What a service's options are: the reduced form of `oslo-config-generator --format json`.
//!
//! An image holds it beside its default files. It is JSON, sorted, with one option on a line, so
//! that a difference between two releases of a service can be read. Options of groups that the
//! service makes up as it runs (the backends of cinder) are no options of it, but templates, which
//! only who validates reads.

mod generator;
mod option;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::document::normal_section;
use crate::problem::{Place, Problem};
pub use option::CatalogOption;
use option::is_false;
pub use rules::{Items, Rules};

/// The form that is written; another one is refused.
const FORMAT: u32 = 1;

/// The largest file that is read, in bytes. The generator's is 1 MB for the largest services.
pub const LARGEST: usize = 32 << 20;

/// All options of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Sorted by group and name.
    options: Vec<CatalogOption>,
    /// By section in its normal form and option, as a file names it: which options read it.
    readers: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// Options of groups whose names are not known before. Sorted by owner, group and name.
    templates: Vec<CatalogOption>,
    /// The names of sections that the service makes up by itself, in their normal form.
    sections: BTreeSet<String>,
}

/// The file.
#[derive(Deserialize)]
struct Reduced {
    format: u32,
    #[serde(default)]
    options: Vec<CatalogOption>,
    #[serde(default)]
    templates: Vec<CatalogOption>,
    #[serde(default)]
    sections: BTreeSet<String>,
}

/// What an agent needs of the file. What is not named here is passed over as it is read.
#[derive(Deserialize)]
struct Lean {
    format: u32,
    #[serde(default)]
    options: Vec<LeanOption>,
}

/// What tells a reload from a restart, and a secret.
#[derive(Serialize, Deserialize)]
struct LeanOption {
    group: String,
    name: String,
    #[serde(default, skip_serializing_if = "is_false")]
    mutable: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    secret: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    single: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deprecated: Vec<(String, String)>,
}

impl From<CatalogOption> for LeanOption {
    fn from(option: CatalogOption) -> Self {
        let CatalogOption { group, name, mutable, secret, single, refers, deprecated, .. } = option;
        Self { group, name, mutable, secret, single, refers, deprecated }
    }
}

/// The form that only agents read.
#[derive(Clone, Copy, Debug)]
pub struct LeanForm<'a>(&'a Catalog);

impl From<LeanOption> for CatalogOption {
    fn from(lean: LeanOption) -> Self {
        let LeanOption { group, name, mutable, secret, single, refers, deprecated } = lean;
        Self { group, name, mutable, secret, single, refers, deprecated, ..Self::default() }
    }
}

/// What both have.
trait Versioned {
    fn format(&self) -> u32;
}

impl Versioned for Reduced {
    fn format(&self) -> u32 {
        self.format
    }
}

impl Versioned for Lean {
    fn format(&self) -> u32 {
        self.format
    }
}

impl Catalog {
    /// Reads the reduced form. The path is for the message only.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Problem> {
        let wanted = "a catalog; write it with `etcstack-loader catalog`, without --lean";
        let file: Reduced = parse(path, bytes, wanted)?;
        Ok(Self::new(file.options, file.templates, file.sections))
    }

    /// Reads of the reduced form what tells a reload from a restart, and a secret: names, and no
    /// types, templates or words for people.
    pub fn parse_lean(path: &Path, bytes: &[u8]) -> Result<Self, Problem> {
        let wanted = "a catalog; write it with `etcstack-loader catalog`";
        let file: Lean = parse(path, bytes, wanted)?;
        Ok(Self::new(file.options.into_iter().map(CatalogOption::from), [], BTreeSet::new()))
    }

    /// Reduces what `oslo-config-generator --format json` printed. The path is for the message
    /// only.
    pub fn reduce(path: &Path, raw: &[u8]) -> Result<Self, Problem> {
        let wanted = "what `oslo-config-generator --format json` prints";
        let (options, templates, sections) = generator::reduce(read(path, raw, wanted)?);
        Ok(Self::new(options, templates, sections))
    }

    /// The form that has just what [`parse_lean`](Self::parse_lean) reads: a third of the bytes.
    pub fn lean(&self) -> LeanForm<'_> {
        LeanForm(self)
    }

    /// Adds the options of another one.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self::new(
            self.options.into_iter().chain(other.options),
            self.templates.into_iter().chain(other.templates),
            self.sections.into_iter().chain(other.sections).collect(),
        )
    }

    fn new(
        options: impl IntoIterator<Item = CatalogOption>,
        templates: impl IntoIterator<Item = CatalogOption>,
        sections: BTreeSet<String>,
    ) -> Self {
        let options = join(options);
        let mut readers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        for (index, option) in options.iter().enumerate() {
            for (group, name) in option.names() {
                let names = readers.entry(normal_section(group)).or_default();
                names.entry(name.to_owned()).or_default().push(index);
            }
        }
        let sections = sections.iter().map(|section| normal_section(section)).collect();
        Self { options, readers, templates: join(templates), sections }
    }

    /// Options of sections whose names are not known before: those of which the option `owner`
    /// says the names, or, for the owner `auth_type`, those that have that option.
    pub fn templates(&self) -> &[CatalogOption] {
        &self.templates
    }

    /// Whether the service makes up this section by itself.
    pub fn makes_up(&self, section: &str) -> bool {
        self.sections.contains(&normal_section(section))
    }

    /// The sections in which there are options, in their normal form.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.readers.keys().map(String::as_str)
    }

    /// All options, sorted by group and name.
    pub fn options(&self) -> &[CatalogOption] {
        &self.options
    }

    /// The options that read what a file holds under these names: none, one, or several where the
    /// name is a former one of others. None means that nothing is known, not that nobody reads it.
    pub fn find<'a>(
        &'a self,
        section: &str,
        option: &str,
    ) -> impl Iterator<Item = &'a CatalogOption> + use<'a> {
        let names = self.readers.get(&normal_section(section));
        let found = names.and_then(|names| names.get(option));
        found.into_iter().flatten().filter_map(|index| self.options.get(*index))
    }

    /// As [`find`](Self::find), with dashes for underscores: the way in which options are written
    /// on a command line. In a file, oslo.config ignores most of these names.
    pub fn find_dashed<'a>(
        &'a self,
        section: &str,
        option: &str,
    ) -> impl Iterator<Item = &'a CatalogOption> + use<'a> {
        self.find(section, &option.replace('-', "_"))
    }

    /// Whether any option is known in this section.
    pub fn knows_section(&self, section: &str) -> bool {
        self.readers.contains_key(&normal_section(section))
    }

    /// Whether a daemon takes a new value of this without a restart: known only if all that read
    /// it are known to.
    pub fn is_mutable(&self, section: &str, option: &str) -> bool {
        let mut readers = self.find(section, option).peekable();
        readers.peek().is_some() && readers.all(|reader| reader.mutable)
    }

    /// Whether only the last of several values counts.
    pub fn is_single(&self, section: &str, option: &str) -> bool {
        let mut readers = self.find(section, option).peekable();
        readers.peek().is_some() && readers.all(|reader| reader.single)
    }

    /// Whether the value has to be hidden; `None` where the option is not known.
    pub fn is_secret(&self, section: &str, option: &str) -> Option<bool> {
        let secret = |any: Option<bool>, reader: &CatalogOption| {
            Some(any.unwrap_or_default() || reader.secret)
        };
        self.find(section, option).chain(self.find_dashed(section, option)).fold(None, secret)
    }
}

impl fmt::Display for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&start())?;
        write_lines(f, &self.options)?;
        if !self.templates.is_empty() {
            f.write_str("\n],\"templates\":[")?;
            write_lines(f, &self.templates)?;
        }
        if !self.sections.is_empty() {
            f.write_str("\n],\"sections\":[")?;
            write_lines(f, &self.sections)?;
        }
        f.write_str("\n]}\n")
    }
}

impl fmt::Display for LeanForm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&start())?;
        write_lines(f, self.0.options.iter().cloned().map(LeanOption::from))?;
        f.write_str("\n]}\n")
    }
}

fn start() -> String {
    format!("{{\"format\":{FORMAT},\"options\":[")
}

/// One on a line, with commas between them.
fn write_lines<T: Serialize>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        let line = serde_json::to_string(&item).map_err(|_| fmt::Error)?;
        write!(f, "{}\n{line}", if index > 0 { "," } else { "" })?;
    }
    Ok(())
}

/// Sorted, and each once. Where two tell of the same option, only what is true of both is kept.
fn join(options: impl IntoIterator<Item = CatalogOption>) -> Vec<CatalogOption> {
    let mut joined: BTreeMap<(String, String, String), CatalogOption> = BTreeMap::new();
    for option in options {
        let key = (option.owner.clone(), normal_section(&option.group), option.name.clone());
        match joined.get_mut(&key) {
            Some(known) => known.join(option),
            None => {
                joined.insert(key, option);
            }
        }
    }
    joined.into_values().collect()
}

/// Reads the reduced form, of this format.
fn parse<'a, T: Deserialize<'a> + Versioned>(
    path: &Path,
    bytes: &'a [u8],
    wanted: &str,
) -> Result<T, Problem> {
    let file: T = read(path, bytes, wanted)?;
    if file.format() == FORMAT {
        return Ok(file);
    }
    let message = format!(
        "the catalog is of format {}, this program reads {FORMAT}; write it anew with the loader \
         of the same release",
        file.format()
    );
    Err(Problem::new(Place::file(path), message))
}

/// Reads JSON; what is wrong is said without quoting the file, since it may be the wrong one.
fn read<'a, T: Deserialize<'a>>(path: &Path, bytes: &'a [u8], wanted: &str) -> Result<T, Problem> {
    if bytes.len() > LARGEST {
        let message = format!("the file is larger than {LARGEST} bytes; it should be {wanted}");
        return Err(Problem::new(Place::file(path), message));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            Category::Eof => "the JSON ends too early",
            Category::Data => "this is JSON of another form",
            Category::Syntax | Category::Io => "this is not JSON",
        };
        let place = Place::position(path, error.line().max(1), error.column().max(1));
        Problem::new(place, format!("{what}; the file should be {wanted}"))
    })
}

#[cfg(test)]
mod tests;
