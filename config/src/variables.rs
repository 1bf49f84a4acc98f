//! Variables in values: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME|url}`, `${NAME|json}`.
//!
//! A name holds `A-Z`, `0-9` and `_` and starts with a letter, so that oslo.config's own `$my_ip`
//! and `${group.option}` are nobody's business but oslo's. `$$` passes through as well, and so does
//! `\$` in the `oslo` dialect, where it means the same. A variable comes from `general/`, or else
//! from the agent's environment; one from `general/` may refer to others.

mod filter;
mod lacking;
mod mentions;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use crate::dialect::Dialect;
use filter::Filter;
pub(crate) use filter::is_filter;
pub use filter::json_string;
pub(crate) use mentions::{Mention, malformed_at, mentions};
pub use template::{Malformed, is_name};
use template::{Syntax, Template, Token};

/// Names and what they hold.
pub type Variables = BTreeMap<String, String>;

/// How deep variables may refer to one another.
const DEEPEST: usize = 32;
/// How much text filling in a value may take, in bytes, what is thrown away included.
const LARGEST: usize = 16 << 20;
/// What looking up a variable counts for, in bytes.
const LOOK_UP: usize = 64;

/// Where variables come from.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The entries of `general/`. These may refer to other variables.
    pub general: Variables,
    /// The agent's environment. Taken as it is: what is in there was not written for us.
    pub environment: Variables,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.general.keys()).entries(self.environment.keys()).finish()
    }
}

/// Why a value cannot be filled in. Holds names, never values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VariableError {
    /// Neither `general/` nor the environment has it.
    #[error(
        "unknown variable ${name}{}; set general/{name}, have it in the agent's environment, or, for \
         a literal dollar, put one into general/DOLLAR and write ${{DOLLAR}}{name}",
        used_by(.path)
    )]
    Unknown {
        /// The variable.
        name: String,
        /// The variables on the way to it.
        path: Vec<String>,
    },
    /// A variable that needs itself.
    #[error("the variables go in a circle: ${}", .0.join(" → $"))]
    Circle(Vec<String>),
    /// Variables that refer to variables, too often.
    #[error("the variables refer to one another more than {DEEPEST} deep, from ${0}")]
    TooDeep(String),
    /// More text than any option needs.
    #[error("filling in ${0} takes more than {LARGEST} bytes")]
    TooLarge(String),
    /// A reference that starts like ours and does not go on like one.
    #[error("{problem}{}", used_by(.path))]
    Malformed {
        /// What is wrong with it.
        problem: Malformed,
        /// The variables on the way to it.
        path: Vec<String>,
    },
}

/// On the way through variables that refer to others.
struct Walk {
    /// The variables that are being filled in, the outermost first.
    path: Vec<String>,
    /// What may still be spent, in bytes and look-ups: variables that double each other would
    /// otherwise go on for ever.
    left: usize,
}

impl Walk {
    fn spend(&mut self, cost: usize, name: &str) -> Result<(), VariableError> {
        self.left =
            self.left.checked_sub(cost).ok_or_else(|| VariableError::TooLarge(name.to_owned()))?;
        Ok(())
    }
}

fn used_by(path: &[String]) -> String {
    path.last().map_or_else(String::new, |name| format!(" (in general/{name})"))
}

/// A part of a value after filling in.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// What stands there.
    pub text: String,
    /// The variable it came from; `None` for the value's own text.
    pub variable: Option<String>,
}

impl Scope {
    /// Fills in a value of a file of this dialect.
    pub(crate) fn pieces(&self, text: &str, dialect: Dialect) -> Result<Vec<Piece>, VariableError> {
        let template = parse(text, Syntax::of(dialect), &[])?;
        let mut pieces = Vec::new();
        self.fill(&template, &mut pieces)?;
        Ok(pieces)
    }

    /// Fills in a text that stands in no file: what a variable holds is put in as it is.
    pub fn fill_in(&self, text: &str) -> Result<String, VariableError> {
        let pieces = self.pieces(text, Dialect::Text)?;
        Ok(pieces.into_iter().map(|piece| piece.text).collect())
    }

    fn fill(&self, template: &Template, pieces: &mut Vec<Piece>) -> Result<(), VariableError> {
        let mut walk = Walk { path: Vec::new(), left: LARGEST };
        self.fill_pieces(template, &mut walk, pieces)
    }

    fn fill_pieces(
        &self,
        template: &Template,
        walk: &mut Walk,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), VariableError> {
        for token in &template.tokens {
            match token {
                Token::Text(text) => {
                    pieces.push(Piece { text: text.clone(), variable: None });
                }
                Token::Reference { name, default, filter } => {
                    match (self.lookup(name, walk)?, default) {
                        (Some(text), None) => pieces.push(piece(name, text, *filter)),
                        (Some(text), Some(_)) if !text.is_empty() => {
                            pieces.push(piece(name, text, *filter));
                        }
                        (_, Some(default)) => self.fill_pieces(default, walk, pieces)?,
                        (None, None) => return Err(unknown(name, &[])),
                    }
                }
            }
        }
        Ok(())
    }

    /// What a variable holds, with the variables inside it filled in.
    fn lookup(&self, name: &str, walk: &mut Walk) -> Result<Option<String>, VariableError> {
        if walk.path.iter().any(|earlier| earlier == name) {
            walk.path.push(name.to_owned());
            return Err(VariableError::Circle(walk.path.clone()));
        }
        walk.spend(LOOK_UP, name)?;
        let Some(text) = self.general.get(name) else {
            return Ok(self.environment.get(name).cloned());
        };
        if walk.path.len() == DEEPEST {
            return Err(VariableError::TooDeep(walk.path[0].clone()));
        }
        walk.path.push(name.to_owned());
        let template = parse(text, Syntax::Common, &walk.path)?;
        let mut out = String::new();
        self.fill_text(&template, walk, &mut out)?;
        walk.path.pop();
        Ok(Some(out))
    }

    fn fill_text(
        &self,
        template: &Template,
        walk: &mut Walk,
        out: &mut String,
    ) -> Result<(), VariableError> {
        for token in &template.tokens {
            let before = out.len();
            match token {
                Token::Text(text) => out.push_str(text),
                Token::Reference { name, default, filter } => {
                    match (self.lookup(name, walk)?, default) {
                        (Some(text), None) => out.push_str(&encode(text, *filter)),
                        (Some(text), Some(_)) if !text.is_empty() => {
                            out.push_str(&encode(text, *filter));
                        }
                        (_, Some(default)) => self.fill_text(default, walk, out)?,
                        (None, None) => return Err(unknown(name, &walk.path)),
                    }
                }
            }
            let name = walk.path.first().cloned().unwrap_or_default();
            walk.spend(out.len() - before, &name)?;
        }
        Ok(())
    }

    /// The names that the values refer to, directly or by way of other variables, whether or not
    /// there are such variables.
    pub fn needed<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let mut needed = BTreeSet::new();
        let mut names: Vec<String> = values.into_iter().flat_map(references).collect();
        while let Some(name) = names.pop() {
            if !needed.contains(&name) {
                names.extend(self.general.get(&name).into_iter().flat_map(|v| references(v)));
                needed.insert(name);
            }
        }
        needed
    }

    /// The variables of these names.
    pub fn restrict(&self, names: &BTreeSet<String>) -> Self {
        let only = |variables: &Variables| {
            let pair = |name: &String| Some((name.clone(), variables.get(name)?.clone()));
            names.iter().filter_map(pair).collect()
        };
        Self { general: only(&self.general), environment: only(&self.environment) }
    }

    /// Checks every variable of `general/` for malformed references and circles.
    ///
    /// Unknown ones are no problem here: the agent's environment may have them.
    pub fn check_general(&self) -> Vec<(String, VariableError)> {
        let errors = self.general.keys().filter_map(|name| {
            let error = self.lookup(name, &mut Walk { path: Vec::new(), left: LARGEST }).err()?;
            (!matches!(error, VariableError::Unknown { .. })).then(|| (name.clone(), error))
        });
        errors.collect()
    }
}

/// The names that a value refers to directly. A malformed value counts for what it holds before.
pub fn references(value: &str) -> BTreeSet<String> {
    // `\$NAME` is text in one dialect and a reference in the others, and `\$$NAME` the other way
    // round: a name too many is no harm.
    let mut names = BTreeSet::new();
    if !value.contains('$') {
        return names;
    }
    for syntax in [Syntax::Common, Syntax::Oslo] {
        if let Ok(template) = Template::parse(value, syntax) {
            template.collect_names(&mut names);
        }
    }
    names
}

/// Checks the references of a value in a file of this dialect, without looking them up.
pub fn check(value: &str, dialect: Dialect) -> Result<(), Malformed> {
    if !value.contains('$') {
        return Ok(());
    }
    Template::parse(value, Syntax::of(dialect)).map(|_| ())
}

fn parse(text: &str, syntax: Syntax, path: &[String]) -> Result<Template, VariableError> {
    Template::parse(text, syntax)
        .map_err(|problem| VariableError::Malformed { problem, path: path.to_vec() })
}

fn unknown(name: &str, path: &[String]) -> VariableError {
    VariableError::Unknown { name: name.to_owned(), path: path.to_vec() }
}

fn piece(name: &str, text: String, filter: Option<Filter>) -> Piece {
    Piece { text: encode(text, filter), variable: Some(name.to_owned()) }
}

fn encode(text: String, filter: Option<Filter>) -> String {
    match filter {
        Some(filter) => filter.apply(&text),
        None => text,
    }
}

#[cfg(test)]
mod tests;
