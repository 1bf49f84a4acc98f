//! What a line is to MariaDB.

use super::value::{EMPTY, ends_with_a0, is_blank, unescape, unquote};
use crate::document::Kind;

/// So many bytes of a line fit into the reader's buffer.
pub(super) const LONGEST_LINE: usize = 4094;

/// What is wrong with a line, and in which byte.
pub(super) type Fault = (usize, &'static str);

const TOO_LONG: &str = "the line has more than 4094 bytes, and MariaDB would take the rest of it \
                        for another line; shorten it";
const NUL: &str = "MariaDB takes a NUL byte for the end of the line; remove it";
const LAST_BYTE: &str = "MariaDB takes the last byte of this character (A0) for a blank and drops \
                         it; put quotes around a value, and use no such character in a name";

/// The line and its end. The reader ends lines at `\n` only; a carriage return is a blank to it.
pub(super) fn without_end(line: &str) -> (&str, &'static str) {
    if let Some(text) = line.strip_suffix("\r\n") {
        (text, "\r\n")
    } else if let Some(text) = line.strip_suffix('\n') {
        (text, "\n")
    } else {
        (line, "")
    }
}

/// The text up to the blanks that end it; refused where the reader would take a piece of a
/// character for a blank. `at` is where the text stands in its line.
fn trim_end(text: &str, at: usize) -> Result<&str, Fault> {
    let trimmed = text.trim_end_matches(is_blank);
    if ends_with_a0(trimmed) {
        let last = trimmed.chars().next_back().map_or(0, char::len_utf8);
        return Err((at + trimmed.len() - last, LAST_BYTE));
    }
    Ok(trimmed)
}

/// What a line is, whether or not a group has begun, or why the reader would not read it.
pub(super) fn kind(text: &str, end: &str, first: bool, group: bool) -> Result<Kind, Fault> {
    if text.len() > LONGEST_LINE {
        return Err((0, TOO_LONG));
    }
    if first && text.starts_with('\u{feff}') {
        return Err((0, "the file starts with a byte order mark; save it as UTF-8 without BOM"));
    }
    let line = text.trim_start_matches(is_blank);
    let at = text.len() - line.len();
    if line.is_empty() {
        return Ok(Kind::Blank);
    }
    if line.starts_with(['#', ';']) {
        return Ok(Kind::Comment);
    }
    if let Some(at) = text.find('\0') {
        return Err((at, NUL));
    }
    if let Some(inner) = line.strip_prefix('!') {
        return directive(inner, at + 1, end);
    }
    if let Some(inner) = line.strip_prefix('[') {
        return header(inner, at + 1);
    }
    if !group {
        return Err((at, "an option stands before the first [group]"));
    }
    option(line, at)
}

/// A group's header. What follows the bracket is nothing to the reader.
fn header(inner: &str, at: usize) -> Result<Kind, Fault> {
    let Some(end) = inner.find(']') else {
        return Err((at + inner.len(), "a group's name ends with ]"));
    };
    let name = trim_end(inner.get(..end).unwrap_or(inner), at)?;
    if name.is_empty() {
        return Err((at, "the group has no name"));
    }
    Ok(Kind::Section { name: (at, at + name.len()) })
}

/// `!include FILE` and `!includedir FOLDER`; the reader passes over other words.
fn directive(inner: &str, at: usize, end: &str) -> Result<Kind, Fault> {
    let word = inner.trim_start_matches(is_blank);
    let argument = ["includedir", "include"].into_iter().find_map(|keyword| {
        let rest = word.strip_prefix(keyword)?;
        (rest.is_empty() || rest.starts_with(is_blank)).then_some(rest)
    });
    let Some(argument) = argument else { return Ok(Kind::Directive) };
    let start = at + inner.len() - argument.len();
    if trim_end(argument, start)?.is_empty() {
        return Err((start, "the file or folder to read is missing"));
    }
    if end.is_empty() {
        return Err((
            start,
            "on a last line without its end, MariaDB loses the last character of what to read; \
             end the line",
        ));
    }
    Ok(Kind::Directive)
}

fn option(line: &str, at: usize) -> Result<Kind, Fault> {
    let content = line.get(..comment_at(line)).unwrap_or(line);
    let separator = content.find('=');
    let name = trim_end(content.get(..separator.unwrap_or(content.len())).unwrap_or(content), at)?;
    if name.is_empty() {
        return Err((at, "the option's name is missing"));
    }
    let name_end = at + name.len();
    let Some(separator) = separator else {
        return Ok(Kind::Option { name: (at, name_end), value: (name_end, name_end) });
    };
    let behind = content.get(separator + 1..).unwrap_or_default();
    let value = behind.trim_start_matches(is_blank);
    let start = at + content.len() - value.len();
    let value = trim_end(value, start)?;
    if unescape(unquote(value)) == EMPTY {
        return Err((
            start,
            "the value is two quotes, which cannot be told from an empty value; write another",
        ));
    }
    // Where there is no value, one starts right behind the separator.
    let value = if value.is_empty() {
        (at + separator + 1, at + separator + 1)
    } else {
        (start, start + value.len())
    };
    Ok(Kind::Option { name: (at, name_end), value })
}

/// Where a line's comment starts, or its end. A quote may open anywhere, even in a name; only
/// inside quotes does a backslash protect the character behind it.
fn comment_at(line: &str) -> usize {
    let (mut quote, mut escaped) = (None, false);
    for (at, byte) in line.bytes().enumerate() {
        if matches!(byte, b'\'' | b'"') && !escaped {
            match quote {
                None => quote = Some(byte),
                Some(open) if open == byte => quote = None,
                Some(_) => {}
            }
        }
        if quote.is_none() && byte == b'#' {
            return at;
        }
        escaped = quote.is_some() && byte == b'\\' && !escaped;
    }
    line.len()
}
