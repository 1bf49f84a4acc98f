//! The history as people and programs read it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Entry, History};
use crate::cli::Output;

/// So many are named in a row.
const MOST_KEYS: usize = 3;

const HEADINGS: [&str; 6] = ["ENTRY", "TIME", "KIND", "KEYS", "AUTHOR", "MESSAGE"];

/// The newest first, `limit` of them.
pub(super) fn show(history: &History, limit: Option<usize>, output: Output, store: &str) -> String {
    match output {
        Output::Json => json(history, limit).to_string() + "\n",
        Output::Text => text(history, limit, store),
    }
}

fn newest(history: &History, limit: Option<usize>) -> impl Iterator<Item = &Entry> {
    history.entries.values().rev().take(limit.unwrap_or(usize::MAX))
}

fn json(history: &History, limit: Option<usize>) -> Value {
    let entries: Vec<_> = newest(history, limit).map(object).collect();
    let pending: Vec<_> = history.pending.values().map(object).collect();
    json!({"release": history.current, "entries": entries, "pending": pending})
}

/// An entry for programs, and not as its record holds it, which newer loaders may change.
fn object(entry: &Entry) -> Value {
    let Entry { number, at, kind, author, message, digest, counts, keys, .. } = entry;
    json!({
        "entry": number,
        "release": entry.is_release().then_some(number),
        "at": at,
        "kind": kind.name(),
        "author": author,
        "message": message,
        "digest": digest,
        "added_count": counts.added,
        "changed_count": counts.changed,
        "deleted_count": counts.deleted,
        "kept_count": counts.kept,
        "keys": keys,
    })
}

/// A table, the current release marked with a star.
pub(super) fn text(history: &History, limit: Option<usize>, store: &str) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(newest(history, limit).map(|entry| row(history, entry)));
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    if history.entries.is_empty() {
        out = format!("nothing has been loaded into {store} yet\n");
    }
    for entry in history.pending.values() {
        let Entry { number, at, author, .. } = entry;
        let author = author.escape_debug();
        let _ = writeln!(
            out,
            "release {number} of {author} is under way since {at}, or has died: load again, or \
             load --abort"
        );
    }
    out
}

/// The first keys, and how many more there are.
fn shortened(keys: &[String]) -> String {
    let first: Vec<_> = keys.iter().take(MOST_KEYS).map(String::as_str).collect();
    let more = match keys.len().saturating_sub(MOST_KEYS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    first.join(" ").escape_debug().to_string() + &more
}

fn row(history: &History, entry: &Entry) -> [String; 6] {
    let current = if history.current == Some(entry.number) { "*" } else { "" };
    let counts = entry.counts;
    let keys = if entry.keys.is_empty() {
        let kept = match counts.kept {
            0 => String::new(),
            kept => format!(" ({kept} kept)"),
        };
        format!("+{} ~{} -{}{kept}", counts.added, counts.changed, counts.deleted)
    } else {
        shortened(&entry.keys)
    };
    [
        format!("{}{current}", entry.number),
        entry.at.clone(),
        entry.kind.name().to_owned(),
        keys,
        entry.author.escape_debug().to_string(),
        entry.message.escape_debug().to_string(),
    ]
}
