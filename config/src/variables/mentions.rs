//! Where a value refers to variables.

use super::template::{Syntax, Template, Token, closing_brace};
use crate::dialect::Dialect;

/// A reference in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The variable.
    pub(crate) name: String,
    /// Where its dollar stands, in bytes.
    pub(crate) at: usize,
    /// Whether there is something to take where there is no such variable.
    pub(crate) has_default: bool,
    /// Whether what it holds is put in as it is.
    pub(crate) is_raw: bool,
}

/// The references of a value in a file of this dialect, in their order, those in defaults included.
/// None where one of them is malformed.
pub(crate) fn mentions(text: &str, dialect: Dialect) -> Vec<Mention> {
    let mut found = Vec::new();
    if let Ok(template) = Template::parse(text, Syntax::of(dialect)) {
        collect(text, 0, &template, &mut found);
    }
    found
}

/// Walks over the text once more: tokens are in its order, and nothing is lost between them.
fn collect(text: &str, base: usize, template: &Template, found: &mut Vec<Mention>) {
    let mut at = 0;
    for token in &template.tokens {
        match token {
            Token::Text(literal) => at += literal.len(),
            Token::Reference { name, default, filter } => {
                let (has_default, is_raw) = (default.is_some(), filter.is_none());
                found.push(Mention { name: name.clone(), at: base + at, has_default, is_raw });
                let rest = text.get(at + 1..).unwrap_or_default();
                let Some(inner) = rest.strip_prefix('{') else {
                    at += 1 + name.len();
                    continue;
                };
                let length = closing_brace(inner).unwrap_or(inner.len());
                if let Some(default) = default {
                    // Behind `${NAME:-`.
                    let start = at + 2 + name.len() + 2;
                    let inside = text.get(start..at + 2 + length).unwrap_or_default();
                    collect(inside, base + start, default, found);
                }
                at += 2 + length + 1;
            }
        }
    }
}

/// Where a value stops being well-formed, in bytes.
pub(crate) fn malformed_at(text: &str, dialect: Dialect) -> usize {
    let syntax = Syntax::of(dialect);
    // The first dollar up to which, and with which, no reading succeeds.
    let dollars = text.match_indices("${").map(|(at, _)| at);
    let broken = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        Template::parse(before, syntax).is_ok()
            && text.get(*at..).is_some_and(|rest| Template::parse(rest, syntax).is_err())
    };
    dollars.filter(broken).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_with_its_place() {
        let text = "a$A ${B}${C:-x${D:-$E}y}é${F|url}$$G \\$H $i";
        let found = mentions(text, Dialect::Oslo);
        let shown: Vec<_> = found.iter().map(|m| (m.name.as_str(), m.at, m.has_default)).collect();
        let at = |part: &str| text.find(part).unwrap();
        assert_eq!(
            shown,
            [
                ("A", at("$A"), false),
                ("B", at("${B"), false),
                ("C", at("${C"), true),
                ("D", at("${D"), true),
                ("E", at("$E"), false),
                ("F", at("${F"), false),
            ]
        );
        assert!(mentions("$A ${B", Dialect::Oslo).is_empty());
        let raw: Vec<_> = found.iter().map(|mention| mention.is_raw).collect();
        assert_eq!(raw, [true, true, true, true, true, false]);
    }

    #[test]
    fn where_it_breaks() {
        for (text, at) in [("$A ${B", 3), ("${A} ${B|x} ${C}", 5), ("${A:-${B?}}", 0)] {
            assert_eq!(malformed_at(text, Dialect::Oslo), at, "{text}");
        }
    }
}
