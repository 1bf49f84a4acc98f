//! Which keys concern which replicas, and when they changed last.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::key::{Key, variable_key};
use etcstack_config::layers::Layers;
use etcstack_config::variables::Scope;
use etcstack_store::{LOAD_MARK, Revisions, View};

use super::replica::Group;

/// The groups that are looked at, with their layers.
pub(crate) type Groups = BTreeMap<Group, Layers>;

/// What the store holds for some groups.
#[derive(Debug)]
pub(crate) struct Concerns {
    /// The store's, when that was read.
    pub(crate) revision: i64,
    /// A load is under way: what is there is half of something.
    pub(crate) loading: bool,
    pub(crate) groups: BTreeMap<Group, Concern>,
}

/// What the store holds for a group: its own keys and the variables that these refer to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Concern {
    pub(crate) entries: Entries,
    /// When one of these keys was changed last; `None` without keys. A deletion leaves no trace
    /// here.
    pub(crate) newest: Option<i64>,
}

impl std::fmt::Debug for Concern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Any value may be a secret.
        write!(f, "Concern({:?}, {:?})", self.newest, self.entries.keys())
    }
}

impl Concerns {
    pub(crate) fn new(groups: &Groups, read: &Revisions) -> Self {
        let entries = &read.snapshot.entries;
        let scope = scope(entries);
        let concern = |(group, layers): (&Group, &Layers)| {
            let entries = select(entries, &layers.prefixes(&group.service), &scope);
            let newest = entries.keys().filter_map(|key| read.changed.get(key)).max().copied();
            (group.clone(), Concern { entries, newest })
        };
        Self {
            revision: read.snapshot.revision,
            loading: entries.contains_key(LOAD_MARK),
            groups: groups.iter().map(concern).collect(),
        }
    }
}

/// The part of the store that concerns these groups.
pub(crate) fn view(groups: &Groups) -> View {
    let prefixes = groups.iter().flat_map(|(group, layers)| layers.prefixes(&group.service));
    let prefixes: BTreeSet<_> = prefixes.collect();
    View::new(prefixes.into_iter().collect(), |entries| needed(entries, &scope(entries)))
}

/// What an older state of the view of one group held for it.
pub(crate) fn older(group: &Group, layers: &Layers, entries: &Entries) -> Entries {
    select(entries, &layers.prefixes(&group.service), &scope(entries))
}

/// The keys below these prefixes, and the variables that they refer to.
fn select(all: &Entries, prefixes: &[String], scope: &Scope) -> Entries {
    let own = |key: &&String| prefixes.iter().any(|prefix| key.starts_with(prefix));
    let mut selected: Entries = all
        .iter()
        .filter(|(key, _)| own(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let found = |key: String| all.get(&key).map(|value| (key, value.clone()));
    let needed: Vec<_> = needed(&selected, scope).into_iter().filter_map(found).collect();
    selected.extend(needed);
    selected
}

/// The variables among the entries.
fn scope(entries: &Entries) -> Scope {
    let variable = |(key, value): (&String, &Vec<u8>)| match Key::parse(key) {
        Ok(Key::Variable(name)) => Some((name, std::str::from_utf8(value).ok()?.to_owned())),
        _ => None,
    };
    Scope { general: entries.iter().filter_map(variable).collect(), ..Scope::default() }
}

/// The keys of the variables that the options among these entries refer to, by way of others as
/// well.
fn needed(entries: &Entries, scope: &Scope) -> BTreeSet<String> {
    let is_own = |key: &str| matches!(Key::parse(key), Ok(Key::Option(..) | Key::File(_)));
    let values = entries.iter().filter(|(key, _)| is_own(key));
    let names = scope.needed(values.filter_map(|(_, value)| std::str::from_utf8(value).ok()));
    names.iter().map(|name| variable_key(name)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use etcstack_store::{Memory, Store, Write};

    use super::*;

    async fn put(store: &Store, key: &str, value: &str) {
        let write = Write::Put { key: key.into(), value: value.into() };
        store.commit(&[], &[write]).await.unwrap();
    }

    #[tokio::test]
    async fn own_keys_in_all_layers_and_the_variables_in_use() {
        let store = Store::Memory(Memory::default());
        for (key, value) in [
            ("compute/nova/nova.conf/DEFAULT/host", "$HOST"),
            ("compute@r7/nova/nova.conf/DEFAULT/rack", "7"),
            ("general/HOST", "${NODE:-$NOWHERE}"),
            ("general/NODE", "n"),
            ("general/OTHER", "x"),
            ("compute/nova2/nova.conf/DEFAULT/x", "$OTHER"),
            ("_etcstack/bad/compute/nova", "{}"),
        ] {
            put(&store, key, value).await;
        }
        let group = |role: &str| {
            let group = Group { role: role.into(), service: "nova".into() };
            (group, role.parse::<Layers>().unwrap())
        };
        let groups: Groups = [group("compute"), group("compute,compute@r7")].into();
        let read = async || {
            let read = store.revisions(&view(&groups)).await.unwrap();
            let known = store.snapshot(&view(&groups), Duration::from_secs(1)).await.unwrap();
            assert_eq!(read.snapshot, known);
            Concerns::new(&groups, &read)
        };
        let newest = |concerns: &Concerns| {
            concerns.groups.values().map(|concern| concern.newest.unwrap()).collect::<Vec<_>>()
        };
        let concerns = read().await;
        assert_eq!(newest(&concerns), [5, 5]);
        let keys: Vec<_> = concerns.groups.values().next().unwrap().entries.keys().collect();
        assert_eq!(keys, ["compute/nova/nova.conf/DEFAULT/host", "general/HOST", "general/NODE"]);
        put(&store, "general/OTHER", "y").await;
        put(&store, "compute@r8/nova/nova.conf/DEFAULT/rack", "8").await;
        assert_eq!(newest(&read().await), [5, 5]);
        put(&store, "compute@r7/nova/nova.conf/DEFAULT/rack", "$OTHER").await;
        assert_eq!(newest(&read().await), [5, 11]);
        put(&store, "general/NOWHERE", "z").await;
        assert_eq!(newest(&read().await), [12, 12]);
        assert!(!read().await.loading);
        put(&store, LOAD_MARK, "x").await;
        assert!(read().await.loading);
    }
}
