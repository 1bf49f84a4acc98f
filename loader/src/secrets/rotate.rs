//! `secrets rotate`: what a new value means, and writing one.

mod notes;
mod set;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::key::{Key, variable_key};
use etcstack_config::references::{ServiceName, Use};
use etcstack_config::validate::{Settings, nearest};
use etcstack_config::variables::{is_name, references};
use etcstack_store::{Snapshot, Store};
use serde::Serialize;

use self::set::Set;
use super::kind::{FERNET_FORM, is_fernet};
use super::sources::check_value;
use super::state;
use super::write::{self, Change, Written};
use super::{Kind, SecretsError};
use crate::cli::RotateArgs;
use crate::hand::Signature;
use crate::overlay::Known;
use crate::preview::daemons::{Action, Daemons, Replicas, State, daemons};
use crate::run::Done;
use crate::said::Said;
use crate::status::{Lagging, lagging};
use crate::stored::data_of;
use crate::validate::settings::{self, Against};
use crate::{history, task};

/// Whose answers may get lost.
const TRIES: u32 = 5;

/// What a new value means. Holds no value.
#[derive(Serialize)]
struct Report {
    name: String,
    kind: &'static str,
    services: Vec<Service>,
    /// What else has to be done.
    notes: Vec<String>,
    /// Of which release the catalogs are that say what daemons do.
    catalog_release: Option<String>,
    /// Of a set: the replicas that have not applied the last change of what concerns them.
    lagging: Vec<Lagging>,
    /// The keys that get, or would get, new values.
    changed: Vec<String>,
    dry_run: bool,
    revision: i64,
}

/// A service whose keys use the variable.
#[derive(Serialize)]
struct Service {
    #[serde(flatten)]
    name: ServiceName,
    /// What its daemons do, where their manifests' `on_change` does not say otherwise.
    effect: Action,
    #[serde(rename = "used_by")]
    uses: Vec<KeyUse>,
}

#[derive(Serialize)]
struct KeyUse {
    key: String,
    by_way_of: Vec<String>,
}

pub(super) async fn run(args: &RotateArgs) -> Result<Done, SecretsError> {
    let name = args.name.strip_prefix("general/").unwrap_or(&args.name);
    if !is_name(name) {
        let message =
            "a variable's name holds A to Z, 0 to 9 and _, and starts with a letter".to_owned();
        return Err(SecretsError::Usage(message));
    }
    let given = args.value_from.as_deref().map(read_value).transpose()?;
    let store = args.common.open_etcd()?;
    let snapshot = write::read(&store, args.common.start_timeout).await?;
    let (kind, changes) = changes(args, name, given, &snapshot, &store.to_string())?;
    let (settings, against) =
        settings::read(&args.sources.sources()).map_err(SecretsError::Settings)?;
    let mut report = plan(name, kind, &snapshot, &changes, &settings);
    report.catalog_release = match against {
        Against::Release { name, .. } => Some(name),
        Against::Nothing => None,
    };
    if changes.len() > 1 {
        let services = report.services.iter().map(|service| service.name.clone()).collect();
        let looked = lagging(&store, &snapshot.entries, &services).await?;
        report.notes.extend(looked.notes());
        report.lagging = looked.late;
    }
    if args.apply {
        if !report.lagging.is_empty() && !args.force {
            return Err(SecretsError::Behind(report.lagging));
        }
        report.revision = apply(args, &store, snapshot, &changes).await?;
        report.dry_run = false;
    }
    Ok(task::report(args.common.output, &report, &report.lines()))
}

fn read_value(path: &Path) -> Result<String, SecretsError> {
    let failed = |reason| SecretsError::Input { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let value = task::without_line_break(&text).to_owned();
    let refused = |why| SecretsError::Refused(format!("{}: {why}", path.display()));
    check_value(&value).map_err(refused)?;
    Ok(value)
}

/// What is to be written: one variable, or all those of a set of fernet keys.
fn changes(
    args: &RotateArgs,
    name: &str,
    given: Option<String>,
    snapshot: &Snapshot,
    store: &str,
) -> Result<(Kind, Vec<Change>), SecretsError> {
    let entries = &snapshot.entries;
    let Some(set) = Set::find(name, entries)? else {
        let (kind, value) = new_value(args, name, given, snapshot, store)?;
        let before = entries.get(&variable_key(name)).cloned();
        return Ok((kind, vec![Change { name: name.to_owned(), value, before }]));
    };
    for name in &set.names {
        check_own(name, entries)?;
    }
    if args.kind.is_some_and(|kind| kind != Kind::Fernet) {
        let message = format!("{name} is a set of fernet keys; leave out --kind");
        return Err(SecretsError::Usage(message));
    }
    if given.as_deref().is_some_and(|given| !is_fernet(given)) {
        return Err(no_fernet(args));
    }
    let staged = given.or_else(|| Kind::Fernet.generate()).unwrap_or_default();
    Ok((Kind::Fernet, set.shifted(entries, staged)?))
}

/// A file that was to hold a fernet key; what it holds is not told.
fn no_fernet(args: &RotateArgs) -> SecretsError {
    let from = args.value_from.as_deref().unwrap_or(Path::new("the value"));
    SecretsError::Refused(format!(
        "{}: it is no fernet key, which has {FERNET_FORM}. Without --value-from one is made",
        from.display()
    ))
}

/// What a load wrote is the data's.
fn check_own(name: &str, entries: &Entries) -> Result<(), SecretsError> {
    let key = variable_key(name);
    if !state::loaded(entries).contains(&key) {
        return Ok(());
    }
    Err(SecretsError::Refused(format!(
        "{key} was written by a load, and a new value would be drift to all further ones: change it \
         in the data; or take it out of there and run `secrets generate`, which keeps it"
    )))
}

/// The new value, and of which kind it is, if this variable can be rotated.
fn new_value(
    args: &RotateArgs,
    name: &str,
    given: Option<String>,
    snapshot: &Snapshot,
    store: &str,
) -> Result<(Kind, String), SecretsError> {
    let key = variable_key(name);
    let Some(old) = snapshot.entries.get(&key) else {
        let variable = |key: &'_ String| match Key::parse(key) {
            Ok(Key::Variable(name)) => Some(name),
            _ => None,
        };
        let names: Vec<_> = snapshot.entries.keys().filter_map(variable).collect();
        let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        return Err(SecretsError::NotThere {
            name: name.to_owned(),
            store: store.to_owned(),
            near,
        });
    };
    check_own(name, &snapshot.entries)?;
    let said = Said::of_entries(&snapshot.entries).secrets.get(name).copied();
    let kind = args.kind.or(said).or_else(|| Kind::of_name(name)).unwrap_or(Kind::External);
    if let Some(value) = given {
        if value.as_bytes() == old.as_slice() {
            let message = format!("{key} holds just this value; there is nothing to rotate");
            return Err(SecretsError::Refused(message));
        }
        if kind == Kind::Fernet && !is_fernet(&value) {
            return Err(no_fernet(args));
        }
        return Ok((kind, value));
    }
    let referred = str::from_utf8(old).map(references).unwrap_or_default();
    if let Some(other) = referred.first() {
        return Err(SecretsError::Refused(format!(
            "{key} is made of other variables, such as {other}: rotate that; or give the whole \
             value with --value-from"
        )));
    }
    let value = kind.generate().ok_or_else(|| {
        SecretsError::Refused(format!(
            "the name {name} does not tell what to make: say --kind, or give the value with \
             --value-from"
        ))
    })?;
    Ok((kind, value))
}

fn plan(
    name: &str,
    kind: Kind,
    snapshot: &Snapshot,
    changes: &[Change],
    settings: &Settings,
) -> Report {
    let references = state::merged(&snapshot.entries, &BTreeMap::new());
    let mut services: BTreeMap<ServiceName, Vec<KeyUse>> = BTreeMap::new();
    for Use { service, key, by_way_of } in
        changes.iter().flat_map(|change| references.uses(&change.name))
    {
        services.entry(service).or_default().push(KeyUse { key, by_way_of });
    }
    let effects = effects(snapshot, changes, settings);
    let keys: Vec<&str> = services.values().flatten().map(|used| used.key.as_str()).collect();
    let notes = notes::of(name, kind, &keys, changes.len() > 1);
    let service = |(service, uses): (ServiceName, _)| Service {
        effect: effect(&service, &effects),
        name: service,
        uses,
    };
    Report {
        name: name.to_owned(),
        kind: kind.name(),
        services: services.into_iter().map(service).collect(),
        notes,
        catalog_release: None,
        lagging: Vec::new(),
        changed: changes.iter().map(|change| variable_key(&change.name)).collect(),
        dry_run: true,
        revision: snapshot.revision,
    }
}

/// The strongest of what a service does that has keys in a role.
fn effect(name: &ServiceName, effects: &[Daemons]) -> Action {
    let own = effects.iter().filter(|daemons| daemons.concerns(name));
    own.map(|daemons| daemons.action).max().unwrap_or(Action::Nothing)
}

/// What the daemons do once the variables hold this.
fn effects(snapshot: &Snapshot, changes: &[Change], settings: &Settings) -> Vec<Daemons> {
    let before = data_of(&snapshot.entries);
    let mut after = before.clone();
    for Change { name, value, .. } in changes {
        after.insert(variable_key(name), value.as_bytes().to_vec());
    }
    let state = |entries| State::new(entries, Known::new(entries, &settings.environment));
    let replicas = Replicas::of(&snapshot.entries);
    daemons(&state(&before), &state(&after), &replicas, settings.catalogs.as_ref())
}

/// Writes the values; gives the revision.
async fn apply(
    args: &RotateArgs,
    store: &Store,
    mut snapshot: Snapshot,
    changes: &[Change],
) -> Result<i64, SecretsError> {
    let signature = Signature::new(history::Kind::Secrets, &args.note, "rotate");
    for _ in 0..TRIES {
        match write::write(store, &snapshot, changes, &BTreeSet::new(), &signature).await {
            Ok(Written::Done(revision)) => return Ok(revision),
            Err(error) if error.is_final() => return Err(error.into()),
            // Others have written something else, or nobody knows what became of it.
            Ok(Written::Stale) | Err(_) => {}
        }
        snapshot = write::read(store, args.common.start_timeout).await?;
        let now = |change: &Change| snapshot.entries.get(&variable_key(&change.name));
        let is_done =
            |change: &Change| now(change).is_some_and(|now| now == change.value.as_bytes());
        if changes.iter().all(is_done) {
            return Ok(snapshot.revision);
        }
        if let Some(other) = changes.iter().find(|change| now(change) != change.before.as_ref()) {
            return Err(SecretsError::Changed(other.name.clone()));
        }
    }
    Err(SecretsError::Busy)
}

impl Report {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for service in &self.services {
            lines.push(format!("{:<7}  {}", service.effect.word(), service.name));
            for found in &service.uses {
                let mut way = found.by_way_of.iter().map(|name| format!("${name}"));
                let first =
                    way.next().map(|first| way.fold(first, |way, name| way + " → " + &name));
                let way = first.map_or_else(String::new, |way| format!(" (by way of {way})"));
                lines.push(format!("         {}{way}", found.key.escape_debug()));
            }
        }
        if self.services.is_empty() {
            lines.push("no key of a service uses it".into());
        }
        lines.extend(self.notes.iter().map(|note| format!("note     {note}")));
        lines.extend(self.lagging.iter().map(|replica| format!("behind   {replica}")));
        let shifted = self.changed.join(", ");
        lines.push(match (self.changed.as_slice(), self.dry_run) {
            ([key], true) => format!("nothing was written; --apply gives {key} a new value"),
            (_, true) if self.lagging.is_empty() => {
                format!("nothing was written; --apply shifts {shifted}")
            }
            (_, true) => {
                format!("nothing was written; --apply shifts {shifted} once no replica is behind")
            }
            ([key], false) => {
                format!("{key} has a new value ({}); revision {}", self.kind, self.revision)
            }
            (_, false) => format!("{shifted} have been shifted; revision {}", self.revision),
        });
        lines
    }
}
