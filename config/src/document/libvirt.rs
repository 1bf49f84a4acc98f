//! The rules of libvirt's `virconf.c`, which reads `libvirtd.conf`, `qemu.conf` and their like:
//! `name = value`, where a value is a number, a text in quotes or a list; comments behind `#`
//! anywhere but in a list, which may go over several lines; of several, the first one counts.

mod scan;

use std::borrow::Cow;
use std::ops::Range;

use super::value::split_lines;
use super::{Filled, Grammar, Kind, Line, SyntaxError, Unwritable, name};
use scan::{Quote, Quotes, is_blank, value_end};

/// The dialect of libvirt's daemons.
#[derive(Clone, Copy, Debug)]
pub struct Libvirt;

impl Grammar for Libvirt {
    fn reader(&self) -> &'static str {
        "libvirt"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        lines(text)
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        name::check_no_section(section)?;
        if name_length(option) != option.len() || option.is_empty() {
            return Err(format!(
                "libvirt reads no option \"{}\"; a name is made of letters, digits and '_', and \
                 starts with a letter",
                option.escape_debug()
            ));
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        false
    }

    fn opening(&self) -> &'static str {
        ""
    }

    fn strip<'t>(&self, text: &'t str) -> &'t str {
        text.trim_matches(is_blank)
    }

    /// As it stands in the file, without the blanks around its lines and what follows it.
    fn value<'l>(&self, lines: &'l [Line<'_>]) -> Cow<'l, str> {
        let (text, value) = joined(lines);
        let lines = text[value].split('\n').map(|line| self.strip(line));
        lines.collect::<Vec<_>>().join("\n").into()
    }

    fn behind<'l>(&self, lines: &'l [Line<'_>]) -> &'l str {
        let (text, value) = joined(lines);
        // Without the line break at its end.
        let length = text.len() - value.end - 1;
        let last = lines.last().map_or("", Line::value);
        &last[last.len().saturating_sub(length)..]
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        let text = lines.join("\n");
        if text.contains(['\r', '\0']) {
            return Err(Unwritable::Lost(self.reader()));
        }
        if lines.iter().any(|line| self.strip(line) != line) {
            return Err(Unwritable::Other("one of its lines starts or ends with a blank"));
        }
        let end = value_end(&text, 0).map_err(|(_, why)| Unwritable::Other(why))?;
        if end < text.len() {
            return Err(Unwritable::Other(
                "something follows the number, the text in quotes or the list; a text that holds \
                 a quote stands in quotes of the other kind",
            ));
        }
        Ok(())
    }

    /// In quotes a variable is a part of the text; anywhere else it is a number.
    fn check_filled(&self, line: &str, variables: &[Filled<'_>]) -> Result<(), String> {
        let mut quotes = Quotes::default();
        let mut at = 0;
        for Filled { at: place, variable } in variables {
            quotes.read(&line[at..place.start]);
            let text = &line[place.clone()];
            check_variable(text, quotes.open())
                .map_err(|why| format!("what ${variable} holds {why}"))?;
            quotes.read(text);
            at = place.end;
        }
        Ok(())
    }
}

/// Checks that what a variable holds can stand where this quote is open.
fn check_variable(text: &str, open: Option<Quote>) -> Result<(), &'static str> {
    if text.contains(['\r', '\0']) {
        return Err("has a carriage return or a NUL byte, which libvirt does not keep");
    }
    match open {
        Some(Quote::Single) if text.contains('\'') => Err(
            "has a single quote, which would end the text around it; put the variable in double \
                 quotes",
        ),
        Some(Quote::Double) if text.contains('"') => Err(
            "has a double quote, which would end the text around it; put the variable in single \
                 quotes",
        ),
        Some(Quote::Triple) if text.contains('"') => Err(
            "has a double quote, which could end the text around it; put the variable in single \
                 quotes",
        ),
        None if !text.chars().all(|c| c.is_ascii_digit()) => Err(
            "is no number, or has a line break; libvirt takes a text only in quotes and on one \
                 line",
        ),
        _ => Ok(()),
    }
}

/// The lines of an option from its value on, with a line break behind each, and where in them the
/// value stands.
fn joined(lines: &[Line<'_>]) -> (String, Range<usize>) {
    let [first, more @ ..] = lines else { return (String::new(), 0..0) };
    // What follows the value on the option's own line is left away already where it is one.
    let mut text = format!("{}\n", first.value());
    for line in more {
        text.push_str(&line.text);
        // What follows six quotes tells whether they are an empty text.
        text.push('\n');
    }
    let start = text.len() - text.trim_start_matches(is_blank).len();
    let end = value_end(&text, start).unwrap_or(text.len() - 1);
    (text, start..end)
}

fn lines(text: &str) -> (Vec<Line<'_>>, Vec<SyntaxError>) {
    let mut errors = Vec::new();
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut offset = 0;
    // Where the value of the option before ends, if that is further down.
    let mut value_ends = 0;
    for (index, (line, end)) in split_lines(text).enumerate() {
        let found = if offset < value_ends {
            Ok((Kind::Continuation, value_ends))
        } else {
            statement(text, offset, offset + line.len())
        };
        let kind = match found {
            Ok((kind, ends)) => {
                value_ends = ends;
                kind
            }
            Err((at, message)) => {
                errors.push(error(text, index + 1, offset, at, message));
                Kind::Comment
            }
        };
        lines.push(Line { text: line.into(), end, kind });
        offset += line.len() + end.len();
    }
    (lines, errors)
}

/// An error at a byte of the text, which may be on a later line than the one it came up on.
fn error(text: &str, line: usize, offset: usize, at: usize, message: &'static str) -> SyntaxError {
    let lines: Vec<_> = split_lines(&text[offset..at]).collect();
    let more = lines.iter().filter(|(_, end)| !end.is_empty()).count();
    let last = lines.last().filter(|(_, end)| end.is_empty()).map_or("", |(line, _)| line);
    SyntaxError { line: line + more, column: 1 + last.chars().count(), message }
}

/// What the line between two bytes is, and where the value ends that starts on it; or what libvirt
/// does not read, from which byte of the text on.
fn statement(text: &str, start: usize, end: usize) -> Result<(Kind, usize), (usize, &'static str)> {
    let line = &text[start..end];
    let inner = line.trim_start_matches(is_blank);
    let name_at = line.len() - inner.len();
    if inner.is_empty() {
        return Ok((Kind::Blank, end));
    }
    if inner.starts_with('#') {
        return Ok((Kind::Comment, end));
    }
    if inner.starts_with('\u{feff}') {
        return Err((start, "the file has a byte order mark; save it as UTF-8 without BOM"));
    }
    if inner.starts_with('[') {
        return Err((start + name_at, "libvirt reads no sections; its options stand side by side"));
    }
    let name = (name_at, name_at + name_length(inner));
    let after = line[name.1..].trim_start_matches(is_blank);
    let separator = line.len() - after.len();
    if name.0 == name.1 || !after.starts_with('=') {
        let what = "neither an option (name = value), nor a # comment";
        return Err((start + separator, what));
    }
    let value = after[1..].trim_start_matches(is_blank);
    let value_at = end - value.len();
    if value.is_empty() {
        return Err((value_at, "the value is missing on the option's line"));
    }
    let value_end = value_end(text, value_at)?;
    check_rest(text, value_end)?;
    let value = (separator + 1, value_end.min(end) - start);
    Ok((Kind::Option { name, value }, value_end))
}

/// Checks that nothing but a comment follows a value.
fn check_rest(text: &str, value_end: usize) -> Result<(), (usize, &'static str)> {
    let rest = split_lines(&text[value_end..]).next().map_or("", |(rest, _)| rest);
    let rest = rest.trim_start_matches(is_blank);
    let at = text[value_end..].find(rest).unwrap_or_default() + value_end;
    let (rest, message) = match rest.strip_prefix(';') {
        Some(rest) => {
            (rest.trim_matches(is_blank), "a second option on one line; give it a line of its own")
        }
        None => (
            rest,
            "something follows the value; a text that holds a quote stands in quotes \
                        of the other kind",
        ),
    };
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err((at, message)) }
}

/// How far an option's name goes.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return 0;
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
