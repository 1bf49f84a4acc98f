//! Lines on standard output.

use std::fmt::Display;
use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// From now on each line begins with this name.
pub(crate) fn set_name(name: Option<&str>) {
    if let Some(name) = name {
        NAME.get_or_init(|| format!("{name} "));
    }
}

/// Prints a line, in one piece.
pub(crate) fn say(line: impl Display) {
    println!("{}{line}", NAME.get().map_or("", String::as_str));
}
