//! Watches that hang although their connections live.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use etcstack_store::{Event, Store};
use etcstack_tests::{Etcd, PATIENCE, eventually};

use crate::{Watcher, open, view};

const KEY: &str = "r/s/s.conf/DEFAULT/a";

/// Not as long as in earnest.
const QUIET: Duration = Duration::from_millis(300);

/// The length of a frame's header in HTTP/2, and its type where it holds an answer.
const HEADER: usize = 9;
const DATA: u8 = 0;

/// What stands between a client and etcd: it passes all frames on, but for answers where it is told
/// to keep those of the connections that there are. Pings are answered all the same.
struct Hush {
    address: String,
    connections: Arc<AtomicUsize>,
    /// Connections up to this one get no answers.
    hushed: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
}

impl Hush {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let hush = Self {
            address: listener.local_addr().unwrap().to_string(),
            connections: Arc::default(),
            hushed: Arc::default(),
            answers: Arc::default(),
        };
        let (connections, hushed) = (hush.connections.clone(), hush.hushed.clone());
        let answers = hush.answers.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let number = connections.fetch_add(1, SeqCst) + 1;
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (hushed, answers) = (hushed.clone(), answers.clone());
                std::thread::spawn(move || {
                    _ = frames(server, client, &answers, || hushed.load(SeqCst) >= number);
                });
            }
        });
        hush
    }

    fn hush(&self) {
        self.hushed.store(self.connections.load(SeqCst), SeqCst);
    }

    fn store(&self) -> Store {
        open(&format!("etcd://{}", self.address)).with_quiet(QUIET)
    }
}

fn frames(
    mut from: TcpStream,
    mut to: TcpStream,
    answers: &AtomicUsize,
    is_hushed: impl Fn() -> bool,
) -> std::io::Result<()> {
    loop {
        let mut frame = vec![0; HEADER];
        match from.read_exact(&mut frame) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return to.shutdown(std::net::Shutdown::Both);
            }
            read => read?,
        }
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]) as usize;
        frame.resize(HEADER + length, 0);
        from.read_exact(&mut frame[HEADER..])?;
        if frame[3] == DATA {
            answers.fetch_add(1, SeqCst);
            if is_hushed() {
                continue;
            }
        }
        to.write_all(&frame)?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_without_news_is_asked_and_answers() {
    let etcd = Etcd::new().await;
    let hush = Hush::to(etcd.port());
    let mut watcher = Watcher::new(&hush.store(), view(&["s"]));
    watcher.state().await;
    let (connections, before) = (hush.connections.load(SeqCst), hush.answers.load(SeqCst));
    // Nothing else is said on this line.
    eventually("it has answered some questions", PATIENCE, async || {
        hush.answers.load(SeqCst) >= before + 5
    })
    .await;
    assert_eq!(hush.connections.load(SeqCst), connections, "it stays on its line");
    etcd.put(KEY, "1").await;
    assert_eq!(watcher.state().await[KEY], b"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_is_noticed() {
    let etcd = Etcd::new().await;
    let hush = Hush::to(etcd.port());
    let mut watcher = Watcher::new(&hush.store(), view(&["s"]));
    watcher.state().await;
    hush.hush();
    etcd.put(KEY, "1").await;
    let mut lost = false;
    let state = loop {
        match watcher.event().await {
            Event::Lost(error) => {
                assert!(error.to_string().contains("does not answer"), "{error}");
                lost = true;
            }
            Event::State(snapshot) => break snapshot.entries,
            other => panic!("{other:?}"),
        }
    };
    assert!(lost);
    assert_eq!(state[KEY], b"1");
}
