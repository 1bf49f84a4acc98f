//! Reading what a view asks for, all of it at one revision.

use std::collections::BTreeSet;

use etcd_client::{GetOptions, KeyValue, ResponseHeader, Txn, TxnOp, TxnOpResponse};
use etcstack_config::Entries;

use super::{Session, within};
use crate::view::{Edge, Span};
use crate::{LIMITS, Snapshot, StoreError, View};

/// How etcd names the end of a range that has none.
const NO_END: [u8; 1] = [0];

/// A read of one key, or of all from it to an end.
pub(super) struct Range {
    pub(super) key: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
}

impl Session {
    /// Reads what the view asks for. `known` are keys that it asked for last time, read along with
    /// the rest: where they still do, one request is enough.
    pub(super) async fn read(
        &mut self,
        view: &View,
        known: &BTreeSet<String>,
    ) -> Result<Snapshot, StoreError> {
        self.read_at(view, known, 0).await
    }

    pub(super) async fn read_at(
        &mut self,
        view: &View,
        known: &BTreeSet<String>,
        revision: i64,
    ) -> Result<Snapshot, StoreError> {
        let spans = self.spans(view);
        let keys = known.iter().map(|key| self.one(key));
        let mut snapshot = Snapshot { revision, entries: Entries::new() };
        let ranges: Vec<_> = spans.chain(keys).collect();
        self.ranges(ranges, &mut snapshot).await?;
        let mut read = known.clone();
        loop {
            let wanted = view.keys(&snapshot.entries);
            let missing: Vec<_> = wanted.difference(&read).cloned().collect();
            if missing.is_empty() {
                snapshot.entries.retain(|key, _| view.holds(key, &wanted));
                return Ok(snapshot);
            }
            let ranges = missing.iter().map(|key| self.one(key)).collect();
            self.ranges(ranges, &mut snapshot).await?;
            read.extend(missing);
        }
    }

    /// Reads into a snapshot, at its revision; the first read of all sets it.
    pub(super) async fn ranges(
        &mut self,
        ranges: Vec<Range>,
        snapshot: &mut Snapshot,
    ) -> Result<(), StoreError> {
        for chunk in ranges.chunks(LIMITS.operations) {
            // One transaction is of one revision; a later one has to ask for it.
            let operations: Vec<_> = chunk.iter().map(|r| r.get(snapshot.revision)).collect();
            let txn = Txn::new().and_then(operations);
            let answer = within(self.limit, &self.endpoint, self.kv.txn(txn)).await?;
            if snapshot.revision == 0 {
                snapshot.revision = answer.header().map_or(0, ResponseHeader::revision);
            }
            for response in answer.op_responses() {
                if let TxnOpResponse::Get(mut get) = response {
                    for pair in get.take_kvs() {
                        self.take(pair, &mut snapshot.entries);
                    }
                }
            }
        }
        Ok(())
    }

    /// A key that is not UTF-8 means nothing to us and cannot have been written by us.
    pub(super) fn take(&self, pair: KeyValue, entries: &mut Entries) {
        let (key, value) = pair.into_key_value();
        let key = String::from_utf8(key).ok();
        let Some(key) = key.as_deref().and_then(|key| key.strip_prefix(&*self.prefix)) else {
            tracing::warn!("passing over a key that is not UTF-8");
            return;
        };
        entries.insert(key.to_owned(), value);
    }

    pub(super) fn one(&self, key: &str) -> Range {
        Range { key: self.key(key), end: None }
    }

    /// The spans of a view. Between two parts that it leaves out there may be no key, and etcd
    /// takes no watch of such a range.
    pub(super) fn spans(&self, view: &View) -> impl Iterator<Item = Range> {
        let range = |span: Span| {
            let (key, end) = (self.edge(&span.from), self.edge(&span.to));
            (end == NO_END || key < end).then_some(Range { key, end: Some(end) })
        };
        view.spans().into_iter().filter_map(range)
    }

    /// Where an edge stands, as etcd compares keys.
    fn edge(&self, edge: &Edge) -> Vec<u8> {
        match edge {
            // No key is empty; as the begin of a range etcd wants one that is not either.
            Edge::Start(prefix) if self.prefix.is_empty() && prefix.is_empty() => vec![0],
            Edge::Start(prefix) => self.key(prefix),
            Edge::End(prefix) => end_of(self.key(prefix)),
        }
    }
}

/// The first key behind all that begin with this; etcd spells the end of all keys as a zero byte.
fn end_of(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return prefix;
        }
    }
    NO_END.to_vec()
}

impl Range {
    fn get(&self, revision: i64) -> TxnOp {
        TxnOp::get(self.key.clone(), Some(self.options(revision)))
    }

    pub(super) fn options(&self, revision: i64) -> GetOptions {
        let options = GetOptions::new().with_revision(revision);
        match &self.end {
            Some(end) => options.with_range(end.clone()),
            None => options,
        }
    }
}
