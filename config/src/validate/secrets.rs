//! Secrets that stand where a variable should.

use super::{Code, Entry, Finding, Settings};
use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::effect::references;
use crate::key::{FileName, Key, OptionName};
use crate::secret::{has_password, secret_of};
use crate::validate::sections::candidates;
use crate::variables::mentions;

/// How names of options end that hold secrets. Narrow: a warning is for people.
const ENDS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secret_key",
    "shared_key",
    "admin_token",
    "private_key",
];

pub(super) fn check(entries: &[Entry<'_>], settings: &Settings, findings: &mut Vec<Finding>) {
    for entry in entries {
        let Key::Option(file, name) = &entry.key else { continue };
        let value = &entry.datum.value;
        let mut passwords = passwords(value);
        passwords.retain(|(from, to)| is_literal(entry, value.get(*from..*to).unwrap_or_default()));
        for (from, _) in &passwords {
            let message = "the password in this URL stands in clear";
            let place = entry.marks.offset(value, *from);
            findings.push(
                Finding::warning(place, Code::SecretInClear, message)
                    .remedy("put it into general/NAME and write ${NAME|url} here"),
            );
        }
        if value.contains("://") {
            continue;
        }
        let secret = secret_of(name, value);
        let option = name.option.as_str();
        let (place, message) = if has_password(name) {
            let place = entry.marks.offset(value, value.find(secret).unwrap_or_default());
            (place, format!("the password in {option} stands in clear"))
        } else if is_secret(catalog(entry, settings, file), name) {
            (entry.marks.line(0), format!("the secret {option} stands in clear"))
        } else {
            continue;
        };
        if is_literal(entry, secret) {
            findings.push(
                Finding::warning(place, Code::SecretInClear, message)
                    .remedy("put it into general/NAME and write $NAME here"),
            );
        }
    }
}

/// Whether nothing is filled in, neither by us nor by oslo.config.
fn is_literal(entry: &Entry<'_>, text: &str) -> bool {
    !text.is_empty()
        && mentions(text, entry.dialect).is_empty()
        && (entry.dialect != Dialect::Oslo || references(text).is_empty())
}

/// The catalog of a file's service, where it has the file's options.
fn catalog<'a>(entry: &Entry<'_>, settings: &'a Settings, file: &FileName) -> Option<&'a Catalog> {
    let catalogs = settings.catalogs.as_ref().filter(|_| entry.dialect == Dialect::Oslo);
    catalogs.and_then(|catalogs| catalogs.find(&file.service))
}

/// By what the catalog says, or by its name.
fn is_secret(catalog: Option<&Catalog>, OptionName { section, option }: &OptionName) -> bool {
    let section = section.as_deref().unwrap_or_default();
    let named = ENDS.iter().any(|end| option.ends_with(end));
    let mut found = candidates(catalog, section, option).peekable();
    if found.peek().is_none() {
        return named;
    }
    found.any(|known| known.secret || named && known.kind == "string value")
}

/// Where the passwords in URLs stand: `scheme://user:PASSWORD@host`, one for each host.
fn passwords(value: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, separator) in value.match_indices("://") {
        let start = at + separator.len();
        let rest = value.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
        let mut from = start;
        for host in rest.get(..end).unwrap_or_default().split(',') {
            if let Some((user, _)) = host.rsplit_once('@')
                && let Some((name, _)) = user.split_once(':')
            {
                found.push((from + name.len() + 1, from + user.len()));
            }
            from += host.len() + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls() {
        for (value, expected) in [
            ("mysql+pymysql://u:pass@h/x?a=b", vec!["pass"]),
            ("rabbit://u:a@h1:5672,u:$B@h2:5672//", vec!["a", "$B"]),
            ("http://host:80/x@y:z", vec![]),
            ("u:p@h", vec![]),
            ("http://user@host", vec![]),
        ] {
            let found = passwords(value);
            let found: Vec<_> = found.iter().map(|(from, to)| &value[*from..*to]).collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}
