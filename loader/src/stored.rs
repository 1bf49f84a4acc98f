//! Reading releases, and what is in the store now.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::key::SYSTEM;
use etcstack_store::{Snapshot, Store, StoreError, View};

use crate::dialects::DIALECTS;
use crate::history::{self, CURRENT, Entry, History, Reference};
use crate::load::LoadError;
use crate::release::{Data, part_keys, unpack};
use crate::said::{self, VARIABLES};

/// A release that is kept, and its data.
pub(crate) async fn release(
    store: &Store,
    reference: Reference,
    timeout: Duration,
) -> Result<(Entry, Data), LoadError> {
    let history = history::read(store, timeout).await?;
    let entry = history.find(reference).map_err(LoadError::NoSuchRelease)?.clone();
    let number = entry.number;
    let parts = move |entries: &Entries| {
        let history = History::of(entries);
        history.entries.get(&number).into_iter().flat_map(part_keys).collect::<BTreeSet<_>>()
    };
    let snapshot = store.snapshot(&View::new(vec![CURRENT.into()], parts), timeout).await?;
    let data = unpack(&entry, &snapshot.entries).ok_or(LoadError::Damaged(number))?;
    Ok((entry, data))
}

/// All keys, and of the system's records what data can say.
pub(crate) fn view() -> View {
    View::new(["", DIALECTS, VARIABLES].map(str::to_owned).to_vec(), |_| BTreeSet::new())
        .without(format!("{SYSTEM}/"))
}

/// Whether data can say a key.
pub(crate) fn is_data(key: &str) -> bool {
    matches!(key, DIALECTS | VARIABLES) || !key.starts_with(&format!("{SYSTEM}/"))
}

/// All keys that are in the store now, the system's records aside that no data says.
pub(crate) async fn now(store: &Store, timeout: Duration) -> Result<Snapshot, StoreError> {
    let mut snapshot = store.snapshot(&view(), timeout).await?;
    // The mark is read with every view.
    snapshot.entries.retain(|key, _| is_data(key));
    said::add_record(store, &mut snapshot.entries);
    Ok(snapshot)
}

/// The keys of the data among these, the system's other records aside.
pub(crate) fn data_of(entries: &Entries) -> Entries {
    let own = entries.iter().filter(|(key, _)| is_data(key));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}
