//! A value with references in it, parsed.

use std::collections::BTreeSet;

use thiserror::Error;

use super::filter::Filter;
use crate::dialect::Dialect;

/// How deep defaults may stand inside defaults.
const DEEPEST: usize = 16;

/// What counts as an escaped dollar besides `$$`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Only `$$`.
    Common,
    /// Also `\$`, as oslo.config has it.
    Oslo,
}

impl Syntax {
    pub(super) fn of(dialect: Dialect) -> Self {
        if dialect == Dialect::Oslo { Self::Oslo } else { Self::Common }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Text(String),
    Reference { name: String, default: Option<Template>, filter: Option<Filter> },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) tokens: Vec<Token>,
}

/// A reference that starts like ours and does not go on like one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The closing brace is missing.
    #[error("${{{0} is not closed; write ${{{0}}}")]
    Open(String),
    /// Something other than `}`, `:-` or `|` follows the name.
    #[error(
        "write ${{{0}}}, ${{{0}:-default}}, ${{{0}|url}} or ${{{0}|json}}; nothing else may follow the \
             name"
    )]
    Strange(String),
    /// Defaults inside defaults, too often.
    #[error("the defaults in ${{{0}:-…}} go too deep; {DEEPEST} inside one another are the most")]
    Deep(String),
    /// `|` is followed by something we do not know.
    #[error("unknown filter in ${{{0}|…}}; write ${{{0}|url}} or ${{{0}|json}}")]
    Filter(String),
}

/// Whether this is a variable's name: `[A-Z][A-Z0-9_]*`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && name_length(text) == text.len()
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .unwrap_or(text.len())
}

impl Template {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, Malformed> {
        Self::parse_inside(text, syntax, 0)
    }

    fn parse_inside(text: &str, syntax: Syntax, depth: usize) -> Result<Self, Malformed> {
        let mut parser = Parser { rest: text, syntax, depth, template: Self::default() };
        parser.run()?;
        Ok(parser.template)
    }

    pub(super) fn collect_names(&self, names: &mut BTreeSet<String>) {
        for token in &self.tokens {
            if let Token::Reference { name, default, .. } = token {
                names.insert(name.clone());
                if let Some(default) = default {
                    default.collect_names(names);
                }
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        if let Some(Token::Text(before)) = self.tokens.last_mut() {
            before.push_str(text);
        } else if !text.is_empty() {
            self.tokens.push(Token::Text(text.to_owned()));
        }
    }

    fn ends_with_backslash(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Text(text)) if text.ends_with('\\'))
    }
}

struct Parser<'a> {
    rest: &'a str,
    syntax: Syntax,
    /// In how many defaults this text stands.
    depth: usize,
    template: Template,
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<(), Malformed> {
        while let Some(dollar) = self.rest.find('$') {
            self.text(dollar);
            let escaped = self.syntax == Syntax::Oslo && self.template.ends_with_backslash();
            if escaped {
                self.text(1);
            } else {
                self.dollar()?;
            }
        }
        self.text(self.rest.len());
        Ok(())
    }

    /// Takes what follows at a dollar: `$$`, a reference, or text that is not ours.
    fn dollar(&mut self) -> Result<(), Malformed> {
        let after = &self.rest[1..];
        if after.starts_with('$') {
            self.text(2);
        } else if let Some(inner) = after.strip_prefix('{') {
            self.braced(inner)?;
        } else {
            // As long as an identifier goes, so that `$Mixed_case` is not taken for `$M`.
            let word = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let word = &after[..word.unwrap_or(after.len())];
            if is_name(word) {
                self.reference(word, None, None);
                self.rest = &after[word.len()..];
            } else {
                self.text(1);
            }
        }
        Ok(())
    }

    fn braced(&mut self, inner: &'a str) -> Result<(), Malformed> {
        let (name, after) = inner.split_at(name_length(inner));
        let foreign = after.starts_with(|c: char| c.is_ascii_lowercase() || c == '.');
        if !is_name(name) || foreign {
            self.text(1);
            return Ok(());
        }
        if let Some(rest) = after.strip_prefix('}') {
            self.reference(name, None, None);
            self.rest = rest;
        } else if let Some(default) = after.strip_prefix(":-") {
            let end = closing_brace(default).ok_or_else(|| Malformed::Open(name.to_owned()))?;
            if self.depth == DEEPEST {
                return Err(Malformed::Deep(name.to_owned()));
            }
            let template = Template::parse_inside(&default[..end], self.syntax, self.depth + 1)?;
            self.reference(name, Some(template), None);
            self.rest = &default[end + 1..];
        } else if let Some(filter) = after.strip_prefix('|') {
            let end = filter.find('}').ok_or_else(|| Malformed::Open(name.to_owned()))?;
            let known = Filter::by_name(&filter[..end]);
            let known = known.ok_or_else(|| Malformed::Filter(name.to_owned()))?;
            self.reference(name, None, Some(known));
            self.rest = &filter[end + 1..];
        } else if after.is_empty() {
            return Err(Malformed::Open(name.to_owned()));
        } else {
            return Err(Malformed::Strange(name.to_owned()));
        }
        Ok(())
    }

    fn text(&mut self, length: usize) {
        let (text, rest) = self.rest.split_at(length);
        self.template.push_text(text);
        self.rest = rest;
    }

    fn reference(&mut self, name: &str, default: Option<Template>, filter: Option<Filter>) {
        self.template.tokens.push(Token::Reference { name: name.to_owned(), default, filter });
    }
}

/// The end of a default: the first closing brace that no brace inside it opened.
pub(super) fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (index, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' if open == 0 => return Some(index),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn print(template: &Template) -> String {
        let token = |token: &Token| match token {
            Token::Text(text) => text.clone(),
            Token::Reference { name, default: Some(default), .. } => {
                format!("${{{name}:-{}}}", print(default))
            }
            Token::Reference { name, filter: Some(Filter::Url), .. } => format!("${{{name}|url}}"),
            Token::Reference { name, filter: Some(Filter::Json), .. } => {
                format!("${{{name}|json}}")
            }
            Token::Reference { name, .. } => format!("${{{name}}}"),
        };
        template.tokens.iter().map(token).collect()
    }

    proptest! {
        /// The parser loses nothing: tokens put together again are the text.
        #[test]
        fn nothing_is_lost(text in "([$A-C{}:a|\\\\ -]|\\$\\{A|:-|\\|url\\}|\\|json\\}){0,12}") {
            if let Ok(template) = Template::parse(&text, Syntax::Common) {
                // `$A` and `${A}` are the same token: compare with every brace in place.
                let again = Template::parse(&print(&template), Syntax::Common);
                prop_assert_eq!(&again, &Ok(template.clone()));
                let plain = |text: &str| text.replace(['{', '}'], "");
                prop_assert_eq!(plain(&print(&template)), plain(&text));
            }
        }
    }
}
