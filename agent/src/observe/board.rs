//! Where the status stands for all to read.

use std::sync::Arc;

use tokio::sync::watch;

use super::Status;

/// The current [`Status`]. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Board(Arc<watch::Sender<Status>>);

impl Board {
    pub(crate) fn new(status: Status) -> Self {
        Self(Arc::new(watch::Sender::new(status)))
    }

    /// Changes the status. An update that changes nothing wakes nobody.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        self.0.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            *status != before
        });
    }

    pub(crate) fn snapshot(&self) -> Status {
        self.0.borrow().clone()
    }

    /// Tells of the changes from now on: `changed().await`, then `borrow_and_update()`. Whoever is
    /// slow sees the newest status and misses those between.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Status> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::State;

    #[tokio::test]
    async fn a_change_wakes_and_none_does_not() {
        let board = Board::new(Status::default());
        let mut reader = board.subscribe();
        board.update(|status| status.state = State::Starting);
        assert!(!reader.has_changed().unwrap());
        board.clone().update(|status| status.state = State::Current);
        reader.changed().await.unwrap();
        assert_eq!(reader.borrow_and_update().state, State::Current);
        assert_eq!(board.snapshot().state, State::Current);
        assert!(!reader.has_changed().unwrap());
    }

    #[test]
    fn nobody_needs_to_read() {
        let board = Board::new(Status::default());
        board.update(|status| status.state = State::Held);
        assert_eq!(board.snapshot().state, State::Held);
    }
}
