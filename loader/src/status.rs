//! How the agents are: what they say of themselves, and whether that is up to date.

mod concern;
mod follow;
mod judge;
mod lagging;
mod observer;
mod overview;
mod replica;
mod show;
mod table;

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use etcstack_store::StoreError;
use follow::{Following, records};
pub(crate) use lagging::{Lagging, lagging};
use observer::Observer;
use overview::Overview;
use replica::Chosen;
use show::{Changes, Progress, Screen};
use thiserror::Error;
use tokio::time::{Instant, timeout, timeout_at};

use crate::cli::{Output, StatusArgs};
use crate::run::{self, Done, Failure};

/// How often ages are drawn anew on a terminal.
const REDRAW: Duration = Duration::from_secs(1);

#[derive(Debug, Error)]
enum StatusError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the store is a directory, where agents leave no status; ask one for /status by HTTP")]
    Directory,
    #[error("not converged within {0:?}")]
    TimedOut(Duration),
    #[error(
        "a replica does not take the newest revision and will not converge by itself; mend the \
         configuration (--keep-waiting waits for that)"
    )]
    Stuck,
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl Failure for StatusError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::Directory => 64,   // EX_USAGE
            Self::TimedOut(_) => 75, // EX_TEMPFAIL
            Self::Stuck => 65,       // EX_DATAERR
            Self::Output(_) => 74,   // EX_IOERR
        }
    }
}

pub(crate) fn run(args: &StatusArgs) -> ExitCode {
    run::to_end(async {
        // It prints again and again.
        match status(args).await {
            // Whoever was to read it has seen enough.
            Err(StatusError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            result => result?,
        }
        Ok::<_, StatusError>(Done::new(""))
    })
}

async fn status(args: &StatusArgs) -> Result<(), StatusError> {
    let deadline = Instant::now() + args.timeout;
    let store = args.common.store.open()?;
    if store.directory().is_some() {
        return Err(StatusError::Directory);
    }
    let chosen = Chosen {
        services: args.service.clone(),
        roles: args.role.clone(),
        hosts: args.host.clone(),
    };
    let records = store.snapshot(&records(), args.common.start_timeout).await?.entries;
    if !args.wait && !args.watch {
        let overview = Observer::new(store, chosen).look(&records, true).await?;
        return Ok(Screen::new(args.common.output).show(&overview, 0)?);
    }
    let following = Following::start(store, chosen, records);
    if args.watch {
        watch(following, args.common.output).await
    } else {
        wait(following, deadline, args).await
    }
}

/// Ends when all have converged, or cannot, or have not in time.
async fn wait(
    mut following: Following,
    deadline: Instant,
    args: &StatusArgs,
) -> Result<(), StatusError> {
    let count = args.count.unwrap_or(1);
    let screen = Screen::new(args.common.output);
    let mut progress = Progress::default();
    let mut last: Option<Overview> = None;
    loop {
        let Ok(next) = timeout_at(deadline, following.next()).await else {
            if let Some(overview) = last {
                screen.show_rest(&overview, count)?;
            }
            return Err(StatusError::TimedOut(args.timeout));
        };
        let overview = next?;
        if overview.has_converged(count) {
            return Ok(screen.show(&overview, count)?);
        }
        if overview.is_stuck() && !args.keep_waiting {
            screen.show_rest(&overview, count)?;
            return Err(StatusError::Stuck);
        }
        if args.common.output == Output::Text {
            progress.tell(overview.summary(count));
        }
        last = Some(overview);
    }
}

/// Shows every change, for ever.
async fn watch(mut following: Following, output: Output) -> Result<(), StatusError> {
    let screen = Screen::new(output);
    let mut changes = Changes::default();
    let mut last: Option<Overview> = None;
    loop {
        let mut next = pin!(following.next());
        let overview = loop {
            match timeout(REDRAW, &mut next).await {
                Ok(overview) => break overview?,
                // Ages grow.
                Err(_) if screen.is_live() => {
                    last.as_ref().map_or(Ok(()), |last| screen.show_change(last, &mut changes))?;
                }
                Err(_) => {}
            }
        };
        screen.show_change(&overview, &mut changes)?;
        last = Some(overview);
    }
}
