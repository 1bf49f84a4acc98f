//! Text → lines, by the rules of configparser's strict mode.

use std::collections::BTreeSet;

use super::super::value::{split_lines, strip, strip_end, strip_start};
use super::{HASHED, HASHED_AS_BYTES, Kind, Line, SyntaxError};

/// A part of a line that cannot be read: its column, and why.
type Fault = (usize, &'static str);

/// Takes a text apart. `swift_conf` is whether those read it as well that read `swift.conf`: in
/// lower case, and as Latin-1.
pub(super) fn lines(text: &str, swift_conf: bool) -> (Vec<Line<'_>>, Vec<SyntaxError>) {
    let mut reader = Reader { swift_conf, ..Reader::default() };
    let mut errors = Vec::new();
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (index, (text, end)) in split_lines(text).enumerate() {
        let kind = reader.kind(text, index == 0).unwrap_or_else(|(column, message)| {
            errors.push(SyntaxError { line: index + 1, column, message });
            Kind::Comment
        });
        if kind == Kind::Continuation {
            join(&mut lines);
        }
        lines.push(Line { text: text.into(), end, kind });
    }
    (lines, errors)
}

/// Has what stands between an option and a line that continues it belong to it.
fn join(lines: &mut [Line<'_>]) {
    for line in lines.iter_mut().rev() {
        line.kind = match line.kind {
            Kind::Blank => Kind::Continuation,
            Kind::Comment => Kind::Aside,
            _ => break,
        };
    }
}

#[derive(Default)]
struct Reader<'a> {
    swift_conf: bool,
    /// The section that has begun.
    section: Option<&'a str>,
    /// How far the option is indented that a line may continue; none behind a header.
    option: Option<usize>,
    sections: BTreeSet<&'a str>,
    options: BTreeSet<(&'a str, String)>,
}

impl<'a> Reader<'a> {
    fn kind(&mut self, text: &'a str, first: bool) -> Result<Kind, Fault> {
        if first && text.starts_with('\u{feff}') {
            return Err((
                1,
                "the file starts with a byte order mark; save it as UTF-8 without BOM",
            ));
        }
        let start = text.len() - strip_start(text).len();
        let blanks = text.get(..start).unwrap_or_default();
        let line = Stripped { text: strip(text), start, indent: blanks.chars().count() };
        let kind = self.stripped(&line, text)?;
        if self.swift_conf && !blanks.is_ascii() {
            return Err((
                1,
                "the line starts with a blank that is not ASCII, which Swift takes for text in \
                 swift.conf; indent with spaces",
            ));
        }
        Ok(kind)
    }

    /// `whole` is the line with its blanks.
    fn stripped(&mut self, line: &Stripped<'a>, whole: &'a str) -> Result<Kind, Fault> {
        if line.text.is_empty() {
            Ok(Kind::Blank)
        } else if line.text.starts_with(['#', ';']) {
            Ok(Kind::Comment)
        } else if self.option.is_some_and(|option| line.indent > option) {
            self.check_hashed(line, whole.get(line.start..).unwrap_or_default())?;
            Ok(Kind::Continuation)
        } else if let Some(name) = header(line.text) {
            self.header(line, name)
        } else {
            self.option(line, whole)
        }
    }

    fn header(&mut self, line: &Stripped<'a>, name: &'a str) -> Result<Kind, Fault> {
        self.section = Some(name);
        self.option = None;
        if name != "DEFAULT" && !self.sections.insert(name) {
            return Err((
                line.indent + 1,
                "the section stands in the file already, which configparser refuses; put its \
                 options there",
            ));
        }
        Ok(Kind::Section { name: (line.start + 1, line.start + 1 + name.len()) })
    }

    fn option(&mut self, line: &Stripped<'a>, whole: &'a str) -> Result<Kind, Fault> {
        let first = line.indent + 1;
        let Some(section) = self.section else {
            return Err((first, "a line stands before the first [section]"));
        };
        let before = self.option.replace(line.indent);
        let Some((name, _)) = line.text.split_once(['=', ':']) else {
            self.option = before.map(|_| line.indent);
            let end = line.indent + line.text.chars().count();
            return Err(if line.text.starts_with('[') {
                (end, "a section's line ends with ]")
            } else {
                (end, "neither an option (name = value), nor a [section], nor a # comment")
            });
        };
        let separator = line.start + name.len();
        let name = strip_end(name);
        if name.is_empty() {
            self.option = None;
            return Err((first, "the option's name is missing before the separator"));
        }
        let folded = if self.swift_conf { name.to_lowercase() } else { name.to_owned() };
        if !self.options.insert((section, folded)) {
            return Err((first, self.occurs_twice()));
        }
        for text in [whole.get(line.start..separator), whole.get(separator + 1..)] {
            self.check_hashed(line, text.unwrap_or_default())?;
        }
        let name = (line.start, line.start + name.len());
        Ok(Kind::Option { name, value: (separator + 1, whole.len()) })
    }

    fn occurs_twice(&self) -> &'static str {
        if self.swift_conf {
            "the option stands in its section already, which configparser refuses; names that differ \
             in case only are the same in swift.conf"
        } else {
            "the option stands in its section already, which configparser refuses"
        }
    }

    /// Checks a part of an option in the section that one of its readers takes for Latin-1.
    fn check_hashed(&self, line: &Stripped<'_>, part: &str) -> Result<(), Fault> {
        let hashed = self.swift_conf && self.section == Some(HASHED);
        if hashed && !same_in_latin1(part) {
            return Err((line.indent + 1, HASHED_AS_BYTES));
        }
        Ok(())
    }
}

/// A line without the blanks around it.
struct Stripped<'a> {
    text: &'a str,
    /// Where it starts, in bytes.
    start: usize,
    /// The same in characters, as configparser counts.
    indent: usize,
}

/// The name in a section's header. What stands behind the last bracket does not count.
fn header(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.rsplit_once(']')?;
    if name.is_empty() { None } else { Some(name) }
}

/// Whether a text has the same bytes without the blanks around it, be it UTF-8 or Latin-1.
pub(super) fn same_in_latin1(text: &str) -> bool {
    let blank = |byte: &u8| matches!(byte, 0x09..=0x0d | 0x1c..=0x20 | 0x85 | 0xa0);
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes
        && blank(first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && blank(last)
    {
        bytes = rest;
    }
    bytes == strip(text).as_bytes()
}
