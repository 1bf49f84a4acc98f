//! What tells one reader of options from another.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::{Edit, Kind, Line, SyntaxError, Unwritable, value};
use crate::variables::Piece;

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

    /// A section as keys have it, so that the store has one key for each option: what is written
    /// where the file has no such section yet.
    fn key_section<'n>(&self, section: &'n str) -> Cow<'n, str> {
        self.normal_section(section)
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

    /// Whether a value may go on on lines of its own.
    fn continues(&self) -> bool {
        true
    }

    /// Whether of an option that stands several times the last one counts, wherever the others are.
    /// Then it is the one that is kept.
    fn last_counts(&self) -> bool {
        false
    }

    /// What stands before an option that is in a section; nothing where there are none.
    fn opening(&self) -> &'static str {
        "[section]\n"
    }

    /// The characters of which the first one in a line ends the option's name.
    fn separators(&self) -> &'static [char] {
        &['=']
    }

    /// Whether an option may stand without a separator and a value.
    fn stands_alone(&self) -> bool {
        false
    }

    /// Whether an option may have this name, where a comment has it before a separator.
    fn is_commented_name(&self, name: &str) -> bool {
        !name.contains(char::is_whitespace)
    }

    /// Whether an option that stands behind a directive, given by its line, is no more in the
    /// section before it.
    fn closes_section(&self, _directive: &str) -> bool {
        false
    }

    /// Takes away what the reader takes away around a value.
    fn strip<'t>(&self, text: &'t str) -> &'t str {
        value::strip(text)
    }

    /// What the reader makes of the lines of one option: the first one of kind
    /// `Option`, the others of kind `Continuation` or `Aside`.
    fn value<'l>(&self, lines: &'l [Line<'_>]) -> Cow<'l, str> {
        if let [line] = lines {
            return self.part(line).into();
        }
        let mut value = String::new();
        let said = lines.iter().filter(|line| line.kind != Kind::Aside);
        for (index, line) in said.enumerate() {
            value.push_str(if index > 0 { "\n" } else { "" });
            value.push_str(self.part(line));
        }
        value.into()
    }

    /// The part of an option's line that is the value, or of the value, blanks and quotes aside.
    fn part<'l>(&self, line: &'l Line<'_>) -> &'l str {
        self.strip(line.value())
    }

    /// What stands behind a value on its last line, where the value takes several.
    fn behind<'l>(&self, _lines: &'l [Line<'_>]) -> &'l str {
        ""
    }

    /// Checks that a value, given by its lines, can stand in a file so that just this is read.
    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable>;

    /// Checks what depends on where a value is to stand.
    fn check_place(&self, _edit: &Edit<'_>) -> Result<(), Unwritable> {
        Ok(())
    }

    /// Whether some of its readers take names in lower case, so that no two options of a section may
    /// differ in case only.
    fn is_also_read_in_lower_case(&self) -> bool {
        false
    }

    /// The blanks that an option begins with which is new at this line.
    fn indent<'l>(&self, _lines: &'l [Line<'_>], _at: usize) -> &'l str {
        ""
    }

    /// The blanks that the other lines of a value begin with besides their own, where its first one
    /// begins with `prefix`.
    fn indent_more<'p>(&self, _prefix: &'p str) -> &'p str {
        ""
    }

    /// Appends a value, given by its lines, as it stands in the file behind an option's name and
    /// separator.
    fn write(&self, out: &mut String, prefix: &str, lines: &[String]) {
        let mut lines = lines.iter();
        let first = lines.next().map(|line| self.first_line(line)).unwrap_or_default();
        out.push_str(self.head(prefix, &first));
        out.push_str(&first);
        for line in lines {
            out.push('\n');
            out.push_str(self.indent_more(prefix));
            out.push_str(&self.other_line(line));
        }
    }

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

    /// Puts the pieces of a value together, given for each line of the key. The message never holds
    /// the text.
    fn fill(&self, lines: &[Vec<Piece>]) -> Result<Vec<String>, String> {
        fill_each(self, lines)
    }

    /// The same for a value of one line that refers to no variable, as nearly all do.
    fn fill_plain(&self, line: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(line.len());
        self.push_text(&mut filled, line, None)?;
        Ok(filled)
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

    /// Checks that what variables hold, given by its places in a line, stays data to the reader. The
    /// message never holds the text.
    fn check_filled(&self, _line: &str, _variables: &[Filled<'_>]) -> Result<(), String> {
        Ok(())
    }
}

/// Where what a variable holds stands in a line; some of it, where it goes over several.
#[derive(Clone, Debug)]
pub struct Filled<'v> {
    /// The bytes.
    pub at: Range<usize>,
    /// The variable.
    pub variable: &'v str,
}

/// The first variable that holds some of one of these places, which are in their order.
pub(super) fn first_inside<'v>(
    variables: &[Filled<'v>],
    places: impl Iterator<Item = Range<usize>>,
) -> Option<&'v str> {
    let mut left = variables.iter().filter(|found| !found.at.is_empty()).peekable();
    for place in places {
        while left.next_if(|found| found.at.end <= place.start).is_some() {}
        if let Some(found) = left.peek().filter(|found| found.at.start < place.end) {
            return Some(found.variable);
        }
    }
    None
}

/// Puts the pieces of a value together, one after the other. A variable may hold several lines: they
/// continue the value, since what a variable holds is data and starts no option of its own.
pub(super) fn fill_each<G: Grammar + ?Sized>(
    grammar: &G,
    lines: &[Vec<Piece>],
) -> Result<Vec<String>, String> {
    let mut filled = Vec::new();
    for pieces in lines {
        filled.extend(fill_line(grammar, pieces)?);
    }
    Ok(filled)
}

fn fill_line<G: Grammar + ?Sized>(grammar: &G, pieces: &[Piece]) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut variables = Vec::new();
    let mut after_variable = None;
    for piece in pieces {
        let Some(variable) = piece.variable.as_deref() else {
            grammar.push_text(&mut line, &piece.text, after_variable.take())?;
            continue;
        };
        for (index, part) in piece.text.split('\n').enumerate() {
            if index > 0 {
                grammar.check_filled(&line, &variables)?;
                variables.clear();
                lines.push(std::mem::take(&mut line));
            }
            let start = line.len();
            grammar
                .push_variable(&mut line, part)
                .map_err(|why| format!("what ${variable} holds {why}"))?;
            variables.push(Filled { at: start..line.len(), variable });
        }
        after_variable = Some(variable);
    }
    grammar.check_filled(&line, &variables)?;
    lines.push(line);
    Ok(lines)
}
