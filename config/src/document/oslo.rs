//! The rules of oslo.config's `iniparser.py`: comments only in column 0, continuation lines start
//! with a blank or tab, the first `:` or `=` separates, sections merge, an option may occur any
//! number of times.

mod reference;

use std::borrow::Cow;

use super::grammar::fill_each;
use super::value::{check_indented, split_lines, strip, strip_end, strip_start, usual_lines};
use super::{Grammar, Kind, Line, SyntaxError, Unwritable, name};
use crate::variables::Piece;

/// oslo.config's dialect of INI.
#[derive(Clone, Copy, Debug)]
pub struct Oslo;

impl Grammar for Oslo {
    fn reader(&self) -> &'static str {
        "oslo.config"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        lines(text)
    }

    fn normal_section<'n>(&self, section: &'n str) -> Cow<'n, str> {
        normal(section)
    }

    fn is_section(&self, section: &str, normal: &str) -> bool {
        is_section(section, normal)
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        check_name(section, option)
    }

    fn repeats(&self) -> bool {
        true
    }

    fn separators(&self) -> &'static [char] {
        &[':', '=']
    }

    fn part<'l>(&self, line: &'l Line<'_>) -> &'l str {
        if line.kind == Kind::Continuation { strip(&line.text) } else { unquote(line.value()) }
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        check_indented(lines, self.reader())
    }

    /// Quoted where oslo.config would lose something.
    fn first_line<'l>(&self, line: &'l str) -> Cow<'l, str> {
        if strip(line) != line || unquote(line) != line {
            format!("\"{line}\"").into()
        } else {
            line.into()
        }
    }

    fn fill(&self, lines: &[Vec<Piece>]) -> Result<Vec<String>, String> {
        if lines.iter().flatten().all(|piece| piece.variable.is_none()) {
            return fill_each(self, lines);
        }
        let apart: Result<Vec<_>, _> =
            lines.iter().map(|line| reference::kept_apart(line)).collect();
        fill_each(self, &apart?)
    }

    fn push_text(
        &self,
        line: &mut String,
        text: &str,
        variable: Option<&str>,
    ) -> Result<(), String> {
        if let Some(variable) = variable
            && line.ends_with('\\')
            && text.starts_with('$')
        {
            return Err(format!(
                "${variable} ends in a backslash, which oslo.config would take together with the \
                 dollar behind it; put something between the two"
            ));
        }
        line.push_str(text);
        Ok(())
    }

    /// oslo.config reads `$$` and `\$` as one dollar, so that a backslash in front of `$$` would
    /// take the first dollar for itself: there the other escape is the right one.
    fn push_variable(&self, line: &mut String, text: &str) -> Result<(), &'static str> {
        for character in text.chars() {
            if character == '$' {
                line.push(if line.ends_with('\\') { '\\' } else { '$' });
            }
            line.push(character);
        }
        Ok(())
    }
}

fn lines(text: &str) -> (Vec<Line<'_>>, Vec<SyntaxError>) {
    let mut reader = Reader { section: false, option: false };
    let mut errors = Vec::new();
    let mut lines = Vec::with_capacity(usual_lines(text));
    for (index, (text, end)) in split_lines(text).enumerate() {
        if let Some(b'#' | b';') = text.as_bytes().first() {
            // Nearly all lines of a default file, which this is to pass over quickly.
            reader.option = false;
            lines.push(Line { text: text.into(), end, kind: Kind::Comment });
            continue;
        }
        let kind = reader.kind(text, index == 0).unwrap_or_else(|(column, message)| {
            errors.push(SyntaxError { line: index + 1, column, message });
            Kind::Comment
        });
        reader.option = matches!(kind, Kind::Option { .. } | Kind::Continuation);
        lines.push(Line { text: text.into(), end, kind });
    }
    (lines, errors)
}

struct Reader {
    /// A section has begun.
    section: bool,
    /// The line before belongs to an option.
    option: bool,
}

impl Reader {
    /// What a line is that is no comment.
    fn kind(&mut self, text: &str, first: bool) -> Result<Kind, (usize, &'static str)> {
        let line = strip_end(text);
        if first && line.starts_with('\u{feff}') {
            return Err((
                1,
                "the file starts with a byte order mark; save it as UTF-8 without BOM",
            ));
        }
        match line.as_bytes().first() {
            None => Ok(Kind::Blank),
            Some(b' ' | b'\t') if self.option => Ok(Kind::Continuation),
            Some(b' ' | b'\t') => {
                Err((1, "an indented line continues an option, and none stands before it"))
            }
            Some(b'[') => self.header(line),
            Some(_) => self.option(line),
        }
    }

    fn header(&mut self, line: &str) -> Result<Kind, (usize, &'static str)> {
        // Even a broken header ends the section before; what follows it is not to blame.
        self.section = true;
        match line.strip_suffix(']').map(|line| &line[1..]) {
            Some("") => Err((1, "the section has no name")),
            Some(name) => Ok(Kind::Section { name: (1, 1 + name.len()) }),
            None => Err((
                line.chars().count(),
                "a section's line ends with ]; a comment needs its own line",
            )),
        }
    }

    fn option(&self, line: &str) -> Result<Kind, (usize, &'static str)> {
        let Some(separator) = line.find([':', '=']) else {
            return Err((
                line.chars().count(),
                "neither an option (name = value), nor a [section], nor a # comment",
            ));
        };
        let name = strip_start(&line[..separator]);
        let start = separator - name.len();
        let name = strip_end(name);
        if name.is_empty() {
            return Err((1, "the option's name is missing before the separator"));
        }
        if !self.section {
            return Err((1, "an option stands before the first [section]"));
        }
        let name = (start, start + name.len());
        Ok(Kind::Option { name, value: (separator + 1, line.len()) })
    }
}

/// What oslo.config makes of the text after the separator: stripped, and one pair of quotes off.
fn unquote(text: &str) -> &str {
    let text = strip(text);
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return text;
    };
    match text[1..].strip_suffix(quote) {
        Some(inner) => inner,
        // A lone quote is both the first and the last character.
        None if text.len() == 1 => "",
        None => text,
    }
}

/// The section as oslo.config compares it: in lower case, except `DEFAULT`.
pub fn normal_section(section: &str) -> String {
    normal(section).into_owned()
}

/// The same, without a text of its own where there is nothing to change.
fn normal(section: &str) -> Cow<'_, str> {
    let is_normal = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if section == "DEFAULT" || section.bytes().all(is_normal) {
        section.into()
    } else {
        section.to_lowercase().into()
    }
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
    let no_section = "oslo.config reads no option before the first section; \
                      use role/service/file/DEFAULT/option";
    let section = section.ok_or(no_section)?;
    name::check_section(section, &['[', ']'], "a bracket")?;
    if section != "DEFAULT" && section.eq_ignore_ascii_case("DEFAULT") {
        let shown = section.escape_debug();
        return Err(format!("oslo.config ignores a section [{shown}]; write DEFAULT"));
    }
    name::check_option(option)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Assignment, Document, Value};

    fn read(text: &str) -> Vec<(String, String, String)> {
        let document = Document::parse(&Oslo, text).unwrap();
        assert_eq!(document.to_string(), text);
        let own = |a: Assignment<'_>| {
            (a.section.unwrap_or_default().to_owned(), a.option.to_owned(), a.value)
        };
        document.assignments().into_iter().map(own).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = read(&format!("[S]\n{text}"));
        assert_eq!(all.len(), 1, "{all:?}");
        let (_, option, value) = all.remove(0);
        (option, value)
    }

    #[test]
    fn options() {
        for (text, option, value) in [
            ("a = b", "a", "b"),
            ("a=b", "a", "b"),
            ("a: b = c", "a", "b = c"),
            ("a = b: c", "a", "b: c"),
            ("a =", "a", ""),
            ("a b\t=\tc", "a b", "c"),
            ("a = x # no comment", "a", "x # no comment"),
            ("a = \"  x \"", "a", "  x "),
            ("a = 'x'", "a", "x"),
            ("a = \"x'", "a", "\"x'"),
            ("a = \"", "a", ""),
            ("a = \"a\" \"b\"", "a", "a\" \"b"),
            ("a = x\n  y\n\tz", "a", "x\ny\nz"),
            ("a =\n  y", "a", "\ny"),
            ("a = 'x'\n 'y'", "a", "x\n'y'"),
            ("a = x\n # swallowed", "a", "x\n# swallowed"),
            ("a = x\\", "a", "x\\"),
            ("a = \u{a0}x\u{1f}", "a", "x"),
            ("\u{c}a = x", "a", "x"),
            ("a = x\u{2028}y", "a", "x\u{2028}y"),
        ] {
            assert_eq!(one(text), (option.into(), value.into()), "{text:?}");
        }
    }

    #[test]
    fn line_ends_and_sections() {
        let text = "# top\r\n[A]\r\na = 1\r\r\n[b c]\n;x\nk = 1\nk = 2\n[A]  \na = 3";
        let all = read(text);
        let flat: Vec<_> = all.iter().map(|(s, o, v)| format!("{s}.{o}={v}")).collect();
        assert_eq!(flat, ["A.a=1", "b c.k=1", "b c.k=2", "A.a=3"]);
        assert!(read("").is_empty());
        assert!(read("\n\n# x").is_empty());
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let text = "\u{feff}x\nearly = 1\n[A] # no\nfine = 1\nnothing\n[]\n= x\n\n  lost\n[B\n";
        let errors = Document::parse(&Oslo, text).unwrap_err();
        let places: Vec<_> = errors.iter().map(|e| (e.line, e.column)).collect();
        assert_eq!(places, [(1, 1), (2, 1), (3, 8), (5, 7), (6, 1), (7, 1), (9, 1), (10, 2)]);
    }

    #[test]
    fn a_comment_or_blank_line_ends_a_value() {
        for text in ["[A]\na = 1\n# c\n  x\n", "[A]\na = 1\n\n  x\n", "[A]\n  x\n"] {
            assert_eq!(Document::parse(&Oslo, text).unwrap_err().len(), 1, "{text:?}");
        }
    }

    #[test]
    fn quotes_where_they_are_needed() {
        for (text, line) in [
            ("", ""),
            ("x", "x"),
            (" x", "\" x\""),
            ("x\u{a0}", "\"x\u{a0}\""),
            ("\"x\"", "\"\"x\"\""),
            ("\"", "\"\"\""),
            ("'", "\"'\""),
            ("\"x'", "\"x'"),
            ("a\" b", "a\" b"),
            (" ", "\" \""),
        ] {
            let value = Value::from_lines(&Oslo, [text]).unwrap();
            let mut written = String::new();
            value.write(&mut written, &Oslo, ("a = ", " # c"));
            assert_eq!(written, format!("a ={}{line} # c", if line.is_empty() { "" } else { " " }));
            assert_eq!(unquote(line), text);
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        assert_eq!(
            Value::from_lines(&Oslo, ["a\rb"]),
            Err(Unwritable::CarriageReturn("oslo.config"))
        );
        assert_eq!(Value::from_lines(&Oslo, ["a", " b"]), Err(Unwritable::Blanks("oslo.config")));
        assert_eq!(Value::from_lines(&Oslo, ["a", ""]), Err(Unwritable::BlankLine("oslo.config")));
    }
}
