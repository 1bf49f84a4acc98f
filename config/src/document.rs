//! A file in oslo.config's INI dialect that loses nothing: lines as they are, and what they mean.
//!
//! The rules are those of oslo.config's `iniparser.py`: comments only in column 0, continuation
//! lines start with a blank or tab, the first `:` or `=` separates, sections merge, an option may
//! occur any number of times. Printing an unchanged document gives the first bytes back.

mod edit;
mod parse;
mod value;

use std::fmt;

pub use parse::SyntaxError;
pub use value::{Unwritable, Value, join_values, split_values};

/// A file of options, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    lines: Vec<Line>,
}

/// One line and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// Without its end.
    text: String,
    /// `\n`, `\r\n`, `\r`, or nothing at the end of the file.
    end: &'static str,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Blank,
    Comment,
    Section(String),
    /// An option; its value starts at this byte of the line, blanks included.
    Option {
        name: String,
        value_at: usize,
    },
    Continuation,
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
}

impl Document {
    /// Reads a document, or says all that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<SyntaxError>> {
        let (document, errors) = Self::parse_leniently(text);
        if errors.is_empty() { Ok(document) } else { Err(errors) }
    }

    /// Reads what can be read, and says what cannot. A bad line counts as a comment.
    pub fn parse_leniently(text: &str) -> (Self, Vec<SyntaxError>) {
        let (lines, errors) = parse::lines(text);
        (Self { lines }, errors)
    }

    /// All options in the order of the file; one that occurs twice comes twice.
    pub fn assignments(&self) -> Vec<Assignment<'_>> {
        let mut found: Vec<Assignment<'_>> = Vec::new();
        let mut section = "";
        for (index, line) in self.lines.iter().enumerate() {
            match &line.kind {
                Kind::Section(name) => section = name,
                Kind::Option { name, value_at } => found.push(Assignment {
                    section,
                    option: name,
                    value: value::unquote(&line.text[*value_at..]).to_owned(),
                    line: index + 1,
                }),
                Kind::Continuation => {
                    if let Some(last) = found.last_mut() {
                        last.value.push('\n');
                        last.value.push_str(value::strip(&line.text));
                    }
                }
                Kind::Blank | Kind::Comment => {}
            }
        }
        found
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| write!(f, "{}{}", line.text, line.end))
    }
}

/// The section as oslo.config compares it: in lower case, except `DEFAULT`.
pub fn normal_section(section: &str) -> String {
    if section == "DEFAULT" { section.to_owned() } else { section.to_lowercase() }
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
