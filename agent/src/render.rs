//! The files once, and no daemon.

use std::io::Write;
use std::process::ExitCode;

use etcstack_store::{Event, Snapshot, Store, View};
use tokio::time::{Instant, timeout_at};

use crate::apply::{Difference, Undo, apply, differences};
use crate::cli::RenderArgs;
use crate::reconcile::NotRendered;
use crate::{Failure, Setup};

/// Renders the first whole state of the store and names the files that it wrote.
pub(crate) fn run(setup: Setup, args: &RenderArgs) -> Result<ExitCode, Failure> {
    let Setup { store, mut reconciler, runtime } = setup;
    let deadline = Instant::now() + args.start_timeout;
    let view = reconciler.view();
    let snapshot = runtime.block_on(first_state(&store, view, deadline));
    runtime.shutdown_background();
    let snapshot = snapshot?;
    if reconciler.is_empty(&snapshot.entries) && !reconciler.manifest.allow_empty {
        let (layers, service) = (&reconciler.manifest.layers, &reconciler.manifest.service);
        let message = format!(
            "the store has no key of {service} for the role {layers}; has it been loaded? \
             (--allow-empty takes the image's own files)"
        );
        return Err(Failure::new(66, message)); // EX_NOINPUT
    }
    let rendered = reconciler.render(&snapshot.entries).map_err(|error| match error {
        NotRendered::Refused(problems) => Failure::new(65, problems), // EX_DATAERR
        NotRendered::Unreadable(problem) => Failure::new(73, problem), // EX_CANTCREAT
    })?;
    let failed = |error| Failure::new(73, error); // EX_CANTCREAT
    let differences = differences(&rendered.wanted).map_err(failed)?;
    apply(&differences, &mut Undo::default()).map_err(failed)?;
    let written = differences.iter().filter(|change| change.other_bytes());
    let written: Vec<_> = written.map(Difference::path).collect();
    let mut stdout = std::io::stdout();
    for path in &written {
        let _ = writeln!(stdout, "{}", path.display());
    }
    tracing::info!(revision = snapshot.revision, written = written.len(), "rendered");
    Ok(ExitCode::SUCCESS)
}

/// The first whole state of the store.
pub(crate) async fn first_state(
    store: &Store,
    view: View,
    deadline: Instant,
) -> Result<Snapshot, Failure> {
    let mut follower = store.follow(view);
    let mut failure = Failure::new(69, "the store did not answer within --start-timeout");
    loop {
        match timeout_at(deadline, follower.next()).await {
            Ok(Some(Event::State(snapshot))) => return Ok(snapshot),
            Ok(Some(Event::Loading)) => {
                failure = Failure::new(75, "a load did not end within --start-timeout"); // EX_TEMPFAIL
                tracing::info!("a load is under way; waiting for all of it");
            }
            // What trying again cannot mend is told at once.
            Ok(Some(Event::Lost(error))) if error.is_final() => return Err(error.into()),
            Ok(Some(Event::Lost(error))) => {
                tracing::warn!(%error, "the store cannot be read; trying again");
                failure = error.into();
            }
            Ok(Some(Event::Back)) => {}
            Ok(None) | Err(_) => return Err(failure),
        }
    }
}
