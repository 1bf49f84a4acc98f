//! The key space: what a key of the store means.
//!
//! | key | meaning |
//! |---|---|
//! | `general/NAME` | a variable |
//! | `role/service/file/section/option` | one option; the option may hold slashes |
//! | `role/service/file/option` | an option before the first section |
//! | `role/service/file` | the whole text of a file |
//! | `_etcstack/…` | the system's own records |
//!
//! In a role, a service, a file, a section and an option without a section, a slash is written
//! `%2F` and a percent sign `%25`. The escapes are strict, so that one thing has one key.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr2};
use thiserror::Error;

use crate::variables::is_name;

/// The folder of the variables.
pub const GENERAL: &str = "general";
/// The folder of the system's own records.
pub const SYSTEM: &str = "_etcstack";

/// A file of a service, as keys name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// The role, or layer, such as `controller` or `compute@node12`.
    pub role: String,
    /// The service, such as `glance`.
    pub service: String,
    /// The file, such as `glance-api.conf`.
    pub file: String,
}

/// An option inside a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionName {
    /// The section; `None` before the first one.
    pub section: Option<String>,
    /// The option itself.
    pub option: String,
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.section {
            Some(section) => write!(f, "[{section}] {}", self.option),
            None => f.write_str(&self.option),
        }
    }
}

/// A key of the store, understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `general/NAME`
    Variable(String),
    /// `role/service/file/section/option` and `role/service/file/option`
    Option(FileName, OptionName),
    /// `role/service/file`
    File(FileName),
    /// `_etcstack/…`; the text after the folder's slash
    System(String),
}

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Fewer parts than any form has.
    #[error(
        "a key is general/NAME, role/service/file, role/service/file/option \
         or role/service/file/section/option"
    )]
    TooShort,
    /// A part between two slashes holds nothing.
    #[error("the {0} is empty; a slash inside a name is written %2F")]
    Empty(&'static str),
    /// `general/` holds something that is not a variable's name.
    #[error("a variable's name holds A to Z, 0 to 9 and _, and starts with a letter")]
    NotAVariable,
    /// A percent sign that is no escape.
    #[error("in the {0}, write a percent sign as %25 and a slash as %2F; nothing else is escaped")]
    BadEscape(&'static str),
    /// A role that would hide the system's own keys.
    #[error("a role does not start with _; _etcstack/ holds the system's own records")]
    ReservedRole,
    /// A file name that would leave the service's folder.
    #[error("the {0} must not be . or .. and must not hold control characters or .etcstack-")]
    Unsafe(&'static str),
}

impl Key {
    /// Understands a key, without the store's prefix.
    pub fn parse(key: &str) -> Result<Self, KeyError> {
        let (first, rest) = cut(key).ok_or(KeyError::TooShort)?;
        if first == GENERAL {
            return if is_name(rest) {
                Ok(Self::Variable(rest.to_owned()))
            } else {
                Err(KeyError::NotAVariable)
            };
        }
        if first == SYSTEM {
            return Ok(Self::System(rest.to_owned()));
        }
        if first.starts_with('_') {
            return Err(KeyError::ReservedRole);
        }
        let (service, rest) = cut(rest).ok_or(KeyError::TooShort)?;
        let (file, rest) = match cut(rest) {
            Some((file, rest)) => (file, Some(rest)),
            None => (rest, None),
        };
        let name = FileName {
            role: unescape("role", first)?,
            service: unescape("service", service)?,
            file: unescape("file", file)?,
        };
        for (what, part) in [("role", &name.role), ("service", &name.service), ("file", &name.file)]
        {
            check_path_part(what, part)?;
        }
        let Some(rest) = rest else {
            return Ok(Self::File(name));
        };
        let option = match cut(rest) {
            None => OptionName { section: None, option: unescape("option", rest)? },
            Some((_, "")) => return Err(KeyError::Empty("option")),
            Some((section, option)) => OptionName {
                section: Some(unescape("section", section)?),
                option: option.to_owned(),
            },
        };
        Ok(Self::Option(name, option))
    }
}

/// What stands before the first slash, and behind it.
fn cut(key: &str) -> Option<(&str, &str)> {
    let (before, behind) = key.split_at_checked(memchr(b'/', key.as_bytes())?)?;
    Some((before, behind.get(1..)?))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "{GENERAL}/{name}"),
            Self::System(rest) => write!(f, "{SYSTEM}/{rest}"),
            Self::File(file) => write!(f, "{file}"),
            Self::Option(file, OptionName { section: Some(section), option }) => {
                write!(f, "{file}/{}/{option}", escape(section))
            }
            Self::Option(file, OptionName { section: None, option }) => {
                write!(f, "{file}/{}", escape(option))
            }
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", escape(&self.role), escape(&self.service), escape(&self.file))
    }
}

/// The prefix of all keys of one service in one role, ending in a slash.
pub fn service_prefix(role: &str, service: &str) -> String {
    format!("{}/{}/", escape(role), escape(service))
}

/// The key of a variable.
pub fn variable_key(name: &str) -> String {
    format!("{GENERAL}/{name}")
}

/// Writes a slash as `%2F` and a percent sign as `%25`.
pub fn escape(part: &str) -> Cow<'_, str> {
    // Most parts hold neither.
    if memchr2(b'%', b'/', part.as_bytes()).is_none() {
        return part.into();
    }
    part.replace('%', "%25").replace('/', "%2F").into()
}

pub(crate) fn unescape(what: &'static str, part: &str) -> Result<String, KeyError> {
    if part.is_empty() {
        return Err(KeyError::Empty(what));
    }
    if memchr(b'%', part.as_bytes()).is_none() {
        return Ok(part.to_owned());
    }
    let mut pieces = part.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (character, rest) = if let Some(rest) = piece.strip_prefix("2F") {
            ('/', rest)
        } else if let Some(rest) = piece.strip_prefix("25") {
            ('%', rest)
        } else {
            return Err(KeyError::BadEscape(what));
        };
        out.push(character);
        out.push_str(rest);
    }
    Ok(out)
}

/// Roles, services and files become paths, and must not lead out of their folder.
fn check_path_part(what: &'static str, part: &str) -> Result<(), KeyError> {
    // Most are plain names.
    if part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Ok(());
    }
    let leads_out = part.starts_with('/') || part.split('/').any(|p| matches!(p, "" | "." | ".."));
    // The agent's own files beside a file are named with it.
    if leads_out || part.contains(".etcstack-") || part.chars().any(char::is_control) {
        return Err(KeyError::Unsafe(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(role: &str, service: &str, file: &str) -> FileName {
        FileName { role: role.into(), service: service.into(), file: file.into() }
    }

    fn option(section: Option<&str>, option: &str) -> OptionName {
        OptionName { section: section.map(Into::into), option: option.into() }
    }

    #[test]
    fn the_four_forms() {
        let conf = file("controller", "glance", "glance-api.conf");
        for (text, key) in [
            ("general/MYSQL_HOST", Key::Variable("MYSQL_HOST".into())),
            (
                "controller/glance/glance-api.conf/database/connection",
                Key::Option(conf.clone(), option(Some("database"), "connection")),
            ),
            ("controller/glance/glance-api.conf/x", Key::Option(conf.clone(), option(None, "x"))),
            ("controller/glance/glance-api.conf", Key::File(conf)),
            ("_etcstack/load", Key::System("load".into())),
        ] {
            assert_eq!(Key::parse(text).unwrap(), key);
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn an_option_may_hold_slashes_and_percent_signs() {
        let key = Key::parse("controller/cinder/api-paste.ini/composite:osapi_volume//v3").unwrap();
        let Key::Option(_, name) = &key else { panic!("{key:?}") };
        assert_eq!(name.option, "/v3");
        let key = Key::parse("r/s/f/sec/a%zz").unwrap();
        let Key::Option(_, name) = &key else { panic!("{key:?}") };
        assert_eq!(name.option, "a%zz");
    }

    #[test]
    fn escapes_are_strict() {
        assert_eq!(
            Key::parse("r/s/a%2Fb%25c/x").unwrap(),
            Key::Option(file("r", "s", "a/b%c"), option(None, "x"))
        );
        for bad in ["r/s/f%2f/x", "r/s/f%/x", "r/s%41/f/x", "r/s/f/a%2/x"] {
            assert!(matches!(Key::parse(bad), Err(KeyError::BadEscape(_))), "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_key() {
        for (text, error) in [
            ("", KeyError::TooShort),
            ("general", KeyError::TooShort),
            ("controller/glance", KeyError::TooShort),
            ("general/lower", KeyError::NotAVariable),
            ("general/A/B", KeyError::NotAVariable),
            ("general/", KeyError::NotAVariable),
            ("_other/x/y", KeyError::ReservedRole),
            ("/glance/f/x", KeyError::Empty("role")),
            ("r//f/x", KeyError::Empty("service")),
            ("r/s/", KeyError::Empty("file")),
            ("r/s/f//x", KeyError::Empty("section")),
            ("r/s/f/sec/", KeyError::Empty("option")),
            ("r/s/f/", KeyError::Empty("option")),
            ("r/s/..", KeyError::Unsafe("file")),
            ("r/s/f.conf.etcstack-default", KeyError::Unsafe("file")),
            ("r/s/..%2F..%2Fshadow", KeyError::Unsafe("file")),
            ("r/s/%2Fetc%2Fshadow/x", KeyError::Unsafe("file")),
            ("r/../f/x", KeyError::Unsafe("service")),
            ("r/s/a\nb/x", KeyError::Unsafe("file")),
        ] {
            assert_eq!(Key::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_that_is_a_key_prints_as_itself(text in "[a-c_/%25F2]{0,24}") {
            if let Ok(key) = Key::parse(&text) {
                prop_assert_eq!(key.to_string(), text);
            }
        }

        #[test]
        fn any_name_round_trips(section in "\\PC{1,8}", option in "\\PC{1,8}") {
            let key = Key::Option(
                file("r", "s", "f"),
                OptionName { section: Some(section), option },
            );
            prop_assert_eq!(Key::parse(&key.to_string()), Ok(key));
        }
    }
}
