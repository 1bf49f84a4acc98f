//! A plan for people.

use std::fmt::Write as _;

use super::Preview;
use super::daemons::{Action, Daemons, Decider};
use crate::difference::printable;

/// What the part of the daemons does not know.
const CAVEAT: &str =
    "Running daemons would, where their manifests' on_change does not say otherwise:\n";

impl Preview {
    pub(super) fn text(&self, show_secrets: bool) -> String {
        let parts = [
            self.difference.blocks(show_secrets),
            self.drift(show_secrets),
            self.daemons(),
            self.summary(),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    fn drift(&self, show_secrets: bool) -> String {
        let mut out = String::new();
        if self.plan.drift.is_empty() {
            return out;
        }
        out += "Drift, kept as hands have made it:\n";
        for (key, why) in &self.plan.drift {
            let _ = writeln!(out, "  {}: {}", printable(key), why.reason());
        }
        out += "With --overwrite:\n";
        for line in self.overwrite.blocks(show_secrets).lines() {
            let _ = writeln!(out, "  {line}");
        }
        out
    }

    fn daemons(&self) -> String {
        if self.daemons.is_empty() {
            return String::new();
        }
        let blocks: Vec<_> = self.daemons.iter().map(Daemons::text).collect();
        CAVEAT.to_owned() + &blocks.concat()
    }

    fn summary(&self) -> String {
        let counts = self.plan.counts();
        let kept = match counts.kept {
            0 => String::new(),
            kept => format!("; {kept} kept as drift"),
        };
        let mut out = if self.has_writes() {
            let (added, changed, deleted) = (counts.added, counts.changed, counts.deleted);
            format!("Plan: {added} to add, {changed} to change, {deleted} to delete{kept}.\n")
        } else {
            format!("Plan: nothing to do{kept}.\n")
        };
        if !self.has_writes() && self.is_release {
            out += "No key would change; the data itself has, and a load would be a new release.\n";
        }
        let by_hand = self.plan.by_hand.len();
        if by_hand > 0 {
            let s = if by_hand == 1 { "" } else { "s" };
            let _ = writeln!(out, "{by_hand} key{s} of no load would be left alone.");
        }
        out
    }
}

impl Daemons {
    fn text(&self) -> String {
        let mut out = format!("  {}/{}", printable(&self.role), printable(&self.service));
        match self.also.len() {
            0 => {}
            1 => out += ", and with 1 more list of layers",
            more => _ = write!(out, ", and with {more} more lists of layers"),
        }
        out += ": ";
        out += match self.action {
            Action::Nothing => "nothing: the files read the same",
            Action::Keep => "keep what they have: no key is left",
            Action::Reload => "reload",
            Action::Restart if self.catalog => "restart",
            Action::Restart => "restart (no catalog: every change is one)",
            Action::Start => "start, if agents wait for the first keys",
        };
        out.push('\n');
        for decider in self.deciding() {
            let _ = writeln!(out, "    {}", decider.text());
        }
        for problem in &self.refused {
            let _ = writeln!(out, "    agents would refuse it: {}", printable(problem));
        }
        out
    }

    /// Of a restart, only what no reload would do for.
    fn deciding(&self) -> Vec<&Decider> {
        if matches!(self.action, Action::Start | Action::Keep) {
            return Vec::new();
        }
        let is_strong = |decider: &&Decider| decider.mutable != Some(true);
        let strong: Vec<_> = self.options.iter().filter(is_strong).collect();
        if strong.is_empty() { self.options.iter().collect() } else { strong }
    }
}

impl Decider {
    fn text(&self) -> String {
        let by: Vec<_> = self.by.iter().map(|name| format!("${name}")).collect();
        let by = match by.as_slice() {
            [] if self.refers => ", by a reference to another option".to_owned(),
            [] => String::new(),
            by => format!(", by {}", by.join(", ")),
        };
        format!("{} {}{by}", printable(&self.file), printable(&self.option))
    }
}
