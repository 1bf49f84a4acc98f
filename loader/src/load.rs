//! The load: reads the data, plans, writes in transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use etcstack_config::data::Datum;
use etcstack_config::problem::Problems;
use etcstack_store::{
    Expect, LOAD_MARK, Outcome, Snapshot, Store, StoreError, View, Write, read_data,
};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::cli::LoadArgs;
use crate::plan::{Plan, batches};
use crate::report::{self, Report};

/// Every transaction of a load expects this to hold what was last seen, and changes it: so no plan
/// is written that was made from another state, and no answer that came too late does harm.
const GENERATION: &str = "_etcstack/generation";

/// A load that has written nothing for so long has died.
const SILENCE: Duration = Duration::from_secs(3);

/// How soon to look again at a load of somebody else.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Data(#[from] Problems),
    #[error(
        "there is no data in {}; is the volume mounted? (--allow-empty deletes all that was loaded)",
        .0.display()
    )]
    Empty(PathBuf),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}\nthe load is half done: agents keep what they have until a load is complete")]
    HalfDone(StoreError),
    #[error("another load has overtaken this one; agents see one of them whole. Load again")]
    Overtaken,
}

impl LoadError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Data(_) => 65,  // EX_DATAERR
            Self::Empty(_) => 66, // EX_NOINPUT
            Self::Store(error) | Self::HalfDone(error) => error.exit_code(),
            Self::Overtaken => 75, // EX_TEMPFAIL
        }
    }
}

pub(crate) fn run(args: &LoadArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(load(args));
            runtime.shutdown_background();
            result
        }
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::from(71); // EX_OSERR
        }
    };
    match result {
        Ok(report) => {
            report::print(&report, args.output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            report::print_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn load(args: &LoadArgs) -> Result<Report, LoadError> {
    let data = read_data(&args.dir)?;
    if data.is_empty() && !args.allow_empty {
        return Err(LoadError::Empty(args.dir.clone()));
    }
    let store = args.store.open()?;
    Loader { store, data, timeout: args.start_timeout, id: own_id() }.run().await
}

/// Tells this load from all others, and a person where it runs.
fn own_id() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {} {:016x}", host.trim(), std::process::id(), rand::random::<u64>())
}

struct Loader {
    store: Store,
    data: BTreeMap<String, Datum>,
    timeout: Duration,
    /// What our mark in the store holds.
    id: String,
}

/// How the writing of a plan ended.
enum Written {
    /// All of it is there, at this revision.
    Done(i64),
    /// Nothing happened: the store has changed since the plan was made.
    Stale,
}

impl Loader {
    async fn run(&self) -> Result<Report, LoadError> {
        let mut report = Report::default();
        let mut other = None;
        let mut lost = 0;
        loop {
            // Waiting reads two keys, not the world.
            let progress = self.store.snapshot(&progress(), self.timeout).await?;
            let mark = progress.entries.get(LOAD_MARK);
            if mark.is_some_and(|mark| mark != self.id.as_bytes())
                && !is_silent(&progress, &mut other)
            {
                sleep(PAUSE).await;
                continue;
            }
            let snapshot = self.store.snapshot(&View::everything(), self.timeout).await?;
            if snapshot.entries.get(GENERATION) != progress.entries.get(GENERATION) {
                continue;
            }
            let plan = Plan::new(&self.data, &snapshot.entries);
            let mark = snapshot.entries.get(LOAD_MARK);
            report.see(&plan, snapshot.revision);
            if plan.is_empty() && mark.is_none() {
                return Ok(report);
            }
            match self.write(&plan, &snapshot).await {
                Ok(Written::Done(revision)) => {
                    report.revision = revision;
                    return Ok(report);
                }
                Ok(Written::Stale) => sleep(PAUSE).await,
                // Whether it has happened is not known; what is left to do is in the store.
                Err(LoadError::Store(error)) if !error.is_final() && lost < 10 => {
                    tracing::warn!(%error, "a transaction got no answer; looking what became of it");
                    lost += 1;
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a plan. What does not fit into one transaction happens under a mark, which agents
    /// wait for to go.
    async fn write(&self, plan: &Plan, snapshot: &Snapshot) -> Result<Written, LoadError> {
        let mark = snapshot.entries.contains_key(LOAD_MARK);
        let mut writes = plan.writes(&self.data);
        let remove_mark = Write::Delete { key: LOAD_MARK.into() };
        if mark {
            writes.push(remove_mark.clone());
        }
        if batches(&writes).len() > 1 {
            let own = Write::Put { key: LOAD_MARK.into(), value: self.id.clone().into_bytes() };
            let mut marked = vec![own];
            marked.extend(plan.lists_of_both());
            marked.append(&mut writes);
            if !mark {
                marked.push(remove_mark);
            }
            writes = marked;
        }
        let mut generation = snapshot.entries.get(GENERATION).cloned();
        let mut revision = None;
        for (number, batch) in batches(&writes).into_iter().enumerate() {
            let expect = Expect { key: GENERATION.into(), value: generation };
            let next = format!("{} {}.{number}", self.id, snapshot.revision).into_bytes();
            let mut batch = batch.to_vec();
            batch.push(Write::Put { key: GENERATION.into(), value: next.clone() });
            match self.store.commit(&[expect], &batch).await {
                Ok(Outcome::Committed(new)) => revision = Some(new),
                Ok(Outcome::Conflict) if revision.is_none() => return Ok(Written::Stale),
                Ok(Outcome::Conflict) => return Err(LoadError::Overtaken),
                Err(error) if error.is_final() && (revision.is_some() || mark) => {
                    return Err(LoadError::HalfDone(error));
                }
                Err(error) => return Err(error.into()),
            }
            generation = Some(next);
        }
        Ok(Written::Done(revision.unwrap_or(snapshot.revision)))
    }
}

/// The token of the loads and, as in every view, the mark of one that is under way.
fn progress() -> View {
    View::new(vec![GENERATION.into()], |_| BTreeSet::new())
}

/// Whether the load whose mark stands in the store has stopped writing.
fn is_silent(snapshot: &Snapshot, other: &mut Option<(Vec<u8>, Instant)>) -> bool {
    let generation = snapshot.entries.get(GENERATION).cloned().unwrap_or_default();
    match other {
        Some((seen, since)) if *seen == generation => {
            let silent = since.elapsed() >= SILENCE;
            if silent {
                tracing::warn!("the load before this one has died; this one completes it");
            }
            silent
        }
        _ => {
            tracing::warn!("another load is under way, or has died; waiting for it");
            *other = Some((generation, Instant::now()));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use etcstack_config::problem::Place;
    use etcstack_store::{Event, Memory};

    use super::*;

    fn loader(store: &Store, count: usize, value: &str) -> Loader {
        let datum = || Datum { value: value.to_owned(), place: Place::Key(String::new()) };
        let data = (0..count).map(|n| (format!("r/s/f.conf/x/{n}"), datum())).collect();
        Loader { store: store.clone(), data, timeout: Duration::from_secs(1), id: own_id() }
    }

    async fn state(store: &Store) -> etcstack_config::Entries {
        store.snapshot(&View::everything(), Duration::from_secs(1)).await.unwrap().entries
    }

    #[tokio::test]
    async fn a_large_load_is_seen_as_a_whole() {
        let store = Store::Memory(Memory::default());
        let mut follower = store.follow(View::new(vec!["r/s/".into()], |_| BTreeSet::new()));
        assert!(matches!(follower.next().await, Some(Event::State(_))));
        let report = loader(&store, 1000, "1").run().await.unwrap();
        assert_eq!(report.added.len(), 1000);
        loop {
            match follower.next().await {
                Some(Event::Loading) => {}
                Some(Event::State(state)) => {
                    assert_eq!(state.entries.len(), 1000);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        let again = loader(&store, 1000, "1").run().await.unwrap();
        assert_eq!((again.unchanged, again.revision), (1000, report.revision));
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_that_died_is_healed_by_the_next() {
        let store = Store::Memory(Memory::default());
        let dead = Write::Put { key: LOAD_MARK.into(), value: b"dead".to_vec() };
        let half = Write::Put { key: "r/s/f.conf/x/0".into(), value: b"1".to_vec() };
        store.commit(&[], &[dead, half]).await.unwrap();
        let report = loader(&store, 300, "1").run().await.unwrap();
        assert_eq!((report.added.len(), report.unchanged), (299, 1));
        assert!(!state(&store).await.contains_key(LOAD_MARK));
        // And if nothing is left to do but to take the mark away.
        let dead = Write::Put { key: LOAD_MARK.into(), value: b"dead".to_vec() };
        store.commit(&[], &[dead]).await.unwrap();
        loader(&store, 300, "1").run().await.unwrap();
        assert!(!state(&store).await.contains_key(LOAD_MARK));
    }

    /// Whatever the sizes, and although each knows keys that the other does not.
    #[tokio::test(start_paused = true)]
    async fn of_two_loads_at_once_the_last_one_stands_whole() {
        for (one, two) in [(1, 3), (3, 200), (200, 3), (500, 700), (700, 500), (1000, 1000)] {
            let store = Store::Memory(Memory::default());
            let (one, two) = (loader(&store, one, "1"), loader(&store, two, "2"));
            let (first, second) = tokio::join!(one.run(), two.run());
            first.unwrap();
            second.unwrap();
            let mut state = state(&store).await;
            state.retain(|key, _| !key.starts_with("_etcstack/"));
            let whole = [&one, &two].into_iter().any(|loader| {
                let data = loader.data.iter();
                data.map(|(k, d)| (k.clone(), d.value.clone().into_bytes())).eq(state.clone())
            });
            assert!(whole, "{} keys", state.len());
        }
    }
}
