//! Whatever happens, in whatever order: the files are those of one revision, the daemon knows of the
//! last good one in the end, and it is told nothing that has not changed.

use etcstack_tests::{PATIENCE, Process, Proxy, eventually};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::Stage;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A change of all options, in one transaction.
    Change,
    /// The same, and the daemon does not live with it.
    Break(&'static str),
    /// The same, and it cannot be rendered.
    Mistake,
    /// The daemon is killed by somebody else.
    Kill,
    Cut,
    Mend,
    Compact,
    /// Waits until all that has happened is done.
    Settle,
}

fn event() -> impl Strategy<Value = Event> {
    let orders = prop::sample::select(vec![
        "die-on-start",
        "die-on-hup",
        "die-after:50",
        "not-ready",
        "die-on-hup:KILL",
        "deaf",
    ]);
    prop_oneof![
        8 => Just(Event::Change),
        3 => orders.prop_map(Event::Break),
        1 => Just(Event::Mistake),
        1 => Just(Event::Kill),
        2 => Just(Event::Cut),
        3 => Just(Event::Mend),
        1 => Just(Event::Compact),
        3 => Just(Event::Settle),
    ]
}

/// All that one sequence needs.
struct Game<'a> {
    stage: &'a Stage,
    replica: &'a Replica<'a>,
    proxy: &'a Proxy,
    process: &'a Process,
    number: usize,
    cut: bool,
    /// How often something has changed.
    changes: usize,
}

impl Game<'_> {
    async fn play(&mut self, event: Event) {
        match event {
            Event::Change => _ = self.change("").await,
            Event::Break(orders) => _ = self.change(orders).await,
            Event::Mistake => {
                self.changes += 1;
                self.stage.set(&[("s.conf/x/d", Some("$NO_SUCH_VARIABLE"))]).await;
            }
            Event::Kill => self.kill(),
            Event::Cut => {
                self.proxy.cut();
                self.cut = true;
            }
            Event::Mend => {
                self.proxy.mend();
                self.cut = false;
            }
            Event::Compact => self.stage.etcd.compact(self.stage.etcd.revision().await).await,
            Event::Settle if self.cut => {}
            Event::Settle => self.settle().await,
        }
    }

    /// Each change gives all options of both files the next number.
    async fn change(&mut self, orders: &str) -> i64 {
        self.number += 1;
        self.changes += 1;
        let number = self.number.to_string();
        let mut keys: Vec<_> = ["a", "b", "c", "d"]
            .iter()
            .flat_map(|option| [format!("s.conf/x/{option}"), format!("other.conf/x/{option}")])
            .map(|key| (key, number.as_str()))
            .collect();
        keys.push(("s.conf/DEFAULT/orders".to_owned(), orders));
        let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), Some(*value))).collect();
        self.stage.set(&keys).await
    }

    fn kill(&self) {
        let lines = self.process.lines();
        let pid = crate::world::daemon_pid(&lines);
        // It may have ended by itself a moment ago.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }

    async fn settle(&mut self) {
        let revision = self.change("").await;
        self.replica.settled(revision).await;
        let number = self.number.to_string();
        for name in ["etc/s.conf", "etc/other.conf"] {
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

/// Whether the daemon says in this line what it has read.
fn reads(line: &str) -> bool {
    line.starts_with("n1 started ") || line.starts_with("n1 got HUP ")
}

/// The values of the four options, as far as they are there.
fn numbers(text: &str, newline: &str) -> Vec<String> {
    let options = text.split(newline).filter_map(|line| line.split_once(" = "));
    let options = options.filter(|(option, _)| ["a", "b", "c", "d"].contains(option));
    options.map(|(_, value)| value.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn random_sequences_of_changes_and_faults() {
    for round in 0..2 {
        let mut runner = TestRunner::default();
        let events =
            prop::collection::vec(event(), 20..30).new_tree(&mut runner).unwrap().current();
        // It cannot be made smaller, but it can be read.
        println!("round {round}: {events:?}");
        play(&events).await;
    }
}

async fn play(events: &[Event]) {
    let stage = Stage::loaded().await;
    let proxy = Proxy::to(stage.etcd.port()).await;
    let ready = "timeout = '3s'\nsettle = '300ms'";
    let replica = Replica::new(&stage, "n1", USUAL);
    let daemon = replica.daemon(&[]);
    let more = format!(
        "[restart]\nlease = '2s'\n\
         [[process]]\nname = 'daemon'\ncommand = {daemon:?}\non_exit = 'restart'"
    );
    replica.manifest(Manifest { more: &more, ready, ..USUAL });
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let process = Process::spawn(&mut agent);
    replica.settled(0).await;
    let mut game = Game {
        stage: &stage,
        replica: &replica,
        proxy: &proxy,
        process: &process,
        number: 0,
        cut: false,
        changes: 0,
    };
    for event in events {
        game.play(*event).await;
    }
    game.play(Event::Mend).await;
    game.settle().await;
    let lines = process.lines();
    for line in lines.iter().filter(|line| reads(line)) {
        let numbers = numbers(line, "\\n");
        let mixed = numbers.windows(2).any(|pair| pair[0] != pair[1]);
        assert!(!mixed, "a mixture of revisions: {line}");
    }
    let hups = replica.hups(&process);
    assert!(hups <= game.changes, "{hups} signals for {} changes", game.changes);
    assert_eq!(process.status(), None);
}
