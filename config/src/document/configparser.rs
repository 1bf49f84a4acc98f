//! The rules of Python's configparser, as PasteDeploy and Swift use it: a line that is indented more
//! than its option continues the value, blank lines and comments between them included; no section
//! and no option occurs twice; `%` starts a reference to another option.
//!
//! [`Configparser`] is what PasteDeploy and the readers of `swift.conf` read alike, [`Swift`] what
//! those of Swift's servers and daemons do. They differ in two things. The readers of `swift.conf`
//! do not tell names apart by case, and one of them takes the file for Latin-1. And Swift's servers
//! give `%` its meaning only in a value that holds `%(`.

mod percent;
mod read;

use super::grammar::fill_each;
use super::value::{strip, strip_start};
use super::{Edit, Grammar, Kind, Line, SyntaxError, Unwritable, Value};
use crate::variables::Piece;
use percent::{is_well_formed, refers, refers_to_place};
use read::same_in_latin1;

/// What Swift takes a byte of a letter for, in the section from which it hashes all paths.
const HASHED: &str = "swift-hash";

/// The dialect of PasteDeploy and of `swift.conf`.
#[derive(Clone, Copy, Debug)]
pub struct Configparser;

/// The dialect of Swift's servers and daemons.
#[derive(Clone, Copy, Debug)]
pub struct Swift;

impl Grammar for Configparser {
    fn reader(&self) -> &'static str {
        "configparser"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        read::lines(text, true)
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        check_name(section, option)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn separators(&self) -> &'static [char] {
        &['=', ':']
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        check_lines(lines)?;
        if lines.iter().all(|line| is_well_formed(line)) {
            return Ok(());
        }
        Err(Unwritable::Other(
            "it holds a % that is neither %% nor the start of %(name)s; write %% for a percent sign",
        ))
    }

    fn check_place<'s>(
        &self,
        edit: &Edit<'_>,
        others: &dyn Fn() -> Vec<&'s str>,
    ) -> Result<(), Unwritable> {
        let Edit { section, option, values } = *edit;
        let folded = option.to_lowercase();
        if others().iter().any(|other| other.to_lowercase() == folded) {
            return Err(Unwritable::Other(
                "its section has an option that differs from this one in case only, and swift.conf \
                 is read in lower case; take the name that is there, or delete one of the two keys",
            ));
        }
        let texts = || values.iter().map(Value::text);
        let alike = |text: &String| text.split('\n').all(same_in_latin1);
        if section == Some(HASHED) && !(same_in_latin1(option) && texts().all(|text| alike(&text)))
        {
            return Err(Unwritable::Other(HASHED_AS_BYTES));
        }
        Ok(())
    }

    fn indent<'l>(&self, lines: &'l [Line<'_>], at: usize) -> &'l str {
        indent(lines, at)
    }

    fn indent_more<'p>(&self, prefix: &'p str) -> &'p str {
        blanks(prefix)
    }

    fn other_line(&self, line: &str) -> String {
        other_line(line)
    }

    fn push_text(
        &self,
        line: &mut String,
        text: &str,
        _variable: Option<&str>,
    ) -> Result<(), String> {
        if !is_well_formed(text) {
            return Err("its own text holds a % that is neither %% nor the start of a complete \
                        %(name)s without variables in it; write %% for a percent sign"
                .into());
        }
        line.push_str(text);
        Ok(())
    }

    fn push_variable(&self, line: &mut String, text: &str) -> Result<(), &'static str> {
        line.push_str(&text.replace('%', "%%"));
        Ok(())
    }
}

impl Grammar for Swift {
    fn reader(&self) -> &'static str {
        "Swift"
    }

    fn lines<'a>(&self, text: &'a str) -> (Vec<Line<'a>>, Vec<SyntaxError>) {
        read::lines(text, false)
    }

    fn check_name(&self, section: Option<&str>, option: &str) -> Result<(), String> {
        check_name(section, option)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn separators(&self) -> &'static [char] {
        &['=', ':']
    }

    fn check_value(&self, lines: &[String]) -> Result<(), Unwritable> {
        check_lines(lines)?;
        let refer = lines.iter().any(|line| refers(line));
        if refer && !lines.iter().all(|line| is_well_formed(line)) {
            return Err(Unwritable::Other(
                "it holds %(, so that Swift fills it in, and then each % must be %% or the start \
                 of %(name)s",
            ));
        }
        if lines.iter().any(|line| refers_to_place(line)) {
            return Err(Unwritable::Other(
                "it refers to the place of the file, %(here)s or %(__file__)s, which Swift's \
                 daemons do not know; write the path itself",
            ));
        }
        Ok(())
    }

    fn indent<'l>(&self, lines: &'l [Line<'_>], at: usize) -> &'l str {
        indent(lines, at)
    }

    fn indent_more<'p>(&self, prefix: &'p str) -> &'p str {
        blanks(prefix)
    }

    fn other_line(&self, line: &str) -> String {
        other_line(line)
    }

    /// A value in which the key's own text refers to options is filled in by Swift, and any other is
    /// not: whether a percent sign is to be doubled depends on the whole value.
    fn fill(&self, lines: &[Vec<Piece>]) -> Result<Vec<String>, String> {
        let own = |piece: &Piece| piece.variable.is_none();
        if lines.iter().flatten().any(|piece| own(piece) && refers(&piece.text)) {
            return fill_each(&Configparser, lines);
        }
        let mut filled = fill_each(self, lines)?;
        if filled.iter().any(|line| refers(line)) {
            for line in &mut filled {
                *line = line.replace('%', "%%");
            }
        }
        Ok(filled)
    }
}

/// Why a text cannot stand in the section from which Swift hashes.
const HASHED_AS_BYTES: &str = "Swift reads this section byte by byte, and would drop a part of a \
                               letter at its end; use ASCII";

/// Checks that a section and an option can stand in a file and are read as what they are.
fn check_name(section: Option<&str>, option: &str) -> Result<(), String> {
    let Some(section) = section else {
        return Err("configparser reads no option before the first section; \
                    use role/service/file/DEFAULT/option"
            .into());
    };
    let shown = section.escape_debug();
    if section.chars().any(|c| c.is_control() || c == ']') {
        return Err(format!(
            "the section \"{shown}\" holds a line break, a control character or ']'"
        ));
    }
    if strip(section) != section || section.is_empty() {
        return Err(format!("the section \"{shown}\" is empty, or starts or ends with a blank"));
    }
    let shown = option.escape_debug();
    if option.chars().any(|c| c.is_control() || matches!(c, '=' | ':')) {
        return Err(format!(
            "the option \"{shown}\" holds a line break, a control character, '=' or ':'"
        ));
    }
    if strip(option) != option || option.is_empty() {
        return Err(format!("the option \"{shown}\" is empty, or starts or ends with a blank"));
    }
    if option.starts_with(['#', ';', '[']) {
        return Err(format!("the option \"{shown}\" starts with '#', ';' or '['"));
    }
    Ok(())
}

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

/// A blank line stays one.
fn other_line(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("    {line}") }
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
