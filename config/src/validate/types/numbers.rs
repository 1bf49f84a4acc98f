//! Numbers, as Python reads them.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Refusal, Type, strip};

/// A number that Python has read.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// As large as any bound.
    Integer(i128),
    Float(f64),
    /// Too large, or in digits of another script: nothing is known of it.
    Unknown,
}

pub(super) fn check_integer(text: &str, type_: Type<'_>) -> Result<(), Refusal> {
    let text = strip(text);
    // Read as None.
    if text.is_empty() {
        return Ok(());
    }
    let Some(number) = integer(text) else {
        let port = type_.kind.starts_with("port");
        let remedy = if port { "write a port's number" } else { "write digits only" };
        return Err(Refusal::wrong_type("the value is not an integer", remedy));
    };
    check_bounds(number, type_)
}

pub(super) fn check_float(text: &str, type_: Type<'_>) -> Result<(), Refusal> {
    let text = strip(text);
    if text.is_empty() {
        return Ok(());
    }
    let Some(number) = float(text) else {
        return Err(Refusal::wrong_type("the value is not a number", "write one, such as 1.5"));
    };
    check_bounds(number, type_)
}

/// `LEFT-RIGHT` or one number. The bounds depend on the order of the two: they are not checked.
pub(super) fn check_range(text: &str) -> Result<(), Refusal> {
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        text == "0"
            || digits.starts_with(|c: char| matches!(c, '1'..='9'))
                && digits.chars().all(|c| c.is_ascii_digit())
    };
    let dashes = text.match_indices('-').map(|(at, _)| at);
    let split = |at: usize| {
        let (left, right) = (text.get(..at), text.get(at + 1..));
        left.is_some_and(is_number) && right.is_some_and(is_number)
    };
    if is_number(text) || dashes.into_iter().any(split) {
        return Ok(());
    }
    Err(Refusal::wrong_type("the value is not a range", "write FIRST-LAST, or one number"))
}

fn check_bounds(number: Number, type_: Type<'_>) -> Result<(), Refusal> {
    if matches!(number, Number::Unknown) {
        return Ok(());
    }
    if !type_.choices.is_empty() {
        let equal = |choice: &Value| number.compare(choice) == Some(Ordering::Equal);
        let known = type_.choices.iter().any(equal);
        return if known { Ok(()) } else { Err(type_.not_a_choice("")) };
    }
    let (least, most) = (bound(type_.min), bound(type_.max));
    if number.compare(type_.min) == Some(Ordering::Less) {
        let message = format!("the value is less than {least}");
        return Err(Refusal::out_of_range(message, format!("write {least} or more")));
    }
    if number.compare(type_.max) == Some(Ordering::Greater) {
        let message = format!("the value is more than {most}");
        return Err(Refusal::out_of_range(message, format!("write {most} or less")));
    }
    Ok(())
}

fn bound(value: &Value) -> String {
    value.to_string()
}

impl Number {
    /// Compares with a number of the catalog. NaN compares with nothing, as in Python.
    #[allow(clippy::cast_precision_loss)] // the bound of a float is a float
    fn compare(self, other: &Value) -> Option<Ordering> {
        let whole = other.as_i64().map(i128::from).or_else(|| other.as_u64().map(i128::from));
        match (self, whole) {
            (Self::Unknown, _) => None,
            (Self::Integer(number), Some(other)) => Some(number.cmp(&other)),
            (Self::Integer(number), None) => (number as f64).partial_cmp(&other.as_f64()?),
            (Self::Float(number), _) => number.partial_cmp(&other.as_f64()?),
        }
    }
}

/// Python's `int(text)`, the blanks gone.
fn integer(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = without_underscores(digits)?;
    if plain.is_empty() {
        return None;
    }
    if plain.chars().all(|c| c.is_ascii_digit()) {
        let sign = if text.starts_with('-') { "-" } else { "" };
        let number = format!("{sign}{plain}").parse();
        return Some(number.map_or(Number::Unknown, Number::Integer));
    }
    // Digits of any script are digits for Python.
    plain.chars().all(char::is_numeric).then_some(Number::Unknown)
}

/// Python's `float(text)`, the blanks gone.
fn float(text: &str) -> Option<Number> {
    let plain = without_underscores(text)?;
    if !plain.is_ascii() {
        return plain.chars().any(char::is_numeric).then_some(Number::Unknown);
    }
    plain.parse().ok().map(Number::Float)
}

/// Takes off underscores, each of which has to stand between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let parts: Vec<_> = text.split('_').collect();
    let is_digit = |c: Option<char>| c.is_some_and(char::is_numeric);
    let fine = parts.windows(2).all(|pair| match pair {
        [before, after] => is_digit(before.chars().next_back()) && is_digit(after.chars().next()),
        _ => false,
    });
    fine.then(|| parts.concat())
}
