//! `plan`: what a load would do, and what the daemons would do then. Writes nothing.

pub(crate) mod daemons;
mod json;
mod text;

use std::collections::BTreeSet;
use std::process::ExitCode;

use etcstack_config::Entries;
use etcstack_config::problem::Problem;
use etcstack_config::validate::Settings;
use etcstack_store::{LOAD_MARK, Snapshot, StoreError, Write};
use thiserror::Error;

use self::daemons::{Daemons, Replicas, State};
use crate::cli::{Output, PlanArgs};
use crate::difference::Difference;
use crate::directory::{self, DataError};
use crate::overlay::Known;
use crate::plan::{self, Plan, World};
use crate::release::{Data, digest};
use crate::run::{self, Done, Failure};
use crate::sensitive::sensitive;
use crate::stored::data_of;
use crate::task;
use crate::validate::settings::{self, Against};

#[derive(Debug, Error)]
enum PlanError {
    #[error("{0}")]
    Data(#[from] DataError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    File(Problem),
    #[error(
        "there is no data in {0}; is the volume mounted? (--allow-empty plans to delete all that \
         was loaded)"
    )]
    Empty(String),
    #[error(
        "a load is under way, or has died half-way: {}. Plan again when it is complete; \
         etcstack-loader history tells more, and another load completes one that has died",
        .0.escape_debug()
    )]
    Loading(String),
}

impl Failure for PlanError {
    fn exit_code(&self) -> u8 {
        match self {
            // EX_USAGE
            Self::Store(error) if error.exit_code() == 64 => 64,
            // As terraform's -detailed-exitcode has it: any error.
            _ => 1,
        }
    }

    fn outcome(&self) -> Option<String> {
        match self {
            Self::Data(error) => error.outcome(),
            _ => None,
        }
    }
}

/// All that a plan tells.
struct Preview {
    revision: i64,
    /// The current release.
    release: Option<u64>,
    /// Whether the load would be a release, be it that only the data itself has changed.
    is_release: bool,
    plan: Plan,
    /// What the load would change.
    difference: Difference,
    /// What `--overwrite` would change besides.
    overwrite: Difference,
    daemons: Vec<Daemons>,
    /// What the daemons' part was made with.
    against: Against,
}

/// The command.
pub(crate) fn run(args: &PlanArgs) -> ExitCode {
    run::to_end(preview(args))
}

async fn preview(args: &PlanArgs) -> Result<Done, PlanError> {
    let data = data(args)?;
    let sources = args.catalogs.beside(&args.dir);
    let (settings, against) = settings::read(&sources).map_err(PlanError::File)?;
    let store = args.common.open_etcd()?;
    let snapshot = store.snapshot(&plan::view_with_replicas(), args.common.start_timeout).await?;
    if let Some(mark) = snapshot.entries.get(LOAD_MARK) {
        return Err(PlanError::Loading(String::from_utf8_lossy(mark).into_owned()));
    }
    let preview = Preview::new(&data, &snapshot, args.overwrite, &settings, against);
    let text = match args.common.output {
        Output::Text => preview.text(args.show_secrets),
        Output::Json => format!("{}\n", preview.json(args.show_secrets)),
    };
    let code = if preview.has_writes() { 2 } else { 0 };
    Ok(Done::new(text).with_code(code).or_code(1))
}

fn data(args: &PlanArgs) -> Result<Data, PlanError> {
    let data = directory::read(&args.dir)?;
    if data.is_empty() && !args.allow_empty {
        return Err(PlanError::Empty(args.dir.display().to_string()));
    }
    Ok(data.into_iter().map(|(key, datum)| (key, datum.value)).collect())
}

impl Preview {
    fn new(
        data: &Data,
        snapshot: &Snapshot,
        overwrite: bool,
        settings: &Settings,
        against: Against,
    ) -> Self {
        let world = World::new(&snapshot.entries);
        if world.is_base_lost() && !overwrite {
            task::warn(
                "the data of the current release cannot be read: what differs counts as changed \
                 by hand, and is kept; --overwrite writes it",
            );
        }
        let plan = Plan::new(data, &world, overwrite);
        let before = data_of(&snapshot.entries);
        let after = applied(&before, &plan, data, &world);
        let all = applied(&before, &Plan::new(data, &world, true), data, &world);

        let catalogs = settings.catalogs.as_ref();
        let hidden = sensitive(&[&before, &after, &all], catalogs);
        let state = |entries| State::new(entries, Known::new(entries, &settings.environment));
        let replicas = Replicas::of(&snapshot.entries);
        let daemons = daemons::daemons(&state(&before), &state(&after), &replicas, catalogs);
        let current = world.history.current();
        let is_same = current.is_some_and(|entry| entry.digest.as_ref() == Some(&digest(data)));
        Self {
            revision: snapshot.revision,
            release: world.history.current,
            is_release: !(is_same && plan.is_empty() && world.history.pending.is_empty()),
            difference: difference(&before, &after, &hidden),
            overwrite: difference(&after, &all, &hidden),
            plan,
            daemons,
            against,
        }
    }

    /// Whether any key would be written or deleted.
    fn has_writes(&self) -> bool {
        self.plan.counts().writes() > 0
    }
}

/// The keys when the plan is done.
fn applied(before: &Entries, plan: &Plan, data: &Data, world: &World<'_>) -> Entries {
    let mut after = before.clone();
    for write in plan.keys(data, world) {
        match write.write {
            Write::Put { key, value } | Write::Hold { key, value, .. } => {
                after.insert(key, value);
            }
            Write::Delete { key } => _ = after.remove(&key),
        }
    }
    after
}

fn difference(before: &Entries, after: &Entries, hidden: &BTreeSet<String>) -> Difference {
    let mut difference = Difference::new(before, after);
    difference.hide(hidden);
    difference
}
