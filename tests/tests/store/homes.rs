//! Every home that a store can have, with a way to change what is in it.

use etcstack_config::Entries;
use etcstack_store::{Memory, Outcome, Store, Write};
use etcstack_tests::Etcd;

use crate::folder::{ConfigMap, Plain};
use crate::open;

/// A store, and the other way into its home.
pub(crate) struct Home {
    pub(crate) store: Store,
    backing: Backing,
    /// What is in there, by what was applied.
    entries: Entries,
}

enum Backing {
    Etcd { etcd: Etcd, prefix: &'static str },
    ConfigMap(ConfigMap),
    Plain(Plain),
    Memory,
}

#[allow(clippy::unused_async, reason = "for the tests all homes are made alike")]
impl Home {
    pub(crate) async fn etcd() -> Self {
        let etcd = Etcd::new().await;
        Self::of(open(&etcd.url()), Backing::Etcd { etcd, prefix: "" })
    }

    pub(crate) async fn etcd_with_prefix() -> Self {
        let etcd = Etcd::new().await;
        let store = open(&etcd.url_with("clouds/one"));
        Self::of(store, Backing::Etcd { etcd, prefix: "clouds/one/" })
    }

    /// A directory that changes as a whole.
    pub(crate) async fn config_map() -> Self {
        let map = ConfigMap::new();
        Self::of(open(&format!("dir:{}", map.root().display())), Backing::ConfigMap(map))
    }

    /// A directory whose files are replaced one by one.
    pub(crate) async fn dir() -> Self {
        let plain = Plain::new();
        Self::of(open(&format!("dir:{}", plain.root().display())), Backing::Plain(plain))
    }

    pub(crate) async fn memory() -> Self {
        Self::of(Store::Memory(Memory::default()), Backing::Memory)
    }

    fn of(store: Store, backing: Backing) -> Self {
        Self { store, backing, entries: Entries::new() }
    }

    /// Changes the home, as one change where it has such a thing, and not through the store where
    /// there is another way.
    pub(crate) async fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            match write.clone() {
                Write::Put { key, value } | Write::Hold { key, value, .. } => {
                    self.entries.insert(key, value)
                }
                Write::Delete { key } => self.entries.remove(&key),
            };
        }
        match &mut self.backing {
            Backing::Etcd { etcd, prefix } => {
                let operations = writes.iter().map(|write| operation(prefix, write)).collect();
                etcd.txn(operations).await;
            }
            Backing::ConfigMap(map) => map.set(&self.entries),
            Backing::Plain(plain) => plain.set(&self.entries),
            Backing::Memory => {
                let outcome = self.store.commit(&[], writes).await.unwrap();
                assert!(matches!(outcome, Outcome::Committed(_)));
            }
        }
    }
}

fn operation(prefix: &str, write: &Write) -> etcd_client::TxnOp {
    match write {
        Write::Put { key, value } => {
            etcd_client::TxnOp::put(format!("{prefix}{key}"), value.clone(), None)
        }
        Write::Hold { .. } => panic!("leases are of the store"),
        Write::Delete { key } => etcd_client::TxnOp::delete(format!("{prefix}{key}"), None),
    }
}
