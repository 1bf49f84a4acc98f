//! Which dialects the files of a state have, as the data that was loaded says.

use std::collections::BTreeSet;
use std::sync::Once;
use std::time::Duration;

use etcstack_config::Entries;
pub(crate) use etcstack_config::dialects::{DIALECTS, Dialects};

use etcstack_store::{Store, StoreError, View};

use crate::release::Data;
use crate::task;

/// What the record among the keys of a store says.
pub(crate) fn of_entries(entries: &Entries) -> Dialects {
    entries.get(DIALECTS).map(|record| of_record(record)).unwrap_or_default()
}

/// What a store says.
pub(crate) async fn of_store(store: &Store, timeout: Duration) -> Result<Dialects, StoreError> {
    let view = View::new(vec![DIALECTS.to_owned()], |_| BTreeSet::new());
    Ok(of_entries(&store.snapshot(&view, timeout).await?.entries))
}

/// What the data of a release says.
pub(crate) fn of_data(data: &Data) -> Dialects {
    data.get(DIALECTS).map(|record| of_record(record.as_bytes())).unwrap_or_default()
}

/// What nobody can read says nothing: the names of the files count.
fn of_record(record: &[u8]) -> Dialects {
    static TOLD: Once = Once::new();
    Dialects::of_record(record).unwrap_or_else(|error| {
        TOLD.call_once(|| {
            task::warn(format!(
                "{DIALECTS} cannot be read ({error}): files count as their names say; load the \
                 data with --overwrite"
            ));
        });
        Dialects::default()
    })
}
