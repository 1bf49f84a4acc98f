//! The load: reads the data, plans, writes in transactions.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use etcstack_config::data::Datum;
use etcstack_config::problem::Problems;
use etcstack_store::{Expect, LOAD_MARK, Outcome, Store, StoreError, View, Write, read_data};
use thiserror::Error;

use crate::cli::LoadArgs;
use crate::plan::{Plan, batches, check_sizes};
use crate::report::{self, Report};

/// Times that others may change the store under a plan before we give up.
const TRIES: usize = 5;

#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Data(#[from] Problems),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error(
        "another load has taken over; wait until it is done, then load again \
         (agents keep what they have until one load is complete)"
    )]
    TakenOver,
}

impl LoadError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Data(_) => 65, // EX_DATAERR
            Self::Store(error) => error.exit_code(),
            Self::TakenOver => 75, // EX_TEMPFAIL
        }
    }
}

pub(crate) fn run(args: &LoadArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(load(args)),
        Err(error) => {
            eprintln!("error: cannot start: {error}");
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
    check_sizes(&data)?;
    let store = args.store.open()?;
    if data.is_empty() {
        tracing::warn!("there is no data in {}", args.dir.display());
    }
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

impl Loader {
    async fn run(&self) -> Result<Report, LoadError> {
        let mut report = Report::default();
        let mut tries = 0;
        loop {
            let snapshot = self.store.snapshot(&View::everything(), self.timeout).await?;
            let mark = snapshot.entries.get(LOAD_MARK).cloned();
            let plan = Plan::new(&self.data, &snapshot.entries);
            report.see(&plan, snapshot.revision);
            if plan.is_empty() && mark.is_none() {
                return Ok(report);
            }
            let ours = mark.as_deref() == Some(self.id.as_bytes());
            if mark.is_some() && !ours {
                tracing::warn!("an earlier load did not end; this one completes or replaces it");
            }
            match self.write(&plan, mark).await {
                Ok(Some(revision)) => {
                    report.revision = revision;
                    return Ok(report);
                }
                // We had written nothing yet: somebody else was faster, so look again.
                Ok(None) => tries += 1,
                // Whether it has happened is not known; what is left to do is in the store.
                Err(LoadError::Store(error)) if !error.is_final() => {
                    tracing::warn!(%error, "a transaction got no answer; looking what became of it");
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
            if tries == TRIES {
                return Err(LoadError::TakenOver);
            }
        }
    }

    /// Writes a plan; `None` where its first transaction was refused, and nothing happened.
    ///
    /// What does not fit into one transaction happens under a mark, which agents wait for to go.
    async fn write(&self, plan: &Plan, mark: Option<Vec<u8>>) -> Result<Option<i64>, LoadError> {
        let mut writes = plan.writes(&self.data);
        let remove_mark = Write::Delete { key: LOAD_MARK.into() };
        if mark.is_some() {
            writes.push(remove_mark.clone());
        }
        if batches(&writes).len() > 1 {
            let own = Write::Put { key: LOAD_MARK.into(), value: self.id.clone().into_bytes() };
            let mut marked = vec![own];
            marked.extend(plan.lists_of_both());
            marked.append(&mut writes);
            if mark.is_none() {
                marked.push(remove_mark);
            }
            writes = marked;
        }
        let mut expect = Expect { key: LOAD_MARK.into(), value: mark };
        let mut revision = None;
        for batch in batches(&writes) {
            match self.store.commit(std::slice::from_ref(&expect), batch).await? {
                Outcome::Committed(new) => revision = Some(new),
                Outcome::Conflict if revision.is_none() => return Ok(None),
                Outcome::Conflict => return Err(LoadError::TakenOver),
            }
            expect.value = Some(self.id.clone().into_bytes());
        }
        Ok(revision)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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

    #[tokio::test]
    async fn a_load_that_died_is_healed_by_the_next() {
        let store = Store::Memory(Memory::default());
        let dead = Write::Put { key: LOAD_MARK.into(), value: b"dead".to_vec() };
        let half = Write::Put { key: "r/s/f.conf/x/0".into(), value: b"1".to_vec() };
        store.commit(&[], &[dead, half]).await.unwrap();
        let report = loader(&store, 300, "1").run().await.unwrap();
        assert_eq!((report.added.len(), report.unchanged), (299, 1));
        assert!(!state(&store).await.contains_key(LOAD_MARK));
        // And where nothing is left to do but to take the mark away.
        let dead = Write::Put { key: LOAD_MARK.into(), value: b"dead".to_vec() };
        store.commit(&[], &[dead]).await.unwrap();
        loader(&store, 300, "1").run().await.unwrap();
        assert!(!state(&store).await.contains_key(LOAD_MARK));
    }

    #[tokio::test]
    async fn of_two_loads_at_once_one_wins_whole() {
        let store = Store::Memory(Memory::default());
        let (one, two) = (loader(&store, 500, "1"), loader(&store, 500, "2"));
        let (one, two) = tokio::join!(one.run(), two.run());
        assert!(one.is_ok() || two.is_ok());
        let state = state(&store).await;
        let values: BTreeSet<_> =
            (0..500).map(|n| state[&format!("r/s/f.conf/x/{n}")].clone()).collect();
        assert_eq!(values.len(), 1);
        assert!(!state.contains_key(LOAD_MARK));
    }
}
