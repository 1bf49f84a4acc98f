//! Whether the daemon is ready, asked no more often than it can bear.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Ready, or why not: one reason to a line.
pub(crate) type Ready = Result<(), Vec<String>>;

type Checking = Pin<Box<dyn Future<Output = Ready> + Send>>;
type Check = dyn Fn() -> Checking + Send + Sync;

/// How long an answer is good: those who ask more often get the same.
const FRESH: Duration = Duration::from_secs(1);
/// How long a check may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks a check, at most one at a time. Whoever asks meanwhile gets the same answer.
pub(crate) struct Readiness {
    check: Box<Check>,
    /// The last check that was begun; it holds nothing as long as it runs.
    last: Mutex<Option<watch::Receiver<Option<Answer>>>>,
}

#[derive(Clone)]
struct Answer {
    ready: Ready,
    at: Instant,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readiness")
    }
}

impl Readiness {
    pub(crate) fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Ready> + Send + 'static,
    {
        Self { check: Box::new(move || Box::pin(check())), last: Mutex::new(None) }
    }

    /// The answer of a check that runs, has just ended, or is begun now.
    ///
    /// Cancelling this does not cancel the check: somebody who asks and hangs up, again and again,
    /// begins no more checks than anybody else.
    pub(crate) async fn get(&self) -> Ready {
        let mut answer = self.running_or_new();
        match answer.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Answer { ready, .. })) => ready.clone(),
            _ => Err(vec!["the check of the readiness itself failed; see the agent's log".into()]),
        }
    }

    fn running_or_new(&self) -> watch::Receiver<Option<Answer>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| is_of_use(last)) {
            return last.clone();
        }
        let (sender, receiver) = watch::channel(None);
        let checking = (self.check)();
        // In a task of its own, where a panic harms nobody: the sender goes, and that is seen.
        tokio::spawn(async move {
            let ready = timeout(LIMIT, checking)
                .await
                .unwrap_or_else(|_| Err(vec![format!("not known to be ready within {LIMIT:?}")]));
            sender.send_replace(Some(Answer { ready, at: Instant::now() }));
        });
        last.insert(receiver).clone()
    }
}

fn is_of_use(check: &watch::Receiver<Option<Answer>>) -> bool {
    match &*check.borrow() {
        Some(answer) => answer.at.elapsed() < FRESH,
        // It runs, unless it has ended without an answer.
        None => check.has_changed().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;

    /// Counts its checks, each of which takes some time.
    fn counting(takes: Duration) -> (Arc<Readiness>, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let readiness = Readiness::new(move || {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            async move {
                sleep(takes).await;
                if number.is_multiple_of(2) { Ok(()) } else { Err(vec![number.to_string()]) }
            }
        });
        (Arc::new(readiness), count)
    }

    #[tokio::test(start_paused = true)]
    async fn one_check_answers_all_who_ask() {
        let (readiness, count) = counting(Duration::from_secs(2));
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let readiness = readiness.clone();
                tokio::spawn(async move { readiness.get().await })
            })
            .collect();
        for ask in asked {
            assert_eq!(ask.await.unwrap(), Ok(()));
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_used_for_a_second() {
        let (readiness, count) = counting(Duration::ZERO);
        assert_eq!(readiness.get().await, Ok(()));
        advance(Duration::from_millis(900)).await;
        assert_eq!(readiness.get().await, Ok(()));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        advance(Duration::from_millis(200)).await;
        assert_eq!(readiness.get().await, Err(vec!["1".to_owned()]));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_hangs_up_cancels_nothing() {
        let (readiness, count) = counting(Duration::from_secs(2));
        for _ in 0..10 {
            assert!(timeout(Duration::from_millis(100), readiness.get()).await.is_err());
        }
        assert_eq!(readiness.get().await, Ok(()));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_has_its_limit() {
        let (readiness, count) = counting(Duration::from_secs(3600));
        let reasons = readiness.get().await.unwrap_err();
        assert_eq!(reasons, ["not known to be ready within 5s"]);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_next_check_is_new() {
        let count = AtomicUsize::new(0);
        let readiness = Readiness::new(move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(number > 0, "the first check fails");
                Ok(())
            }
        });
        assert!(readiness.get().await.unwrap_err()[0].contains("failed"));
        assert_eq!(readiness.get().await, Ok(()));
    }
}
