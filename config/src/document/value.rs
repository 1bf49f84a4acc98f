//! One value of an option: from text to the lines of a file, and back.

use thiserror::Error;

/// A value that can stand in a file: what oslo.config reads is just this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    first: String,
    continuation: Vec<String>,
}

/// Why a value cannot stand in a file. Never holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unwritable {
    /// A carriage return ends a line for oslo.config.
    #[error("it holds a carriage return, which oslo.config takes for the end of the line")]
    CarriageReturn,
    /// A blank line ends a value.
    #[error("one of its lines is blank, which ends the value for oslo.config")]
    BlankLine,
    /// Blanks around a continuation line are lost.
    #[error(
        "one of its lines after the first starts or ends with a blank, which oslo.config drops"
    )]
    Blanks,
}

impl Value {
    /// Takes the lines of a value, the first one first. A line without any text is a blank one.
    pub fn from_lines<S: Into<String>>(
        lines: impl IntoIterator<Item = S>,
    ) -> Result<Self, Unwritable> {
        let mut lines = lines.into_iter().map(Into::into);
        let value = Self { first: lines.next().unwrap_or_default(), continuation: lines.collect() };
        let broken = |line: &String| line.contains(['\r', '\n']);
        if broken(&value.first) || value.continuation.iter().any(broken) {
            return Err(Unwritable::CarriageReturn);
        }
        if value.continuation.iter().any(|line| strip(line).is_empty()) {
            return Err(Unwritable::BlankLine);
        }
        if value.continuation.iter().any(|line| strip(line) != line) {
            return Err(Unwritable::Blanks);
        }
        Ok(value)
    }

    /// The value as one text, its lines joined with `\n`: what oslo.config reads.
    pub fn text(&self) -> String {
        let mut text = self.first.clone();
        for line in &self.continuation {
            text.push('\n');
            text.push_str(line);
        }
        text
    }

    /// The first line as it stands in the file, quoted where oslo.config would lose something.
    pub(crate) fn first_line(&self) -> String {
        let first = &self.first;
        if strip(first) != first || unquote(first) != first {
            format!("\"{first}\"")
        } else {
            first.clone()
        }
    }

    /// The other lines as they stand in the file.
    pub(crate) fn other_lines(&self) -> impl Iterator<Item = String> {
        self.continuation.iter().map(|line| format!("    {line}"))
    }
}

/// Splits what a key holds into the values of its option, each as its lines.
///
/// Each line is a value; a line that starts with a blank or a tab continues the one before. A line
/// break at the very end ends the last line and starts no other: `a\n` is one value, as `a` is.
pub fn split_values(text: &str) -> Vec<Vec<&str>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut values: Vec<Vec<&str>> = Vec::new();
    for line in text.split('\n') {
        match values.last_mut() {
            Some(value) if line.starts_with([' ', '\t']) => value.push(strip(line)),
            _ => values.push(vec![line]),
        }
    }
    values
}

/// Puts the values of an option, as oslo.config reads them, into what its key holds.
///
/// The inverse of [`split_values`], where there is one.
pub fn join_values(values: &[String]) -> Result<String, &'static str> {
    let mut joined = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            joined.push('\n');
            if value.starts_with([' ', '\t']) {
                return Err("a value after the first starts with a blank, which in a key \
                            continues the value before");
            }
        }
        joined.push_str(&value.replace('\n', "\n    "));
    }
    if values.len() > 1 && values.last().is_some_and(String::is_empty) {
        joined.push('\n');
    }
    Ok(joined)
}

/// What oslo.config makes of the text after the separator: stripped, and one pair of quotes off.
pub(super) fn unquote(text: &str) -> &str {
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

/// Python's `str.strip()`.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Python's `str.rstrip()`.
pub(super) fn strip_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// Python's `str.isspace()`: Unicode's white space and four separators of ASCII.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_by_line() {
        for (text, values) in [
            ("", vec![vec![""]]),
            ("a", vec![vec!["a"]]),
            ("a\n", vec![vec!["a"]]),
            ("a\nb", vec![vec!["a"], vec!["b"]]),
            ("a\n  b\nc", vec![vec!["a", "b"], vec!["c"]]),
            ("  a", vec![vec!["  a"]]),
            ("a\n\nb", vec![vec!["a"], vec![""], vec!["b"]]),
            ("a\n\n", vec![vec!["a"], vec![""]]),
            ("\n", vec![vec![""]]),
        ] {
            assert_eq!(split_values(text), values, "{text:?}");
        }
    }

    #[test]
    fn values_are_joined_again() {
        for values in [&[""][..], &["a"], &["a", "b"], &["a\nb", "", "c"], &["a", ""], &["", ""]] {
            let values: Vec<_> = values.iter().map(|v| (*v).to_owned()).collect();
            let joined = join_values(&values).unwrap();
            let split: Vec<_> = split_values(&joined).iter().map(|v| v.join("\n")).collect();
            assert_eq!(split, values);
        }
        assert!(join_values(&["a".into(), " b".into()]).is_err());
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
            let value = Value::from_lines([text]).unwrap();
            assert_eq!(value.first_line(), line);
            assert_eq!(unquote(line), text);
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        assert_eq!(Value::from_lines(["a\rb"]), Err(Unwritable::CarriageReturn));
        assert_eq!(Value::from_lines(["a", " b"]), Err(Unwritable::Blanks));
        assert_eq!(Value::from_lines(["a", ""]), Err(Unwritable::BlankLine));
    }
}
