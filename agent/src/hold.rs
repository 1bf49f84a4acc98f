//! A state that lacks most of what was there: more likely an accident than a wish.
//!
//! A load that takes keys away takes them from its own lists as well, at the same revision. A key
//! that is gone while its list still names it, or that no list has named, was taken away otherwise.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::data::normal_key;
use etcstack_config::dialects::Dialects;

/// Fewer than this many lost keys are never held.
const FEWEST: usize = 5;

/// The keys of a service in a state that was taken, and those that the lists of loads name.
#[derive(Debug, Default)]
pub(crate) struct Known {
    own: BTreeSet<String>,
    loaded: BTreeSet<String>,
}

impl Known {
    /// `own` are the prefixes of the service's keys, `lists` those of the lists of loaded keys.
    pub(crate) fn of(entries: &Entries, own: &[String], lists: &[String]) -> Self {
        let below = |key: &str, prefixes: &[String]| prefixes.iter().any(|p| key.starts_with(p));
        let loaded = entries.iter().filter(|(key, _)| below(key, lists));
        let own_keys = entries.keys().filter(|key| below(key, own));
        let names = Dialects::default();
        Self {
            // An option that is spelled otherwise now (`[LVM]`, `[lvm]`) is not gone.
            own: own_keys.map(|key| normal_key(key, &names)).collect(),
            // A list that cannot be read names nothing: then what is gone counts as lost.
            loaded: loaded
                .flat_map(|(_, list)| {
                    serde_json::from_slice::<Vec<String>>(list).unwrap_or_default()
                })
                .collect(),
        }
    }

    /// How many keys a later state lacks without a load's word, if those are too many.
    pub(crate) fn suspicious_losses(&self, later: &Self) -> Option<usize> {
        let announced = |key: &String| self.loaded.contains(key) && !later.loaded.contains(key);
        let lost = self.own.difference(&later.own).filter(|key| !announced(key)).count();
        (lost >= FEWEST && 2 * lost > self.own.len()).then_some(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(own: &[u32], loaded: &[u32]) -> Known {
        let key = |n: &u32| format!("r/s/f.conf/x/{n}");
        let mut entries: Entries = own.iter().map(|n| (key(n), b"v".to_vec())).collect();
        let list: Vec<_> = loaded.iter().map(key).collect();
        entries.insert("_l/r/s/0".into(), serde_json::to_vec(&list).unwrap());
        entries.insert("general/X".into(), b"1".to_vec());
        Known::of(&entries, &["r/s/".into()], &["_l/r/s/".into()])
    }

    /// A load writes keys in the spelling that is theirs.
    #[test]
    fn keys_that_are_spelled_otherwise_are_not_gone() {
        let known = |section: &str| {
            let key = |n: usize| format!("r/s/f.conf/{section}/{n}");
            let entries: Entries = (0..9).map(|n| (key(n), b"v".to_vec())).collect();
            Known::of(&entries, &["r/s/".to_owned()], &[])
        };
        assert_eq!(known("LVM").suspicious_losses(&known("lvm")), None);
        assert_eq!(known("LVM").suspicious_losses(&known("other")), Some(9));
    }

    #[test]
    fn most_keys_gone_is_suspicious_unless_a_load_took_them() {
        let ten: Vec<u32> = (0..10).collect();
        let before = known(&ten, &ten);
        assert_eq!(before.suspicious_losses(&known(&ten[..4], &ten)), Some(6));
        assert_eq!(before.suspicious_losses(&known(&ten[..5], &ten)), None);
        assert_eq!(before.suspicious_losses(&known(&ten[..4], &ten[..4])), None);
        assert_eq!(before.suspicious_losses(&known(&ten, &[])), None);
        // Four of six are too few to hold; keys put by hand are nobody's to announce.
        assert_eq!(known(&ten[..6], &[]).suspicious_losses(&known(&ten[..2], &[])), None);
        assert_eq!(known(&ten, &[]).suspicious_losses(&known(&[], &[])), Some(10));
    }
}
