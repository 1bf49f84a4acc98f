//! Waiting for a condition.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// How long to wait for what should happen at once: long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(10);

/// What a try ended in: it held, or why not.
pub trait Condition {
    /// What is there once it holds.
    type Value;

    /// The value, or what there was instead.
    fn check(self) -> Result<Self::Value, String>;
}

impl Condition for bool {
    type Value = ();

    fn check(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("it was false".into()) }
    }
}

impl<T> Condition for Option<T> {
    type Value = T;

    fn check(self) -> Result<T, String> {
        self.ok_or_else(|| "there was none".into())
    }
}

impl<T, E: Display> Condition for Result<T, E> {
    type Value = T;

    fn check(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Tries until a condition holds, and gives what it held: `true`, `Some` or `Ok`.
///
/// Panics with `what` and the last reason when the time is over.
pub async fn eventually<C: Condition>(
    what: &str,
    timeout: Duration,
    mut attempt: impl AsyncFnMut() -> C,
) -> C::Value {
    let deadline = Instant::now() + timeout;
    let mut reason = "the first try did not end".to_owned();
    loop {
        let Ok(outcome) = timeout_at(deadline, attempt()).await else {
            panic!("{what}: not within {timeout:?}; before the last try: {reason}");
        };
        match outcome.check() {
            Ok(value) => return value,
            Err(now) => reason = now,
        }
        assert!(Instant::now() < deadline, "{what}: not within {timeout:?}; at last: {reason}");
        sleep(INTERVAL).await;
    }
}
