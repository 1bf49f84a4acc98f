//! The rules of Python's configparser, as PasteDeploy and Swift use it: a line that is indented more
//! than its option continues the value, blank lines and comments between them included; no section
//! and no option occurs twice; `%` starts a reference to another option.
//!
//! There are two dialects: [`Configparser::PASTE_DEPLOY`] is what PasteDeploy and the readers of
//! `swift.conf` read alike, [`Configparser::SWIFT`] what those of Swift's servers and daemons do. They
//! differ in two things. The readers of `swift.conf` do not tell names apart by case, and one of them
//! takes the file for Latin-1. And Swift's servers give `%` its meaning only in a value that holds `%(`.

mod percent;
mod read;

use super::grammar::fill_each;
use super::value::{strip, strip_start};
use super::{Edit, Grammar, Kind, Line, SyntaxError, Unwritable, Value, name};
use crate::variables::Piece;
use percent::{is_well_formed, refers};
use read::same_in_latin1;

/// What Swift takes a byte of a letter for, in the section from which it hashes all paths.
const HASHED: &str = "swift-hash";

/// A dialect of configparser's.
#[derive(Clone, Copy, Debug)]
pub struct Configparser {
    /// Whether it is that of Swift's servers and daemons.
    is_swift: bool,
}

impl Configparser {
    /// The dialect of PasteDeploy and of `swift.conf`.
    pub const PASTE_DEPLOY: Self = Self { is_swift: false };

    /// The dialect of Swift's servers and daemons.
    pub const SWIFT: Self = Self { is_swift: true };
}

impl Grammar for Configparser {
    fn reader(&self) -> &'static str {
        if self.is_swift { "Swift" } else { "configparser" }
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        read::lines(text, self.is_also_read_in_lower_case())
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        let no_section = "configparser reads no option before the first section; \
                          use role/service/file/DEFAULT/option";
        let section = section.ok_or(no_section)?;
        name::check_section(section, &[']'], "']'")?;
        name::check_option(option)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn separators(&self) -> &'static [char] {
        &['=', ':']
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        check_lines(lines)?;
        if self.is_swift { percent::check_swift(lines) } else { percent::check(lines) }
    }

    fn check_place(&self, edit: &Edit<'_>) -> Result<(), Unwritable> {
        let hashed = self.is_also_read_in_lower_case() && edit.section == Some(HASHED);
        let texts = || edit.values.iter().map(Value::text);
        let alike = |text: &String| text.split('\n').all(same_in_latin1);
        if hashed && !(same_in_latin1(edit.option) && texts().all(|text| alike(&text))) {
            return Err(Unwritable::Other(HASHED_AS_BYTES));
        }
        Ok(())
    }

    /// `swift.conf` is.
    fn is_also_read_in_lower_case(&self) -> bool {
        !self.is_swift
    }

    fn indent<'l>(&self, lines: &'l [Line<'_>], at: usize) -> &'l str {
        indent(lines, at)
    }

    fn indent_more<'p>(&self, prefix: &'p str) -> &'p str {
        blanks(prefix)
    }

    fn other_line(&self, line: &str) -> String {
        // A blank line stays one.
        if line.is_empty() { String::new() } else { format!("    {line}") }
    }

    /// A value in which the key's own text refers to options is filled in by Swift's servers, and any
    /// other is not: whether a percent sign is to be doubled depends on the whole value.
    fn fill(&self, lines: &[Vec<Piece>]) -> Result<Vec<String>, String> {
        let own = |piece: &Piece| piece.variable.is_none();
        let refers_to_options =
            || lines.iter().flatten().any(|piece| own(piece) && refers(&piece.text));
        if !self.is_swift || refers_to_options() {
            return fill_each(&Self::PASTE_DEPLOY, lines);
        }
        let mut filled = fill_each(self, lines)?;
        if filled.iter().any(|line| refers(line)) {
            for line in &mut filled {
                *line = line.replace('%', "%%");
            }
        }
        Ok(filled)
    }

    fn fill_plain(&self, line: &str) -> Result<String, String> {
        // Only of a whole value is it known what its percent signs are.
        let pieces = [vec![Piece { text: line.to_owned(), variable: None }]];
        Ok(self.fill(&pieces)?.into_iter().collect())
    }

    fn push_text(
        &self,
        line: &mut String,
        text: &str,
        _variable: Option<&str>,
    ) -> Result<(), String> {
        if !self.is_swift && !is_well_formed(text) {
            return Err("its own text holds a % that is neither %% nor the start of a complete \
                        %(name)s without variables in it; write %% for a percent sign"
                .into());
        }
        line.push_str(text);
        Ok(())
    }

    fn push_variable(&self, line: &mut String, text: &str) -> Result<(), &'static str> {
        line.push_str(&if self.is_swift { text.into() } else { text.replace('%', "%%") });
        Ok(())
    }
}

/// Why a text cannot stand in the section from which Swift hashes.
const HASHED_AS_BYTES: &str = "Swift reads this section byte by byte, and would drop a part of a \
                               letter at its end; use ASCII";

/// Checks all of a value but its percent signs.
fn check_lines(lines: &[String]) -> Result<(), Unwritable> {
    if lines.iter().any(|line| line.contains(['\r', '\n'])) {
        return Err(Unwritable::CarriageReturn("configparser"));
    }
    if lines.iter().any(|line| strip(line) != line) {
        return Err(Unwritable::Other(
            "it, or one of its lines, starts or ends with a blank, which configparser drops",
        ));
    }
    let more = lines.get(1..).unwrap_or_default();
    if more.last().is_some_and(String::is_empty) {
        return Err(Unwritable::Other("its last line is blank, which configparser drops"));
    }
    if more.iter().any(|line| line.starts_with(['#', ';'])) {
        return Err(Unwritable::Other(
            "one of its lines after the first starts with # or ;, which makes it a comment",
        ));
    }
    Ok(())
}

/// The blanks of a new option, so that it continues none before it and none behind continues it: as
/// many as the option before it has; behind the section's header, as what follows has.
fn indent<'l>(lines: &'l [Line<'_>], at: usize) -> &'l str {
    let (before, behind) = lines.split_at_checked(at).unwrap_or((lines, &[]));
    let counts = |line: &&Line<'_>| matches!(line.kind, Kind::Section { .. } | Kind::Option { .. });
    let before = before.iter().rev().find(counts);
    let like = before.filter(|line| line.option().is_some());
    like.or_else(|| behind.iter().find(counts)).map_or("", |line| blanks(&line.text))
}

/// The blanks that a line begins with.
fn blanks(line: &str) -> &str {
    let text = strip_start(line);
    line.get(..line.len() - text.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
