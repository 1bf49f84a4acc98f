//! The store as it is now: the records beside what concerns them.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_store::{Revisions, Store, StoreError};

use super::concern::{Concerns, Groups, older, view};
use super::judge::{Known, Verdict};
use super::overview::{Judged, Overview};
use super::replica::{Chosen, Group, Replica};

/// Looks at the store, and remembers what does not have to be read again.
pub(crate) struct Observer {
    store: Store,
    chosen: Chosen,
    /// The groups of the replicas that were seen last.
    groups: Groups,
    concerns: Option<Concerns>,
    /// Whether what concerned a group at a revision is what concerns it now.
    same: BTreeMap<(Group, i64), bool>,
}

impl Observer {
    pub(crate) fn new(store: Store, chosen: Chosen) -> Self {
        Self { store, chosen, groups: Groups::new(), concerns: None, same: BTreeMap::new() }
    }

    /// The groups of the replicas that were seen last.
    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// What the records come to. The rest is read again if it `has_changed`, or if a record tells
    /// of something newer.
    pub(crate) async fn look(
        &mut self,
        records: &Entries,
        has_changed: bool,
    ) -> Result<Overview, StoreError> {
        let replicas = self.chosen.replicas(records);
        let groups = groups(&replicas);
        let newest = replicas.iter().filter_map(Replica::seen).max();
        let is_known = self
            .concerns
            .as_ref()
            .is_some_and(|concerns| Some(concerns.revision) >= newest && self.groups == groups);
        if has_changed || !is_known {
            let read = self.store.revisions(&view(&groups)).await?;
            self.replace(groups, &read);
        }
        let mut judged = Vec::new();
        for replica in replicas {
            let verdict = match &replica.record {
                Ok(record) => Verdict::new(record, self.known(&replica).await?),
                Err(reason) => Verdict::unreadable(reason),
            };
            judged.push(Judged { replica, verdict });
        }
        self.forget_older(&judged);
        let concerns = self.concerns.as_ref();
        let revision = concerns.map(|concerns| concerns.revision).unwrap_or_default();
        let nobody = self.chosen.nobody(records, &self.store.to_string());
        Ok(Overview::new(revision, self.is_loading(), judged, &self.chosen, nobody))
    }

    /// What the store has for a replica.
    async fn known(&mut self, replica: &Replica) -> Result<Known, StoreError> {
        let up_to_date = match replica.seen() {
            Some(seen) if !self.is_loading() => self.is_same(&replica.group, seen).await?,
            _ => false,
        };
        let concerns = self.concerns.as_ref();
        Ok(Known {
            revision: concerns.map(|concerns| concerns.revision).unwrap_or_default(),
            loading: self.is_loading(),
            newest: concerns.and_then(|concerns| concerns.groups.get(&replica.group)?.newest),
            up_to_date,
        })
    }

    fn is_loading(&self) -> bool {
        self.concerns.as_ref().is_some_and(|concerns| concerns.loading)
    }

    /// Forgets what no replica needs any more.
    fn forget_older(&mut self, judged: &[Judged]) {
        let seen = |Judged { replica, .. }: &Judged| Some((replica.group.clone(), replica.seen()?));
        let needed: BTreeSet<_> = judged.iter().filter_map(seen).collect();
        self.same.retain(|key, _| needed.contains(key));
    }

    fn replace(&mut self, groups: Groups, read: &Revisions) {
        let concerns = Concerns::new(&groups, read);
        let before = self.concerns.as_ref().map(|before| &before.groups);
        self.same.retain(|(group, _), _| {
            let before = before.and_then(|groups| groups.get(group));
            let now = concerns.groups.get(group);
            before.zip(now).is_some_and(|(before, now)| before.entries == now.entries)
        });
        self.concerns = Some(concerns);
        self.groups = groups;
    }

    /// Whether what an agent has read of a revision is still what there is. Deletions count, and
    /// what was set to what it held does not.
    async fn is_same(&mut self, group: &Group, seen: i64) -> Result<bool, StoreError> {
        let key = (group.clone(), seen);
        if let Some(same) = self.same.get(&key) {
            return Ok(*same);
        }
        let concerns = self.concerns.as_ref();
        let concern = concerns.and_then(|concerns| concerns.groups.get(group));
        let (Some(concern), Some(layers)) = (concern, self.groups.get(group)) else {
            return Ok(false);
        };
        let alone = Groups::from([(group.clone(), layers.clone())]);
        let same = match self.store.snapshot_at(&view(&alone), seen).await {
            Ok(snapshot) => older(group, layers, &snapshot.entries) == concern.entries,
            // It was compacted away: the revisions of the keys that are there are all that is left.
            Err(StoreError::Forgotten) => concern.newest <= Some(seen),
            Err(error) => return Err(error),
        };
        self.same.insert(key, same);
        Ok(same)
    }
}

/// The groups of these replicas.
fn groups(replicas: &[Replica]) -> Groups {
    let group = |replica: &Replica| {
        let layers = replica.record.as_ref().ok()?.layers.clone();
        Some((replica.group.clone(), layers))
    };
    replicas.iter().filter_map(group).collect()
}
