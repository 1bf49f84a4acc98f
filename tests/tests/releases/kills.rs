//! Loads that die with SIGKILL, at any of their steps.

use std::collections::BTreeSet;
use std::fmt::Write;

use etcstack_store::{Credentials, Event, Follower, Location, Store, View};
use etcstack_tests::{Etcd, PATIENCE, Process};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::world::{assert_complete, directory, good, keys, load, loader, value};

const SHARED: usize = 20_000;
const HAND: &str = "r/s/f.conf/x/777";

/// Many keys, all of one value.
fn many(value: &str) -> TempDir {
    let mut text = String::new();
    for number in 0..SHARED {
        writeln!(text, "r/s/f.conf/x/{number}={value}").unwrap();
    }
    directory(&text)
}

/// What an agent sees.
fn agent(etcd: &Etcd) -> Follower {
    let location: Location = etcd.url().parse().unwrap();
    let store = Store::open(location, Credentials::default()).unwrap();
    store.follow(View::new(vec!["r/s/".into()], |_| BTreeSet::new()))
}

/// The values of a state, one of them the hand's.
fn values(entries: &etcstack_config::Entries) -> BTreeSet<String> {
    let others = entries.iter().filter(|(key, _)| *key != HAND);
    others.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).collect()
}

/// Starts a load and kills it once the loads of this etcd have done so many more transactions.
/// `false` where it had ended by then.
async fn kill(etcd: &Etcd, folder: &TempDir, transactions: usize) -> bool {
    let location: Location = etcd.url().parse().unwrap();
    let store = Store::open(location, Credentials::default()).unwrap();
    let mut steps = store.follow(View::records(vec!["_etcstack/generation".into()]));
    let before = generation(&mut steps).await;
    let mut loader = loader(&etcd.url(), &["load", folder.path().to_str().unwrap()]);
    let mut process = Process::spawn(&mut loader);
    loop {
        tokio::select! {
            now = generation(&mut steps) => {
                let number = now.rsplit_once('.').and_then(|(_, n)| n.parse::<usize>().ok());
                if now != before && number.is_some_and(|number| number >= transactions) {
                    break;
                }
            }
            status = process.wait(PATIENCE) => {
                assert!(status.success(), "{status}");
                return false;
            }
        }
    }
    process.signal(Signal::SIGKILL);
    process.wait(PATIENCE).await.success().then(|| panic!("it was killed"));
    true
}

async fn generation(steps: &mut Follower) -> String {
    loop {
        match steps.next().await {
            Some(Event::State(state)) => {
                let value = state.entries.get("_etcstack/generation").cloned();
                return String::from_utf8(value.unwrap_or_default()).unwrap();
            }
            Some(_) => {}
            None => panic!("the following has ended"),
        }
    }
}

/// Waits until an agent sees this value alone; it never sees two, and none of those that died.
async fn see(agent: &mut Follower, allowed: &[&str], last: &str) {
    loop {
        let event = tokio::time::timeout(PATIENCE, agent.next()).await.expect("a state");
        let Some(Event::State(state)) = event else { continue };
        let values = values(&state.entries);
        assert!(values.len() == 1, "a mixture of {values:?}");
        let value = values.into_iter().next().unwrap();
        assert!(allowed.contains(&&*value), "{value}");
        if value == last {
            assert_eq!(state.entries.len(), SHARED);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_never_sees_a_mixture_and_the_next_load_completes_it() {
    let etcd = Etcd::new().await;
    load(&etcd, many("v0").path(), &[]).await;
    etcd.put(HAND, "hand").await;
    let mut agent = agent(&etcd);
    see(&mut agent, &["v0"], "v0").await;
    let mut last = "v0".to_owned();
    let mut killed = 0;
    // At the first, between data and keys, among the keys, near the end.
    for (round, transactions) in [0, 1, 2, 60, 165].into_iter().enumerate() {
        let (dead, next) = (format!("dead{round}"), format!("v{}", round + 1));
        killed += usize::from(kill(&etcd, &many(&dead), transactions).await);
        // The same data again, other data, or back.
        let expected = match round % 3 {
            0 => {
                load(&etcd, many(&dead).path(), &[]).await;
                dead.clone()
            }
            1 => {
                load(&etcd, many(&next).path(), &[]).await;
                next
            }
            _ => {
                good(&etcd, &["load", "--abort"]).await;
                last.clone()
            }
        };
        assert_complete(&etcd).await;
        let found = keys(&etcd).await;
        assert_eq!(found.len(), SHARED);
        assert!(found.iter().all(|(key, value)| key == HAND || *value == expected), "{expected}");
        if expected != last {
            see(&mut agent, &[&last, &expected, &dead], &expected).await;
        }
        last = expected;
        assert_eq!(value(&etcd, HAND).await.as_deref(), Some("hand"));
    }
    assert!(killed >= 4, "{killed}");
    let text = good(&etcd, &["history", "--output", "json"]).await;
    let history: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(history["pending"], serde_json::json!([]));
    let aborts = history["entries"].as_array().unwrap().iter().filter(|e| e["kind"] == "abort");
    assert_eq!(aborts.count(), 1);
}
