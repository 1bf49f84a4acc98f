//! Which option a comment has.

use super::super::Grammar;

/// Finds the options in the comments of a file. Most of a file is prose, so that this looks no
/// further than it has to.
pub(super) struct Commented {
    grammar: &'static dyn Grammar,
    /// Whether a name of one word ends before a byte.
    ends: [bool; 256],
    /// Whether a name may have several words.
    several: bool,
}

impl Commented {
    pub(super) fn of(grammar: &'static dyn Grammar) -> Self {
        let is_separator = |byte: u8| grammar.separators().contains(&char::from(byte));
        let ends = std::array::from_fn(|byte| {
            u8::try_from(byte).is_ok_and(|byte| byte.is_ascii_whitespace() || is_separator(byte))
        });
        Self { grammar, ends, several: grammar.is_commented_name("two words") }
    }

    /// The option of a comment `#name = default`; `None` where the comment is something else.
    pub(super) fn name<'c>(&self, comment: &'c str) -> Option<&'c str> {
        let bytes = comment.as_bytes();
        let start = match bytes {
            [b'#', b' ', b'#', ..] | [b'#', b'#', ..] => return None,
            [b'#', b' ', ..] => 2,
            [b'#', ..] => 1,
            _ => return None,
        };
        let ends = |byte: &u8| self.ends[usize::from(*byte)];
        let end = bytes.get(start..)?.iter().position(ends).map_or(bytes.len(), |at| start + at);
        let behind = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
        if end > start && behind.is_none_or(|byte| self.ends[usize::from(*byte)]) {
            let stands = behind.is_some() || self.grammar.stands_alone();
            comment.get(start..end).filter(|_| stands)
        } else if self.several {
            let text = comment.get(start..)?;
            let name = text.get(..text.find(self.grammar.separators())?)?.trim_end();
            Some(name).filter(|name| !name.is_empty() && self.grammar.is_commented_name(name))
        } else {
            None
        }
    }
}
