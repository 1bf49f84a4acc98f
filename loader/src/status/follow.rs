//! The store as it changes: an overview after each change that matters.

use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::status::STATUS;
use etcstack_store::{Event, Follower, Store, StoreError, View};
use tokio::time::sleep;

use super::concern::{Groups, view};
use super::observer::Observer;
use super::overview::Overview;
use super::replica::Chosen;

/// Between two tries to read what has changed, and between two looks at a load that is under way:
/// one that begins and ends between two reads of a follower is not told of.
const PAUSE: Duration = Duration::from_secs(1);

/// The records of all agents.
pub(crate) fn records() -> View {
    View::records(vec![STATUS.to_owned()])
}

/// Follows the records and what concerns them.
pub(crate) struct Following {
    store: Store,
    observer: Observer,
    records: Entries,
    record_events: Follower,
    /// What concerns these groups.
    concern_events: Option<(Groups, Follower)>,
    /// There is something to look at.
    is_due: bool,
    /// What concerns the replicas may have changed.
    has_changed: bool,
    loading: bool,
}

impl Following {
    /// Begins. `records` are those of a moment ago.
    pub(crate) fn start(store: Store, chosen: Chosen, records: Entries) -> Self {
        Self {
            observer: Observer::new(store.clone(), chosen),
            records,
            record_events: store.follow(self::records()),
            concern_events: None,
            is_due: true,
            has_changed: true,
            loading: false,
            store,
        }
    }

    /// What there is, at first at once and then after each change.
    pub(crate) async fn next(&mut self) -> Result<Overview, StoreError> {
        while !self.is_due {
            self.change().await?;
        }
        loop {
            match self.observer.look(&self.records, self.has_changed).await {
                Ok(overview) => {
                    self.is_due = false;
                    self.has_changed = false;
                    self.loading = overview.loading;
                    self.follow_concerns();
                    return Ok(overview);
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the store cannot be read; trying again");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits for something that may be a change.
    async fn change(&mut self) -> Result<(), StoreError> {
        let concerns = async {
            match &mut self.concern_events {
                Some((_, events)) => events.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.record_events.next() => match event {
                Some(Event::State(snapshot)) => {
                    self.records = snapshot.entries;
                    self.is_due = true;
                }
                Some(Event::Lost(error)) if error.is_final() => return Err(error),
                Some(Event::Lost(error)) => {
                    tracing::warn!(%error, "the store cannot be read; trying again");
                }
                Some(Event::Loading | Event::Back) => {}
                // It has ended by a fault of ours.
                None => self.record_events = self.store.follow(records()),
            },
            event = concerns => match event {
                Some(Event::State(_) | Event::Loading | Event::Back) => self.look_at_all(),
                Some(Event::Lost(error)) if error.is_final() => return Err(error),
                // The other one complains.
                Some(Event::Lost(_)) => {}
                None => self.concern_events = None,
            },
            () = sleep(PAUSE), if self.loading => self.look_at_all(),
        }
        Ok(())
    }

    fn look_at_all(&mut self) {
        self.is_due = true;
        self.has_changed = true;
    }

    /// Follows what concerns the replicas that are there now.
    fn follow_concerns(&mut self) {
        let groups = self.observer.groups();
        let followed = self.concern_events.as_ref().map(|(groups, _)| groups);
        if followed != Some(groups) {
            let follow = || (groups.clone(), self.store.follow(view(groups)));
            self.concern_events = (!groups.is_empty()).then(follow);
        }
    }
}
