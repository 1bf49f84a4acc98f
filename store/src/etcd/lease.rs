//! Leases in etcd: what is asked of one endpoint, once.

use std::time::Duration;

use etcd_client::Error::LeaseKeepAliveError;

use super::{Etcd, REQUEST_TIMEOUT, Session, within};
use crate::{LeaseId, StoreError};

impl Etcd {
    /// A new lease, and for how long it was granted: etcd may give more than it was asked for.
    pub(crate) async fn grant(&self, ttl: Duration) -> Result<(LeaseId, Duration), StoreError> {
        let mut session = self.session(REQUEST_TIMEOUT).await?;
        let result = session.grant(ttl).await;
        self.ended(&session, result)
    }

    /// Keeps a lease for another of its times; `false` where it has ended.
    pub(crate) async fn renew(&self, id: LeaseId, limit: Duration) -> Result<bool, StoreError> {
        let mut session = self.session(limit).await?;
        let result = session.renew(id).await;
        self.ended(&session, result)
    }

    /// Ends a lease, and what is held under it; one that has ended is no error.
    pub(crate) async fn revoke(&self, id: LeaseId, limit: Duration) -> Result<(), StoreError> {
        let mut session = self.session(limit).await?;
        let result = session.revoke(id).await;
        match self.ended(&session, result) {
            Err(StoreError::LeaseGone) => Ok(()),
            result => result,
        }
    }
}

impl Session {
    async fn grant(&mut self, ttl: Duration) -> Result<(LeaseId, Duration), StoreError> {
        let seconds = i64::try_from(ttl.as_millis().div_ceil(1000)).unwrap_or(i64::MAX).max(1);
        let request = self.lease.grant(seconds, None);
        let answer = within(self.limit, &self.endpoint, request).await?;
        let granted = u64::try_from(answer.ttl()).unwrap_or_default().max(1);
        Ok((LeaseId(answer.id()), Duration::from_secs(granted)))
    }

    async fn renew(&mut self, id: LeaseId) -> Result<bool, StoreError> {
        let request = async {
            match self.lease.keep_alive(id.0).await {
                Ok(_) => Ok(true),
                Err(LeaseKeepAliveError(reason)) if reason == "lease not found" => Ok(false),
                Err(error) => Err(error),
            }
        };
        within(self.limit, &self.endpoint, request).await
    }

    async fn revoke(&mut self, id: LeaseId) -> Result<(), StoreError> {
        within(self.limit, &self.endpoint, self.lease.revoke(id.0)).await.map(|_| ())
    }
}
