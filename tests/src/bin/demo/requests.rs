//! A stream of requests to the image API, each on a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use etcstack_tests::eventually;

use crate::services::LONG;

/// Asks several at a time until it is stopped.
pub(crate) struct Stream {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Outcome>>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answered: usize,
    pub(crate) failed: Vec<String>,
}

impl Stream {
    pub(crate) fn start(address: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = || {
            let (stop, address) = (stop.clone(), address.to_owned());
            std::thread::spawn(move || {
                let mut outcome = Outcome::default();
                while !stop.load(Ordering::Relaxed) {
                    match ask(&address) {
                        Ok(()) => outcome.answered += 1,
                        Err(error) => outcome.failed.push(error),
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                outcome
            })
        };
        let clients = (0..4).map(|_| client()).collect();
        Self { stop, clients }
    }

    pub(crate) fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Outcome::default();
        for client in self.clients {
            let outcome = client.join().unwrap();
            sum.answered += outcome.answered;
            sum.failed.extend(outcome.failed);
        }
        sum
    }
}

/// Waits until the API answers.
pub(crate) async fn answers(address: &str) {
    eventually("glance answers", LONG, async || ask(address)).await;
}

/// Lists the images.
fn ask(address: &str) -> Result<(), String> {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(Duration::from_secs(30)))?;
        let request =
            format!("GET /v2/images HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") && answer.contains("\"images\"") {
        return Ok(());
    }
    Err(answer.lines().next().unwrap_or("an empty answer").to_owned())
}
