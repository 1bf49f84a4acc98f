//! What a secret's name says of its value, and making one.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use clap::ValueEnum;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};

/// Long enough for everything, and just what heat and octavia ask of their keys.
const LENGTH: usize = 32;

/// What a secret is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// 32 letters and digits
    Password,
    /// 32 capital letters
    Cookie,
    /// 32 bytes in URL-safe base64
    Fernet,
    /// 16 bytes in hexadecimal
    Hex,
    /// A random UUID
    Uuid,
    /// 32 bytes in base64
    Base64,
    /// Not made here
    #[value(skip)]
    External,
}

/// Ends of names, and what they mean. The first that fits counts. Those of all kinds but UUIDs are
/// known to `etcstack_config::secret` as well, or their values would be shown.
const ENDS: [(&str, Kind); 25] = [
    ("FERNET_KEY", Kind::Fernet),
    ("CREDENTIAL_KEY", Kind::Fernet),
    ("_KEK", Kind::Fernet),
    ("HASH_PATH_PREFIX", Kind::Hex),
    ("HASH_PATH_SUFFIX", Kind::Hex),
    ("_UUID", Kind::Uuid),
    ("RNDC_KEY", Kind::Base64),
    ("RNDC_SECRET", Kind::Base64),
    ("TSIG_KEY", Kind::Base64),
    ("TSIG_SECRET", Kind::Base64),
    ("COOKIE", Kind::Cookie),
    ("PASSWORD", Kind::Password),
    ("PASSWD", Kind::Password),
    ("PASSPHRASE", Kind::Password),
    ("_PASS", Kind::Password),
    ("_PWD", Kind::Password),
    ("_PW", Kind::Password),
    ("SECRET", Kind::Password),
    ("SECRET_KEY", Kind::Password),
    ("ENCRYPTION_KEY", Kind::Password),
    ("TOKEN", Kind::Password),
    ("TRANSPORT_URL", Kind::External),
    ("_CONNECTION", Kind::External),
    ("APIKEY", Kind::External),
    ("AUTHKEY", Kind::External),
];

/// Words that make a secret of a name without saying of which kind.
const WORDS: [&str; 9] =
    ["KEY", "KEYS", "KEYRING", "FERNET", "PSK", "DSN", "PRIVATE", "CREDENTIAL", "CREDENTIALS"];

impl Kind {
    /// What a variable's name tells; `None` where it does not look like a secret's.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        // Several of a kind are numbered: FERNET_KEY_0.
        let name = match name.rsplit_once('_') {
            Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => name,
        };
        let end = ENDS.iter().find(|(end, _)| {
            // Also where the end is the whole name.
            name.ends_with(end) || end.strip_prefix('_') == Some(name)
        });
        let is_secret = || name.split('_').any(|word| WORDS.contains(&word));
        end.map(|(_, kind)| *kind).or_else(|| is_secret().then_some(Self::External))
    }

    /// What `.secrets.toml` calls it.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if text == "external" { Some(Self::External) } else { Self::from_str(text, false).ok() }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Cookie => "cookie",
            Self::Fernet => "fernet",
            Self::Hex => "hex",
            Self::Uuid => "uuid",
            Self::Base64 => "base64",
            Self::External => "external",
        }
    }

    /// A new value; `None` where none can be made.
    pub(crate) fn generate(self) -> Option<String> {
        Some(match self {
            Self::Password => Alphanumeric.sample_string(&mut rand::rng(), LENGTH),
            Self::Cookie => capitals(LENGTH),
            Self::Fernet => URL_SAFE.encode(rand::random::<[u8; 32]>()),
            Self::Base64 => STANDARD.encode(rand::random::<[u8; 32]>()),
            Self::Hex => format!("{:032x}", rand::random::<u128>()),
            Self::Uuid => uuid(rand::random()),
            Self::External => return None,
        })
    }
}

/// What a key of Fernet's looks like.
pub(super) const FERNET_FORM: &str =
    "32 bytes in URL-safe base64: 44 of A-Z, a-z, 0-9, - and _, the last one a =";

/// Whether a text is a key as keystone, barbican and all others of Fernet's read it.
pub(super) fn is_fernet(text: &str) -> bool {
    URL_SAFE.decode(text).is_ok_and(|key| key.len() == 32)
}

fn capitals(length: usize) -> String {
    let mut letters = String::new();
    while letters.len() < length {
        // Larger ones would make some letters likelier than others.
        let byte = rand::random::<u8>();
        if byte < 26 * 9 {
            letters.push(char::from(b'A' + byte % 26));
        }
    }
    letters
}

/// Version 4 of RFC 9562.
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let mut text = String::new();
    for (index, digit) in format!("{bits:032x}").chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use etcstack_config::secret::is_secret_name;

    use super::*;

    #[test]
    fn what_names_say() {
        for (name, kind) in [
            ("GLANCE_DB_PASSWORD", Some(Kind::Password)),
            ("PASSWORD", Some(Kind::Password)),
            ("RABBIT_PASS", Some(Kind::Password)),
            ("PASS", Some(Kind::Password)),
            ("METADATA_PROXY_SHARED_SECRET", Some(Kind::Password)),
            ("HORIZON_SECRET_KEY", Some(Kind::Password)),
            ("HEAT_AUTH_ENCRYPTION_KEY", Some(Kind::Password)),
            ("ADMIN_TOKEN_2", Some(Kind::Password)),
            ("RABBITMQ_ERLANG_COOKIE", Some(Kind::Cookie)),
            ("FERNET_KEY_0", Some(Kind::Fernet)),
            ("KEYSTONE_CREDENTIAL_KEY_1", Some(Kind::Fernet)),
            ("BARBICAN_SIMPLE_CRYPTO_KEK", Some(Kind::Fernet)),
            ("SWIFT_HASH_PATH_SUFFIX", Some(Kind::Hex)),
            ("CINDER_RBD_SECRET_UUID", Some(Kind::Uuid)),
            ("DESIGNATE_RNDC_KEY", Some(Kind::Base64)),
            ("CEPH_CINDER_KEY", Some(Kind::External)),
            ("TRANSPORT_URL", Some(Kind::External)),
            ("MYSQL_HOST", None),
            ("BYPASS", None),
            ("MONKEY", None),
            ("TOKEN_URL", None),
            ("A_1", None),
        ] {
            assert_eq!(Kind::of_name(name), kind, "{name}");
        }
    }

    /// What is made here is hidden everywhere. A UUID is no secret by itself.
    #[test]
    fn what_is_made_is_hidden() {
        let ends = ENDS.iter().map(|(end, _)| *end).chain(WORDS);
        for end in ends.map(|end| end.trim_start_matches('_')) {
            for start in ["", "X_", "X"] {
                for number in ["", "_", "_0", "_12"] {
                    let name = format!("{start}{end}{number}");
                    let is_made = Kind::of_name(&name).is_some_and(|kind| kind != Kind::Uuid);
                    assert!(!is_made || is_secret_name(&name), "{name}");
                }
            }
        }
    }

    #[test]
    fn fernet_keys() {
        let key = Kind::Fernet.generate().unwrap();
        assert!(is_fernet(&key) && is_fernet(&format!("{}-_A=", "A".repeat(40))));
        let standard = format!("{}+/A=", "A".repeat(40));
        for text in ["", "x", &key[..43], &format!("{key}\n"), &format!(" {key}"), &standard] {
            assert!(!is_fernet(text), "{text}");
        }
    }

    #[test]
    fn what_is_made() {
        let is = |kind: Kind, length: usize, part: fn(u8) -> bool| {
            let (one, two) = (kind.generate().unwrap(), kind.generate().unwrap());
            assert_ne!(one, two);
            assert!(one.len() == length && one.bytes().all(part), "{kind:?}");
            assert_eq!(Kind::from_text(kind.name()), Some(kind));
        };
        is(Kind::Password, 32, |b| b.is_ascii_alphanumeric());
        is(Kind::Cookie, 32, |b| b.is_ascii_uppercase());
        is(Kind::Hex, 32, |b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        is(Kind::Fernet, 44, |b| b.is_ascii_alphanumeric() || b"-_=".contains(&b));
        is(Kind::Base64, 44, |b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        is(Kind::Uuid, 36, |b| b.is_ascii_hexdigit() || b == b'-');
        assert_eq!(Kind::External.generate(), None);
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
