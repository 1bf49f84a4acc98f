//! Secrets that stand where a variable should.

use super::{Code, Entry, Finding, Settings};
use crate::catalog::Catalog;
use crate::effect::references;
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
        let Some((service, section, option)) = entry.oslo() else { continue };
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
        let catalog = settings.catalogs.as_ref().and_then(|catalogs| catalogs.find(service));
        if !value.contains("://")
            && is_secret(catalog, section, option)
            && !value.is_empty()
            && is_literal(entry, value)
        {
            let message = format!("the secret {option} stands in clear");
            findings.push(
                Finding::warning(entry.marks.line(0), Code::SecretInClear, message)
                    .remedy("put it into general/NAME and write $NAME here"),
            );
        }
    }
}

/// Whether nothing is filled in, neither by us nor by oslo.config.
fn is_literal(entry: &Entry<'_>, text: &str) -> bool {
    !text.is_empty() && mentions(text, entry.dialect).is_empty() && references(text).is_empty()
}

/// By what the catalog says, or by its name.
fn is_secret(catalog: Option<&Catalog>, section: &str, option: &str) -> bool {
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
