//! Telling what a load did. Names keys, never values.

use std::collections::BTreeSet;
use std::io::Write;

use etcstack_store::StoreError;
use serde::Serialize;

use crate::cli::Output;
use crate::load::LoadError;
use crate::plan::Plan;

/// What a load did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) added: BTreeSet<String>,
    pub(crate) changed: BTreeSet<String>,
    pub(crate) deleted: BTreeSet<String>,
    pub(crate) unchanged: usize,
    /// The store's revision afterwards.
    pub(crate) revision: i64,
    #[serde(skip)]
    seen: bool,
}

impl Report {
    /// Notes a plan. The first one tells what there was to do; what a later one finds done was
    /// done by us.
    pub(crate) fn see(&mut self, plan: &Plan, revision: i64) {
        if !self.seen {
            self.seen = true;
            self.unchanged = plan.unchanged;
        }
        self.added.extend(plan.added.iter().cloned());
        self.changed.extend(plan.changed.difference(&self.added).cloned());
        self.deleted.extend(plan.deleted.iter().cloned());
        self.revision = revision;
    }

    fn written(&self) -> usize {
        self.added.len() + self.changed.len()
    }
}

pub(crate) fn print(report: &Report, output: Output) {
    // Whoever was to read it may have gone; what was done is done.
    let _ = write_report(report, output);
}

fn write_report(report: &Report, output: Output) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match output {
        Output::Json => {
            let mut json = serde_json::json!(report);
            json["written"] = report.written().into();
            writeln!(stdout, "{json}")
        }
        Output::Text => {
            let groups = [
                ("added", &report.added),
                ("changed", &report.changed),
                ("deleted", &report.deleted),
            ];
            for (what, keys) in groups {
                for key in keys {
                    writeln!(stdout, "{what:<8} {}", key.escape_debug())?;
                }
            }
            writeln!(
                stdout,
                "{} written ({} added, {} changed), {} unchanged, {} deleted; revision {}",
                report.written(),
                report.added.len(),
                report.changed.len(),
                report.unchanged,
                report.deleted.len(),
                report.revision
            )
        }
    }
}

/// One line for each problem, and what became of the store.
pub(crate) fn print_error(error: &LoadError) {
    let _ = write_error(error);
}

fn write_error(error: &LoadError) -> std::io::Result<()> {
    let mut stderr = std::io::stderr().lock();
    let text = error.to_string();
    for line in text.lines() {
        writeln!(stderr, "error: {line}")?;
    }
    if let LoadError::Data(_) | LoadError::Store(StoreError::Data(_)) = error {
        let count = text.lines().count();
        let s = if count == 1 { "" } else { "s" };
        writeln!(stderr, "{count} problem{s} in the data; nothing was written")?;
    }
    Ok(())
}
