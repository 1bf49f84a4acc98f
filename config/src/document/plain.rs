//! The rules of cuttlefish, which reads `rabbitmq.conf`: `name = value`, comments behind `#`
//! anywhere, no sections, the last one of several counts, `include` takes in other files.

use super::grammar::first_inside;
use super::value::{check_one_line, split_at_newlines};
use super::{Filled, Grammar, Kind, Line, SyntaxError, Unwritable, name};

/// The dialect of `rabbitmq.conf`.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

type Fault = (usize, &'static str);

impl Grammar for Plain {
    fn reader(&self) -> &'static str {
        "RabbitMQ"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        let mut errors = Vec::new();
        let mut lines = Vec::new();
        for (index, (text, end)) in split_at_newlines(text).enumerate() {
            let kind = kind(text, end.is_empty()).unwrap_or_else(|(at, message)| {
                let column = 1 + text[..at].chars().count();
                errors.push(SyntaxError { line: index + 1, column, message });
                Kind::Comment
            });
            lines.push(Line { text: text.into(), end, kind });
        }
        (lines, errors)
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        name::check_no_section(section)?;
        if name_length(option) != option.len() || option.is_empty() {
            return Err(format!(
                "RabbitMQ reads no option \"{}\"; a name is made of letters, digits, '_' and '-', \
                 in parts with a dot between them; a dot inside a part is written \\.",
                option.escape_debug()
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

    fn opening(&self) -> &'static str {
        ""
    }

    fn strip<'t>(&self, text: &'t str) -> &'t str {
        text.trim_matches(is_blank)
    }

    fn part<'l>(&self, line: &'l Line<'_>) -> &'l str {
        let text = self.strip(line.value());
        quoted(text).unwrap_or(text)
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        let line = check_one_line(self, lines)?;
        let why = if line.is_empty() {
            "it is empty, and RabbitMQ reads no empty value; delete the key"
        } else if line.contains('#') {
            "it holds a '#', which RabbitMQ takes for the start of a comment; keep the value in a \
             file, and say $(<file)"
        } else if line.starts_with('\'') {
            "it starts with a single quote, which RabbitMQ 4 takes off and older ones keep"
        } else {
            return Ok(());
        };
        Err(Unwritable::Other(why))
    }

    fn continues(&self) -> bool {
        false
    }

    /// RabbitMQ puts the value of another option or of its environment in the place of `$(name)`,
    /// and what a file holds in the place of `$(<file)`. Nothing can keep it from doing so.
    fn check_filled(&self, line: &str, variables: &[Filled<'_>]) -> Result<(), String> {
        let places = line.match_indices("$(").map(|(at, text)| at..at + text.len());
        first_inside(variables, places).map_or(Ok(()), |variable| {
            Err(format!(
                "what ${variable} holds makes a dollar before a parenthesis, by itself or with what \
                 stands beside it, and RabbitMQ would put another value in its place"
            ))
        })
    }
}

/// What a line is, or what RabbitMQ does not read in it, from which byte on.
fn kind(text: &str, last: bool) -> Result<Kind, Fault> {
    let start = text.len() - text.trim_start_matches(is_blank).len();
    let line = &text[start..];
    if line.is_empty() {
        return Ok(Kind::Blank);
    }
    if line.starts_with('#') {
        return Ok(Kind::Comment);
    }
    if line.starts_with('\u{feff}') {
        return Err((0, "the file starts with a byte order mark; save it as UTF-8 without BOM"));
    }
    if line.starts_with('[') {
        return Err((start, "RabbitMQ reads no sections; its options stand side by side"));
    }
    let name = (start, start + name_length(line));
    let after = text[name.1..].trim_start_matches(is_blank);
    let separator = text.len() - after.len();
    if after.starts_with('=') && name.1 > name.0 {
        let value = (separator + 1, value_end(text, separator + 1, last)?);
        return Ok(Kind::Option { name, value });
    }
    if is_include(line) {
        return Ok(Kind::Directive);
    }
    if line.contains('=') {
        let at = if name.1 == name.0 { start } else { separator };
        return Err((at, "the option's name holds something that RabbitMQ does not read there"));
    }
    Err((start, "neither an option (name = value), nor an include, nor a # comment"))
}

/// The end of the value that starts behind this byte: that of the line, or where a comment starts.
fn value_end(text: &str, start: usize, last: bool) -> Result<usize, Fault> {
    let value = text[start..].trim_start_matches(is_blank);
    let at = text.len() - value.len();
    if value.is_empty() || value.starts_with('#') {
        return Err((at, "RabbitMQ reads no empty value; comment the line out"));
    }
    if let Some(inner) = value.strip_prefix('\'') {
        let Some(length) = inner.find('\'') else {
            return Err((at, "a value in single quotes does not end on its line"));
        };
        let end = at + 1 + length + 1;
        let rest = text[end..].trim_start_matches(is_blank);
        if !rest.is_empty() && !rest.starts_with('#') {
            return Err((end, "something follows the single quote that ends the value"));
        }
        return Ok(end);
    }
    let end = value.find('#').map_or(text.len(), |length| at + length);
    if last && end == text.len() && text.ends_with([' ', '\t', '\r']) {
        let end = text.trim_end_matches([' ', '\t', '\r']).len();
        return Err((
            end,
            "the file ends in blanks without a line break behind them, and RabbitMQ \
                          takes them for a part of the value; end the line",
        ));
    }
    Ok(end)
}

/// The inside of a value in single quotes, as RabbitMQ 4 reads it.
fn quoted(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains('\'')).then_some(inner)
}

/// How far an option's name goes: words with dots between them.
fn name_length(text: &str) -> usize {
    let mut end = 0;
    loop {
        let word = word_length(&text[end..]);
        if word == 0 {
            // A dot that no word follows is not part of the name.
            return end.saturating_sub(1);
        }
        end += word;
        if !text[end..].starts_with('.') {
            return end;
        }
        end += 1;
    }
}

fn word_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix("\\.") {
            rest = after;
            continue;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let after = rest.trim_start_matches(is_word);
        if after.len() == rest.len() {
            return text.len() - rest.len();
        }
        rest = after;
    }
}

/// `include file`, and nothing else but a comment.
fn is_include(line: &str) -> bool {
    let Some(after) = line.strip_prefix("include") else { return false };
    let file = after.trim_start_matches(is_blank);
    let is_file = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '/');
    let rest = file.trim_start_matches(is_file);
    let comment = rest.is_empty() || rest.trim_start_matches(is_blank).starts_with('#');
    file.len() < after.len() && rest.len() < file.len() && comment
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests;
