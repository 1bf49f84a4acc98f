//! Where the parts of a key and its value stand in a file.

use std::path::{Path, PathBuf};

use crate::problem::Place;

/// Line and column, both counted from 1; columns count characters.
pub(crate) type Position = (usize, usize);

/// Where the key was read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    File(PathBuf),
    /// In a store, where its parts have no places of their own.
    Store(String),
}

/// The places of a key's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    origin: Origin,
    /// The whole key, where it is written as one; else the same as the name.
    pub(crate) key: Position,
    /// The name of the section, where the key has one.
    pub(crate) section: Position,
    /// The name of the option or the variable, or the start of a text.
    pub(crate) name: Position,
    /// The start of each line of the value, without the blanks that make it continue another.
    pub(crate) lines: Vec<Position>,
}

impl Marks {
    /// Those of a value whose lines start here.
    pub(crate) fn new(
        path: &Path,
        section: Position,
        name: Position,
        lines: Vec<Position>,
    ) -> Self {
        Self { origin: Origin::File(path.to_owned()), key: name, section, name, lines }
    }

    /// Those of a key of a store: wherever something is wrong with it, the key is named.
    pub(crate) fn stored(key: &str) -> Self {
        let at = (1, 1);
        Self {
            origin: Origin::Store(key.to_owned()),
            key: at,
            section: at,
            name: at,
            lines: vec![],
        }
    }

    /// A file that is a value as a whole.
    pub(crate) fn whole(path: &Path, text: &str) -> Self {
        let lines = (1..=text.split('\n').count()).map(|line| (line, 1)).collect();
        Self::new(path, (1, 1), (1, 1), lines)
    }

    /// A place in the file.
    pub(crate) fn place(&self, (line, column): Position) -> Place {
        match &self.origin {
            Origin::File(path) => Place::position(path, line, column),
            Origin::Store(key) => Place::Key(key.clone()),
        }
    }

    /// Where the key stands.
    pub(crate) fn key(&self) -> Place {
        self.place(self.key)
    }

    /// Where the name stands.
    pub(crate) fn name(&self) -> Place {
        self.place(self.name)
    }

    /// Where the section's name stands.
    pub(crate) fn name_of_section(&self) -> Place {
        self.place(self.section)
    }

    /// Where a line of the value starts, counted from 0.
    pub(crate) fn line(&self, index: usize) -> Place {
        self.place(self.lines.get(index).or(self.lines.last()).copied().unwrap_or(self.name))
    }

    /// Where a byte of the value stands. The value is what the key holds.
    pub(crate) fn offset(&self, value: &str, offset: usize) -> Place {
        let before = value.get(..offset).unwrap_or(value);
        let index = before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let blanks = |text: &str| text.chars().take_while(|c| matches!(c, ' ' | '\t')).count();
        let line = value.get(start..).unwrap_or_default();
        // What continues a line is marked behind its blanks; what starts one is marked as it is.
        let indent = if index > 0 && self.indented(index) {
            blanks(line.split('\n').next().unwrap_or_default())
        } else {
            0
        };
        let (number, column) = self.lines.get(index).copied().unwrap_or(self.name);
        let inside = before.get(start..).unwrap_or_default().chars().count();
        self.place((number, column + inside.saturating_sub(indent)))
    }

    /// Whether a line stands somewhere behind the start of the file's line.
    fn indented(&self, index: usize) -> bool {
        self.lines.get(index).is_some_and(|(_, column)| *column > 1)
    }
}
