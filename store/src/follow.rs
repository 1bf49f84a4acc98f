//! How a store tells of its states, the same for all homes.

use std::future::Future;

use etcstack_config::Entries;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{LOAD_MARK, Snapshot, StoreError, View};

/// What happened to the store.
#[derive(Clone, Debug)]
pub enum Event {
    /// A state that differs from the one before.
    State(Snapshot),
    /// A load is under way: the next state comes when all of it is there.
    Loading,
    /// The store cannot be read. It is tried again; the next state says that it is back.
    Lost(StoreError),
    /// It can be read again, and nothing has changed.
    Back,
}

/// The states of a store, one after the other.
#[derive(Debug)]
pub struct Follower {
    events: mpsc::Receiver<Event>,
    task: Option<JoinHandle<()>>,
}

impl Follower {
    /// The next event; `None` when the following has ended, which only a fault of ours can cause.
    ///
    /// States that the caller was too slow for are passed over, the newest one never. Cancelling
    /// this loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    pub(crate) fn run(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.task = Some(tokio::spawn(work));
        self
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Both ends. One event may wait; whoever publishes more waits with it, and reads the store anew
/// when it is taken.
pub(crate) fn channel(view: &View) -> (Publisher, Follower) {
    let (sender, events) = mpsc::channel(1);
    let records = view.is_of_records();
    let publisher = Publisher { sender, records, last: None, mood: Mood::Fine };
    (publisher, Follower { events, task: None })
}

#[derive(PartialEq, Eq)]
enum Mood {
    Fine,
    Loading,
    /// With the message that was told.
    Lost(String),
}

/// The sending end: passes on what is new.
pub(crate) struct Publisher {
    sender: mpsc::Sender<Event>,
    /// Whether all is told as it is read.
    records: bool,
    last: Option<Entries>,
    mood: Mood,
}

impl Publisher {
    /// Tells of a state, unless it is the one that was told last or a load is under way.
    pub(crate) async fn state(&mut self, snapshot: Snapshot) {
        if self.records {
            self.mood = Mood::Fine;
            return self.send(Event::State(snapshot)).await;
        }
        if snapshot.entries.contains_key(LOAD_MARK) {
            if self.mood != Mood::Loading {
                self.mood = Mood::Loading;
                self.send(Event::Loading).await;
            }
            return;
        }
        let before = std::mem::replace(&mut self.mood, Mood::Fine);
        if self.last.as_ref() != Some(&snapshot.entries) {
            self.last = Some(snapshot.entries.clone());
            self.send(Event::State(snapshot)).await;
        } else if before != Mood::Fine {
            self.send(Event::Back).await;
        }
    }

    /// Tells that the store is away, once for each reason.
    pub(crate) async fn lost(&mut self, error: StoreError) {
        let mood = Mood::Lost(error.to_string());
        if self.mood != mood {
            self.mood = mood;
            self.send(Event::Lost(error)).await;
        }
    }

    async fn send(&self, event: Event) {
        // The receiver is only gone when the follower was dropped, and this task with it.
        let _ = self.sender.send(event).await;
    }
}
