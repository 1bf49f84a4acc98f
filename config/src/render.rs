//! Default + options + variables → bytes. A pure function.

use std::collections::BTreeMap;
use std::path::Path;

use memchr::memchr2;

use crate::binary;
use crate::dialect::Dialect;
use crate::document::{Document, Edit, Grammar, Unwritable, Value, check_number, split_values};
use crate::key::OptionName;
use crate::layers::{FileConfig, Sourced};
use crate::problem::{Place, Problem, Problems};
use crate::variables::{Piece, Scope};

/// All that a file's bytes depend on, besides its default.
///
/// Equal inputs give equal bytes, so that comparing them tells whether to render at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInputs {
    /// How the file is read.
    pub dialect: Dialect,
    /// What the store holds for it.
    pub config: FileConfig,
    /// The variables that its values need, and no others.
    pub scope: Scope,
}

impl FileInputs {
    /// Takes from the scope just what the file's values need.
    pub fn new(dialect: Dialect, config: FileConfig, scope: &Scope) -> Self {
        let scope = scope.restrict(&scope.needed(config.values()));
        Self { dialect, config, scope }
    }
}

/// The text that an image ships for a file.
#[derive(Clone, Copy, Debug)]
pub struct DefaultFile<'a> {
    /// Where it stands, for messages.
    pub path: &'a Path,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// Renders a file, or says everything that keeps it from being rendered.
///
/// `None` means that the file should not be there: it has neither a default nor keys.
pub fn render(
    inputs: &FileInputs,
    default: Option<DefaultFile<'_>>,
) -> Result<Option<Vec<u8>>, Problems> {
    let FileConfig { whole, options } = &inputs.config;
    if whole.is_none() && options.is_empty() {
        return Ok(default.map(|default| default.bytes.to_vec()));
    }
    match inputs.dialect.grammar() {
        None => render_whole(inputs, default).map(Some),
        Some(grammar) => {
            render_options(inputs, grammar, default).map(|text| Some(text.into_bytes()))
        }
    }
}

/// A file that is one whole: a text, or bytes.
fn render_whole(
    inputs: &FileInputs,
    default: Option<DefaultFile<'_>>,
) -> Result<Vec<u8>, Problems> {
    let mut problems = Problems::default();
    for sourced in inputs.config.options.values() {
        problems.0.push(Problem::key(
            &sourced.key,
            format!("a {} file has no options; put all of it at role/service/file", inputs.dialect),
        ));
    }
    let mut bytes = default.map(|default| default.bytes.to_vec()).unwrap_or_default();
    if let Some(whole) = &inputs.config.whole {
        match fill_whole(inputs.dialect, &whole.value, &inputs.scope) {
            Ok(filled) => bytes = filled,
            Err(message) => problems.0.push(Problem::key(&whole.key, message)),
        }
    }
    problems.or_ok(bytes)
}

fn fill_whole(dialect: Dialect, value: &str, scope: &Scope) -> Result<Vec<u8>, String> {
    let pieces = scope.pieces(value, dialect).map_err(|error| error.to_string())?;
    let text: String = pieces.into_iter().map(|piece| piece.text).collect();
    if dialect == Dialect::Binary { binary::decode(&text) } else { Ok(text.into_bytes()) }
}

fn render_options(
    inputs: &FileInputs,
    grammar: &'static dyn Grammar,
    default: Option<DefaultFile<'_>>,
) -> Result<String, Problems> {
    let mut problems = Problems::default();
    if let Some(whole) = &inputs.config.whole {
        let message = format!(
            "a file of the dialect {} is set option by option, at \
             role/service/file/section/option; to set its whole text, say dialect = \"text\" in \
             the manifest",
            inputs.dialect
        );
        problems.0.push(Problem::key(&whole.key, message));
    }
    let document = problems.take(default_document(grammar, default));
    let mut document = document.unwrap_or_else(|| Document::empty(grammar));
    let (winners, doubles) = winners(grammar, &inputs.config.options);
    problems.0.extend(doubles);
    let mut wanted = Vec::new();
    for (name, sourced) in winners {
        let values = grammar
            .check_name(name.section.as_deref(), &name.option)
            .and_then(|()| values(&sourced.value, inputs.dialect, grammar, &inputs.scope));
        match values {
            Ok((values, used)) => wanted.push((name, sourced, values, used)),
            Err(message) => problems.0.push(Problem::key(&sourced.key, message)),
        }
    }
    let edits: Vec<_> = wanted
        .iter()
        .map(|(name, _, values, _)| Edit {
            section: name.section.as_deref(),
            option: &name.option,
            values,
        })
        .collect();
    for (number, why) in document.set_all(&edits) {
        let (_, sourced, _, used) = &wanted[number];
        problems.0.push(Problem::key(&sourced.key, unwritable(why, used)));
    }
    problems.or_ok(document.text())
}

fn default_document<'a>(
    grammar: &'static dyn Grammar,
    default: Option<DefaultFile<'a>>,
) -> Result<Document<'a>, Problems> {
    let Some(DefaultFile { path, bytes }) = default else {
        return Ok(Document::empty(grammar));
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(Place::not_utf8(path, bytes, error), "the default file is not UTF-8")
    })?;
    Document::parse(grammar, text).map_err(|errors| {
        let at = |line, column| Place::position(path, line, column);
        Problems(
            errors
                .into_iter()
                .map(|e| Problem::new(at(e.line, e.column), format!("in the default file: {e}")))
                .collect(),
        )
    })
}

/// One key for each option, by the reader's idea of what is the same option.
fn winners<'a>(
    grammar: &dyn Grammar,
    options: &'a BTreeMap<OptionName, Sourced>,
) -> (Vec<(&'a OptionName, &'a Sourced)>, Vec<Problem>) {
    let normal = |(name, sourced): (&'a OptionName, &'a Sourced)| {
        let section = name.section.as_deref().map(|section| grammar.normal_section(section));
        ((section, grammar.normal_option(&name.option)), (name, sourced))
    };
    let mut sorted: Vec<_> = options.iter().map(normal).collect();
    // Most are in order already. Those that are the same stay in the order of their keys.
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut problems = Vec::new();
    let mut winners: Vec<(&OptionName, &Sourced)> = Vec::with_capacity(sorted.len());
    for same in sorted.chunk_by(|(one, _), (other, _)| one == other) {
        let mut all = same.iter().map(|(_, winner)| *winner);
        let Some(mut winner) = all.next() else { continue };
        for other in all {
            if other.1.layer == winner.1.layer {
                problems.push(the_same(other.1, winner.1));
            }
            if other.1.layer > winner.1.layer {
                winner = other;
            }
        }
        winners.push(winner);
    }
    (winners, problems)
}

fn the_same(sourced: &Sourced, earlier: &Sourced) -> Problem {
    let message = format!("this is the same option as {}; delete one of the two", earlier.key);
    Problem::key(&sourced.key, message)
}

/// What a key holds, filled in, as the values of an option, and the variables in them. The message
/// never holds the value.
fn values(
    text: &str,
    dialect: Dialect,
    grammar: &dyn Grammar,
    scope: &Scope,
) -> Result<(Vec<Value>, Vec<String>), String> {
    if memchr2(b'$', b'\n', text.as_bytes()).is_none() {
        // The most usual.
        let filled = grammar.fill_plain(text)?;
        let value = Value::from_lines(grammar, [filled]).map_err(|error| unwritable(error, &[]))?;
        return Ok((vec![value], Vec::new()));
    }
    let split = split_values(text);
    check_number(grammar, split.len())?;
    let mut used = Vec::new();
    let mut values = Vec::new();
    for lines in split {
        let mut pieces = Vec::new();
        for line in lines {
            pieces.push(if line.contains('$') {
                scope.pieces(line, dialect).map_err(|error| error.to_string())?
            } else {
                // The most usual, and no template.
                vec![Piece { text: line.to_owned(), variable: None }]
            });
        }
        used.extend(pieces.iter().flatten().filter_map(|piece| piece.variable.clone()));
        let filled = grammar.fill(&pieces)?;
        let value = Value::from_lines(grammar, filled).map_err(|error| unwritable(error, &used))?;
        values.push(value);
    }
    Ok((values, used))
}

fn unwritable(error: Unwritable, used: &[String]) -> String {
    if error == Unwritable::Alike {
        return error.to_string();
    }
    let variables =
        if used.is_empty() { String::new() } else { format!(" (it uses ${})", used.join(", $")) };
    format!("its value cannot stand in the file: {error}{variables}")
}

#[cfg(test)]
mod tests;
