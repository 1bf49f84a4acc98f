//! Writing variables: each transaction expects what was seen, and no load under way.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_config::key::variable_key;
use etcstack_store::{
    Expect, LIMITS, LOAD_MARK, Outcome, Snapshot, Store, StoreError, View, Write,
};

use super::{SecretsError, state};
use crate::hand::{Sealer, Signature, Transaction};
use crate::history::Counts;
use crate::release::DATA;

/// With room for what each transaction holds besides.
const MOST: usize = LIMITS.operations - 20;

/// A variable that is to have a value.
pub(super) struct Change {
    pub(super) name: String,
    pub(super) value: String,
    /// What it must hold before; `None` where it must not be there.
    pub(super) before: Option<Vec<u8>>,
}

impl Change {
    fn size(&self) -> usize {
        let before = self.before.as_ref().map_or(0, Vec::len);
        self.name.len() + self.value.len() + before + 64
    }
}

/// How writing ended.
pub(super) enum Written {
    /// All of it is there, at this revision.
    Done(i64),
    /// Something was not as expected any more; what came before it is there.
    Stale,
}

/// All of the store but the data of its releases; refused while a load is under way, since what is
/// seen then is half of it.
pub(super) async fn read(store: &Store, timeout: Duration) -> Result<Snapshot, SecretsError> {
    let view = View::everything().without(DATA);
    let snapshot = store.snapshot(&view, timeout).await?;
    if snapshot.entries.contains_key(LOAD_MARK) {
        return Err(SecretsError::Loading);
    }
    Ok(snapshot)
}

/// Writes the changes, and takes the variables `own` off the lists of what loads have written.
pub(super) async fn write(
    store: &Store,
    snapshot: &Snapshot,
    changes: &[Change],
    own: &BTreeSet<String>,
    signature: &Signature,
) -> Result<Written, StoreError> {
    let mut revision = snapshot.revision;
    let mut sealer = Sealer::new(snapshot, signature);
    for transaction in transactions(snapshot, changes, own) {
        let (expect, writes) = sealer.seal(transaction);
        match store.commit(&expect, &writes).await? {
            Outcome::Committed(new) => revision = new,
            Outcome::Conflict => return Ok(Written::Stale),
        }
    }
    Ok(Written::Done(revision))
}

fn transactions(
    snapshot: &Snapshot,
    changes: &[Change],
    own: &BTreeSet<String>,
) -> Vec<Transaction> {
    let mut transactions = Vec::new();
    // Each is large; and nothing is lost where only some are done.
    let given: BTreeSet<_> = changes.iter().map(|change| variable_key(&change.name)).collect();
    for list in state::lists_without(&snapshot.entries, own) {
        let key = list.key.to_owned();
        // What gets a value as well is named with that.
        let keys: Vec<_> = list.gone.into_iter().filter(|key| !given.contains(key)).collect();
        transactions.push(Transaction {
            expect: vec![Expect { key: key.clone(), value: Some(list.before.to_owned()) }],
            writes: vec![Write::Put { key, value: list.after }],
            counts: Counts { kept: keys.len(), ..Counts::default() },
            keys,
        });
    }
    for part in parts(changes) {
        let key = |change: &Change| variable_key(&change.name);
        let expect = |change: &Change| Expect { key: key(change), value: change.before.clone() };
        let put = |change: &Change| {
            let value = change.value.clone().into_bytes();
            Write::Put { key: key(change), value }
        };
        let added = part.iter().filter(|change| change.before.is_none()).count();
        transactions.push(Transaction {
            expect: part.iter().map(expect).collect(),
            writes: part.iter().map(put).collect(),
            keys: part.iter().map(key).collect(),
            counts: Counts { added, changed: part.len() - added, ..Counts::default() },
        });
    }
    transactions
}

fn parts(changes: &[Change]) -> Vec<&[Change]> {
    let mut parts = Vec::new();
    let mut rest = changes;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(MOST).take_while(|change| {
            bytes += change.size();
            bytes <= LIMITS.bytes
        });
        let (part, more) = rest.split_at(fits.count().max(1));
        parts.push(part);
        rest = more;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_to_the_limits() {
        let change = |size: usize| Change {
            name: "A".into(),
            value: "x".repeat(size),
            before: Some(vec![0; size]),
        };
        let many: Vec<_> = (0..=2 * MOST).map(|_| change(1)).collect();
        let sizes: Vec<_> = parts(&many).iter().map(|part| part.len()).collect();
        assert_eq!(sizes, [MOST, MOST, 1]);
        let large: Vec<_> = (0..3).map(|_| change(LIMITS.bytes / 3)).collect();
        assert_eq!(parts(&large).len(), 3);
        assert!(parts(&[]).is_empty());
    }
}
