//! `secrets list`: names, where they are defined, and who uses them.

use std::collections::BTreeSet;

use etcstack_config::key::variable_key;
use etcstack_config::references::ServiceName;
use etcstack_store::View;
use serde::Serialize;

use super::SecretsError;
use super::state::{self, DataState};
use crate::cli::ListArgs;
use crate::history::{Entry, History, Kind};
use crate::release::DATA;
use crate::run::Done;
use crate::said::Said;
use crate::task;

#[derive(Serialize)]
struct Report {
    secrets: Vec<Secret>,
    revision: i64,
}

/// A secret, without its value.
#[derive(Serialize)]
struct Secret {
    name: String,
    kind: &'static str,
    /// `loaded`: a load wrote it; `own`: somebody else did; not in the store otherwise.
    store: Option<&'static str>,
    /// Who wrote it last, if no load did.
    #[serde(skip)]
    by: &'static str,
    /// The line of the data.
    data: Option<String>,
    /// Whose keys use it.
    services: BTreeSet<ServiceName>,
}

pub(super) async fn run(args: &ListArgs) -> Result<Done, SecretsError> {
    let data = DataState::read(&args.dir)?;
    let store = args.common.store.open()?;
    let snapshot =
        store.snapshot(&View::everything().without(DATA), args.common.start_timeout).await?;
    let references = state::merged(&snapshot.entries, &data.data);
    let loaded = state::loaded(&snapshot.entries);
    let history = History::of(&snapshot.entries);
    let mut names: BTreeSet<&str> = references.names();
    names.extend(data.declared().keys().map(String::as_str));
    // Where there is no directory, the store knows what the data has declared.
    let said = Said::of_entries(&snapshot.entries).secrets;
    names.extend(said.keys().map(String::as_str));
    let secret = |name: &str| {
        let key = variable_key(name);
        let in_store = snapshot.entries.contains_key(&key);
        Some(Secret {
            name: name.to_owned(),
            kind: data
                .declared()
                .get(name)
                .or(said.get(name))
                .copied()
                .or_else(|| data.kind(name))?
                .name(),
            store: in_store.then(|| if loaded.contains(&key) { "loaded" } else { "own" }),
            by: written_by(&history, &key),
            data: data.datum(name).map(|datum| datum.place.to_string()),
            services: state::used_by(&references, name),
        })
    };
    let secrets: Vec<_> = names.into_iter().filter_map(secret).collect();
    let mut lines: Vec<_> = secrets.iter().map(Secret::line).collect();
    if lines.is_empty() {
        lines.push(format!("no variable in {store} and in the data looks like a secret"));
    }
    let report = Report { secrets, revision: snapshot.revision };
    Ok(task::report(args.common.output, &report, &lines))
}

/// Who wrote a key that no load did, as far as the history knows: the newest command that it names
/// with the key.
fn written_by(history: &History, key: &str) -> &'static str {
    let mut notes = history.entries.values().rev();
    let is_of = |entry: &&Entry| entry.keys.iter().any(|named| named == key);
    match notes.find(is_of).map(|entry| entry.kind) {
        Some(Kind::Secrets) => "by secrets",
        Some(Kind::Set) => "by set",
        Some(_) => "by hand",
        // Entries go from the oldest on.
        None if history.entries.is_empty() || history.entries.contains_key(&1) => "by hand",
        None => "by no load",
    }
}

impl Secret {
    fn line(&self) -> String {
        let places = match (self.store, &self.data) {
            (Some("loaded"), None) => "store (from a load)".to_owned(),
            (Some(_), None) => format!("store ({})", self.by),
            (None, Some(place)) => place.clone(),
            (Some(_), Some(place)) => format!("store, {place}"),
            (None, None) => "nowhere".to_owned(),
        };
        let services: Vec<_> = self.services.iter().map(ToString::to_string).collect();
        let used = match services.join(", ") {
            none if none.is_empty() => "used by no key".to_owned(),
            services => format!("used by {services}"),
        };
        format!("{:<32} {:<9} {places}; {used}", self.name, self.kind)
    }
}
