//! What may stand behind a variable's name: `${NAME|url}`, `${NAME|json}`.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How what a variable holds is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Percent-encoded.
    Url,
    /// As a string with its quotes.
    Json,
}

impl Filter {
    /// By the name that stands behind the bar.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        match name {
            "url" => Some(Self::Url),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Self::Url => utf8_percent_encode(text, URL).to_string(),
            Self::Json => json_string(text),
        }
    }
}

/// Whether this is the name of a filter.
pub(crate) fn is_filter(name: &str) -> bool {
    Filter::by_name(name).is_some()
}

/// A text as a string of JSON, with its quotes, which YAML, TOML, Python and JavaScript read as the
/// same text.
///
/// What one of them does not take as it is, or takes for the end of a line, is escaped; what is
/// left stays in UTF-8: two halves of a character, as JSON may have them, are none in the others.
pub fn json_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for character in text.chars() {
        match character {
            '"' => string.push_str("\\\""),
            '\\' => string.push_str("\\\\"),
            '\n' => string.push_str("\\n"),
            '\r' => string.push_str("\\r"),
            '\t' => string.push_str("\\t"),
            _ if needs_number(character) => {
                // Writing to a string does not fail.
                let _ = write!(string, "\\u{:04x}", u32::from(character));
            }
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

/// Controls, the ends of lines beyond ASCII, and what YAML does not count among the characters. All
/// of them have four digits at most.
fn needs_number(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings() {
        for (text, expected) in [
            ("", r#""""#),
            ("it's 100% $x", r#""it's 100% $x""#),
            ("a\"b\\c/d", r#""a\"b\\c/d""#),
            ("\n\r\t\0\u{1b}\u{7f}", r#""\n\r\t\u0000\u001b\u007f""#),
            ("\u{85}\u{2028}\u{2029}\u{feff}", r#""\u0085\u2028\u2029\ufeff""#),
            ("é日😀\u{a0}\u{fffd}", "\"é日😀\u{a0}\u{fffd}\""),
        ] {
            assert_eq!(json_string(text), expected);
        }
    }

    proptest! {
        #[test]
        fn json_reads_what_was_there(text in any::<String>()) {
            let read: String = serde_json::from_str(&json_string(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
