//! What looks like a secret.
//!
//! A guess, and one that had rather hide too much: any value may be a password. Who wants to see it
//! all the same can say so. All names by which `etcstack-loader secrets` makes secrets are known
//! here, those of UUIDs aside: a UUID names a secret, and most of them name something else.

use crate::dialect::Dialect;
use crate::key::OptionName;
use crate::variables::{is_filter, is_name};

/// Anywhere in a name.
const PARTS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private",
    "transport_url",
    "apikey",
    "authkey",
    "cookie",
    "hash_path",
    "sst_auth",
];
/// As a word of a name, between `_`, `-` or dots.
const WORDS: [&str; 10] =
    ["key", "keys", "keyring", "fernet", "pass", "pwd", "pw", "psk", "dsn", "kek"];
/// Shorter ones stand in too many values by chance.
const SHORTEST: usize = 4;

/// Whether an option, a variable or a file of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    PARTS.iter().any(|part| name.contains(part))
        || is_connection(&name)
        || words.any(|word| WORDS.contains(&word))
}

/// Whether an option holds a secret, by its name and where it stands.
pub fn is_secret_option(name: &OptionName) -> bool {
    is_secret_name(&name.option) || is_account(name)
}

/// `user_ACCOUNT_USER = password groups…` of Swift's tempauth, whose filter may have a longer name.
fn is_account(OptionName { section, option }: &OptionName) -> bool {
    let is_tempauth = section.as_deref().is_some_and(|section| section.contains("tempauth"));
    is_tempauth && (option.starts_with("user_") || option.starts_with("user64_"))
}

/// Whether an option's value holds a password besides what is none: that of an account, or of a pair.
pub fn has_password(name: &OptionName) -> bool {
    is_account(name) || is_pair(name)
}

/// `user:password`, as for Galera's transfers of its state.
fn is_pair(name: &OptionName) -> bool {
    name.option.contains("sst_auth")
}

/// What of a secret option's value is secret: the password of an account, or of a pair
/// `user:password`, where it is known to be one; else all of it.
pub fn secret_of<'a>(name: &OptionName, value: &'a str) -> &'a str {
    if is_account(name) {
        return value.split_whitespace().next().unwrap_or_default();
    }
    let password = value.split_once(':').filter(|_| is_pair(name)).map(|(_, password)| password);
    password.map_or(value, |password| password.trim_end_matches(['"', '\'']))
}

/// Whether a file of this name is one secret. What is in a binary file nobody sees at a glance, and
/// keystores are the most usual.
pub fn is_secret_file(name: &str) -> bool {
    is_secret_name(name) || Dialect::by_name(name) == Dialect::Binary
}

/// But not `connection_recycle_time`; several are numbered.
fn is_connection(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
    name == "connection" || name.ends_with("_connection")
}

/// Whether a text holds one of these secrets.
pub fn holds_any(text: &str, secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| secret.len() >= SHORTEST && text.contains(*secret))
}

/// Whether a text gives a secret away by its form: a URL with a user's password, or the same without
/// a scheme, what stands in the header of an HTTP request, an assignment to a name that looks like
/// a secret's, a private key.
pub fn looks_secret(text: &str) -> bool {
    text.contains("PRIVATE KEY")
        || text.split_whitespace().any(has_userinfo)
        || text.match_indices('@').any(|(at, _)| is_login(text, at))
        || has_credentials(text)
        || text
            .match_indices([':', '='])
            .any(|(at, _)| is_secret_name(last_word(text.get(..at).unwrap_or_default())))
}

/// `user:password@host` somewhere behind `://`. A password may hold what it should not, as a slash.
fn has_userinfo(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// Schemes whose `@` stands behind no password.
const ADDRESSES: [&str; 5] = ["acct", "mailto", "sip", "sips", "xmpp"];

/// `user:password@host` without a scheme. A number may be a password as well as a port: it is hidden.
fn is_login(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let host = text.get(at + 1..).unwrap_or_default();
    let ends = |c: char| c.is_whitespace() || ",;\"'`()<>=".contains(c);
    let word = before.rsplit(ends).next().unwrap_or_default();
    let Some((user, password)) = word.split_once(':') else { return false };
    let is_no_part = |c: char| !(c.is_ascii_alphanumeric() || "._-+%".contains(c));
    let user = user.rsplit(is_no_part).next().unwrap_or_default();
    let is_address = password.contains(':') && [user, password].into_iter().all(is_hexadecimal);
    user.contains(|c: char| c.is_ascii_alphabetic())
        && !ADDRESSES.contains(&user)
        && !password.is_empty()
        // What has a scheme is a URL, and looked at as one.
        && !password.starts_with("//")
        && !is_address
        && !is_reference(password)
        // An image's digest.
        && !host.starts_with("sha256:")
        && host.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | '$'))
}

/// Part of an IPv6 or a MAC address.
fn is_hexadecimal(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit() || c == ':')
}

/// Whether a text is one reference to a variable, and no default.
pub fn is_reference(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    let braced = name.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match braced.unwrap_or(name).split_once('|') {
        Some((name, filter)) => braced.is_some() && is_filter(filter) && is_name(name),
        None => is_name(braced.unwrap_or(name)),
    }
}

/// Fewer letters than a credential has are a word: `Basic auth`.
const SHORTEST_CREDENTIALS: usize = 6;

/// `Bearer …` and `Basic …`, as HTTP has them, with what is no word of a sentence behind.
fn has_credentials(text: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || "\"',;".contains(c);
    let words: Vec<_> = text.split(ends).filter(|word| !word.is_empty()).collect();
    words.iter().zip(words.iter().skip(1)).any(|(word, next)| {
        let scheme = word.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let is_scheme = ["bearer", "basic"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        is_scheme && is_credential(next)
    })
}

/// The letters that RFC 9110 has for credentials, and something that a word does not have.
fn is_credential(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    let is_odd = |c: char| c.is_ascii_digit() || matches!(c, '=' | '~' | '+');
    let mut letters = word.chars();
    letters.next();
    word.len() >= SHORTEST_CREDENTIALS
        && word.chars().all(is_part)
        && (word.contains(is_odd)
            || letters.any(|c| c.is_ascii_uppercase())
                && word.contains(|c: char| c.is_ascii_lowercase()))
}

/// The name in front of a separator, quotes and blanks aside.
fn last_word(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '\t', '"', '\'', ']']);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.rsplit(|c| !is_part(c)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "admin_password",
            "MYSQL_PASSWORD",
            "memcache_secret_key",
            "api_key",
            "auth-key",
            "connection",
            "slave_connection",
            "sql_connection",
            "transport_url",
            "admin_token",
            "RABBIT_PASS",
            "metadata_proxy_shared_secret",
            "fernet-keys/0",
            "ceph.client.cinder.keyring",
            "aws_credentials",
            "DB_PW",
            "BARBICAN_SIMPLE_CRYPTO_KEK",
            "swift_hash_path_suffix",
            "SLAVE_CONNECTION_2",
            "ERLANG_COOKIE",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "debug",
            "auth_url",
            "connection_recycle_time",
            "monkey_patch",
            "bypass",
            "compass_url",
            "hockey",
            "passive",
            "policy.yaml",
            "MYSQL_HOST",
            "REGION_UUID",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn texts() {
        for text in [
            "mysql+pymysql://cinder:pw@db/cinder",
            "rabbit://u:p@a:5672,u:p@b:5672//",
            "mysql://u:p/w@db/x",
            "see http://u:p@h/ there",
            "SECRET_KEY = 'x'",
            "{\"password\": \"x\"}",
            "--os-password=x",
            "users['x']['secret'] = 1",
            "-----BEGIN RSA PRIVATE KEY-----",
            "guest:guest@rabbit:5672",
            "guest:12345@rabbit",
            "u:p:w@[::1]:5672,u:p@b",
            "servers = \"u:p@a\"",
            "u:p@a;u:p@b",
            "u:${X:-hunter2}@h",
            "{u:p@h}",
            "Bearer eyJhbGciOi.eyJzdWI.x-y_z",
            "Authorization: Basic dXNlcjpwdw==",
            "\"Authorization\": \"bearer abcdef123456\"",
            "Basic dXNlcjpwYXNzd29yZA",
        ] {
            assert!(looks_secret(text), "{text}");
        }
        for text in [
            "",
            "password",
            "v3password",
            "http://db:5000/v3",
            "admin@example.com",
            "a=b",
            "https://host/x?user@example.com",
            "%(levelname)s: %(message)s",
            "\"rule:admin\": \"x\"",
            "root@host:/srv",
            "git@github.com:org/repo",
            "mailto:admin@example.com",
            "Admin <admin@example.com>, b@example.com",
            "host@lvm#pool",
            "aa:bb:cc:dd:ee:ff@eth0",
            "fe80::1@eth0",
            "12:30@daily",
            "registry:5000/nova@sha256:0123456789abcdef",
            "user:$SECRET@host",
            "user:@host",
            "a: b@c",
            "u:p@",
            "Basic authentication",
            "Basic auth",
            "basic HTTP",
            "Bearer tokens",
            "Bearer $TOKEN",
            "the Basic, Bearer",
            "--http-basic interfaces",
            "u:${SECRET|url}@h",
            "u:${SECRET|json}@h",
        ] {
            assert!(!looks_secret(text), "{text}");
        }
    }

    #[test]
    fn by_where_it_stands() {
        let name = |section: &str, option: &str| OptionName {
            section: Some(section.to_owned()),
            option: option.to_owned(),
        };
        for (section, option, value, expected) in [
            ("filter:tempauth", "user_admin_admin", "sesame .admin http://h", Some("sesame")),
            ("filter:my-tempauth", "user64_dW5kZXI_a", "$PW .admin", Some("$PW")),
            ("filter:tempauth", "reseller_prefix", "AUTH", None),
            ("filter:other", "user_agent", "x", None),
            ("mysqld", "wsrep_sst_auth", "root:$PW", Some("$PW")),
            ("mysqld", "wsrep-sst-auth", "root:sesame\"", None),
            ("mysqld", "wsrep_sst_auth", "\"root:sesame\"", Some("sesame")),
            ("mysqld", "wsrep_sst_auth", "$BOTH", Some("$BOTH")),
            ("db", "password", "a:b c", Some("a:b c")),
        ] {
            let name = name(section, option);
            let found = is_secret_option(&name).then(|| secret_of(&name, value));
            assert_eq!(found, expected, "{section} {option}");
        }
    }

    #[test]
    fn values_of_others() {
        assert!(holds_any("x hunter2 y", &["zzzz", "hunter2"]));
        assert!(!holds_any("a value", &["", "a", "val"]));
    }
}
