//! What a right in etcd is to.

use std::collections::BTreeMap;
use std::fmt;

/// What a role may do with the keys of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Read and watch.
    Read,
    /// Put and delete.
    Write,
    /// Both.
    ReadWrite,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "readwrite",
        })
    }
}

/// The rights of a role.
pub type Rights = BTreeMap<Span, Kind>;

/// One key, or all keys from one up to another, with the store's prefix, as etcd has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    key: Vec<u8>,
    /// The first key that is not meant; empty where just one key is, and `\0` for no end.
    end: Vec<u8>,
}

impl Span {
    pub(super) fn new(key: &[u8], end: &[u8]) -> Self {
        Self { key: key.to_owned(), end: end.to_owned() }
    }

    /// Just this key.
    pub fn key_itself(key: &str) -> Self {
        Self::new(key.as_bytes(), &[])
    }

    /// All keys that start so.
    pub fn below(start: &str) -> Self {
        // etcd has no empty key: its first one is \0.
        let key = if start.is_empty() { b"\0" } else { start.as_bytes() };
        Self::new(key, &after(start.as_bytes()))
    }

    /// Whether all of it starts so.
    pub fn is_below(&self, start: &str) -> bool {
        let within = self.key.starts_with(start.as_bytes());
        let end = after(start.as_bytes());
        let ends = self.end.is_empty() || (self.end != b"\0" && self.end <= end);
        start.is_empty() || (within && ends)
    }

    pub(super) fn key(&self) -> Vec<u8> {
        self.key.clone()
    }

    pub(super) fn end(&self) -> Vec<u8> {
        self.end.clone()
    }
}

/// The first key that comes after all that start so; `\0` where there is none.
fn after(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.escape_ascii();
        if self.end.is_empty() {
            write!(f, "{key}")
        } else if self.key == b"\0" && self.end == b"\0" {
            write!(f, "all keys")
        } else if self.end == after(&self.key) {
            write!(f, "{key}*")
        } else {
            write!(f, "{key} up to {}", self.end.escape_ascii())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        assert_eq!(Span::below("a/"), Span::new(b"a/", b"a0"));
        assert_eq!(Span::below(""), Span::new(b"\0", b"\0"));
        assert_eq!(after(b"a\xff"), b"b");
        assert_eq!(after(b"\xff"), b"\0");
        for (span, text) in [
            (Span::key_itself("general/A"), "general/A"),
            (Span::below("r/s/"), "r/s/*"),
            (Span::below(""), "all keys"),
            (Span::new(b"a", b"x"), "a up to x"),
        ] {
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn what_is_below() {
        for (span, start, is) in [
            (Span::key_itself("c/a"), "c/", true),
            (Span::key_itself("d/a"), "c/", false),
            (Span::below("c/"), "c/", true),
            (Span::below("c/x/"), "c/", true),
            (Span::below("c"), "c/", false),
            (Span::below(""), "c/", false),
            (Span::new(b"c/a", b"\0"), "c/", false),
            (Span::new(b"c/a", b"d"), "c/", false),
            (Span::below(""), "", true),
        ] {
            assert_eq!(span.is_below(start), is, "{span}");
        }
    }
}
