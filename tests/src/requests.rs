//! A stream of HTTP requests, each on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::http;

/// Several clients that ask again and again until they are stopped.
#[derive(Debug)]
pub struct Requests {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Outcome>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many were answered well.
    pub answered: usize,
    /// What happened instead, once for each.
    pub failed: Vec<String>,
}

impl Requests {
    /// Asks for a path at `HOST:PORT`; a good answer is 200 and holds a text.
    pub fn start(address: &str, path: &str, text: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..4 {
            let stop = stop.clone();
            let [address, path, text] = [address, path, text].map(str::to_owned);
            clients.spawn(async move {
                let mut outcome = Outcome::default();
                while !stop.load(Ordering::Relaxed) {
                    match ask(&address, &path, &text).await {
                        Ok(()) => outcome.answered += 1,
                        Err(error) => outcome.failed.push(error),
                    }
                    sleep(Duration::from_millis(5)).await;
                }
                outcome
            });
        }
        Self { stop, clients }
    }

    /// Waits for the answers that are due, and asks no more.
    pub async fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Outcome::default();
        for outcome in self.clients.join_all().await {
            sum.answered += outcome.answered;
            sum.failed.extend(outcome.failed);
        }
        sum
    }
}

/// Asks once; the error says what came instead of a good answer.
async fn ask(address: &str, path: &str, text: &str) -> Result<(), String> {
    let answer = timeout(Duration::from_secs(30), http(address, "GET", path)).await;
    let answer = answer.map_err(|_| "no answer within 30 s")?.map_err(|error| error.to_string())?;
    if answer.status == 200 && answer.body.contains(text) {
        return Ok(());
    }
    Err(answer.head.lines().next().unwrap_or_default().to_owned())
}
