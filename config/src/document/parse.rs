//! Text → lines, by the rules of oslo.config's `iniparser.py`.

use thiserror::Error;

use super::value::strip_end;
use super::{Kind, Line, value};

/// A line that oslo.config would not read.
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

pub(super) fn lines(text: &str) -> (Vec<Line<'_>>, Vec<SyntaxError>) {
    let mut reader = Reader { section: false, option: false };
    let mut errors = Vec::new();
    let mut lines = Vec::new();
    for (index, (text, end)) in split(text).enumerate() {
        let kind = reader.kind(text, index == 0).unwrap_or_else(|(column, message)| {
            errors.push(SyntaxError { line: index + 1, column, message });
            Kind::Comment
        });
        reader.option = matches!(kind, Kind::Option { .. } | Kind::Continuation);
        lines.push(Line { text: text.into(), end, kind });
    }
    (lines, errors)
}

/// Python's universal newlines: `\n`, `\r\n` and a bare `\r` each end a line.
fn split(text: &str) -> impl Iterator<Item = (&str, &'static str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, after) = rest.split_at(length);
        let end = ["\r\n", "\n", "\r"].into_iter().find(|end| after.starts_with(end)).unwrap_or("");
        rest = &after[end.len()..];
        Some((line, end))
    })
}

struct Reader {
    /// A section has begun.
    section: bool,
    /// The line before belongs to an option.
    option: bool,
}

impl Reader {
    fn kind(&mut self, text: &str, first: bool) -> Result<Kind, (usize, &'static str)> {
        let line = strip_end(text);
        if first && line.starts_with('\u{feff}') {
            return Err((
                1,
                "the file starts with a byte order mark; save it as UTF-8 without BOM",
            ));
        }
        if line.is_empty() {
            return Ok(Kind::Blank);
        }
        if line.starts_with([' ', '\t']) {
            return if self.option {
                Ok(Kind::Continuation)
            } else {
                Err((1, "an indented line continues an option, and none stands before it"))
            };
        }
        if line.starts_with(['#', ';']) {
            return Ok(Kind::Comment);
        }
        if let Some(inner) = line.strip_prefix('[') {
            // Even a broken header ends the section before; what follows it is not to blame.
            self.section = true;
            let end = line.chars().count();
            return match inner.strip_suffix(']') {
                Some("") => Err((1, "the section has no name")),
                Some(name) => Ok(Kind::Section { name: (1, 1 + name.len()) }),
                None => Err((end, "a section's line ends with ]; a comment needs its own line")),
            };
        }
        self.option(line)
    }

    fn option(&self, line: &str) -> Result<Kind, (usize, &'static str)> {
        let Some(separator) = line.find([':', '=']) else {
            return Err((
                line.chars().count(),
                "neither an option (name = value), nor a [section], nor a # comment",
            ));
        };
        let name = value::strip(&line[..separator]);
        if name.is_empty() {
            return Err((1, "the option's name is missing before the separator"));
        }
        if !self.section {
            return Err((1, "an option stands before the first [section]"));
        }
        // The first separator is behind the name, so what is found is the name itself.
        let start = line.find(name).unwrap_or_default();
        Ok(Kind::Option { name: (start, start + name.len()), value_at: separator + 1 })
    }
}

#[cfg(test)]
mod tests {
    use crate::document::Document;

    fn read(text: &str) -> Vec<(String, String, String)> {
        let document = Document::parse(text).unwrap();
        assert_eq!(document.to_string(), text);
        let own = |a: crate::document::Assignment<'_>| {
            (a.section.to_owned(), a.option.to_owned(), a.value)
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
        let errors = Document::parse(text).unwrap_err();
        let places: Vec<_> = errors.iter().map(|e| (e.line, e.column)).collect();
        assert_eq!(places, [(1, 1), (2, 1), (3, 8), (5, 7), (6, 1), (7, 1), (9, 1), (10, 2)]);
    }

    #[test]
    fn a_comment_or_blank_line_ends_a_value() {
        for text in ["[A]\na = 1\n# c\n  x\n", "[A]\na = 1\n\n  x\n", "[A]\n  x\n"] {
            assert_eq!(Document::parse(text).unwrap_err().len(), 1, "{text:?}");
        }
    }
}
