//! One suite for all homes of the store, and what only one of them can do.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod access;
mod dir;
mod disconnects;
mod etcd;
mod every_home;
mod folder;
mod homes;
mod leases;
mod silence;
mod symlinks;
mod tls;
mod turns;

use std::collections::BTreeSet;
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::key::{GENERAL, service_prefix, variable_key};
use etcstack_config::variables::Scope;
use etcstack_store::{Credentials, Event, Follower, Snapshot, Store, StoreError, View, Write};
use etcstack_tests::PATIENCE;

fn put(key: &str, value: impl Into<Vec<u8>>) -> Write {
    Write::Put { key: key.to_owned(), value: value.into() }
}

fn delete(key: &str) -> Write {
    Write::Delete { key: key.to_owned() }
}

fn entries(pairs: &[(&str, &str)]) -> Entries {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect()
}

fn open(url: &str) -> Store {
    open_with(url, Credentials::default()).unwrap()
}

fn open_with(url: &str, credentials: Credentials) -> Result<Store, StoreError> {
    Store::open(url.parse().unwrap(), credentials)
}

/// What an agent looks at: services of the role `r`, and the variables that their values refer to.
fn view(services: &[&str]) -> View {
    let prefixes = services.iter().map(|service| service_prefix("r", service)).collect();
    View::new(prefixes, variables)
}

/// The keys of the variables that these entries refer to, directly or by way of others.
fn variables(entries: &Entries) -> BTreeSet<String> {
    let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
    let mut scope = Scope::default();
    let mut values = Vec::new();
    for (key, value) in entries {
        match key.strip_prefix(GENERAL).and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => {
                scope.general.insert(name.to_owned(), text(value));
            }
            None => values.push(text(value)),
        }
    }
    let names = scope.needed(values.iter().map(String::as_str));
    names.iter().map(|name| variable_key(name)).collect()
}

async fn snapshot(store: &Store, view: &View) -> Entries {
    store.snapshot(view, PATIENCE).await.expect("a snapshot").entries
}

/// What a snapshot fails with.
async fn failure(store: &Store, patience: Duration) -> StoreError {
    store.snapshot(&view(&["s"]), patience).await.map(|s| s.entries.len()).expect_err("no snapshot")
}

/// A follower, with waits that end.
struct Watcher(Follower);

impl Watcher {
    fn new(store: &Store, view: View) -> Self {
        Self(store.follow(view))
    }

    async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.0.next()).await;
        event.expect("nothing happened").expect("the following has ended")
    }

    /// The next event, which must be a state.
    async fn state(&mut self) -> Entries {
        match self.event().await {
            Event::State(Snapshot { entries, .. }) => entries,
            other => panic!("no state but {other:?}"),
        }
    }

    /// The next state, whatever the store goes through before it.
    async fn state_at_last(&mut self) -> Entries {
        loop {
            if let Event::State(Snapshot { entries, .. }) = self.event().await {
                return entries;
            }
        }
    }

    /// The next state in which this key holds this value, whatever comes before.
    async fn until(&mut self, key: &str, value: &str) -> Entries {
        loop {
            let entries = self.state_at_last().await;
            if entries.get(key).map(Vec::as_slice) == Some(value.as_bytes()) {
                return entries;
            }
        }
    }

    /// The next event, which must be the store's loss.
    async fn lost(&mut self) -> StoreError {
        match self.event().await {
            Event::Lost(error) => error,
            other => panic!("not lost but {other:?}"),
        }
    }

    /// The next loss that waiting does not help against.
    async fn lost_for_good(&mut self) -> StoreError {
        loop {
            if let Event::Lost(error) = self.event().await
                && error.is_final()
            {
                return error;
            }
        }
    }
}
