//! The difference as text and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::mask;
use super::{Change, Difference, What};

impl Difference {
    /// A block for each file, a line for each key with one line of text before and after.
    pub(crate) fn blocks(&self, show_secrets: bool) -> String {
        let mut out = String::new();
        for (group, changes) in &self.groups {
            out += &printable(group);
            out.push('\n');
            for change in changes {
                change.text(show_secrets, &mut out);
            }
        }
        out
    }

    /// The blocks, and how much differs.
    pub(crate) fn text(&self, show_secrets: bool) -> String {
        let out = self.blocks(show_secrets);
        let [added, changed, deleted] =
            [What::Added, What::Changed, What::Deleted].map(|what| self.keys(what).len());
        let count = added + changed + deleted;
        let s = if count == 1 { "" } else { "s" };
        let details = match count {
            0 => String::new(),
            _ => format!(" ({added} added, {changed} changed, {deleted} deleted)"),
        };
        out + &format!("{count} key{s} differ{}{details}\n", if count == 1 { "s" } else { "" })
    }

    /// All of it; a secret is `null` where it is not to be shown.
    pub(crate) fn json(&self, show_secrets: bool) -> Value {
        let groups = self.groups.iter().map(|(group, changes)| {
            let changes: Vec<_> = changes.iter().map(|change| change.json(show_secrets)).collect();
            json!({"file": group, "changes": changes})
        });
        let groups: Vec<_> = groups.collect();
        json!({
            "added": self.keys(What::Added),
            "changed": self.keys(What::Changed),
            "deleted": self.keys(What::Deleted),
            "files": groups,
        })
    }
}

impl What {
    fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Changed => '~',
            Self::Deleted => '-',
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

impl Change {
    pub(super) fn what(&self) -> What {
        match (&self.before, &self.after) {
            (None, _) => What::Added,
            (_, None) => What::Deleted,
            _ => What::Changed,
        }
    }

    fn text(&self, show: bool, out: &mut String) {
        let line = |text: &str| printable(&mask::line(text, self.secret, show));
        let name = printable(&self.name);
        let (before, after) = (lines(self.before.as_ref()), lines(self.after.as_ref()));
        let one = |lines: &[&str]| lines.first().map(|text| line(text)).unwrap_or_default();
        let sign = self.what().sign();
        if before.len() <= 1 && after.len() <= 1 {
            let value = match sign {
                '+' => one(&after),
                '-' => one(&before),
                _ => format!("{} \u{2192} {}", one(&before), one(&after)),
            };
            *out += format!("  {sign} {name} = {value}").trim_end();
            out.push('\n');
            return;
        }
        let _ = writeln!(out, "  {sign} {name}");
        // A secret of several lines says nothing line by line.
        if self.secret && !show {
            *out += "      ***\n";
            return;
        }
        let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        let rest = |lines: &[&str]| lines.len() - start;
        let end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        let end = end.min(rest(&before)).min(rest(&after));
        for (sign, lines) in [('-', &before), ('+', &after)] {
            for text in lines.iter().take(lines.len() - end).skip(start) {
                *out += format!("      {sign} {}", line(text)).trim_end();
                out.push('\n');
            }
        }
    }

    fn json(&self, show: bool) -> Value {
        let secret = self.secret;
        // A value that gives a secret away is hidden as a whole.
        let shown = |value: &Option<String>| {
            let shown = |text: &&String| show || !secret && !mask::hides(text);
            value.as_ref().filter(shown).cloned()
        };
        let (before, after) = (shown(&self.before), shown(&self.after));
        let masked = (&before, &after) != (&self.before, &self.after);
        let change = self.what().name();
        json!({
            "key": self.key, "change": change, "before": before, "after": after, "masked": masked
        })
    }
}

fn lines(value: Option<&String>) -> Vec<&str> {
    value.map(|text| text.lines().collect()).unwrap_or_default()
}

/// A terminal is told nothing that it would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
