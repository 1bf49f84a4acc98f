//! What looks like a secret.
//!
//! A guess, and one that had rather hide too much: any value may be a password. Who wants to see it
//! all the same can say so. All names by which `etcstack-loader secrets` makes secrets are known
//! here, those of UUIDs aside: a UUID names a secret, and most of them name something else.

/// Anywhere in a name.
const PARTS: [&str; 12] = [
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

/// But not `connection_recycle_time`; several are numbered.
fn is_connection(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
    name == "connection" || name.ends_with("_connection")
}

/// Whether a text holds one of these secrets.
pub fn holds_any(text: &str, secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| secret.len() >= SHORTEST && text.contains(*secret))
}

/// Whether a text gives a secret away by its form: a URL with a user's password, an assignment to
/// a name that looks like one, a private key.
pub fn looks_secret(text: &str) -> bool {
    text.contains("PRIVATE KEY")
        || text.split_whitespace().any(has_userinfo)
        || text
            .match_indices([':', '='])
            .any(|(at, _)| is_secret_name(last_word(text.get(..at).unwrap_or_default())))
}

/// `user:password@host` somewhere behind `://`. A password may hold what it should not, as a slash.
fn has_userinfo(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
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
        ] {
            assert!(!looks_secret(text), "{text}");
        }
    }

    #[test]
    fn values_of_others() {
        assert!(holds_any("x hunter2 y", &["zzzz", "hunter2"]));
        assert!(!holds_any("a value", &["", "a", "val"]));
    }
}
