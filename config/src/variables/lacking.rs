//! What nobody has and values cannot do without.

use std::collections::BTreeSet;

use super::Scope;
use super::template::{Syntax, Template, Token};
use crate::dialect::Dialect;

impl Scope {
    /// The names without which these values cannot be filled in: nobody has them, and there is no
    /// default in their place. Values are given with the dialects of their files; malformed ones
    /// are passed over.
    pub fn lacking<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a str, Dialect)>,
    ) -> BTreeSet<String> {
        let values = values
            .into_iter()
            .filter(|(text, _)| text.contains('$'))
            .map(|(text, dialect)| (text, Syntax::of(dialect)));
        let mut search = Search {
            scope: self,
            left: values.map(|(text, syntax)| (text.to_owned(), syntax)).collect(),
            seen: BTreeSet::new(),
            lacking: BTreeSet::new(),
        };
        while let Some((text, syntax)) = search.left.pop() {
            if let Ok(template) = Template::parse(&text, syntax) {
                search.look_at(&template);
            }
        }
        search.lacking
    }
}

struct Search<'a> {
    scope: &'a Scope,
    /// Texts that are still to be looked at.
    left: Vec<(String, Syntax)>,
    /// Variables whose texts have been, or will be.
    seen: BTreeSet<String>,
    lacking: BTreeSet<String>,
}

impl Search<'_> {
    fn look_at(&mut self, template: &Template) {
        for token in &template.tokens {
            let Token::Reference { name, default, .. } = token else { continue };
            let text = self.scope.general.get(name);
            if let Some(text) = text
                && self.seen.insert(name.clone())
            {
                self.left.push((text.clone(), Syntax::Common));
            }
            let text = text.or_else(|| self.scope.environment.get(name));
            match (text, default) {
                (Some(text), Some(default)) if text.is_empty() => self.look_at(default),
                (None, Some(default)) => self.look_at(default),
                (None, None) => _ = self.lacking.insert(name.clone()),
                (Some(_), _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_default() {
        let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
        let scope = Scope {
            general: [("HAVE", "${A:-$B}$C"), ("EMPTY", ""), ("SELF", "$SELF")].map(pair).into(),
            environment: [("POD_IP", "$X")].map(pair).into(),
        };
        for (text, names) in [
            ("$HAVE", &["B", "C"][..]),
            ("${HAVE:-$D}", &["B", "C"]),
            ("${NONE:-x}", &[]),
            ("${EMPTY:-$D}", &["D"]),
            ("${EMPTY}", &[]),
            ("$POD_IP$SELF", &[]),
            ("$$D$my_ip", &[]),
            (r"\$D", &[]),
            ("${D", &[]),
            ("${D|url}", &["D"]),
        ] {
            let found: Vec<_> = scope.lacking([(text, Dialect::Oslo)]).into_iter().collect();
            assert_eq!(found, names, "{text}");
        }
        let found = scope.lacking([(r"\$D", Dialect::Text)]);
        assert_eq!(found.len(), 1, "a backslash means nothing in a text");
    }
}
