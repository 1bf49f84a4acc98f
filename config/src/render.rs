//! Default + options + variables → bytes. A pure function.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dialect::Dialect;
use crate::document::{Document, Value, check_name, normal_section, split_values};
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
    match inputs.dialect {
        Dialect::Oslo => oslo(inputs, default).map(|text| Some(text.into_bytes())),
        Dialect::Text => text(inputs, default).map(Some),
        other => {
            let problem = |sourced: &Sourced| {
                Problem::key(
                    &sourced.key,
                    format!(
                        "files in the {other} dialect are not written yet; \
                     the file's whole text can be set where its manifest says dialect = \"text\""
                    ),
                )
            };
            Problems(whole.iter().chain(options.values()).map(problem).collect()).or_ok(None)
        }
    }
}

fn text(inputs: &FileInputs, default: Option<DefaultFile<'_>>) -> Result<Vec<u8>, Problems> {
    let mut problems = Problems::default();
    for sourced in inputs.config.options.values() {
        problems.0.push(Problem::key(
            &sourced.key,
            "a text file has no options; put its whole text at role/service/file",
        ));
    }
    let mut bytes = default.map(|default| default.bytes.to_vec()).unwrap_or_default();
    if let Some(whole) = &inputs.config.whole {
        match inputs.scope.pieces(&whole.value, Dialect::Text) {
            Ok(pieces) => bytes = pieces.into_iter().flat_map(|p| p.text.into_bytes()).collect(),
            Err(error) => problems.0.push(Problem::key(&whole.key, error)),
        }
    }
    problems.or_ok(bytes)
}

fn oslo(inputs: &FileInputs, default: Option<DefaultFile<'_>>) -> Result<String, Problems> {
    let mut problems = Problems::default();
    if let Some(whole) = &inputs.config.whole {
        problems.0.push(Problem::key(
            &whole.key,
            "an oslo file is set option by option, at role/service/file/section/option; \
             to set its whole text, say dialect = \"text\" in the manifest",
        ));
    }
    let mut document = problems.take(default_document(default)).unwrap_or_default();
    let (winners, doubles) = winners(&inputs.config.options);
    problems.0.extend(doubles);
    for (name, sourced) in winners {
        if let Err(message) = check_name(name.section.as_deref(), &name.option) {
            problems.0.push(Problem::key(&sourced.key, message));
            continue;
        }
        match oslo_values(&sourced.value, &inputs.scope) {
            Ok(values) => {
                document.set(name.section.as_deref().unwrap_or_default(), &name.option, &values);
            }
            Err(message) => problems.0.push(Problem::key(&sourced.key, message)),
        }
    }
    problems.or_ok(document.to_string())
}

fn default_document(default: Option<DefaultFile<'_>>) -> Result<Document<'_>, Problems> {
    let Some(DefaultFile { path, bytes }) = default else {
        return Ok(Document::default());
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(Place::not_utf8(path, bytes, error), "the default file is not UTF-8")
    })?;
    Document::parse(text).map_err(|errors| {
        let at = |line, column| Place::position(path, line, column);
        Problems(
            errors
                .into_iter()
                .map(|e| Problem::new(at(e.line, e.column), format!("in the default file: {e}")))
                .collect(),
        )
    })
}

/// One key for each option, by oslo.config's idea of what is the same option.
fn winners(
    options: &BTreeMap<OptionName, Sourced>,
) -> (Vec<(&OptionName, &Sourced)>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut winners: BTreeMap<(Option<String>, &str), (&OptionName, &Sourced)> = BTreeMap::new();
    for (name, sourced) in options {
        let same = (name.section.as_deref().map(normal_section), name.option.as_str());
        match winners.get(&same) {
            Some((_, earlier)) if earlier.layer == sourced.layer => {
                problems.push(Problem::key(
                    &sourced.key,
                    format!("this is the same option as {}; delete one of the two", earlier.key),
                ));
            }
            Some((_, earlier)) if earlier.layer > sourced.layer => {}
            _ => {
                winners.insert(same, (name, sourced));
            }
        }
    }
    (winners.into_values().collect(), problems)
}

/// What a key holds, filled in, as the values of an option. The message never holds the value.
fn oslo_values(text: &str, scope: &Scope) -> Result<Vec<Value>, String> {
    split_values(text).into_iter().map(|lines| oslo_value(&lines, scope)).collect()
}

fn oslo_value(lines: &[&str], scope: &Scope) -> Result<Value, String> {
    let mut filled = Vec::new();
    let mut used = Vec::new();
    for line in lines {
        let pieces = scope.pieces(line, Dialect::Oslo).map_err(|error| error.to_string())?;
        used.extend(pieces.iter().filter_map(|piece| piece.variable.clone()));
        filled.extend(oslo_lines(&pieces)?);
    }
    Value::from_lines(filled).map_err(|error| {
        let variables = if used.is_empty() {
            String::new()
        } else {
            format!(" (it uses ${})", used.join(", $"))
        };
        format!("its value cannot stand in an oslo file: {error}{variables}")
    })
}

/// Puts the pieces of one line together. A variable may hold several lines: they continue the
/// value, since what a variable holds is data and starts no option of its own.
fn oslo_lines(pieces: &[Piece]) -> Result<Vec<String>, String> {
    let mut lines = vec![String::new()];
    let mut after_variable = None;
    for piece in pieces {
        let Some(line) = lines.last_mut() else { break };
        let Some(variable) = &piece.variable else {
            if let Some(before) = after_variable.take()
                && line.ends_with('\\')
                && piece.text.starts_with('$')
            {
                return Err(format!(
                    "${before} ends in a backslash, which oslo.config would take together with the \
                     dollar behind it; put something between the two"
                ));
            }
            line.push_str(&piece.text);
            continue;
        };
        for (index, part) in piece.text.split('\n').enumerate() {
            if index > 0 {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                Dialect::Oslo.push_escaped(line, part);
            }
        }
        after_variable = Some(variable);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests;
