//! One value of an option: from what a key holds to the lines of a file.

use memchr::{memchr2, memchr2_iter};
use thiserror::Error;

use super::Grammar;

/// A value that can stand in a file: what its reader reads is just this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// One at least.
    lines: Vec<String>,
}

/// Why a value cannot stand in a file. Never holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unwritable {
    /// A line break inside a line.
    #[error("it holds a carriage return, which {0} takes for the end of the line")]
    CarriageReturn(&'static str),
    /// A blank line ends a value.
    #[error("one of its lines is blank, which ends the value for {0}")]
    BlankLine(&'static str),
    /// Blanks around a continuation line are lost.
    #[error("one of its lines after the first starts or ends with a blank, which {0} drops")]
    Blanks(&'static str),
    /// A value of several lines where there is one.
    #[error("it holds a line break; {0} takes one line only")]
    LineBreak(&'static str),
    /// Characters that end a line or a text, or are passed over.
    #[error("it holds a carriage return or a NUL byte, which {0} does not keep")]
    Lost(&'static str),
    /// Blanks around a value are lost.
    #[error("it starts or ends with a blank, which {0} drops")]
    BlanksAround(&'static str),
    /// Another option would be the same to some of the file's readers.
    #[error(
        "its section has an option that differs from this one in case only, and some of the file's \
         readers take names in lower case; take the name that is there, or delete one of the two keys"
    )]
    Alike,
    /// Something else: a whole sentence.
    #[error("{0}")]
    Other(&'static str),
}

impl Value {
    /// Takes the lines of a value, the first one first. A line without any text is a blank one.
    pub fn from_lines<S: Into<String>>(
        grammar: &dyn Grammar,
        lines: impl IntoIterator<Item = S>,
    ) -> Result<Self, Unwritable> {
        let mut lines: Vec<String> = lines.into_iter().map(Into::into).collect();
        if lines.is_empty() {
            lines.push(String::new());
        }
        grammar.check_value(&lines)?;
        Ok(Self { lines })
    }

    /// The value as one text, its lines joined with `\n`: what the reader reads.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Whether this is the value's text.
    pub(crate) fn is(&self, text: &str) -> bool {
        text.split('\n').eq(self.lines.iter().map(String::as_str))
    }

    /// Appends its lines as they stand in the file, behind a name and a separator and before what
    /// follows on the last one.
    pub(crate) fn write(&self, out: &mut String, grammar: &dyn Grammar, around: (&str, &str)) {
        let (prefix, suffix) = around;
        grammar.write(out, prefix, &self.lines);
        out.push_str(suffix);
    }
}

/// Checks the lines of a value that continues on lines that are indented: none of them may end the
/// value, or lose something, and none holds a line break.
pub(super) fn check_indented(lines: &[String], reader: &'static str) -> Result<(), Unwritable> {
    let continuation = lines.get(1..).unwrap_or_default();
    if lines.iter().any(|line| memchr2(b'\r', b'\n', line.as_bytes()).is_some()) {
        return Err(Unwritable::CarriageReturn(reader));
    }
    if continuation.iter().any(|line| strip(line).is_empty()) {
        return Err(Unwritable::BlankLine(reader));
    }
    if continuation.iter().any(|line| strip(line) != line) {
        return Err(Unwritable::Blanks(reader));
    }
    Ok(())
}

/// Checks a value that stands on one line: nothing in it ends the line, or is lost.
pub(super) fn check_one_line<'l>(
    grammar: &dyn Grammar,
    lines: &'l [String],
) -> Result<&'l str, Unwritable> {
    let [line] = lines else { return Err(Unwritable::LineBreak(grammar.reader())) };
    if line.contains(['\r', '\n', '\0']) {
        return Err(Unwritable::Lost(grammar.reader()));
    }
    if grammar.strip(line) != line {
        return Err(Unwritable::BlanksAround(grammar.reader()));
    }
    Ok(line)
}

/// Checks that an option may have so many values.
pub fn check_number(grammar: &dyn Grammar, values: usize) -> Result<(), String> {
    if values > 1 && !grammar.repeats() {
        let reader = grammar.reader();
        return Err(if grammar.continues() {
            format!(
                "its value has {values} lines, and {reader} takes one value only; indent the lines \
                 that continue it"
            )
        } else {
            format!("its value has {values} lines, and {reader} takes one line only; join them")
        });
    }
    Ok(())
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

/// Puts the values of an option, as its reader reads them, into what its key holds.
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
        if value.split('\n').skip(1).any(|line| strip(line) != line) {
            return Err("a line of a value after its first starts or ends with a blank, which a \
                        key cannot say");
        }
        joined.push_str(&value.replace('\n', "\n    "));
    }
    if values.len() > 1 && values.last().is_some_and(String::is_empty) {
        joined.push('\n');
    }
    Ok(joined)
}

/// About how many lines a text has: those of OpenStack's default files are a little longer.
pub(super) fn usual_lines(text: &str) -> usize {
    2 + text.len() / 32
}

/// Python's universal newlines: `\n`, `\r\n` and a bare `\r` each end a line.
pub(super) fn split_lines(text: &str) -> impl Iterator<Item = (&str, &'static str)> {
    let bytes = text.as_bytes();
    let mut breaks = memchr2_iter(b'\n', b'\r', bytes);
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == bytes.len() {
            return None;
        }
        let stop = breaks.next().unwrap_or(bytes.len());
        let end = match bytes.get(stop) {
            Some(b'\n') => "\n",
            Some(_) if bytes.get(stop + 1) == Some(&b'\n') => {
                breaks.next();
                "\r\n"
            }
            Some(_) => "\r",
            None => "",
        };
        let line = &text[start..stop];
        start = stop + end.len();
        Some((line, end))
    })
}

/// Lines as most readers see them: `\n` and `\r\n` end one, a bare `\r` does not.
pub(super) fn split_at_newlines(text: &str) -> impl Iterator<Item = (&str, &'static str)> {
    text.split_inclusive('\n').map(|line| {
        let end = ["\r\n", "\n"].into_iter().find(|end| line.ends_with(end)).unwrap_or("");
        (&line[..line.len() - end.len()], end)
    })
}

/// Python's `str.strip()`.
pub(super) fn strip(text: &str) -> &str {
    // Most texts have nothing around them.
    if let ([first, ..], [.., last]) = (text.as_bytes(), text.as_bytes())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    text.trim_matches(is_space)
}

/// Python's `str.lstrip()`.
pub(super) fn strip_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
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
        assert!(join_values(&["a\n b".into()]).is_err());
    }
}
