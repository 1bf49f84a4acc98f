//! `explain`: all that the store knows of a key.

mod layers;
mod origin;
mod replicas;
mod show;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::catalog::CatalogOption;
use etcstack_config::data::normal_key;
use etcstack_config::key::{Key, KeyError, SYSTEM};
use etcstack_config::problem::Problem;
use etcstack_config::references::Use;
use etcstack_config::status::STATUS;
use etcstack_config::validate::Settings;
use etcstack_store::{LOAD_MARK, Revisions, Store, StoreError, View};
use serde::Serialize;
use thiserror::Error;

use self::layers::Layer;
use self::origin::Origins;
use self::replicas::{Holder, Seeker};
use self::told::{Teller, Told};
use crate::cli::{ExplainArgs, Output};
use crate::dialects::{self, DIALECTS};
use crate::history::{self, CURRENT, History, PENDING};
use crate::near;
use crate::run::{self, Done, Failure};
use crate::said::{self, Said, VARIABLES};
use crate::secrets::merged;
use crate::stored::data_of;
use crate::validate::settings::{self, Against};

#[derive(Debug, Error)]
enum ExplainError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    File(Problem),
    #[error("{}: {reason}", .key.escape_debug())]
    NotAKey { key: String, reason: KeyError },
    #[error("{}: _etcstack/ holds the system's own records; docs/keys.md tells of them", .0.escape_debug())]
    System(String),
    #[error("{}: there is no such key in {store}{hint}", .key.escape_debug())]
    NoSuchKey { key: String, store: String, hint: String },
}

impl Failure for ExplainError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::File(_) | Self::NoSuchKey { .. } => 66, // EX_NOINPUT
            Self::NotAKey { .. } | Self::System(_) => 64, // EX_USAGE
        }
    }
}

/// All that is known of a key, or of all keys of a file.
#[derive(Serialize)]
struct Explanation {
    /// What was asked for.
    key: String,
    /// The store's, when it was read.
    revision: i64,
    /// A load is under way: what is there is half of something.
    loading: bool,
    /// One for a key, several for a file that is set option by option.
    keys: Vec<Told>,
    /// The keys of other roles for the same.
    layers: Vec<Layer>,
    /// Of a variable.
    used_by: Option<Vec<User>>,
    /// What the catalog of the service says of an option, where there is one.
    #[serde(flatten)]
    catalog: CatalogSays,
    replicas: Vec<Holder>,
}

/// A key whose value refers to the variable.
#[derive(Serialize)]
struct User {
    key: String,
    /// The variables between the two.
    by_way_of: Vec<String>,
}

/// What the catalog of the service says of the option; nothing without one.
#[derive(Default, Serialize)]
struct CatalogSays {
    catalog_release: Option<String>,
    /// The options that read it; none where the catalog knows of none.
    options: Vec<CatalogOption>,
}

/// The command.
pub(crate) fn run(args: &ExplainArgs) -> ExitCode {
    run::to_end(explain(args))
}

async fn explain(args: &ExplainArgs) -> Result<Done, ExplainError> {
    let (mut settings, against) =
        settings::read(&args.data.sources()).map_err(ExplainError::File)?;
    let parse = |key: &str| {
        Key::parse(key).map_err(|reason| ExplainError::NotAKey { key: args.key.clone(), reason })
    };
    if matches!(parse(&args.key)?, Key::System(_)) {
        return Err(ExplainError::System(args.key.clone()));
    }
    let store = args.common.store.open()?;
    let read = read(&store, args.common.start_timeout).await?;
    settings.environment.extend(Said::of_entries(&read.snapshot.entries).environment);
    let key = normal_key(&args.key, &dialects::of_entries(&read.snapshot.entries));
    let parsed = parse(&key)?;
    let question = Question { args, key, parsed, settings, against };
    let explanation = question.answer(&store, &read).await?;
    let text = match args.common.output {
        Output::Text => explanation.to_string(),
        Output::Json => format!("{}\n", serde_json::json!(explanation)),
    };
    Ok(Done::new(text))
}

/// What is asked, and what is known besides the store.
struct Question<'a> {
    args: &'a ExplainArgs,
    /// As the loader spells it.
    key: String,
    parsed: Key,
    settings: Settings,
    against: Against,
}

impl Question<'_> {
    async fn answer(&self, store: &Store, read: &Revisions) -> Result<Explanation, ExplainError> {
        let entries = &read.snapshot.entries;
        let asked = &self.args.key;
        // As it stands there, where a hand has put it in a spelling of its own.
        let key = if entries.contains_key(asked) { asked } else { &self.key };
        let wanted = wanted(entries, key, &self.parsed);
        if wanted.is_empty() {
            let hint = near::hint(asked, entries);
            let (key, store) = (asked.clone(), store.to_string());
            return Err(ExplainError::NoSuchKey { key, store, hint });
        }
        let keys = self.keys(store, read, wanted).await?;
        let uses = match &self.parsed {
            Key::Variable(name) => Some(merged(&data_of(entries), &BTreeMap::new()).uses(name)),
            _ => None,
        };
        let newest = keys.iter().filter_map(|told| told.newest).max();
        Ok(Explanation {
            key: key.clone(),
            revision: read.snapshot.revision,
            loading: entries.contains_key(LOAD_MARK),
            keys,
            layers: layers::layers(&self.parsed, entries),
            replicas: Seeker::new(&self.parsed, uses.as_ref(), newest).holders(entries),
            used_by: uses.map(|uses| uses.into_iter().map(User::from).collect()),
            catalog: self.catalog().unwrap_or_default(),
        })
    }

    async fn keys(
        &self,
        store: &Store,
        read: &Revisions,
        wanted: Vec<String>,
    ) -> Result<Vec<Told>, StoreError> {
        let history = History::of(&read.snapshot.entries);
        let teller = Teller::new(read, &self.settings);
        let mut origins = Origins::new(store, &history, read, self.args.common.start_timeout)?;
        let mut keys = Vec::new();
        for key in wanted {
            let written = origins.of(&key).await?;
            keys.extend(teller.tell(&key, written, self.args.show_secrets));
        }
        Ok(keys)
    }

    fn catalog(&self) -> Option<CatalogSays> {
        let Key::Option(file, option) = &self.parsed else { return None };
        let Against::Release { name, .. } = &self.against else { return None };
        let catalog = self.settings.catalogs.as_ref()?.find(&file.service)?;
        let section = option.section.as_deref().unwrap_or_default();
        let options = catalog.find(section, &option.option).cloned().collect();
        Some(CatalogSays { catalog_release: Some(name.clone()), options })
    }
}

/// All keys, the history and the records of the agents, at one revision, and when each was changed.
async fn read(store: &Store, timeout: Duration) -> Result<Revisions, StoreError> {
    // This one tries until the store answers.
    history::read(store, timeout).await?;
    let own = [CURRENT, PENDING, STATUS, DIALECTS, VARIABLES].map(str::to_owned);
    let folders = [vec![String::new()], own.to_vec()].concat();
    let view = View::new(folders, |_| BTreeSet::new());
    let view = view.without(format!("{SYSTEM}/"));
    match store.revisions(&view).await {
        // A directory does not know when.
        Err(StoreError::Forgotten) => {
            let mut snapshot = store.snapshot(&view, timeout).await?;
            said::add_record(store, &mut snapshot.entries);
            Ok(Revisions { snapshot, changed: BTreeMap::new() })
        }
        read => read,
    }
}

/// The key, or those of the options of the file that it names.
fn wanted(entries: &Entries, key: &str, parsed: &Key) -> Vec<String> {
    if entries.contains_key(key) {
        return vec![key.to_owned()];
    }
    if !matches!(parsed, Key::File(_)) {
        return Vec::new();
    }
    let folder = format!("{key}/");
    let below = entries.range(folder.clone()..).map(|(key, _)| key);
    below.take_while(|key| key.starts_with(&folder)).cloned().collect()
}

impl From<Use> for User {
    fn from(found: Use) -> Self {
        Self { key: found.key, by_way_of: found.by_way_of }
    }
}
