//! The rules of MariaDB's option files, as its `mysys/my_default.c` reads them: groups, options
//! with and without a value, `#` ends a line anywhere outside quotes, `!` has another file read.
//!
//! The reader goes by bytes, and takes a line of more bytes than its buffer has for several. It
//! compares groups without regard to case, and takes `-` and `_` in an option's name for the same.

mod line;
mod value;

use std::borrow::Cow;

use self::line::{LONGEST_LINE, kind, without_end};
use self::value::{EMPTY, ends_with_a0, escape, is_blank, quoted, unescape, unquote};
use super::{Grammar, Kind, Line, SyntaxError, Unwritable};

/// The dialect of MariaDB's `*.cnf`.
#[derive(Clone, Copy, Debug)]
pub struct Mysql;

const TWO_QUOTES: &str = "makes a value begin with two quotes, which say an empty value; what is \
                          nothing but two quotes cannot be said";

impl Grammar for Mysql {
    fn reader(&self) -> &'static str {
        "MariaDB"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        let mut errors = Vec::new();
        let mut lines = Vec::new();
        let mut group = false;
        for (index, text) in text.split_inclusive('\n').enumerate() {
            let (text, end) = without_end(text);
            let kind = kind(text, end, index == 0, group).unwrap_or_else(|(at, message)| {
                let column = 1 + text.get(..at).unwrap_or(text).chars().count();
                errors.push(SyntaxError { line: index + 1, column, message });
                Kind::Comment
            });
            // Even a broken header ends the group before; what follows it is not to blame.
            group |= text.trim_start_matches(is_blank).starts_with('[');
            lines.push(Line { text: text.into(), end, kind });
        }
        (lines, errors)
    }

    fn normal_section<'n>(&self, section: &'n str) -> Cow<'n, str> {
        if section.contains(|c: char| c.is_ascii_uppercase()) {
            section.to_ascii_lowercase().into()
        } else {
            section.into()
        }
    }

    fn is_section(&self, section: &str, normal: &str) -> bool {
        section.eq_ignore_ascii_case(normal)
    }

    fn normal_option<'n>(&self, option: &'n str) -> Cow<'n, str> {
        if option.contains('-') { option.replace('-', "_").into() } else { option.into() }
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        let Some(section) = section else {
            return Err("MariaDB reads no option before the first group; \
                        use role/service/file/GROUP/option, such as mysqld/max_connections"
                .into());
        };
        check_group(section)?;
        check_option(option)
    }

    fn last_counts(&self) -> bool {
        true
    }

    fn repeats(&self) -> bool {
        true
    }

    fn stands_alone(&self) -> bool {
        true
    }

    /// Other blanks may be a part of the value.
    fn strip<'t>(&self, text: &'t str) -> &'t str {
        text.trim_matches([' ', '\t'])
    }

    fn value<'l>(&self, lines: &'l [Line<'_>]) -> Cow<'l, str> {
        let Some(line) = lines.first() else { return Cow::default() };
        match line.kind {
            // Without a separator.
            Kind::Option { name, value } if value.0 == name.1 => Cow::default(),
            _ => match unescape(unquote(line.value())) {
                value if value.is_empty() => EMPTY.into(),
                value => value.into(),
            },
        }
    }

    fn part<'l>(&self, line: &'l Line<'_>) -> &'l str {
        unquote(line.value())
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        if lines.iter().any(|line| line.contains('\0')) {
            return Err(Unwritable::Other(
                "it holds a NUL byte, which MariaDB takes for the end of the line",
            ));
        }
        let escaped: usize = lines.iter().map(|line| escape(line).len() + 2).sum();
        if escaped > LONGEST_LINE {
            return Err(Unwritable::Other(
                "it does not fit into a line of 4094 bytes, and MariaDB reads no longer ones",
            ));
        }
        Ok(())
    }

    /// An option without a value takes no separator either.
    fn write(&self, out: &mut String, prefix: &str, lines: &[String]) {
        let value = lines.join("\n");
        if value.is_empty() {
            let name = prefix.split('=').next().unwrap_or(prefix);
            out.push_str(name.trim_end_matches(is_blank));
        } else {
            out.push_str(prefix);
            out.push_str(&quoted(&value));
        }
    }

    fn push_text(
        &self,
        line: &mut String,
        text: &str,
        variable: Option<&str>,
    ) -> Result<(), String> {
        let begun = !line.is_empty();
        line.push_str(text);
        match variable {
            Some(variable) if begun && line == EMPTY => {
                Err(format!("what ${variable} holds {TWO_QUOTES}"))
            }
            _ => Ok(()),
        }
    }

    fn push_variable(&self, line: &mut String, text: &str) -> Result<(), &'static str> {
        line.push_str(text);
        if !text.is_empty() && line == EMPTY { Err(TWO_QUOTES) } else { Ok(()) }
    }
}

fn check_group(group: &str) -> Result<(), String> {
    let shown = group.escape_debug();
    if group.chars().any(|c| c.is_control() || c == ']') {
        return Err(format!(
            "the group \"{shown}\" holds a line break, a control character or a closing bracket"
        ));
    }
    if group.trim_matches(is_blank) != group || group.is_empty() {
        return Err(format!("the group \"{shown}\" is empty, or starts or ends with a blank"));
    }
    if ends_with_a0(group) {
        return Err(format!(
            "the group \"{shown}\" ends with a character of which MariaDB drops a byte"
        ));
    }
    Ok(())
}

fn check_option(option: &str) -> Result<(), String> {
    let shown = option.escape_debug();
    if option.chars().any(|c| c.is_control() || matches!(c, '=' | '#' | '"' | '\'')) {
        return Err(format!(
            "the option \"{shown}\" holds a line break, a control character, '=', '#' or a quote"
        ));
    }
    if option.trim_matches(is_blank) != option || option.is_empty() {
        return Err(format!("the option \"{shown}\" is empty, or starts or ends with a blank"));
    }
    if ends_with_a0(option) {
        return Err(format!(
            "the option \"{shown}\" ends with a character of which MariaDB drops a byte"
        ));
    }
    if option.starts_with(['-', '_']) {
        return Err(format!(
            "the option \"{shown}\" starts with '-' or '_'; in a file it stands without the dashes \
             of the command line"
        ));
    }
    if option.starts_with([';', '[', '!']) {
        return Err(format!("the option \"{shown}\" starts with ';', '[' or '!'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
