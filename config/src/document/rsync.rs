//! The rules of rsync's daemon: options of all modules before the first `[module]`, names in which
//! case and blanks do not count, comments only on lines of their own, `\` at the end of a line
//! continues a value, `&include` and `&merge` take in other files.

use std::borrow::Cow;
use std::ops::Range;

use super::grammar::first_inside;
use super::value::{check_one_line, split_at_newlines};
use super::{Filled, Grammar, Kind, Line, SyntaxError, Unwritable};

/// The dialect of `rsyncd.conf`.
#[derive(Clone, Copy, Debug)]
pub struct Rsync;

type Fault = (usize, &'static str);

impl Grammar for Rsync {
    fn reader(&self) -> &'static str {
        "rsync"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        lines(text)
    }

    fn normal_section<'n>(&self, section: &'n str) -> Cow<'n, str> {
        normal(section)
    }

    /// Clients ask for a module by its name as it stands in the file, but for blanks in a row.
    fn key_section<'n>(&self, section: &'n str) -> Cow<'n, str> {
        let words: Vec<_> = section.split(is_space).filter(|word| !word.is_empty()).collect();
        words.join(" ").into()
    }

    /// rsync has two options under two names each.
    fn normal_option<'n>(&self, option: &'n str) -> Cow<'n, str> {
        let normal = normal(option);
        match normal.as_ref() {
            "rsyncport" => "port".into(),
            "bindaddress" => "address".into(),
            _ => normal,
        }
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        section.map_or(Ok(()), check_section)?;
        let shown = option.escape_debug();
        if option.chars().any(|c| c.is_control() || c == '=') {
            return Err(format!(
                "the option \"{shown}\" holds a line break, a control character or '='"
            ));
        }
        if is_loose(option) {
            return Err(format!(
                "the option \"{shown}\" is empty, or has a blank at its start or end, or two \
                 blanks in a row"
            ));
        }
        if option.starts_with(['#', ';', '[', '\\', '&', '-']) {
            return Err(format!(
                "rsync reads no option \"{shown}\": it starts with '#', ';', '[', '\\', '&' or '-'"
            ));
        }
        Ok(())
    }

    fn last_counts(&self) -> bool {
        true
    }

    fn repeats(&self) -> bool {
        false
    }

    fn is_commented_name(&self, _name: &str) -> bool {
        true
    }

    /// Behind an `&include`, rsync goes on with the options of all modules.
    fn closes_section(&self, directive: &str) -> bool {
        is_include(directive)
    }

    fn strip<'t>(&self, text: &'t str) -> &'t str {
        text.trim_matches(is_space)
    }

    fn value<'l>(&self, lines: &'l [Line<'_>]) -> Cow<'l, str> {
        let mut value = Joined::default();
        for line in lines {
            value.push(line.value());
        }
        value.text[..value.end].to_owned().into()
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        if check_one_line(self, lines)?.ends_with('\\') {
            return Err(Unwritable::Other(
                "it ends in a backslash, which makes rsync go on with the next line",
            ));
        }
        Ok(())
    }

    fn continues(&self) -> bool {
        false
    }

    /// rsync puts something from its environment in the place of `%NAME%`; nothing can keep it
    /// from doing so.
    fn check_filled(&self, line: &str, variables: &[Filled<'_>]) -> Result<(), String> {
        first_inside(variables, references(line)).map_or(Ok(()), |variable| {
            Err(format!(
                "what ${variable} holds makes a %NAME%, by itself or with what stands beside it, and \
                 rsync would put something from its environment in its place"
            ))
        })
    }
}

fn lines(text: &str) -> (Vec<Line<'_>>, Vec<SyntaxError>) {
    let mut reader = Reader::default();
    let mut errors = Vec::new();
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (index, (text, end)) in split_at_newlines(text).enumerate() {
        let kind = reader.kind(text).unwrap_or_else(|(at, message)| {
            let column = 1 + text[..at].chars().count();
            errors.push(SyntaxError { line: index + 1, column, message });
            Kind::Comment
        });
        lines.push(Line { text: text.into(), end, kind });
    }
    if reader.value.is_some_and(|value| value.continues)
        && let Some(last) = lines.last_mut()
    {
        last.kind = Kind::Comment;
        let column = last.text.trim_end_matches(is_space).chars().count();
        let message = "the file ends in a backslash, which continues its line; take it away";
        errors.push(SyntaxError { line: lines.len(), column, message });
    }
    (lines, errors)
}

#[derive(Default)]
struct Reader {
    /// A module has begun.
    module: bool,
    /// An `&include` stands in this module.
    included: bool,
    /// The value that may go on.
    value: Option<Joined>,
}

impl Reader {
    /// What a line is, or what rsync does not read in it, from which byte on.
    fn kind(&mut self, text: &str) -> Result<Kind, Fault> {
        if let Some(at) = text.find('\0') {
            return Err((at, "rsync reads nothing behind a NUL byte; take it away"));
        }
        if let Some(value) = self.value.as_mut().filter(|value| value.continues) {
            value.push(text);
            return Ok(Kind::Continuation);
        }
        let line = text.trim_start_matches(is_space);
        let start = text.len() - line.len();
        match line.chars().next() {
            None => Ok(Kind::Blank),
            Some('#' | ';') => Ok(Kind::Comment),
            Some('[') => self.section(text, start),
            Some('&') => self.directive(line).map_err(|message| (start, message)),
            Some('\\') => Err((start, "a line starts with a backslash; take it away")),
            Some('\u{feff}') => {
                Err((start, "the file has a byte order mark; save it as UTF-8 without BOM"))
            }
            Some(_) => self.option(text, start),
        }
    }

    fn section(&mut self, text: &str, start: usize) -> Result<Kind, Fault> {
        let inner = &text[start + 1..];
        let Some(length) = inner.find(']') else {
            return Err((text.len(), "the ] behind the module's name is missing on its line"));
        };
        let name = inner[..length].trim_matches(is_space);
        // The first occurrence is the name itself: nothing but blanks stands before it.
        let from = start + 1 + inner.find(name).unwrap_or_default();
        if name.is_empty() {
            return Err((start, "the module has no name"));
        }
        if let Some(at) = name.find('/') {
            return Err((from + at, "a module's name holds no '/'"));
        }
        if normal(name) == "global" {
            return if self.module {
                Err((
                    start,
                    "[global] stands behind a module; put its options before the first \
                             [module]",
                ))
            } else {
                Ok(Kind::Directive)
            };
        }
        self.module = true;
        self.included = false;
        Ok(Kind::Section { name: (from, from + name.len()) })
    }

    fn directive(&mut self, line: &str) -> Result<Kind, &'static str> {
        let (name, path) = line.split_once(['=', ' ', '\t']).unwrap_or((line, ""));
        let known = ["&include", "&merge"].iter().any(|known| name.eq_ignore_ascii_case(known));
        let path = path.trim_matches(is_space);
        let path = path.strip_prefix('=').unwrap_or(path).trim_start_matches(is_space);
        if !known || path.is_empty() || path.ends_with('\\') {
            return Err(
                "rsync's directives are \"&include path\" and \"&merge path\", on one line",
            );
        }
        self.included |= is_include(line);
        Ok(Kind::Directive)
    }

    fn option(&mut self, text: &str, start: usize) -> Result<Kind, Fault> {
        let Some(separator) = text.find('=') else {
            return Err((
                start,
                "neither an option (name = value), nor a [module], nor a # comment",
            ));
        };
        let name = text[start..separator].trim_end_matches(is_space);
        if name.is_empty() {
            return Err((start, "the option's name is missing before the '='"));
        }
        let mut value = Joined::default();
        value.push(&text[separator + 1..]);
        self.value = Some(value);
        if self.module && self.included {
            return Err((
                start,
                "behind an &include, rsync does not always take an option for one \
                                of the module; put the &include behind all options",
            ));
        }
        let value = (separator + 1, text.len());
        Ok(Kind::Option { name: (start, start + name.len()), value })
    }
}

/// A value that is put together line by line.
#[derive(Debug, Default)]
struct Joined {
    text: String,
    /// Where the blanks at the end start.
    end: usize,
    /// The next line belongs to it, too.
    continues: bool,
}

impl Joined {
    /// Adds a line. Blanks at the start are dropped once, those before a backslash are not; the
    /// backslash may even stand on an earlier line, where this one is blank.
    fn push(&mut self, line: &str) {
        let line = if self.continues { line } else { line.trim_start_matches(is_space) };
        for character in line.chars().filter(|c| *c != '\r') {
            self.text.push(character);
            if !is_space(character) {
                self.end = self.text.len();
            }
        }
        let text = self.text.trim_end_matches(is_space);
        self.continues = text.ends_with('\\');
        if self.continues {
            self.end = text.len() - 1;
            self.text.truncate(self.end);
        }
    }
}

fn check_section(section: &str) -> Result<(), String> {
    let shown = section.escape_debug();
    if section.chars().any(|c| c.is_control() || matches!(c, '/' | ']')) {
        return Err(format!(
            "the module \"{shown}\" holds a line break, a control character, '/' or ']'"
        ));
    }
    if is_loose(section) {
        return Err(format!(
            "the module \"{shown}\" is empty, or has a blank at its start or end, or two blanks \
             in a row"
        ));
    }
    if normal(section) == "global" {
        return Err(
            "options for all modules stand in no section; use role/service/file/option".into()
        );
    }
    Ok(())
}

/// Whether rsync would drop a blank of this name.
fn is_loose(name: &str) -> bool {
    name.is_empty() || name.starts_with(' ') || name.ends_with(' ') || name.contains("  ")
}

/// A name as rsync compares it: without blanks and without regard to case.
fn normal(name: &str) -> Cow<'_, str> {
    if name.contains(|c: char| is_space(c) || c.is_ascii_uppercase()) {
        let letters = name.chars().filter(|c| !is_space(*c));
        letters.map(|c| c.to_ascii_lowercase()).collect::<String>().into()
    } else {
        name.into()
    }
}

fn is_include(directive: &str) -> bool {
    let directive = directive.trim_start_matches(is_space).as_bytes();
    directive.get(.."&include".len()).is_some_and(|name| name.eq_ignore_ascii_case(b"&include"))
}

/// Where rsync looks for something in its environment: from a percent sign before a capital letter to
/// the next one, which may begin another where there is no such thing.
fn references(text: &str) -> impl Iterator<Item = Range<usize>> {
    let signs = text.match_indices('%').map(|(at, _)| at);
    let is_one = |(start, _): &(usize, usize)| {
        text.as_bytes().get(start + 1).is_some_and(u8::is_ascii_uppercase)
    };
    signs.clone().zip(signs.skip(1)).filter(is_one).map(|(start, end)| start..end + 1)
}

/// C's `isspace()`.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

#[cfg(test)]
mod tests;
