//! When each key of a view was last changed.

use std::collections::{BTreeMap, BTreeSet};

use etcd_client::{Txn, TxnOp, TxnOpResponse};

use super::{Etcd, LIMITS, REQUEST_TIMEOUT, Range, Session, within};
use crate::{Revisions, Snapshot, StoreError, View};

impl Etcd {
    pub(crate) async fn revisions(&self, view: &View) -> Result<Revisions, StoreError> {
        let mut session = self.session(REQUEST_TIMEOUT).await?;
        let result = session.revisions(view).await;
        self.ended(&session, result)
    }
}

impl Session {
    /// Reads the view, and then once more, at the same revision and without the values: what the
    /// agents read needs no revisions, and is not to pay for them.
    async fn revisions(&mut self, view: &View) -> Result<Revisions, StoreError> {
        let snapshot = self.read(view, &BTreeSet::new()).await?;
        let changed = self.changed(view, &snapshot).await?;
        Ok(Revisions { snapshot, changed })
    }

    async fn changed(
        &mut self,
        view: &View,
        snapshot: &Snapshot,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let keys = view.keys(&snapshot.entries);
        let spans = self.spans(view);
        let ranges: Vec<_> = spans.chain(keys.iter().map(|key| self.one(key))).collect();
        let mut changed = BTreeMap::new();
        for chunk in ranges.chunks(LIMITS.operations) {
            let operations: Vec<_> = chunk.iter().map(|range| get(range, snapshot)).collect();
            let txn = Txn::new().and_then(operations);
            let answer = within(self.limit, &self.endpoint, self.kv.txn(txn)).await?;
            for response in answer.op_responses() {
                let TxnOpResponse::Get(get) = response else { continue };
                for pair in get.kvs() {
                    let key = pair.key_str().ok();
                    let key = key.and_then(|key| key.strip_prefix(&*self.prefix));
                    if let Some(key) = key.filter(|key| snapshot.entries.contains_key(*key)) {
                        changed.insert(key.to_owned(), pair.mod_revision());
                    }
                }
            }
        }
        Ok(changed)
    }
}

fn get(range: &Range, snapshot: &Snapshot) -> TxnOp {
    let options = range.options(snapshot.revision).with_keys_only();
    TxnOp::get(range.key.clone(), Some(options))
}
