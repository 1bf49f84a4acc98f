//! A file in oslo.config's INI dialect that loses nothing: lines as they are, and what they mean.
//!
//! The rules are those of oslo.config's `iniparser.py`: comments only in column 0, continuation
//! lines start with a blank or tab, the first `:` or `=` separates, sections merge, an option may
//! occur any number of times. Printing an unchanged document gives the first bytes back.

mod edit;
mod parse;
mod value;

use std::borrow::Cow;
use std::fmt;

pub use parse::SyntaxError;
pub use value::{Unwritable, Value, join_values, split_values};

/// A file of options, line by line. Lines that nobody edits stay slices of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document<'a> {
    lines: Vec<Line<'a>>,
}

/// One line and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line<'a> {
    /// Without its end.
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
    Section {
        name: (usize, usize),
    },
    /// The value starts behind the separator, blanks included.
    Option {
        name: (usize, usize),
        value_at: usize,
    },
    Continuation,
}

impl Line<'_> {
    /// The section's name, where this is a header.
    fn section(&self) -> Option<&str> {
        match self.kind {
            Kind::Section { name: (start, end) } => Some(&self.text[start..end]),
            _ => None,
        }
    }

    /// The option's name and the start of its value, where this is an option.
    fn option(&self) -> Option<(&str, usize)> {
        match self.kind {
            Kind::Option { name: (start, end), value_at } => {
                Some((&self.text[start..end], value_at))
            }
            _ => None,
        }
    }

    /// The column where a part of this line starts, counted in characters from 1.
    fn column(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        1 + self.text.get(..offset).unwrap_or(&self.text).chars().count()
    }

    /// Whether this is the header of a section, whose name is given in its normal form.
    fn opens(&self, normal: &str) -> Option<bool> {
        self.section().map(|name| is_section(name, normal))
    }
}

/// An option as oslo.config reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// The section, spelled as in the file.
    pub section: &'a str,
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
    /// Reads a document, or says all that is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, Vec<SyntaxError>> {
        let (document, errors) = Self::parse_leniently(text);
        if errors.is_empty() { Ok(document) } else { Err(errors) }
    }

    /// Reads what can be read, and says what cannot. A bad line counts as a comment.
    pub fn parse_leniently(text: &'a str) -> (Self, Vec<SyntaxError>) {
        let (lines, errors) = parse::lines(text);
        (Self { lines }, errors)
    }

    /// The names of all sections, spelled as in the file, also of those without options.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(Line::section)
    }

    /// All options in the order of the file; one that occurs twice comes twice.
    pub fn assignments(&self) -> Vec<Assignment<'_>> {
        let mut found: Vec<Assignment<'_>> = Vec::new();
        let mut section = "";
        let mut section_at = (1, 1);
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(name) = line.section() {
                section = name;
                section_at = (index + 1, line.column(name));
            } else if let Some((option, value_at)) = line.option() {
                let value = value::unquote(&line.text[value_at..]);
                found.push(Assignment {
                    section,
                    option,
                    value: value.to_owned(),
                    line: index + 1,
                    section_at,
                    column: line.column(option),
                    starts: vec![(index + 1, line.column(value))],
                });
            } else if line.kind == Kind::Continuation
                && let Some(last) = found.last_mut()
            {
                let text = value::strip(&line.text);
                last.value.push('\n');
                last.value.push_str(text);
                last.starts.push((index + 1, line.column(text)));
            }
        }
        found
    }
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            f.write_str(&line.text)?;
            f.write_str(line.end)?;
        }
        Ok(())
    }
}

/// The section as oslo.config compares it: in lower case, except `DEFAULT`.
pub fn normal_section(section: &str) -> String {
    if section == "DEFAULT" { section.to_owned() } else { section.to_lowercase() }
}

/// Whether a section is the one of this normal form, without making its own.
fn is_section(section: &str, normal: &str) -> bool {
    section == normal
        || (section != "DEFAULT"
            && if section.is_ascii() {
                section.eq_ignore_ascii_case(normal) && normal != "DEFAULT"
            } else {
                section.to_lowercase() == normal
            })
}

/// Checks that a section and an option can stand in a file and are read as what they are.
///
/// The message says which of the two is wrong and why.
pub fn check_name(section: Option<&str>, option: &str) -> Result<(), String> {
    let Some(section) = section else {
        return Err("oslo.config reads no option before the first section; \
                    use role/service/file/DEFAULT/option"
            .into());
    };
    let shown = section.escape_debug();
    if section.chars().any(|c| c.is_control() || matches!(c, '[' | ']')) {
        return Err(format!(
            "the section \"{shown}\" holds a line break, a control character or a bracket"
        ));
    }
    if value::strip(section) != section || section.is_empty() {
        return Err(format!("the section \"{shown}\" is empty, or starts or ends with a blank"));
    }
    if section != "DEFAULT" && section.eq_ignore_ascii_case("DEFAULT") {
        return Err(format!("oslo.config ignores a section [{shown}]; write DEFAULT"));
    }
    let shown = option.escape_debug();
    if option.chars().any(|c| c.is_control() || matches!(c, '=' | ':')) {
        return Err(format!(
            "the option \"{shown}\" holds a line break, a control character, '=' or ':'"
        ));
    }
    if value::strip(option) != option || option.is_empty() {
        return Err(format!("the option \"{shown}\" is empty, or starts or ends with a blank"));
    }
    if option.starts_with(['#', ';', '[']) {
        return Err(format!("the option \"{shown}\" starts with '#', ';' or '['"));
    }
    Ok(())
}
