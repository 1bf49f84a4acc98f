//! The lines of a value, behind what stands before it.

use std::borrow::Cow;
use std::ops::Range;

use super::super::value::strip_end;
use super::super::{Document, Kind, Line, Unwritable, Value, offset};

impl<'a> Document<'a> {
    /// The lines of an option's values, as the reader takes them; the first one stands between what
    /// is there, the others have a prefix of their own.
    pub(super) fn written(
        &self,
        option: &str,
        values: &[Value],
        prefix: &str,
        suffix: &str,
    ) -> Result<Vec<Line<'a>>, Unwritable> {
        let own = if values.len() > 1 { new_prefix(option) } else { String::new() };
        let mut lines = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let around = if index == 0 { (prefix, suffix) } else { (own.as_str(), "") };
            let more = self.written_once(option, value, around)?;
            if lines.is_empty() {
                lines = more;
            } else {
                lines.extend(more);
            }
        }
        Ok(lines)
    }

    /// The lines of one value, behind what stands before it and before what follows.
    fn written_once(
        &self,
        option: &str,
        value: &Value,
        around: (&str, &str),
    ) -> Result<Vec<Line<'a>>, Unwritable> {
        let opening = self.grammar.opening();
        let mut text = String::with_capacity(opening.len() + USUAL_LENGTH);
        text.push_str(opening);
        value.write(&mut text, self.grammar, around);
        let (mut read, errors) = self.grammar.lines(&text);
        if let Some(error) = errors.first() {
            return Err(Unwritable::Other(error.message));
        }
        if !opening.is_empty() {
            read.drain(..1);
        }
        let [first, continuation @ ..] = read.as_slice() else { return Err(NOT_READ_BACK) };
        let normal = self.grammar.normal_option(option);
        let is_it = first.option().is_some_and(|name| self.grammar.normal_option(name) == normal);
        let is_one = continuation.iter().all(|line| line.kind == Kind::Continuation);
        if !is_it || !is_one || !value.is(&self.grammar.value(&read)) {
            return Err(NOT_READ_BACK);
        }
        let own = |line: Line<'_>| self.line(line.text.into_owned(), line.kind);
        Ok(read.into_iter().map(own).collect())
    }

    /// A new line that ends as the file's lines do.
    pub(super) fn line(&self, text: String, kind: Kind) -> Line<'a> {
        Line { text: text.into(), end: self.usual_end(), kind }
    }

    /// How the file's lines end.
    pub(super) fn usual_end(&self) -> &'static str {
        let end = self.lines.first().map(|line| line.end).filter(|end| !end.is_empty());
        end.unwrap_or("\n")
    }

    /// The name and separator of an option, as they stand, and what follows its value.
    pub(super) fn around_value(&self, place: Range<usize>) -> (String, String) {
        let lines = &self.lines[place];
        let [line, more @ ..] = lines else { return Default::default() };
        let Kind::Option { name, value: (start, end) } = line.kind else {
            return Default::default();
        };
        let text = &line.text;
        let prefix = if start == name.1 {
            // It stands without a separator.
            new_prefix(&text[..start])
        } else {
            self.prefix(text, start, end).into_owned()
        };
        let suffix = if more.is_empty() { &text[end..] } else { self.grammar.behind(lines) };
        let suffix = if strip_end(suffix).is_empty() { "" } else { suffix };
        if !more.is_empty() {
            return (prefix, suffix.to_owned());
        }
        let blanks = if suffix.is_empty() { "" } else { self.end_blanks(&text[start..end]) };
        (prefix, format!("{blanks}{suffix}"))
    }

    /// `#name = default` without its `#` and default.
    pub(super) fn uncommented_prefix<'c>(&self, comment: &'c str) -> Cow<'c, str> {
        let text = comment.trim_start_matches(['#', ' ']);
        let separators = self.grammar.separators();
        match text.bytes().position(|byte| separators.contains(&char::from(byte))) {
            Some(separator) => self.prefix(text, separator + 1, text.len()),
            None => new_prefix(text.trim_end()).into(),
        }
    }

    /// Name and separator up to the value, with a blank after the separator if one has none to
    /// copy.
    fn prefix<'t>(&self, text: &'t str, start: usize, end: usize) -> Cow<'t, str> {
        let value = self.grammar.strip(&text[start..end]);
        if value.is_empty() {
            return format!("{} ", &text[..start]).into();
        }
        text[..offset(text, value)].into()
    }

    /// The blanks between a value and what follows it.
    fn end_blanks<'t>(&self, text: &'t str) -> &'t str {
        let value = self.grammar.strip(text);
        &text[offset(text, value) + value.len()..]
    }
}

/// Of an option's line, in bytes.
const USUAL_LENGTH: usize = 64;

/// Never seen, as long as a grammar keeps its word.
const NOT_READ_BACK: Unwritable = Unwritable::Other("its reader would read something else");

/// The name and the separator of an option that is new.
pub(super) fn new_prefix(option: &str) -> String {
    format!("{option} = ")
}
