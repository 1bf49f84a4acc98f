//! Which of the keys that were found are not shown.

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::key::Key;
use etcstack_config::secret::looks_secret;
use etcstack_store::{Store, StoreError, View};

use super::GetError;
use crate::address::may_hold_address;
use crate::cli::GetArgs;
use crate::hand::{is_record, is_secret};
use crate::said::VARIABLES;
use crate::sensitive::sensitive;
use crate::validate::settings;
use crate::{stored, task};

/// The keys whose values are not shown.
pub(super) async fn hidden(
    store: &Store,
    args: &GetArgs,
    found: &Entries,
) -> Result<BTreeSet<String>, GetError> {
    if args.show_secrets {
        return Ok(BTreeSet::new());
    }
    let is_hidden = |(key, value): &(&String, &Vec<u8>)| {
        let value = String::from_utf8_lossy(value);
        is_secret(key, &value) && (looks_secret(&value) || !may_hold(key))
    };
    let mut hidden: BTreeSet<_> =
        found.iter().filter(is_hidden).map(|(key, _)| key.clone()).collect();
    let left: Vec<_> = found.keys().filter(|key| !hidden.contains(*key)).collect();
    if left.iter().all(|key| is_record(key)) {
        return Ok(hidden);
    }
    let (settings, _) = settings::read(&args.sources.sources()).map_err(GetError::Settings)?;
    let is_variable = |key: &str| matches!(Key::parse(key), Ok(Key::Variable(_)));
    // What is put in where a secret stands is one, and what refers to one may be.
    let all = if left.iter().any(|key| is_variable(key) || may_hold(key)) {
        all(store, args.common.start_timeout).await?
    } else {
        Entries::new()
    };
    hidden.extend(sensitive(&[&all, found], settings.catalogs.as_ref()));
    Ok(hidden)
}

fn may_hold(key: &str) -> bool {
    Key::parse(key).is_ok_and(|key| may_hold_address(&key))
}

/// All keys, or as much of them as this user may know, who is told what that means.
async fn all(store: &Store, timeout: Duration) -> Result<Entries, StoreError> {
    match stored::now(store, timeout).await {
        Err(StoreError::Denied { .. }) => {}
        all => return Ok(all?.entries),
    }
    // By its key alone: that is what a right to one key is for.
    let declared = View::new(Vec::new(), |_| [VARIABLES.to_owned()].into());
    match store.snapshot(&declared, timeout).await {
        Err(StoreError::Denied { .. }) => {
            task::note(format!(
                "this user may not read {VARIABLES}: secrets are known by their names and forms \
                 only, not those that the data declares; docs/security.md names the rights"
            ));
            Ok(Entries::new())
        }
        declared => {
            task::note(
                "this user may not read all keys: which variables are secret because secret \
                 options refer to them is not known",
            );
            Ok(declared?.entries)
        }
    }
}
