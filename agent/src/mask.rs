//! Keeps secrets out of what other programs print into the agent's log.

use std::borrow::Cow;
use std::fmt;

use etcstack_config::Entries;
use etcstack_config::catalog::Catalog;
use etcstack_config::key::{Key, OptionName};
use etcstack_config::secret::{is_secret_file, is_secret_name, is_secret_option, secret_of};
use etcstack_config::variables::{Scope, json_string};

/// Shorter ones stand in too many lines by chance.
const SHORTEST: usize = 4;

/// The secrets of a state, as far as names, URLs and the catalog give them away.
#[derive(Clone, Default)]
pub(crate) struct Mask(Vec<String>);

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({} secrets)", self.0.len())
    }
}

impl Mask {
    pub(crate) fn new(entries: &Entries, scope: &Scope, catalog: Option<&Catalog>) -> Self {
        let is_known = |name: &OptionName| {
            let section = name.section.as_deref().unwrap_or_default();
            catalog.and_then(|catalog| catalog.is_secret(section, &name.option)).unwrap_or_default()
        };
        let mut secrets = Vec::new();
        for (key, value) in entries {
            let Ok(value) = std::str::from_utf8(value) else { continue };
            let (is_secret, option) = match Key::parse(key) {
                Ok(Key::Variable(name)) => (is_secret_name(&name), None),
                Ok(Key::Option(_, option)) => {
                    (is_secret_option(&option) || is_known(&option), Some(option))
                }
                Ok(Key::File(file)) => (is_secret_file(&file.file), None),
                _ => continue,
            };
            let part = |text| option.as_ref().map_or(text, |name| secret_of(name, text));
            let filled = scope.fill_in(value).unwrap_or_else(|_| value.to_owned());
            for text in [value, &filled] {
                if is_secret {
                    secrets.push(part(text).trim().to_owned());
                    secrets.extend(text.lines().map(|line| line.trim().to_owned()));
                }
                secrets.extend(text.split_whitespace().filter_map(password).map(str::to_owned));
            }
        }
        let environment = scope.environment.iter().filter(|(name, _)| is_secret_name(name));
        secrets.extend(environment.map(|(_, value)| value.clone()));
        secrets.extend(secrets.iter().filter_map(|secret| escaped(secret)).collect::<Vec<_>>());
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // The longest first: it may hold a shorter one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets)
    }

    #[cfg(test)]
    pub(crate) fn of(secrets: &[&str]) -> Self {
        Self(secrets.iter().map(|secret| (*secret).to_owned()).collect())
    }

    /// How long the longest secret is, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.0.first().map_or(0, String::len)
    }

    /// The line with `***` in the place of each secret.
    pub(crate) fn hide<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let mut line = Cow::Borrowed(line);
        for secret in &self.0 {
            if line.contains(secret) {
                line = line.replace(secret, "***").into();
            }
        }
        line
    }
}

/// A secret as a file has it that is written with `|json`, where that is another text.
fn escaped(secret: &str) -> Option<String> {
    let string = json_string(secret);
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    (inner != secret).then(|| inner.to_owned())
}

/// The password of a URL.
fn password(word: &str) -> Option<&str> {
    let (_, rest) = word.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let pairs = [
            ("general/DB_PASSWORD", "hunter2"),
            ("general/ADMIN", "plain-name"),
            ("r/s/f.conf/DEFAULT/admin_password", "$ADMIN"),
            ("r/s/f.conf/x/url", "mysql://u:pw@word@h/db"),
            ("r/s/f.conf/x/debug", "true"),
            ("r/s/my.cnf/mysqld/wsrep_sst_auth", "root:open-barley"),
            ("r/s/proxy-server.conf/filter:tempauth/user_a_b", "open-rice .admin"),
            ("r/s/f.conf/x/word", "open-sesame"),
            ("r/s/f.conf/x/password", "say \"yes\""),
        ];
        let entries: Entries =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
        let general = pairs[..2].iter().map(|(k, v)| (k[8..].to_owned(), (*v).to_owned()));
        let scope = Scope { general: general.collect(), ..Scope::default() };
        let catalog =
            br#"{"format":1,"options":[{"group":"x","name":"word","type":"","secret":true}]}"#;
        let catalog = Catalog::parse(std::path::Path::new("c"), catalog).unwrap();
        let mask = Mask::new(&entries, &scope, Some(&catalog));
        let line = "hunter2 plain-name pw@word true open-sesame open-barley open-rice .admin root";
        assert_eq!(mask.hide(line), "*** *** *** true *** *** *** root");
        assert_eq!(mask.hide("open-rice .member"), "*** .member");
        assert_eq!(mask.hide(r#"say \"yes\""#), "***");
        assert!(matches!(mask.hide("nothing here"), Cow::Borrowed(_)));
        assert!(!format!("{mask:?}").contains("hunter2"));
    }
}
