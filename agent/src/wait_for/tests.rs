//! Waiting for what is not there yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use etcstack_config::variables::Scope;
use etcstack_store::{Memory, Write};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

use super::*;

/// A command that fails the first times.
#[derive(Clone, Default)]
struct Fake {
    runs: Arc<AtomicUsize>,
    failures: usize,
}

impl RunCommand for Fake {
    async fn run(&self, _: &[String], _: Duration) -> Result<(), String> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        if run < self.failures { Err(format!("exit code {}", run / 2)) } else { Ok(()) }
    }
}

fn dependency(text: &str) -> Dependency {
    toml::from_str::<WaitFor>(text).unwrap().fill_in(&Scope::default()).unwrap()
}

fn memory() -> Store {
    Store::Memory(Memory::default())
}

async fn put(store: &Store, key: &str, value: &str) {
    let write = Write::Put { key: key.to_owned(), value: value.as_bytes().to_vec() };
    store.commit(&[], &[write]).await.unwrap();
}

/// A wait in a task of its own, and what it has told so far.
struct Waiting {
    task: JoinHandle<Result<(), TimedOut>>,
    told: Arc<Mutex<Vec<String>>>,
    news: Arc<tokio::sync::Notify>,
}

impl Waiting {
    fn start(text: &str, store: &Store, commands: &Fake) -> Self {
        let (dependency, store, commands) = (dependency(text), store.clone(), commands.clone());
        let (told, news) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default());
        let (book, bell) = (Arc::clone(&told), Arc::<tokio::sync::Notify>::clone(&news));
        let task = tokio::spawn(async move {
            let on_wait = |text: &str| {
                book.lock().unwrap().push(text.to_owned());
                bell.notify_one();
            };
            dependency.wait(&store, &commands, on_wait).await
        });
        Self { task, told, news }
    }

    async fn until_told(&self, text: &str) {
        while self.told.lock().unwrap().last().is_none_or(|last| last != text) {
            self.news.notified().await;
        }
    }

    async fn end(self) -> (Result<(), TimedOut>, Vec<String>) {
        let result = self.task.await.unwrap();
        (result, self.told.lock().unwrap().clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_told_once() {
    let commands = Fake { failures: 4, ..Fake::default() };
    let waiting = Waiting::start("command = ['x', 'secret']", &memory(), &commands);
    let (result, told) = waiting.end().await;
    assert_eq!(result, Ok(()));
    assert_eq!(told, ["command x", "command x: exit code 0", "command x: exit code 1"]);
    assert_eq!(commands.runs.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_not_waited_for() {
    let (result, told) = Waiting::start("command = ['x']", &memory(), &Fake::default()).end().await;
    assert_eq!((result, told), (Ok(()), vec!["command x".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn the_time_is_over() {
    let commands = Fake { failures: usize::MAX, ..Fake::default() };
    let text = "command = ['x']\ntimeout = '150ms'";
    let (result, _) = Waiting::start(text, &memory(), &commands).end().await;
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("waited 150ms in vain for command x: exit code 0; "), "{error}");
    let text = "key = 'a/b/c'\ntimeout = '1h'";
    let (result, _) = Waiting::start(text, &memory(), &commands).end().await;
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("waited 3600s in vain for key a/b/c: not there yet; "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_but_not_for_ever() {
    let pauses: Vec<_> = pauses().take(50).collect();
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(100)));
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(5)));
    assert!(pauses.last().unwrap() >= &PAUSE);
}

#[tokio::test]
async fn a_port_that_opens_later() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let text = format!("tcp = '{address}'");
    let waiting = Waiting::start(&text, &memory(), &Fake::default());
    waiting.until_told(&format!("tcp {address}: connection refused")).await;
    let _listener = socket.listen(1).unwrap();
    assert_eq!(waiting.end().await.0, Ok(()));
}

#[tokio::test]
async fn a_file_that_appears_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ceph.conf");
    let text = format!("file = '{}'", path.display());
    let waiting = Waiting::start(&text, &memory(), &Fake::default());
    waiting.until_told(&format!("file {}: not there yet", path.display())).await;
    std::fs::File::create(&path).unwrap();
    assert_eq!(waiting.end().await.0, Ok(()));
    // A file cannot be looked for below another.
    let text = format!("file = '{}/x'\ntimeout = '1ms'", path.display());
    let waiting = Waiting::start(&text, &memory(), &Fake::default());
    let error = waiting.end().await.0.unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_key_that_is_put_later() {
    let store = memory();
    let waiting = Waiting::start("key = 'r/s/f.conf/DEFAULT/x'", &store, &Fake::default());
    waiting.until_told("key r/s/f.conf/DEFAULT/x: not there yet").await;
    put(&store, "r/s/f.conf/DEFAULT/xyz", "another").await;
    put(&store, "_etcstack/load", "{}").await;
    waiting.until_told("key r/s/f.conf/DEFAULT/x: a load of the store is under way").await;
    put(&store, "r/s/f.conf/DEFAULT/x", "").await;
    let write = Write::Delete { key: "_etcstack/load".into() };
    store.commit(&[], &[write]).await.unwrap();
    let (result, told) = waiting.end().await;
    assert_eq!(result, Ok(()));
    assert!(!told.iter().any(|text| text.contains("another")), "{told:?}");
}

#[tokio::test]
async fn a_store_that_is_away() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let location = format!("etcd://{}", socket.local_addr().unwrap()).parse().unwrap();
    let store = Store::open(location, etcstack_store::Credentials::default()).unwrap();
    let told = tokio::sync::Notify::new();
    let (dependency, commands) = (dependency("key = 'a/b/c'"), Fake::default());
    let on_wait = |text: &str| {
        if text.starts_with("key a/b/c: etcd at ") {
            told.notify_one();
        }
    };
    tokio::select! {
        result = dependency.wait(&store, &commands, on_wait) => panic!("{result:?}"),
        () = told.notified() => {}
    }
}

#[tokio::test]
async fn a_bootstrap_step_that_is_done_at_last() {
    let (store, key) = (memory(), "_etcstack/bootstrap/keystone/endpoints");
    let waiting = Waiting::start("bootstrap = 'keystone/endpoints'", &store, &Fake::default());
    for (record, reason) in [
        (None, "not there yet"),
        (Some(r#"{"runs":[]}"#), "not done yet"),
        (Some("secret"), "its record cannot be understood"),
        (Some(r#"{"runs":[{"outcome":"begun","host":1}]}"#), "begun on ? at ?, not done yet"),
        (
            Some(r#"{"runs":[{"outcome":"failed","image":"a","host":"n1","at":"noon"}]}"#),
            "failed on n1 at noon, not done yet",
        ),
        (
            Some(r#"{"runs":[{"outcome":"failed"},{"outcome":"begun","host":"n2","at":"one"}]}"#),
            "begun on n2 at one, not done yet",
        ),
    ] {
        if let Some(record) = record {
            put(&store, key, record).await;
        }
        waiting.until_told(&format!("bootstrap keystone/endpoints: {reason}")).await;
    }
    put(&store, key, r#"{"runs":[{"outcome":"done"},{"outcome":"failed","at":1}],"x":1}"#).await;
    assert_eq!(waiting.end().await.0, Ok(()));
}
