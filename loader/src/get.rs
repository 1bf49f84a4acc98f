//! `get`: what keys hold, as it stands in the store.

mod hidden;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use etcstack_config::Entries;
use etcstack_config::problem::Problem;
use etcstack_store::{LOAD_MARK, Snapshot, Store, StoreError, View};
use serde_json::{Value, json};
use thiserror::Error;

use crate::cli::{GetArgs, Output};
use crate::difference::printable;
use crate::hand::is_record;
use crate::near;
use crate::release::DATA;
use crate::run::{self, Done, Failure};
use crate::task;

/// The prefix of everything.
const ALL: &str = "/";

/// What stands for a secret.
const MASK: &str = "***";

#[derive(Debug, Error)]
enum GetError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Settings(Problem),
    #[error("{}: there is no such key in {store}{hint}", .key.escape_debug())]
    NotThere { key: String, store: String, hint: String },
    #[error("{}: there are no keys below it in {store}", .prefix.escape_debug())]
    Nothing { prefix: String, store: String },
    #[error("{}: it holds a secret; --show-secrets prints it", .0.escape_debug())]
    Secret(String),
}

impl Failure for GetError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::Settings(_) | Self::NotThere { .. } | Self::Nothing { .. } => 66, // EX_NOINPUT
            Self::Secret(_) => 77,                                                  // EX_NOPERM
        }
    }
}

/// The command.
pub(crate) fn run(args: &GetArgs) -> ExitCode {
    run::to_end(get(args))
}

async fn get(args: &GetArgs) -> Result<Done, GetError> {
    let store = args.common.store.open()?;
    let snapshot = read(&store, args).await?;
    if snapshot.entries.contains_key(LOAD_MARK) {
        task::warn("a load is under way, or has died half-way: agents may not have seen this");
    }
    let found = find(&store, args, &snapshot.entries).await?;
    let hidden = hidden::hidden(&store, args, &found).await?;
    let text = match (args.keys.as_slice(), args.common.output) {
        ([key], _) if !key.ends_with('/') => single(args, key, &snapshot, &hidden)?,
        (_, Output::Text) => listing(&found, &hidden).into_bytes(),
        (_, Output::Json) => objects(&found, &hidden, snapshot.revision),
    };
    Ok(Done::new(text))
}

/// All that was asked for, of one revision.
async fn read(store: &Store, args: &GetArgs) -> Result<Snapshot, StoreError> {
    let (prefixes, keys): (Vec<_>, BTreeSet<_>) = (
        args.keys.iter().filter(|key| key.ends_with('/')).map(|key| folder(key)).collect(),
        args.keys.iter().filter(|key| !key.ends_with('/')).cloned().collect(),
    );
    let view = View::new(prefixes, move |_| keys.clone()).without(DATA);
    store.snapshot(&view, args.common.start_timeout).await
}

fn folder(prefix: &str) -> String {
    if prefix == ALL { String::new() } else { prefix.to_owned() }
}

/// What was asked for; all of it has to be there.
async fn find(store: &Store, args: &GetArgs, entries: &Entries) -> Result<Entries, GetError> {
    let mut found = Entries::new();
    for asked in &args.keys {
        if asked.ends_with('/') {
            let folder = folder(asked);
            // Records are shown to those who ask for them.
            let is_asked =
                |key: &str| key.starts_with(&folder) && (asked != ALL || !is_record(key));
            let below = entries.iter().filter(|(key, _)| is_asked(key));
            let before = found.len();
            found.extend(below.map(|(key, value)| (key.clone(), value.clone())));
            if found.len() == before && !found.keys().any(|key| is_asked(key)) {
                let store = store.to_string();
                return Err(GetError::Nothing { prefix: asked.clone(), store });
            }
        } else if let Some(value) = entries.get(asked) {
            found.insert(asked.clone(), value.clone());
        } else {
            return Err(GetError::NotThere {
                key: asked.clone(),
                store: store.to_string(),
                hint: hint(store, args, asked).await,
            });
        }
    }
    Ok(found)
}

/// What may have been meant; nothing where that may not be looked up.
async fn hint(store: &Store, args: &GetArgs, key: &str) -> String {
    let view = View::everything().without(DATA);
    let all = store.snapshot(&view, args.common.start_timeout).await;
    all.map_or_else(|_| String::new(), |all| near::hint(key, &all.entries))
}

/// What one key holds, to the byte, and a line break if there is none.
fn single(
    args: &GetArgs,
    key: &str,
    snapshot: &Snapshot,
    hidden: &BTreeSet<String>,
) -> Result<Vec<u8>, GetError> {
    if hidden.contains(key) {
        return Err(GetError::Secret(key.to_owned()));
    }
    let value = snapshot.entries.get(key).cloned().unwrap_or_default();
    if args.common.output == Output::Json {
        let found = Entries::from([(key.to_owned(), value)]);
        return Ok(objects(&found, hidden, snapshot.revision));
    }
    let end: &[u8] = if value.ends_with(b"\n") { b"" } else { b"\n" };
    Ok([&value, end].concat())
}

fn listing(found: &Entries, hidden: &BTreeSet<String>) -> String {
    let mut out = String::new();
    for (key, value) in found {
        let value = String::from_utf8_lossy(value);
        let masked = hidden.contains(key);
        let key = key.escape_debug();
        if masked {
            let _ = writeln!(out, "{key} = {MASK}");
        } else if value.trim_end_matches('\n').contains('\n') {
            let _ = writeln!(out, "{key} =");
            for line in value.lines() {
                let _ = writeln!(out, "    {}", printable(line));
            }
        } else {
            let line = format!("{key} = {}", printable(value.trim_end_matches('\n')));
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

/// One JSON object. A secret is `null`; so is what is no text.
fn objects(found: &Entries, hidden: &BTreeSet<String>, revision: i64) -> Vec<u8> {
    let object = |(key, value): (&String, &Vec<u8>)| -> Value {
        let text = str::from_utf8(value).ok();
        let masked = hidden.contains(key);
        json!({"key": key, "value": text.filter(|_| !masked), "masked": masked})
    };
    let keys: Vec<_> = found.iter().map(object).collect();
    format!("{}\n", json!({"revision": revision, "keys": keys})).into_bytes()
}
