//! Whatever happens, in whatever order: the files are whole and those of one revision, the daemon
//! knows of the last good one in the end, and it is told nothing that has not changed.
//!
//! `ETCSTACK_CHAOS_ROUNDS` plays so many sequences, `ETCSTACK_CHAOS_SEED` begins with the one of
//! that seed.

mod game;
mod judge;

use std::hash::{BuildHasher, Hasher, RandomState};

use game::play;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A change of all options, in one transaction.
    Change,
    /// Several, one right after the other.
    Burst(usize),
    /// A change that the daemon does not live with.
    Break(&'static str),
    /// One that makes it slow, or have children.
    Burden(&'static str),
    /// One that cannot be rendered.
    Mistake,
    /// The daemon is killed by somebody else.
    Kill,
    Cut,
    Stall,
    Mute,
    Freeze,
    Mend,
    /// etcd is killed and started again.
    Restart,
    Compact,
    /// Waits until what was changed last has had its effect, be it good or bad.
    Await,
    /// Waits until all that has happened is done.
    Settle,
}

/// How the daemon follows a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Reload,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let orders = prop::sample::select(vec![
        "die-on-start",
        "die-on-start:KILL",
        "die-on-hup",
        "die-on-hup:KILL",
        "die-after:50",
        "not-ready",
        "not-ready ignore-term",
        "not-ready stubborn:2",
        "deaf",
    ]);
    let burdens = prop::sample::select(vec!["ready-after:300", "orphans:20", "stop-after:200"]);
    prop_oneof![
        8 => Just(Event::Change),
        3 => (2_usize..6).prop_map(Event::Burst),
        4 => orders.prop_map(Event::Break),
        2 => burdens.prop_map(Event::Burden),
        2 => Just(Event::Mistake),
        1 => Just(Event::Kill),
        2 => Just(Event::Cut),
        1 => Just(Event::Stall),
        1 => Just(Event::Mute),
        1 => Just(Event::Freeze),
        3 => Just(Event::Mend),
        1 => Just(Event::Restart),
        1 => Just(Event::Compact),
        6 => Just(Event::Await),
        3 => Just(Event::Settle),
    ]
}

/// The sequence of a seed, and how the daemon follows in it.
fn sequence(seed: u64) -> (Way, Vec<Event>) {
    let bytes: Vec<u8> = seed.to_be_bytes().into_iter().cycle().take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let way = prop::sample::select(vec![Way::Reload, Way::Restart]);
    let events = prop::collection::vec(event(), 25..35);
    (way, events).new_tree(&mut runner).unwrap().current()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is to be a number, not {text:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn random_sequences_of_changes_and_faults() {
    let rounds = number("ETCSTACK_CHAOS_ROUNDS").unwrap_or(2);
    let first = number("ETCSTACK_CHAOS_SEED")
        .unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    for seed in first..first + rounds {
        let (way, events) = sequence(seed);
        // It cannot be made smaller, but it can be read, and played again.
        println!("ETCSTACK_CHAOS_SEED={seed}: {way:?} {events:?}");
        play(way, &events).await;
    }
}
