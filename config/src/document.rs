//! A file of options that loses nothing: lines as they are, and what they mean to its reader.
//!
//! What a line means is the matter of a [`Grammar`], one for each reader; how an option is set, and
//! everything else left alone, is the same for all. Printing an unchanged document gives the first
//! bytes back.

mod configparser;
mod edit;
mod grammar;
mod libvirt;
mod mysql;
mod name;
mod oslo;
mod plain;
mod rsync;
mod value;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use thiserror::Error;

pub use configparser::Configparser;
pub use edit::Edit;
pub use grammar::{Filled, Grammar};
pub use libvirt::Libvirt;
pub use mysql::Mysql;
pub use oslo::{Oslo, check_name, normal_section};
pub use plain::Plain;
pub use rsync::Rsync;
pub use value::{Unwritable, Value, check_number, join_values, split_values};

/// A file of options, line by line. Lines that nobody edits stay slices of the text.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    grammar: &'static dyn Grammar,
    /// What was read.
    source: &'a str,
    lines: Vec<Line<'a>>,
}

/// A line that its reader would not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted in characters from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: &'static str,
}

/// One line and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Without its end. A slice of what was read has just this end there; all else is owned.
    text: Cow<'a, str>,
    /// `\n`, `\r\n`, `\r`, or nothing at the end of the file.
    end: &'static str,
    kind: Kind,
}

/// What a line is, and where in it its parts stand, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blank,
    Comment,
    /// Something that the reader acts on and that is no option: it reads another file, say.
    Directive,
    Section {
        name: (usize, usize),
    },
    /// The value starts behind the separator, blanks included, and ends before a comment, if there
    /// is one. An option without a separator has its value at the name's end.
    Option {
        name: (usize, usize),
        value: (usize, usize),
    },
    Continuation,
    /// A comment between the lines of a value.
    Aside,
}

impl Line<'_> {
    /// The section's name, where this is a header.
    fn section(&self) -> Option<&str> {
        match self.kind {
            Kind::Section { name: (start, end) } => Some(&self.text[start..end]),
            _ => None,
        }
    }

    /// The option's name, where this is an option.
    fn option(&self) -> Option<&str> {
        match self.kind {
            Kind::Option { name: (start, end), .. } => Some(&self.text[start..end]),
            _ => None,
        }
    }

    /// The value as it stands behind the separator, where this is an option; else the whole line.
    fn value(&self) -> &str {
        match self.kind {
            Kind::Option { value: (start, end), .. } => &self.text[start..end],
            _ => &self.text,
        }
    }

    /// Gives the line another end.
    fn end_with(&mut self, end: &'static str) {
        self.end = end;
        self.text = std::mem::take(&mut self.text).into_owned().into();
    }

    /// The column where a part of this line starts, counted in characters from 1.
    fn column(&self, part: &str) -> usize {
        1 + self.text.get(..offset(&self.text, part)).unwrap_or(&self.text).chars().count()
    }
}

/// Where a part of a text starts in it, in bytes.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// An option as its reader reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// The section, spelled as in the file; `None` before the first one.
    pub section: Option<&'a str>,
    /// The option.
    pub option: &'a str,
    /// The value, its lines joined with `\n`.
    pub value: String,
    /// The line it starts on, counted from 1.
    pub line: usize,
    /// The line and the column of the section's name, where the section began last.
    pub section_at: (usize, usize),
    /// The column of the option's name, counted in characters from 1.
    pub column: usize,
    /// Line and column where each line of the value starts, blanks and quotes aside.
    pub starts: Vec<(usize, usize)>,
}

impl<'a> Document<'a> {
    /// A document without lines.
    pub fn empty(grammar: &'static dyn Grammar) -> Self {
        Self { grammar, source: "", lines: Vec::new() }
    }

    /// Reads a document, or says all that is wrong with it.
    pub fn parse(grammar: &'static dyn Grammar, text: &'a str) -> Result<Self, Vec<SyntaxError>> {
        let (document, errors) = Self::parse_leniently(grammar, text);
        if errors.is_empty() { Ok(document) } else { Err(errors) }
    }

    /// Reads what can be read, and says what cannot. A bad line counts as a comment.
    pub fn parse_leniently(
        grammar: &'static dyn Grammar,
        text: &'a str,
    ) -> (Self, Vec<SyntaxError>) {
        let (lines, errors) = grammar.lines(text);
        (Self { grammar, source: text, lines }, errors)
    }

    /// The names of all sections, spelled as in the file, also of those without options.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(Line::section)
    }

    /// What the reader acts on besides options, each with its line, counted from 1.
    pub fn directives(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.lines.iter().enumerate();
        let directives = lines.filter(|(_, line)| line.kind == Kind::Directive);
        directives.map(|(index, line)| (index + 1, line.text.trim()))
    }

    /// All options in the order of the file; one that occurs twice comes twice.
    pub fn assignments(&self) -> Vec<Assignment<'_>> {
        let mut found: Vec<Assignment<'_>> = Vec::new();
        let mut section = None;
        let mut section_at = (1, 1);
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(name) = line.section() {
                section = Some(name);
                section_at = (index + 1, line.column(name));
            }
            let Some(option) = line.option() else { continue };
            let lines = &self.lines[index..self.end_of_option(index)];
            let start = |(more, line): (usize, &Line<'_>)| {
                let start = (index + 1 + more, line.column(self.grammar.part(line)));
                (line.kind != Kind::Aside).then_some(start)
            };
            let value = self.grammar.value(lines).into_owned();
            let mut starts: Vec<_> = lines.iter().enumerate().filter_map(start).collect();
            // Line breaks may stand escaped, several lines in one.
            if let Some(last) = starts.last().copied() {
                starts.resize(starts.len().max(1 + value.matches('\n').count()), last);
            }
            found.push(Assignment {
                section,
                option,
                value,
                line: index + 1,
                section_at,
                column: line.column(option),
                starts,
            });
        }
        found
    }

    /// The whole text. Lines that stand together in what was read are copied together.
    pub fn text(&self) -> String {
        // Edits make it a little longer, if anything.
        let mut text = String::with_capacity(self.source.len() + self.source.len() / 8);
        let mut run = 0..0;
        for line in &self.lines {
            match self.place(line) {
                Some(place) if place.start == run.end => run.end = place.end,
                Some(place) => {
                    text.push_str(&self.source[run]);
                    run = place;
                }
                None => {
                    text.push_str(&self.source[std::mem::take(&mut run)]);
                    text.push_str(&line.text);
                    text.push_str(line.end);
                }
            }
        }
        text.push_str(&self.source[run]);
        text
    }

    /// Where a line stands in what was read, its end included.
    fn place(&self, line: &Line<'_>) -> Option<Range<usize>> {
        let Cow::Borrowed(text) = line.text else { return None };
        let start = offset(self.source, text);
        Some(start..start + text.len() + line.end.len())
    }

    /// Behind the last line of the option that starts on this one.
    fn end_of_option(&self, start: usize) -> usize {
        let belongs = |line: &&Line<'_>| matches!(line.kind, Kind::Continuation | Kind::Aside);
        start + 1 + self.lines[start + 1..].iter().take_while(belongs).count()
    }
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
