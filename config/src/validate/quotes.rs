//! Variables that stand as they are inside the quotes of a text that a program parses.
//!
//! A text has no dialect: nobody escapes there. Where the quotes end and what is an escape is told
//! by its line alone, as a reader of Python, JSON, YAML or TOML would see it.

use super::{Code, Entry, Finding};
use crate::key::Key;
use crate::variables::{Mention, Scope, json_string, mentions};

/// How the names of files end in which quotes mean something.
const ENDS: [&str; 5] = [".json", ".py", ".toml", ".yaml", ".yml"];

/// In which quotes something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quotes {
    /// `"` or `'`.
    quote: char,
    /// Three of them, in which line breaks are nothing special.
    triple: bool,
}

pub(super) fn check(entries: &[Entry<'_>], scope: &Scope, findings: &mut Vec<Finding>) {
    for entry in entries {
        let Key::File(file) = &entry.key else { continue };
        if !ENDS.iter().any(|end| file.file.ends_with(end)) {
            continue;
        }
        let text = &entry.datum.value;
        for mention in mentions(text, entry.dialect).iter().filter(|mention| mention.is_raw) {
            let before = text.get(..mention.at).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            if let Some(quotes) = open_at_end(line)
                && is_torn(mention, quotes, scope)
            {
                findings.push(warning(entry, mention));
            }
        }
    }
}

fn warning(entry: &Entry<'_>, mention: &Mention) -> Finding {
    let (name, place) = (&mention.name, entry.marks.offset(&entry.datum.value, mention.at));
    let message = format!(
        "what ${name} holds is put between these quotes as it is, and has a character that means \
         something else there"
    );
    let remedy =
        format!("write ${{{name}|json}} in the place of the whole string, quotes included");
    Finding::warning(place, Code::RawInQuotes, message).remedy(remedy)
}

/// Whether what the variable holds, as far as it is known, is read as something else in there.
fn is_torn(mention: &Mention, quotes: Quotes, scope: &Scope) -> bool {
    let Ok(text) = scope.fill_in(&format!("${{{}}}", mention.name)) else { return false };
    // Line breaks are nothing special between three.
    let text = if quotes.triple { text.replace('\n', "") } else { text };
    let is_escaped = json_string(&text).len() > text.len() + 2;
    is_escaped || text.contains(quotes.quote)
}

/// The quotes that are open at the end of this start of a line.
fn open_at_end(line: &str) -> Option<Quotes> {
    let mut open: Option<Quotes> = None;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match open {
            None if character == '#' => return None,
            None if character == '"' || character == '\'' => {
                let triple = take_two(&mut rest, character);
                open = Some(Quotes { quote: character, triple });
            }
            Some(_) if character == '\\' => _ = rest.next(),
            Some(Quotes { quote, triple })
                if character == quote && (!triple || take_two(&mut rest, quote)) =>
            {
                open = None;
            }
            _ => {}
        }
    }
    open
}

/// Takes two more of the same, if they are there.
fn take_two(rest: &mut std::str::Chars<'_>, quote: char) -> bool {
    let mut ahead = rest.clone();
    let both = ahead.next() == Some(quote) && ahead.next() == Some(quote);
    if both {
        *rest = ahead;
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open() {
        let quotes = |quote, triple| Some(Quotes { quote, triple });
        for (line, expected) in [
            ("", None),
            ("KEY = ", None),
            ("KEY = '", quotes('\'', false)),
            ("KEY = \"it's ", quotes('"', false)),
            ("KEY = 'a' + ", None),
            ("KEY = '' + '", quotes('\'', false)),
            ("KEY = 'a\\'", quotes('\'', false)),
            ("KEY = '''", quotes('\'', true)),
            ("KEY = '''a'' ", quotes('\'', true)),
            ("KEY = \"\"\"a\"\"\" + ", None),
            ("# it's ", None),
            ("KEY = '#", quotes('\'', false)),
            ("  \"admin\": \"role:", quotes('"', false)),
        ] {
            assert_eq!(open_at_end(line), expected, "{line}");
        }
    }
}
