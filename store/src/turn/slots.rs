//! What to do next, by what stands in the slots.

use std::time::{SystemTime, UNIX_EPOCH};

use etcstack_config::Entries;

use crate::LeaseId;

/// Keys `0`, `1`, … below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) prefix: String,
    pub(super) count: usize,
}

/// What stands in a slot that is ours.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) lease: LeaseId,
    pub(super) value: Vec<u8>,
}

impl Claim {
    /// Each taking has a lease of its own, which makes the value one of a kind.
    pub(super) fn new(holder: &str, lease: LeaseId) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let taking = lease.to_string();
        let value = serde_json::json!({ "holder": holder, "since": since, "taking": taking });
        Self { lease, value: value.to_string().into_bytes() }
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: this slot is ours.
    Have(String),
    /// To take this slot, if it still holds this.
    Take(String, Option<Vec<u8>>),
    /// To wait for one of these.
    Wait(String),
}

impl Slots {
    pub(super) fn next(&self, entries: &Entries, holder: &str, claim: &Claim) -> Next {
        let taken: Vec<_> = entries.iter().filter(|(key, _)| self.is_slot(key)).collect();
        if let Some((key, _)) = taken.iter().find(|(_, value)| **value == claim.value) {
            return Next::Have((*key).clone());
        }
        if let Some((key, value)) = taken.iter().find(|(_, value)| holder_of(value) == holder) {
            return Next::Take((*key).clone(), Some((*value).clone()));
        }
        // Those beyond our count are of replicas that know a greater one, and count as well.
        if taken.len() < self.count
            && let Some(key) = self.free(entries, claim.lease)
        {
            return Next::Take(key, None);
        }
        let holders: Vec<_> = taken.iter().map(|(_, value)| holder_of(value)).collect();
        Next::Wait(holders.join(", "))
    }

    fn is_slot(&self, key: &str) -> bool {
        key.strip_prefix(&self.prefix).is_some_and(|name| name.parse::<usize>().is_ok())
    }

    /// One of the free slots: not the same one for all who look at the same time.
    fn free(&self, entries: &Entries, lease: LeaseId) -> Option<String> {
        let slots = (0..self.count).map(|number| format!("{}{number}", self.prefix));
        let mut free: Vec<_> = slots.filter(|key| !entries.contains_key(key)).collect();
        if free.is_empty() {
            return None;
        }
        let at = usize::try_from(lease.0.unsigned_abs()).unwrap_or_default() % free.len();
        Some(free.swap_remove(at))
    }
}

fn holder_of(value: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(value).unwrap_or_default();
    let holder = value.get("holder").and_then(serde_json::Value::as_str);
    holder.unwrap_or("somebody unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(count: usize, taken: &[(&str, &Claim)]) -> Next {
        let slots = Slots { prefix: "p/".into(), count };
        let mut entries: Entries =
            taken.iter().map(|(key, claim)| ((*key).to_owned(), claim.value.clone())).collect();
        // Not slots.
        entries.insert("p/released/1".into(), Vec::new());
        entries.insert("q/0".into(), Vec::new());
        slots.next(&entries, "me", &claim("me", 6))
    }

    fn claim(holder: &str, lease: i64) -> Claim {
        let value = format!(r#"{{"holder":"{holder}","since":1,"taking":"{lease}"}}"#);
        Claim { lease: LeaseId(lease), value: value.into_bytes() }
    }

    fn take(key: &str, before: Option<&Claim>) -> Next {
        Next::Take(key.into(), before.map(|claim| claim.value.clone()))
    }

    #[test]
    fn free_slots() {
        let other = claim("other", 1);
        assert_eq!(next(1, &[]), take("p/0", None));
        assert_eq!(next(2, &[("p/0", &other)]), take("p/1", None));
        assert_eq!(next(2, &[("p/1", &other)]), take("p/0", None));
        assert_eq!(next(1, &[("p/0", &other)]), Next::Wait("other".into()));
        // Somebody who knows more slots than we do counts as well.
        assert_eq!(next(1, &[("p/7", &other)]), Next::Wait("other".into()));
        let third = claim("third", 2);
        assert_eq!(next(2, &[("p/0", &other), ("p/1", &third)]), Next::Wait("other, third".into()));
    }

    #[test]
    fn those_who_look_together_try_different_slots() {
        let slots = Slots { prefix: "p/".into(), count: 3 };
        let tried: std::collections::BTreeSet<_> = (10..13)
            .map(|lease| match slots.next(&Entries::new(), "x", &claim("x", lease)) {
                Next::Take(key, None) => key,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(tried.len(), 3);
    }

    #[test]
    fn slots_of_our_own() {
        let (other, earlier, this) = (claim("other", 1), claim("me", 2), claim("me", 6));
        assert_eq!(next(2, &[("p/0", &other), ("p/1", &this)]), Next::Have("p/1".into()));
        assert_eq!(next(2, &[("p/0", &earlier), ("p/1", &this)]), Next::Have("p/1".into()));
        // Left from an earlier life: rather than a free one.
        assert_eq!(next(3, &[("p/1", &earlier)]), take("p/1", Some(&earlier)));
        assert_eq!(next(1, &[("p/5", &earlier)]), take("p/5", Some(&earlier)));
    }

    #[test]
    fn what_somebody_wrote_by_hand_is_taken() {
        let by_hand = |value: &str| Claim { lease: LeaseId(1), value: value.into() };
        for value in ["", "x", "[]", r#"{"holder": 1}"#] {
            assert_eq!(next(1, &[("p/0", &by_hand(value))]), Next::Wait("somebody unknown".into()));
        }
    }

    #[test]
    fn what_a_claim_says() {
        let claim = Claim::new("a\"b", LeaseId(255));
        let value: serde_json::Value = serde_json::from_slice(&claim.value).unwrap();
        assert_eq!(value["holder"], "a\"b");
        assert_eq!(value["taking"], "00000000000000ff");
        assert!(value["since"].as_u64().is_some_and(|since| since > 1_700_000_000));
        assert_eq!(holder_of(&claim.value), "a\"b");
    }
}
