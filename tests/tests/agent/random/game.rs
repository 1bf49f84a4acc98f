//! Playing a sequence.

use std::collections::BTreeMap;

use etcd_client::TxnOp;
use etcstack_tests::{Etcd, PATIENCE, Process, Proxy, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::judge::{Reader, Sequence, judge};
use super::{Event, Way};
use crate::replica::{Manifest, RESTARTS, Replica, USUAL};
use crate::stage::Stage;

/// The files that each revision has, by what all of their options hold.
pub(super) const FILES: [&str; 2] = ["etc/s.conf", "etc/other.conf"];
const OPTIONS: [&str; 4] = ["a", "b", "c", "d"];

/// All that one sequence needs.
struct Game<'a> {
    /// The agent's store, which the stage's is not: it is killed and started.
    etcd: Etcd,
    replica: &'a Replica<'a>,
    proxy: &'a Proxy,
    process: &'a Process,
    number: usize,
    /// Whether connections can be made.
    open: bool,
    kills: Vec<Killed>,
    mistakes: usize,
    breaks: usize,
    /// Up to this revision.
    compacted: i64,
}

pub(super) async fn play(way: Way, events: &[Event]) {
    let stage = Stage::new().await;
    let etcd = Etcd::new().await;
    etcd.put("controller/s/s.conf/DEFAULT/debug", "false").await;
    let proxy = Proxy::to(etcd.port()).await;
    let manifest = if way == Way::Reload { USUAL } else { RESTARTS };
    let replica = Replica::new(&stage, "n1", manifest);
    let daemon = replica.daemon(&[]);
    let more = format!(
        "[restart]\nlease = '2s'\n[stop]\ngrace = '1s'\n\
         [[process]]\nname = 'daemon'\ncommand = {daemon:?}\non_exit = 'restart'"
    );
    let ready = "timeout = '5s'\nsettle = '300ms'";
    replica.manifest(Manifest { more: &more, ready, ..manifest });
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let process = Process::spawn(&mut agent);
    replica.settled(0).await;
    let reader = Reader::of(FILES.map(|name| replica.path(name)));
    let mut game = Game {
        etcd,
        replica: &replica,
        proxy: &proxy,
        process: &process,
        number: 0,
        open: true,
        kills: Vec::new(),
        breaks: 0,
        mistakes: 0,
        compacted: 0,
    };
    for event in events {
        game.play(*event).await;
    }
    game.play(Event::Mend).await;
    game.settle().await;
    assert_eq!(process.status(), None);
    let states = reader.end();
    assert!(!states.is_empty());
    let newest = game.number;
    assert!(states.iter().all(|state| *state <= newest), "{states:?} of {newest}");
    let sequence = Sequence { way, kills: game.kills.len(), breaks: game.breaks };
    judge(&process.lines(), &sequence);
}

impl Game<'_> {
    async fn play(&mut self, event: Event) {
        match event {
            Event::Change => _ = self.change("").await,
            Event::Burst(times) => {
                for _ in 0..times {
                    self.change("").await;
                }
            }
            Event::Break(orders) => {
                self.breaks += 1;
                self.change(orders).await;
            }
            Event::Burden(orders) => _ = self.change(orders).await,
            Event::Mistake => {
                // Another one each time: what is the same is no change.
                self.mistakes += 1;
                let value = format!("$NO_SUCH_VARIABLE_{}", self.mistakes);
                self.set([("s.conf/x/d".to_owned(), value)].into()).await;
                // Else the next change would take its place.
                if self.open {
                    self.has_effect().await;
                }
            }
            Event::Kill => self.kill(),
            Event::Cut => {
                self.proxy.cut();
                self.open = false;
            }
            Event::Stall => {
                self.proxy.stall();
                self.open = false;
            }
            Event::Mute => self.proxy.mute(),
            Event::Freeze => self.proxy.freeze(),
            Event::Mend => {
                self.proxy.mend();
                self.open = true;
            }
            Event::Restart => {
                self.etcd.stop_hard().await;
                self.etcd.start().await;
            }
            Event::Compact => {
                let revision = self.etcd.revision().await;
                // Not twice.
                if std::mem::replace(&mut self.compacted, revision) < revision {
                    self.etcd.compact(revision).await;
                }
            }
            Event::Await if self.open => self.has_effect().await,
            Event::Settle if self.open => self.settle().await,
            Event::Await | Event::Settle => {}
        }
    }

    /// Each change gives all options of both files the next number.
    async fn change(&mut self, orders: &str) -> i64 {
        self.number += 1;
        let keys = ["s.conf", "other.conf"].into_iter().flat_map(|file| {
            OPTIONS.map(|option| (format!("{file}/x/{option}"), self.number.to_string()))
        });
        let orders = ("s.conf/DEFAULT/orders".to_owned(), orders.to_owned());
        self.set(keys.chain([orders]).collect()).await
    }

    async fn set(&self, keys: BTreeMap<String, String>) -> i64 {
        let put = |(key, value)| TxnOp::put(format!("controller/s/{key}"), value, None);
        self.etcd.txn(keys.into_iter().map(put).collect()).await
    }

    fn kill(&mut self) {
        let lines = self.process.lines();
        let pid = crate::world::daemon_pid(&lines);
        self.kills.push(Killed { pid, heard: lines.len() });
        // It may have ended by itself a moment ago.
        let _ = kill(pid, Signal::SIGKILL);
    }

    /// Whatever was the last change: it is in use, undone or refused. A daemon that was killed and
    /// was still down as the change came is not ready for no fault of the change, which stays.
    async fn has_effect(&self) {
        let revision = self.etcd.client().await.get("controller/s/s.conf/x/d", None).await.unwrap();
        let revision = revision.kvs().first().map_or(0, etcd_client::KeyValue::mod_revision);
        let done = |status: &serde_json::Value| {
            let reached = |name: &str| status["revisions"][name].as_i64() >= Some(revision);
            match status["state"].as_str() {
                Some("current") => {
                    let told = unready_since(status).filter(|since| *since >= revision);
                    reached("good") || told.is_some_and(|since| self.was_down(since))
                }
                Some("rolled_back" | "refused") => reached("seen"),
                _ => false,
            }
        };
        self.replica.wait_for(&format!("having dealt with {revision}"), done).await;
    }

    /// Whether a daemon that we had killed was not up again as a change came, by the lines that were
    /// printed until then.
    fn was_down(&self, revision: i64) -> bool {
        let lines = self.process.lines();
        let word = format!("revision={revision}");
        let asked = lines.iter().rposition(|line| {
            line.contains("not ready before the change") && line.split(' ').any(|w| w == word)
        });
        let Some(asked) = asked else { return false };
        // It may have become ready just after it was asked.
        let before = &lines[..asked.saturating_sub(1)];
        let ready = before.iter().rposition(|line| line == "n1 ready").unwrap_or_default();
        let up = lines[..ready].iter().rposition(|line| line.starts_with("n1 started "));
        let is_down = |killed: &Killed| {
            let started = format!("n1 started {} ", killed.pid);
            let started = before.iter().position(|line| line.starts_with(&started));
            killed.heard <= asked && started >= up
        };
        self.kills.iter().any(is_down)
    }

    async fn settle(&mut self) {
        let revision = self.change("").await;
        self.replica.settled(revision).await;
        let number = self.number.to_string();
        for name in FILES {
            let text = self.replica.read(name);
            assert_eq!(numbers(&text, "\n"), vec![number.clone(); 4], "{name}: {text}");
        }
        eventually("the daemon knows", PATIENCE, async || {
            let lines = self.process.lines();
            let last = lines.iter().rfind(|line| reads(line)).cloned().unwrap_or_default();
            if numbers(&last, "\\n").first() == Some(&number) { Ok(()) } else { Err(last) }
        })
        .await;
    }
}

/// The change since which the daemon is said not to be ready.
fn unready_since(status: &serde_json::Value) -> Option<i64> {
    let error = &status["last_error"];
    let message = error["message"].as_str().unwrap_or_default();
    error["revision"].as_i64().filter(|_| message.contains("is not ready within"))
}

/// A daemon that was killed, and how many lines had been printed before.
struct Killed {
    pid: Pid,
    heard: usize,
}

/// Whether the daemon says in this line what it has read.
pub(super) fn reads(line: &str) -> bool {
    line.starts_with("n1 started ") || line.starts_with("n1 got HUP ")
}

/// The values of the four options, as far as they are there.
pub(super) fn numbers(text: &str, newline: &str) -> Vec<String> {
    let options = text.split(newline).filter_map(|line| line.split_once(" = "));
    let options = options.filter(|(option, _)| OPTIONS.contains(option));
    options.map(|(_, value)| value.to_owned()).collect()
}
