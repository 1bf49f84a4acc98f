//! `secrets rotate`: what a new value means, and writing one.

mod notes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use etcstack_config::key::{Key, variable_key};
use etcstack_config::references::{ServiceName, Use};
use etcstack_config::validate::{Settings, nearest};
use etcstack_config::variables::{is_name, references};
use etcstack_store::{Snapshot, Store};
use serde::Serialize;

use super::sources::check_value;
use super::state;
use super::write::{self, Change, Written};
use super::{Kind, SecretsError};
use crate::cli::RotateArgs;
use crate::hand::Signature;
use crate::overlay::Known;
use crate::preview::daemons::{Action, Daemons, Replicas, State, daemons};
use crate::run::Done;
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
    /// The key that gets, or would get, a new value.
    changed: [String; 1],
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
    let (kind, value) = new_value(args, name, given, &snapshot, &store.to_string())?;
    let (settings, against) =
        settings::read(&args.sources.sources()).map_err(SecretsError::Settings)?;
    let mut report = plan(name, kind, &snapshot, &value, &settings);
    report.catalog_release = match against {
        Against::Release { name, .. } => Some(name),
        Against::Nothing => None,
    };
    if args.apply {
        report.revision = apply(args, &store, snapshot, name, value).await?;
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
    if state::loaded(&snapshot.entries).contains(&key) {
        return Err(SecretsError::Refused(format!(
            "{key} was written by a load, and a new value would be drift to all further ones: \
             change it in the data; or take it out of there and run `secrets generate`, which keeps \
             it"
        )));
    }
    let kind = args.kind.or_else(|| Kind::of_name(name)).unwrap_or(Kind::External);
    if let Some(value) = given {
        if value.as_bytes() == old.as_slice() {
            let message = format!("{key} holds just this value; there is nothing to rotate");
            return Err(SecretsError::Refused(message));
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

fn plan(name: &str, kind: Kind, snapshot: &Snapshot, value: &str, settings: &Settings) -> Report {
    let references = state::merged(&snapshot.entries, &BTreeMap::new());
    let mut services: BTreeMap<ServiceName, Vec<KeyUse>> = BTreeMap::new();
    for Use { service, key, by_way_of } in references.uses(name) {
        services.entry(service).or_default().push(KeyUse { key, by_way_of });
    }
    let effects = effects(name, snapshot, value, settings);
    let service = |(service, uses): (ServiceName, _)| Service {
        effect: effect(&service, &effects),
        name: service,
        uses,
    };
    Report {
        name: name.to_owned(),
        kind: kind.name(),
        services: services.into_iter().map(service).collect(),
        notes: notes::of(name, kind),
        catalog_release: None,
        changed: [variable_key(name)],
        dry_run: true,
        revision: snapshot.revision,
    }
}

/// The strongest of what a service does that has keys in a role.
fn effect(name: &ServiceName, effects: &[Daemons]) -> Action {
    let own = effects.iter().filter(|daemons| daemons.concerns(name));
    own.map(|daemons| daemons.action).max().unwrap_or(Action::Nothing)
}

/// What the daemons do once the variable holds this.
fn effects(name: &str, snapshot: &Snapshot, value: &str, settings: &Settings) -> Vec<Daemons> {
    let before = data_of(&snapshot.entries);
    let mut after = before.clone();
    after.insert(variable_key(name), value.as_bytes().to_vec());
    let state = |entries| State::new(entries, Known::new(entries, &settings.environment));
    let replicas = Replicas::of(&snapshot.entries);
    daemons(&state(&before), &state(&after), &replicas, settings.catalogs.as_ref())
}

/// Writes the value; gives the revision.
async fn apply(
    args: &RotateArgs,
    store: &Store,
    mut snapshot: Snapshot,
    name: &str,
    value: String,
) -> Result<i64, SecretsError> {
    let key = variable_key(name);
    let before = snapshot.entries.get(&key).cloned();
    let change = [Change { name: name.to_owned(), value, before: before.clone() }];
    let signature = Signature::new(history::Kind::Secrets, &args.note, "rotate");
    for _ in 0..TRIES {
        match write::write(store, &snapshot, &change, &BTreeSet::new(), &signature).await {
            Ok(Written::Done(revision)) => return Ok(revision),
            Err(error) if error.is_final() => return Err(error.into()),
            // Others have written something else, or nobody knows what became of it.
            Ok(Written::Stale) | Err(_) => {}
        }
        snapshot = write::read(store, args.common.start_timeout).await?;
        let now = snapshot.entries.get(&key);
        if now.map(Vec::as_slice) == change.first().map(|change| change.value.as_bytes()) {
            return Ok(snapshot.revision);
        }
        if now != before.as_ref() {
            return Err(SecretsError::Changed(name.to_owned()));
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
        lines.push(if self.dry_run {
            format!("nothing was written; --apply gives general/{} a new value", self.name)
        } else {
            format!(
                "general/{} has a new value ({}); revision {}",
                self.name, self.kind, self.revision
            )
        });
        lines
    }
}
