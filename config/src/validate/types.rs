//! Whether oslo.config takes a value for an option: the types of its `types.py`.
//!
//! Refused is only what is certainly refused: where the catalog does not tell a rule, the value
//! passes. Messages never hold the value.

mod hosts;
mod numbers;

use serde_json::Value;

use super::Code;
use crate::catalog::{CatalogOption, Items, Rules};
use hosts::{check_address, check_host, check_hostname, check_uri};
use numbers::{check_float, check_integer, check_range};

/// Why a value is not taken: what kind of mistake, what is wrong, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub remedy: String,
}

impl Refusal {
    fn wrong_type(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: Code::WrongType, message: message.into(), remedy: remedy.into() }
    }

    fn out_of_range(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: Code::OutOfRange, message: message.into(), remedy: remedy.into() }
    }
}

/// What is known of a type.
#[derive(Clone, Copy)]
struct Type<'a> {
    kind: &'a str,
    choices: &'a [Value],
    min: &'a Value,
    max: &'a Value,
    /// `None` where nobody has told them.
    rules: Option<&'a Rules>,
}

/// Whether oslo.config takes this text for the option. The text is what it reads in the file, its
/// own references filled in.
pub fn accepts(option: &CatalogOption, text: &str) -> Result<(), Refusal> {
    let type_ = Type {
        kind: &option.kind,
        choices: &option.choices,
        min: &option.min,
        max: &option.max,
        rules: option.rules.as_ref(),
    };
    type_.check(text)
}

impl<'a> Type<'a> {
    fn of_items(items: &'a Items) -> Self {
        Self {
            kind: &items.kind,
            choices: &items.choices,
            min: &items.min,
            max: &items.max,
            rules: Some(&items.rules),
        }
    }

    fn check(self, text: &str) -> Result<(), Refusal> {
        let version = self.rules.and_then(|rules| rules.version);
        match self.kind {
            "boolean value" => check_boolean(text),
            "integer value" | "port value" | "port" => check_integer(text, self),
            "floating point value" => check_float(text, self),
            "range value" => check_range(text),
            "string value" => self.check_string(text),
            "list value" => self.check_list(text),
            "dict value" => self.check_dict(text),
            "IP address value" => check_address(text, version),
            "hostname value" => check_hostname(text, false),
            "host address value" => check_host(text, version, false),
            "host domain value" => check_host(text, version, true),
            "uri value" => check_uri(text, self.rules),
            // Anything, or nobody knows what.
            _ => Ok(()),
        }
    }

    fn check_string(self, text: &str) -> Result<(), Refusal> {
        let known = self.rules;
        let mut text = text;
        if known.is_some_and(|rules| rules.quotes)
            && let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\''))
        {
            let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
            text = inner.ok_or_else(|| {
                Refusal::wrong_type("a quote is not closed", "close it, or leave both out")
            })?;
        }
        if let Some(most) = known.and_then(|rules| rules.max_length)
            && most > 0
            && text.chars().count() > most
        {
            let message = format!("the value is longer than {most} characters");
            return Err(Refusal::out_of_range(message, "shorten it"));
        }
        if self.choices.is_empty() {
            return Ok(());
        }
        let any_case = known.is_none_or(|rules| rules.ignore_case);
        let matches = |choice: &Value| match choice {
            Value::String(choice) => {
                choice == text || any_case && choice.to_lowercase() == text.to_lowercase()
            }
            // Never equal to a text, not even for Python.
            _ => false,
        };
        if self.choices.iter().any(matches) { Ok(()) } else { Err(self.not_a_choice(text)) }
    }

    /// The choices are no secrets, unlike the value: those that are near are named first.
    fn not_a_choice(self, text: &str) -> Refusal {
        let names = self.choices.iter().map(|choice| match choice {
            Value::String(choice) if choice.is_empty() => "''".to_owned(),
            Value::String(choice) => choice.clone(),
            other => other.to_string(),
        });
        let names: Vec<_> = names.collect();
        let list = names.join(", ");
        let near = super::nearest::nearest(text, names.iter().map(String::as_str));
        let remedy = match near {
            Some(near) => format!("perhaps {near} is meant; there are {list}"),
            None => format!("write one of {list}"),
        };
        let message = "the value is none of the choices".to_owned();
        Refusal { code: Code::NotAChoice, message, remedy }
    }

    fn check_list(self, text: &str) -> Result<(), Refusal> {
        let Some(rules) = self.rules else { return Ok(()) };
        let mut text = strip(text).trim_end_matches(',');
        if rules.bounds {
            text = bounded(text, '[', ']')?;
        }
        let mut count = 0;
        if !text.is_empty() {
            let items = rules.items.as_deref();
            count = for_each_item(text, |item| match items {
                Some(items) => Type::of_items(items).check(strip(item)),
                None => Ok(()),
            })?;
        }
        at_least(count, rules.min_length)
    }

    fn check_dict(self, text: &str) -> Result<(), Refusal> {
        let Some(rules) = self.rules else { return Ok(()) };
        let separator = rules.separator.as_deref().unwrap_or(":");
        let mut text = strip(text);
        if rules.bounds {
            text = bounded(text, '{', '}')?;
        }
        if text.is_empty() {
            return at_least(0, rules.min_length);
        }
        let mut keys = Vec::new();
        for_each_item(text, |pair| {
            let Some((key, value)) = pair.split_once(separator) else {
                let remedy = format!("write KEY{separator}VALUE, with commas between the pairs");
                return Err(Refusal::wrong_type("a pair has no separator", remedy));
            };
            if let Some(items) = rules.items.as_deref() {
                Type::of_items(items).check(strip(value))?;
            }
            keys.push(strip(key).to_owned());
            Ok(())
        })?;
        if keys.iter().any(String::is_empty) {
            let remedy = format!("write KEY{separator}VALUE");
            return Err(Refusal::wrong_type("a pair has no key", remedy));
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        if keys.len() < count {
            return Err(Refusal::wrong_type("a key occurs twice", "keep one of the pairs"));
        }
        at_least(count, rules.min_length)
    }
}

/// Splits at commas as oslo.config does: an item that is not taken is tried with the next part.
fn for_each_item(
    text: &str,
    mut check: impl FnMut(&str) -> Result<(), Refusal>,
) -> Result<usize, Refusal> {
    let mut parts = text.split(',');
    let mut count = 0;
    while let Some(part) = parts.next() {
        let mut item = part.to_owned();
        while let Err(refusal) = check(&item) {
            let Some(next) = parts.next() else { return Err(refusal) };
            item.push(',');
            item.push_str(next);
        }
        count += 1;
    }
    Ok(count)
}

fn bounded(text: &str, open: char, close: char) -> Result<&str, Refusal> {
    let inner = text.strip_prefix(open).and_then(|rest| {
        // One bracket alone is both the first and the last character, and then nothing is left.
        if rest.is_empty() && open == close { Some("") } else { rest.strip_suffix(close) }
    });
    inner.ok_or_else(|| {
        let message = format!("the value does not stand in {open} and {close}");
        Refusal::wrong_type(message, format!("write {open}…{close} around it"))
    })
}

fn at_least(count: usize, least: usize) -> Result<(), Refusal> {
    if count >= least {
        return Ok(());
    }
    let message = format!("there are fewer than {least} items");
    Err(Refusal::out_of_range(message, "write more of them"))
}

fn check_boolean(text: &str) -> Result<(), Refusal> {
    let known = ["true", "1", "on", "yes", "false", "0", "off", "no"];
    if known.contains(&text.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Refusal::wrong_type("the value is not a boolean", "write true or false"))
}

/// Python's `str.strip()`.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

#[cfg(test)]
mod tests;
