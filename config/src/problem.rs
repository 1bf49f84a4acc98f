//! What is wrong, where it stands, and what to do about it.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where a problem stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file. Lines and columns count from 1; columns count characters.
    File {
        /// The file, as the user named it.
        path: PathBuf,
        /// The line, where one is to blame.
        line: Option<usize>,
        /// The column, where one is to blame.
        column: Option<usize>,
    },
    /// In a key of the store.
    Key(String),
}

impl Place {
    /// A file as a whole.
    pub fn file(path: &Path) -> Self {
        Self::File { path: path.to_owned(), line: None, column: None }
    }

    /// A position in a file, both parts counted from 1.
    pub fn position(path: &Path, line: usize, column: usize) -> Self {
        Self::File { path: path.to_owned(), line: Some(line), column: Some(column) }
    }

    /// The line of a file where its text stops being UTF-8.
    pub fn not_utf8(path: &Path, bytes: &[u8], error: std::str::Utf8Error) -> Self {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Self::File { path: path.to_owned(), line: Some(line), column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => {
                shown(&path.display().to_string(), f)?;
                for number in [line, column].into_iter().flatten() {
                    write!(f, ":{number}")?;
                }
                Ok(())
            }
            // A key may hold anything; a message stays on one line whatever it holds.
            Self::Key(key) => write!(f, "{}", key.escape_debug()),
        }
    }
}

/// A path as people know it, without what would move the cursor of a terminal.
fn shown(path: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    path.chars().try_for_each(|character| {
        if character.is_control() {
            write!(f, "{}", character.escape_debug())
        } else {
            f.write_char(character)
        }
    })
}

/// One thing that is wrong. The message never holds a value, since any may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: Place, message: impl fmt::Display) -> Self {
        Self { place, message: message.to_string() }
    }

    /// A problem with a key of the store.
    pub fn key(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(Place::Key(key.into()), message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All problems that were found, in the order of their places; never empty where it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `Ok(value)` where nothing was found.
    pub fn or_ok<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        self.0.dedup();
        Err(self)
    }

    /// Keeps the value of a result, or its problems.
    pub fn take<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|more| self.0.extend(more.0)).ok()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_on_its_line() {
        let place = Place::position(Path::new("r/s/é\n\u{1b}[31m.conf"), 1, 2);
        assert_eq!(place.to_string(), "r/s/é\\n\\u{1b}[31m.conf:1:2");
        assert_eq!(Place::Key("r/\n".into()).to_string(), "r/\\n");
    }
}
