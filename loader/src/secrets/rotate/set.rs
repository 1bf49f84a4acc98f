//! A set of fernet keys, as keystone has it: one variable for each, numbered from 0 on.
//!
//! Key 0 is staged: what others make with it can be read already. The one with the highest number is
//! the primary one, which tokens are made with. Those between only read. A rotation moves each to the
//! place where it is needed next, so that no token in use is lost: the staged one becomes the primary
//! one, the primary one an older one, the oldest goes, and a new one is staged.

use etcstack_config::Entries;
use etcstack_config::key::variable_key;

use super::super::SecretsError;
use super::super::kind::{FERNET_FORM, is_fernet};
use super::super::write::Change;

/// How the names of such variables end, before their numbers.
const TOKENS: &str = "FERNET_KEY";
/// Credentials stay as long as nobody encrypts them anew.
const CREDENTIALS: &str = "CREDENTIAL_KEY";
/// With fewer, the primary key would be the one that goes.
const FEWEST: usize = 3;

/// The variables of a set.
pub(super) struct Set {
    /// From the staged one on; the primary one is the last.
    pub(super) names: Vec<String>,
}

impl Set {
    /// The set that a name means, without a number: `KEYSTONE_FERNET_KEY` or `…_KEYS`. `None` where
    /// it means something else.
    pub(super) fn find(name: &str, entries: &Entries) -> Result<Option<Self>, SecretsError> {
        let base = name.strip_suffix('S').unwrap_or(name);
        let is_there = |name: &String| entries.contains_key(&variable_key(name));
        if is_there(&name.to_owned()) || !is_there(&format!("{base}_0")) {
            return Ok(None);
        }
        if base.ends_with(CREDENTIALS) {
            return Err(SecretsError::Refused(format!(
                "{base}_0 and its siblings encrypt what is kept in the database: a key that goes \
                 takes its credentials with it. Stage, migrate (keystone-manage \
                 credential_migrate) and remove them one by one"
            )));
        }
        if !base.ends_with(TOKENS) {
            return Ok(None);
        }
        let numbers = 0..entries.len();
        let names: Vec<_> =
            numbers.map(|number| format!("{base}_{number}")).take_while(is_there).collect();
        let others = entries.keys().filter_map(|key| numbered(key, base));
        if let Some(other) = others.filter(|number| *number >= names.len()).min() {
            return Err(SecretsError::Refused(format!(
                "there is a general/{base}_{other} and no general/{base}_{}: keys of a set are \
                 numbered from 0 on, without a gap",
                names.len()
            )));
        }
        if names.len() < FEWEST {
            return Err(SecretsError::Refused(format!(
                "the set {base}_0 … has {} keys: with fewer than {FEWEST}, the one that tokens are \
                 made with would go",
                names.len()
            )));
        }
        Ok(Some(Self { names }))
    }

    /// What each is to hold.
    pub(super) fn shifted(
        &self,
        entries: &Entries,
        staged: String,
    ) -> Result<Vec<Change>, SecretsError> {
        let held = |name: &String| {
            let before = entries.get(&variable_key(name)).cloned().unwrap_or_default();
            let value = String::from_utf8(before).ok().filter(|text| is_fernet(text));
            value.ok_or_else(|| {
                SecretsError::Refused(format!(
                    "general/{name} holds no fernet key, which has {FERNET_FORM}: mend it first, as \
                     with: etcstack-loader secrets rotate {name} --apply"
                ))
            })
        };
        let mut values = self.names.iter().map(held).collect::<Result<Vec<_>, _>>()?;
        // The oldest one goes; what is left moves down by one, and the staged one to the end.
        values.remove(1);
        values.rotate_left(1);
        values.insert(0, staged);
        let change = |(name, value): (&String, String)| Change {
            before: entries.get(&variable_key(name)).cloned(),
            name: name.clone(),
            value,
        };
        Ok(self.names.iter().zip(values).map(change).collect())
    }
}

/// The number of a variable of the set.
fn numbered(key: &str, base: &str) -> Option<usize> {
    key.strip_prefix("general/")?.strip_prefix(base)?.strip_prefix('_')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[(&str, &str)]) -> Entries {
        let pair = |(name, value): &(&str, &str)| (variable_key(name), value.as_bytes().to_vec());
        names.iter().map(pair).collect()
    }

    /// A key that can be told from others.
    fn key(name: &str) -> String {
        format!("{name:A<43}=")
    }

    fn four() -> Entries {
        entries(&[
            ("K_FERNET_KEY_0", &key("staged")),
            ("K_FERNET_KEY_1", &key("oldest")),
            ("K_FERNET_KEY_2", &key("older")),
            ("K_FERNET_KEY_3", &key("primary")),
            ("K_FERNET_KEY_NOTE", "none"),
        ])
    }

    #[test]
    fn each_moves_on() {
        for name in ["K_FERNET_KEY", "K_FERNET_KEYS"] {
            let set = Set::find(name, &four()).unwrap().unwrap();
            let changes = set.shifted(&four(), "new".into()).unwrap();
            let shown: Vec<_> =
                changes.iter().map(|change| (change.name.as_str(), change.value.clone())).collect();
            let expected = [
                ("K_FERNET_KEY_0", "new".to_owned()),
                ("K_FERNET_KEY_1", key("older")),
                ("K_FERNET_KEY_2", key("primary")),
                ("K_FERNET_KEY_3", key("staged")),
            ];
            assert_eq!(shown, expected);
            assert_eq!(changes[3].before, Some(key("primary").into_bytes()));
        }
        assert!(Set::find("K_FERNET_KEY_1", &four()).unwrap().is_none());
        assert!(Set::find("K_PASSWORD", &four()).unwrap().is_none());
    }

    #[test]
    fn what_is_no_set() {
        let mut gap = four();
        gap.remove("general/K_FERNET_KEY_2");
        let few = entries(&[("FERNET_KEY_0", "a"), ("FERNET_KEY_1", "b")]);
        let credentials = entries(&[("K_CREDENTIAL_KEY_0", "a"), ("K_CREDENTIAL_KEY_1", "b")]);
        for (name, entries, part) in [
            ("K_FERNET_KEY", &gap, "K_FERNET_KEY_3 and no general/K_FERNET_KEY_2"),
            ("FERNET_KEYS", &few, "has 2 keys"),
            ("K_CREDENTIAL_KEYS", &credentials, "credential_migrate"),
        ] {
            let error = Set::find(name, entries).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        }
        for value in [&b"$OTHER"[..], b"sesame", b"", b"\xff", &key("sesame").as_bytes()[..43]] {
            let mut made = four();
            made.insert("general/K_FERNET_KEY_2".into(), value.to_vec());
            let set = Set::find("K_FERNET_KEY", &made).unwrap().unwrap();
            let error = set.shifted(&made, "new".into()).err().unwrap().to_string();
            assert!(error.starts_with("general/K_FERNET_KEY_2 holds no fernet key"), "{error}");
            assert!(!error.contains("sesame"), "{error}");
        }
    }
}
