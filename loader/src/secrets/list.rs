//! `secrets list`: names, where they are defined, and who uses them.

use std::collections::BTreeSet;
use std::process::ExitCode;

use etcstack_config::key::variable_key;
use etcstack_config::references::ServiceName;
use etcstack_store::View;
use serde::Serialize;

use super::SecretsError;
use super::state::{self, DataState};
use crate::cli::ListArgs;
use crate::release::DATA;
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
    /// The line of the data.
    data: Option<String>,
    /// Whose keys use it.
    services: BTreeSet<ServiceName>,
}

pub(super) async fn run(args: &ListArgs) -> Result<ExitCode, SecretsError> {
    let data = DataState::read(&args.dir)?;
    let store = args.common.store.open()?;
    let snapshot =
        store.snapshot(&View::everything().without(DATA), args.common.start_timeout).await?;
    let references = state::merged(&snapshot.entries, &data.data);
    let loaded = state::loaded(&snapshot.entries);
    let mut names: BTreeSet<&str> = references.names();
    names.extend(data.declared().keys().map(String::as_str));
    let secret = |name: &str| {
        let key = variable_key(name);
        let in_store = snapshot.entries.contains_key(&key);
        Some(Secret {
            name: name.to_owned(),
            kind: data.kind(name)?.name(),
            store: in_store.then(|| if loaded.contains(&key) { "loaded" } else { "own" }),
            data: data.datum(name).map(|datum| datum.place.to_string()),
            services: state::used_by(&references, name),
        })
    };
    let secrets: Vec<_> = names.into_iter().filter_map(secret).collect();
    let mut lines: Vec<_> = secrets.iter().map(Secret::line).collect();
    if lines.is_empty() {
        lines.push("no variable looks like a secret".into());
    }
    let report = Report { secrets, revision: snapshot.revision };
    task::print(args.common.output, &report, &lines);
    Ok(ExitCode::SUCCESS)
}

impl Secret {
    fn line(&self) -> String {
        let places = match (self.store, &self.data) {
            (Some("loaded"), None) => "store (from a load)".to_owned(),
            (Some(_), None) => "store (by hand)".to_owned(),
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
