//! A value between its meaning and what stands in the file.

/// What a key holds for a value that is empty; without any text, an option has no value.
pub(super) const EMPTY: &str = "\"\"";

/// A value without the pair of quotes around it, whatever stands between them.
pub(super) fn unquote(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// What the reader makes of a value. It keeps what it does not know, and a backslash at the end.
pub(super) fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('s') => text.push(' '),
            Some(plain @ ('"' | '\'' | '\\')) => text.push(plain),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

/// A value so that the reader gets just this text.
pub(super) fn quoted(value: &str) -> String {
    let loses = value.starts_with(is_blank) || value.ends_with(is_blank) || ends_with_a0(value);
    if value == EMPTY {
        EMPTY.to_owned()
    } else if loses || value.contains(['#', '"', '\'']) {
        format!("\"{}\"", escape(value))
    } else {
        escape(value)
    }
}

/// What stands for a text between quotes.
pub(super) fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            other => text.push(other),
        }
    }
    text
}

/// A blank, as the reader's Latin-1 knows it. It has one more, A0, which in UTF-8 is never a whole
/// character, see [`ends_with_a0`].
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

/// Whether the reader would take the last byte for a blank. No character starts with such a byte.
pub(super) fn ends_with_a0(text: &str) -> bool {
    text.as_bytes().last() == Some(&0xa0)
}
