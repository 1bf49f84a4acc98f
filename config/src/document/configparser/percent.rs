//! References to other options: `%(name)s`, and `%%` for a percent sign.

use crate::document::Unwritable;

/// Checks a value, given by its lines, whose percent signs always mean something.
pub(super) fn check(lines: &[String]) -> Result<(), Unwritable> {
    if lines.iter().all(|line| is_well_formed(line)) {
        return Ok(());
    }
    Err(Unwritable::Other(
        "it holds a % that is neither %% nor the start of %(name)s; write %% for a percent sign",
    ))
}

/// The same for Swift's servers and daemons.
pub(super) fn check_swift(lines: &[String]) -> Result<(), Unwritable> {
    let refer = lines.iter().any(|line| refers(line));
    if refer && !lines.iter().all(|line| is_well_formed(line)) {
        return Err(Unwritable::Other(
            "it holds %(, so that Swift fills it in, and then each % must be %% or the start of \
             %(name)s",
        ));
    }
    if lines.iter().any(|line| refers_to_place(line)) {
        return Err(Unwritable::Other(
            "it refers to the place of the file, %(here)s or %(__file__)s, which Swift's daemons do \
             not know; write the path itself",
        ));
    }
    Ok(())
}

/// Whether Swift's servers look for references in this text.
pub(super) fn refers(text: &str) -> bool {
    text.contains("%(")
}

/// Whether each percent sign is one of a pair, or starts a complete reference.
pub(super) fn is_well_formed(text: &str) -> bool {
    names(text).is_some()
}

/// Whether a reference is to something that PasteDeploy knows without the file, and `readconf()` of
/// Swift does not.
fn refers_to_place(text: &str) -> bool {
    let names = names(text).unwrap_or_default();
    names.iter().any(|name| matches!(*name, "here" | "__file__"))
}

/// The options that a text refers to; `None` where a percent sign stands for nothing.
fn names(text: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        if let Some(behind) = after.strip_prefix('%') {
            rest = behind;
            continue;
        }
        let (name, behind) = after.strip_prefix('(')?.split_once(')')?;
        rest = behind.strip_prefix('s')?;
        if name.is_empty() {
            return None;
        }
        names.push(name);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_configparser_fills_in() {
        for (text, good) in [
            ("", true),
            ("a", true),
            ("%%", true),
            ("%%%%s", true),
            ("%(here)s/x", true),
            ("%(a b)s%(c)s%%", true),
            ("%(%)s", true),
            ("%%(", true),
            ("%", false),
            ("%%%", false),
            ("5% of", false),
            ("%s", false),
            ("%()s", false),
            ("%(a)d", false),
            ("%(a", false),
        ] {
            assert_eq!(is_well_formed(text), good, "{text:?}");
        }
    }
    #[test]
    fn places_of_files() {
        for text in ["%(here)s", "a %%%(x)s/%(__file__)s"] {
            assert!(refers_to_place(text), "{text}");
        }
        for text in ["here", "%%(here)s", "%(there)s"] {
            assert!(!refers_to_place(text), "{text}");
        }
    }
}
