//! What a value has to be, besides its type, its choices and its bounds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_false;

/// The rules of oslo.config's types that its generator does not print. Where an option has none of
/// these, although they are known, it has the empty ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)] // as many as oslo.config has
pub struct Rules {
    /// Whether the choices may be written in any case.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_case: bool,
    /// The most characters; none, where it is not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// The least items.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_length: usize,
    /// Whether there is a regular expression, which is not checked here: it is Python's.
    #[serde(skip_serializing_if = "is_false")]
    pub pattern: bool,
    /// Whether quotes are taken off.
    #[serde(skip_serializing_if = "is_false")]
    pub quotes: bool,
    /// Whether a list stands in brackets, a table in braces.
    #[serde(skip_serializing_if = "is_false")]
    pub bounds: bool,
    /// The schemes that a URI may have; any, where it is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemes: Vec<String>,
    /// The version of IP: 4 or 6; both, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
    /// What stands between key and value of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What the items of a list, or the values of a table, have to be; any text, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Items>>,
}

/// The type of items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items {
    /// As that of an option.
    #[serde(rename = "type")]
    pub kind: String,
    /// The values that one may have; any, where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// The least number, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub min: Value,
    /// The largest number, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub max: Value,
    /// The rest.
    #[serde(default)]
    pub rules: Rules,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's way to ask
fn is_zero(number: &usize) -> bool {
    *number == 0
}
