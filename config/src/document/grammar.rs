//! What tells one reader of options from another.

use std::borrow::Cow;
use std::fmt;

use super::{Line, SyntaxError, Unwritable, value};

/// The rules of one reader.
pub trait Grammar: Sync + fmt::Debug {
    /// The reader, as messages call it: `oslo.config`.
    fn reader(&self) -> &'static str;

    /// Takes a text apart, and says what the reader would not read: such a line counts as a
    /// comment.
    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>);

    /// A section as the reader compares it.
    fn normal_section<'n>(&self, section: &'n str) -> Cow<'n, str> {
        section.into()
    }

    /// Whether a section is the one of this normal form.
    fn is_section(&self, section: &str, normal: &str) -> bool {
        self.normal_section(section) == normal
    }

    /// An option as the reader compares it.
    fn normal_option<'n>(&self, option: &'n str) -> Cow<'n, str> {
        option.into()
    }

    /// Checks that a section and an option can stand in a file and are read as what they are.
    ///
    /// The message says which of the two is wrong, why, and what to do.
    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String>;

    /// Whether an option may have several values, one for each time that it stands in the file.
    fn repeats(&self) -> bool;

    /// What stands before an option that is in a section; nothing where there are none.
    fn opening(&self) -> &'static str {
        "[section]\n"
    }

    /// The characters of which the first one in a line ends the option's name.
    fn separators(&self) -> &'static [char] {
        &['=']
    }

    /// What the reader makes of the lines of one option: the first one of kind
    /// [`Option`](super::Kind::Option), the others of kind
    /// [`Continuation`](super::Kind::Continuation).
    fn value(&self, lines: &[Line<'_>]) -> String {
        let mut value = String::new();
        for (index, line) in lines.iter().enumerate() {
            value.push_str(if index > 0 { "\n" } else { "" });
            value.push_str(self.part(line));
        }
        value
    }

    /// The part of an option's line that is the value, or of the value, blanks and quotes aside.
    fn part<'l>(&self, line: &'l Line<'_>) -> &'l str {
        value::strip(line.value())
    }

    /// Checks that a value, given by its lines, can stand in a file so that just this is read.
    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable>;

    /// The first line of a value as it stands behind the separator. An empty one takes the blank
    /// before it away, too.
    fn first_line<'l>(&self, line: &'l str) -> Cow<'l, str> {
        line.into()
    }

    /// Another line of a value as it stands in the file.
    fn other_line(&self, line: &str) -> String {
        format!("    {line}")
    }

    /// The option's name and separator up to the value, for a line that begins with `prefix`.
    fn head<'p>(&self, prefix: &'p str, first: &str) -> &'p str {
        if first.is_empty() { value::strip_end(prefix) } else { prefix }
    }

    /// Appends a part of the value's own text. `variable` is the name of the one whose text stands
    /// directly before it. The message never holds the text.
    fn push_text(
        &self,
        line: &mut String,
        text: &str,
        _variable: Option<&str>,
    ) -> Result<(), String> {
        line.push_str(text);
        Ok(())
    }

    /// Appends what a variable holds, so that the reader gets just that text back. The message
    /// says why it cannot, without the text.
    fn push_variable(&self, line: &mut String, text: &str) -> Result<(), &'static str> {
        line.push_str(text);
        Ok(())
    }
}
