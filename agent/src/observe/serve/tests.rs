use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::*;
use crate::observe::{Ready, State, Status};

/// A server that is asked over real sockets.
struct Stage {
    address: String,
    board: Board,
    /// How often the readiness was checked.
    checks: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Stage {
    async fn new() -> Self {
        Self::with("127.0.0.1:0", Ok(())).await
    }

    async fn with(listen: &str, ready: Ready) -> Self {
        let listener = Listener::bind(&listen.parse().unwrap()).await.unwrap();
        let address = listener.address();
        let board = Board::new(Status::new("r".into(), "s".into(), "h".into(), None));
        let checks = Arc::new(AtomicUsize::new(0));
        let counter = checks.clone();
        let readiness = Readiness::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            std::future::ready(ready.clone())
        });
        let metrics = Arc::new(Metrics::new(["api"]));
        let source = Source { board: board.clone(), metrics, readiness };
        let task = tokio::spawn(serve(listener, Arc::new(source)));
        Self { address, board, checks, task }
    }

    /// Sends a text and gives all that comes back until the server closes.
    async fn send(&self, request: &str) -> String {
        let mut answer = Vec::new();
        if let Some(path) = self.address.strip_prefix("unix:") {
            let mut stream = UnixStream::connect(path).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.read_to_end(&mut answer).await.unwrap();
        } else {
            let mut stream = self.connect().await;
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.read_to_end(&mut answer).await.unwrap();
        }
        String::from_utf8(answer).unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str) -> String {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn what_there_is() {
    let stage = Stage::new().await;
    for (path, content, text) in [
        ("/livez", TEXT, "ok\n"),
        ("/readyz", TEXT, "ok\n"),
        ("/readyz?verbose", TEXT, "ok\n"),
        ("/", TEXT, INDEX),
    ] {
        let answer = stage.ask("GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {content}\r\n")), "{path}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{path}: {answer}");
        assert_eq!(body(&answer), text);
    }
    let answer = stage.ask("GET", "/metrics").await;
    assert!(answer.contains(&format!("content-type: {OPEN_METRICS}\r\n")), "{answer}");
    assert!(body(&answer).ends_with("# EOF\n"), "{answer}");
    stage.board.update(|status| status.state = State::Current);
    let answer = stage.ask("GET", "/status").await;
    assert!(answer.contains(&format!("content-type: {JSON}\r\n")), "{answer}");
    let status: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((&status["state"], &status["host"]), (&"current".into(), &"h".into()));
}

#[tokio::test]
async fn a_head_has_no_body() {
    let stage = Stage::new().await;
    let answer = stage.ask("HEAD", "/livez").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 3\r\n"), "{answer}");
    assert_eq!(body(&answer), "");
}

#[tokio::test]
async fn what_there_is_not() {
    let stage = Stage::new().await;
    let answer = stage.ask("GET", "/livez/x").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(body(&answer).contains("/status"), "{answer}");
    let answer = stage.ask("DELETE", "/livez").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    let answer = stage.send("this is no request\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(LARGEST_REQUEST));
    let mut stream = stage.connect().await;
    stream.write_all(long.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
}

#[tokio::test]
async fn why_it_is_not_ready() {
    let reasons = vec!["the files are stale".to_owned(), "tcp db:1: refused".to_owned()];
    let stage = Stage::with("127.0.0.1:0", Err(reasons)).await;
    let (first, second) = tokio::join!(stage.ask("GET", "/readyz"), stage.ask("GET", "/readyz"));
    assert!(first.starts_with("HTTP/1.1 503 "), "{first}");
    assert_eq!(body(&first), "the files are stale\ntcp db:1: refused\n");
    assert_eq!(body(&first), body(&second));
    assert_eq!(stage.checks.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let mut stage = Stage::with(&format!("unix:{}", path.display()), Ok(())).await;
    let answer = stage.ask("GET", "/livez").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    stage.task.abort();
    assert!((&mut stage.task).await.unwrap_err().is_cancelled());
    assert!(!path.exists());
}

/// Those who connect and say nothing, or not all, are sent away, and then others have their turn.
#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_sent_away() {
    let stage = Stage::new().await;
    let mut silent = Vec::new();
    for number in 0..CONNECTIONS + 10 {
        let mut stream = stage.connect().await;
        if number % 2 == 0 {
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
        }
        silent.push(stream);
    }
    // The clock jumps ahead whenever nobody has anything to do, so that a good request may be late.
    while stage.ask("GET", "/livez").await.is_empty() {}
    for mut stream in silent {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn a_panic_ends_one_connection() {
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    let readiness = Readiness::new(|| -> std::future::Ready<Ready> { panic!("a mistake") });
    let board = Board::new(Status::default());
    let source = Source { board: board.clone(), metrics: Arc::new(Metrics::new([])), readiness };
    let task = tokio::spawn(serve(listener, Arc::new(source)));
    let checks = Arc::default();
    let stage = Stage { address, board, checks, task };
    for _ in 0..=CONNECTIONS {
        assert_eq!(stage.ask("GET", "/readyz").await, "");
    }
    assert_eq!(body(&stage.ask("GET", "/livez").await), "ok\n");
}
