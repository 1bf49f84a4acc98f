//! Which keys hold secrets: by their names, by the catalogs, by where they are put in, and because
//! the data says so.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::{Key, variable_key};
use etcstack_config::secret::{
    is_reference, is_secret_file, is_secret_name, is_secret_option, looks_secret, secret_of,
};
use etcstack_config::validate::Catalogs;
use etcstack_config::variables::references;

use crate::address::is_address;
use crate::dialects::{self, Dialects};
use crate::said::Said;

/// The keys of these states that hold secrets. A variable holds one as well where it is the value
/// of a secret option, or the password in a URL.
pub(crate) fn sensitive(states: &[&Entries], catalogs: Option<&Catalogs>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left: Vec<String> = Vec::new();
    let mut dialects = Dialects::default();
    for state in states {
        dialects.extend(&dialects::of_entries(state));
        left.extend(Said::of_entries(state).hidden().map(str::to_owned));
    }
    let pairs = states.iter().flat_map(|entries| entries.iter());
    for (key, value) in pairs {
        let Ok(parsed) = Key::parse(key) else { continue };
        let is_harmless = || is_address(&parsed, value, states);
        let Some(secret) = is_secret(&parsed, catalogs, &dialects, is_harmless) else { continue };
        if secret {
            found.insert(key.clone());
        }
        if let Ok(value) = std::str::from_utf8(value) {
            let part = secret_part(value, secret).map(|part| match &parsed {
                Key::Option(_, name) => secret_of(name, part),
                _ => part,
            });
            left.extend(part.into_iter().flat_map(references));
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = left.pop() {
        let key = variable_key(&name);
        if !seen.insert(name) {
            continue;
        }
        let values = states.iter().filter_map(|entries| entries.get(&key));
        for value in values.filter_map(|value| std::str::from_utf8(value).ok()) {
            left.extend(secret_part(value, true).into_iter().flat_map(references));
        }
        found.insert(key);
    }
    found
}

/// `None` for what is no key of data. What is harmless is a secret only if a catalog says so.
fn is_secret(
    key: &Key,
    catalogs: Option<&Catalogs>,
    dialects: &Dialects,
    is_harmless: impl Fn() -> bool,
) -> Option<bool> {
    match key {
        Key::Variable(name) => Some(is_secret_name(name) && !is_harmless()),
        Key::File(file) => {
            let is_binary = dialects.of(file) == Dialect::Binary;
            Some(is_binary || is_secret_file(&file.file))
        }
        Key::Option(file, option) => {
            let section = option.section.as_deref().unwrap_or_default();
            let catalog = catalogs.and_then(|catalogs| catalogs.find(&file.service));
            let known = catalog.and_then(|catalog| catalog.is_secret(section, &option.option));
            Some(known.unwrap_or_default() || is_secret_option(option) && !is_harmless())
        }
        Key::System(_) => None,
    }
}

/// The part of a value that is secret: the password of a URL, else all of it or nothing.
fn secret_part(value: &str, secret: bool) -> Option<&str> {
    let Some((_, rest)) = value.split_once("://") else { return secret.then_some(value) };
    rest.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
}

/// Whether a secret value gives nothing away, since a variable stands in place of what is secret.
pub(crate) fn is_harmless(value: &str) -> bool {
    let Some(secret) = secret_part(value, true).filter(|secret| is_reference(secret)) else {
        return false;
    };
    !value.contains("://") || !looks_secret(&value.replace(&format!(":{secret}@"), "@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_secret() {
        for value in ["$PW", "${PW}", "${PW|url}", "mysql://u:${PW|url}@$HOST/x"] {
            assert!(is_harmless(value), "{value}");
        }
        for value in [
            "",
            "x",
            "x$PW",
            "$PW$PW",
            "${PW:-hunter2}",
            "mysql://u:x@h/",
            "mysql://u:$PW@h,u:x@h/",
            "mysql://u:$PW@h/?token=x",
            "http://$HOST/",
        ] {
            assert!(!is_harmless(value), "{value}");
        }
    }

    #[test]
    fn by_where_it_is_put_in() {
        let entries = [
            ("r/s/f.conf/db/connection", "mysql://$USER:${PW|url}@$HOST/x"),
            ("r/s/f.conf/db/url", "http://u:$SAME@$HOST/x"),
            ("r/s/f.conf/db/admin_password", "$ADMIN"),
            ("r/s/f.conf/db/plain", "$OTHER"),
            ("r/s/proxy-server.conf/filter:tempauth/user_a_b", "$TEMP .$GROUP"),
            ("r/s/my.cnf/mysqld/wsrep_sst_auth", "$USER:$SST"),
            ("general/ADMIN", "$DEEP"),
            ("general/DEEP", "x"),
            ("general/OTHER", "x"),
        ];
        let entries =
            entries.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).into();
        let found: Vec<_> = sensitive(&[&entries], None).into_iter().collect();
        let expected = [
            "general/ADMIN",
            "general/DEEP",
            "general/PW",
            "general/SAME",
            "general/SST",
            "general/TEMP",
            "r/s/f.conf/db/admin_password",
            "r/s/f.conf/db/connection",
            "r/s/my.cnf/mysqld/wsrep_sst_auth",
            "r/s/proxy-server.conf/filter:tempauth/user_a_b",
        ];
        assert_eq!(found, expected);
    }
}
