//! Keys as data spells them, and what can be wrong with one of them alone.

use std::borrow::Cow;

use super::LARGEST_VALUE;
use crate::binary;
use crate::dialect::Dialect;
use crate::dialects::Dialects;
use crate::document::{Value, check_number, split_values};
use crate::key::{Key, OptionName};
use crate::validate::Code;
use crate::variables::{self, Scope, malformed_at};

/// What is wrong with a value: what kind of mistake, what to say, and where in the value.
pub(super) type Fault = (Code, String, Option<usize>);

/// The key that data would have for what this key means: one spelling for each option.
pub fn normal_key(key: &str, dialects: &Dialects) -> String {
    Key::parse(key).map_or_else(|_| key.to_owned(), |key| normal(key, dialects).to_string())
}

/// One key for each option: oslo.config does not tell `[LVM]` from `[lvm]`.
pub(super) fn normal(key: Key, dialects: &Dialects) -> Key {
    match key {
        Key::Option(file, OptionName { section: Some(section), option }) => {
            let grammar = dialects.of(&file).grammar();
            let normal = grammar.map(|grammar| grammar.key_section(&section).into_owned());
            let section = Some(normal.unwrap_or(section));
            Key::Option(file, OptionName { section, option })
        }
        key => key,
    }
}

/// What can be said of a key and its value without knowing the service's manifest.
pub(super) fn check(key: &Key, value: &str, dialects: &Dialects) -> Result<(), Fault> {
    let dialect = match key {
        Key::Option(file, _) => dialects.of(file),
        _ => Dialect::Text,
    };
    variables::check(value, dialect).map_err(|error| {
        (Code::BadReference, error.to_string(), Some(malformed_at(value, dialect)))
    })?;
    let bad_value = |message: String| (Code::BadValue, message, None);
    if value.len() > LARGEST_VALUE {
        let length = value.len();
        return Err(bad_value(format!(
            "its value has {length} bytes; etcd takes {LARGEST_VALUE} at most"
        )));
    }
    if let Some(at) = value.find('\0') {
        return Err((Code::BadValue, "its value holds a NUL byte".into(), Some(at)));
    }
    if let Key::File(file) = key
        && dialects.of(file) == Dialect::Binary
        && !value.contains('$')
    {
        binary::decode(value).map_err(bad_value)?;
    }
    if let (Some(grammar), Key::Option(_, name)) = (dialect.grammar(), key) {
        grammar
            .check_name(name.section.as_deref(), &name.option)
            .map_err(|message| (Code::BadName, message, None))?;
        let value = with_numbers(value, dialect);
        let values = split_values(&value);
        check_number(grammar, values.len()).map_err(bad_value)?;
        for lines in values {
            Value::from_lines(grammar, lines).map_err(|error| {
                bad_value(format!("its value cannot stand in the file: {error}"))
            })?;
        }
    }
    Ok(())
}

/// A value with a number in the place of each variable, which every reader takes wherever it may
/// stand. What the variables hold is checked when they are filled in.
fn with_numbers(value: &str, dialect: Dialect) -> Cow<'_, str> {
    if !value.contains('$') {
        return value.into();
    }
    let mut scope = Scope::default();
    let names = scope.needed([value]);
    scope.general = names.into_iter().map(|name| (name, "1".to_owned())).collect();
    match scope.pieces(value, dialect) {
        Ok(pieces) => pieces.into_iter().map(|piece| piece.text).collect(),
        Err(_) => value.into(),
    }
}
