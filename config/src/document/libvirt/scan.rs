//! Where a value of libvirt's ends.

/// How deep lists may stand in lists; libvirt's options have none in another.
const DEEPEST: usize = 16;

/// What is not a value, from which byte on.
type Fault = (usize, &'static str);

/// The quotes around a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    Single,
    Double,
    Triple,
}

/// Behind the last byte of the value that starts at this byte.
pub(super) fn value_end(text: &str, start: usize) -> Result<usize, Fault> {
    any(text, start, 0)
}

fn any(text: &str, start: usize, depth: usize) -> Result<usize, Fault> {
    let rest = &text[start..];
    match rest.chars().next() {
        Some('"' | '\'') => quoted(text, start),
        Some('[') => list(text, start, depth),
        Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-') => number(text, start),
        _ => Err((
            start,
            "libvirt reads a number, a text in quotes, or a list of them in brackets; write a text \
             in quotes: \"text\"",
        )),
    }
}

fn number(text: &str, start: usize) -> Result<usize, Fault> {
    let rest = &text[start..];
    let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 {
        return Err((start, "a sign without a number behind it"));
    }
    if digits[..length].parse::<i64>().is_err() {
        return Err((start, "the number is too large for libvirt"));
    }
    Ok(text.len() - digits.len() + length)
}

fn quoted(text: &str, start: usize) -> Result<usize, Fault> {
    let rest = &text[start..];
    // libvirt wants one more character behind the six quotes of an empty text.
    let quote = if rest.starts_with("\"\"\"") && rest.len() > 6 {
        "\"\"\""
    } else if rest.starts_with('"') {
        "\""
    } else {
        "'"
    };
    let inner = &rest[quote.len()..];
    let line = inner.find(['\r', '\n']).unwrap_or(inner.len());
    let Some(length) = inner[..line].find(quote) else {
        return Err((start, "a text in quotes does not end on its line"));
    };
    if inner[..length].contains('\0') {
        return Err((start, "a text holds a NUL byte, at which libvirt ends it"));
    }
    Ok(text.len() - inner.len() + length + quote.len())
}

fn list(text: &str, start: usize, depth: usize) -> Result<usize, Fault> {
    if depth == DEEPEST {
        return Err((start, "a list stands too deep in other lists"));
    }
    let mut at = behind_blanks(text, start + 1);
    loop {
        if text[at..].starts_with(']') {
            return Ok(at + 1);
        }
        if text[at..].starts_with('#') {
            return Err((at, "libvirt reads no comment in a list; put it before the option"));
        }
        if at == text.len() {
            return Err((start, "the list does not end: its ] is missing"));
        }
        at = behind_blanks(text, any(text, at, depth + 1)?);
        if text[at..].starts_with(',') {
            at = behind_blanks(text, at + 1);
        } else if at < text.len() && !text[at..].starts_with([']', '#']) {
            return Err((at, "a comma is missing in the list"));
        }
    }
}

/// Behind the blanks and line breaks that stand at this byte.
fn behind_blanks(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches(|c| is_blank(c) || matches!(c, '\r' | '\n'));
    text.len() - rest.len()
}

/// Which quotes are open behind what has been read of a line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Quotes {
    #[default]
    None,
    /// Behind one double quote, of which nobody knows yet whether it is the first of three.
    First,
    /// Behind two: an empty text, unless a third follows.
    Second,
    Single,
    Double,
    /// In three double quotes; behind so many in a row.
    Triple(u8),
}

impl Quotes {
    pub(super) fn read(&mut self, text: &str) {
        for character in text.chars() {
            *self = self.behind(character);
        }
    }

    /// The quotes of the text that goes on here.
    pub(super) fn open(self) -> Option<Quote> {
        match self {
            Self::None | Self::Second => None,
            Self::Single => Some(Quote::Single),
            Self::First | Self::Double => Some(Quote::Double),
            Self::Triple(_) => Some(Quote::Triple),
        }
    }

    fn behind(self, character: char) -> Self {
        match (self, character) {
            (Self::None, '"') => Self::First,
            (Self::None | Self::Second, '\'') => Self::Single,
            (Self::First, '"') => Self::Second,
            (Self::Second, '"') => Self::Triple(0),
            (Self::Second, _) | (Self::Single, '\'') | (Self::Double | Self::Triple(2), '"') => {
                Self::None
            }
            (Self::First, _) => Self::Double,
            (Self::Triple(quotes), '"') => Self::Triple(quotes + 1),
            (Self::Triple(_), _) => Self::Triple(0),
            (Self::None | Self::Single | Self::Double, _) => self,
        }
    }
}

pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}
