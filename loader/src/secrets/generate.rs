//! `secrets generate`: what is needed and lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::variable_key;
use etcstack_config::problem::{Problem, Problems};
use etcstack_config::references::ServiceName;
use etcstack_config::variables::Scope;
use etcstack_store::Store;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::kind::{FERNET_FORM, is_fernet};
use super::sources::Sources;
use super::state::{self, DataState};
use super::write::{self, Change, Written};
use super::{Kind, SecretsError};
use crate::cli::GenerateArgs;
use crate::hand::Signature;
use crate::history;
use crate::run::Done;
use crate::task;

/// How often to look again where others write, or answers get lost.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn run(args: &GenerateArgs) -> Result<Done, SecretsError> {
    let data = DataState::read(&args.dir)?;
    let sources = Sources::read(args.from_dir.as_deref(), args.from_env.as_deref())?;
    not_in_both(&data, &sources)?;
    let store = args.common.open_etcd()?;
    let mut generator = Generator {
        data,
        sources,
        replace: args.replace,
        signature: Signature::new(history::Kind::Secrets, &args.note, "generate"),
        made: BTreeMap::new(),
        tried: Report::default(),
    };
    let report = if args.dry_run {
        let snapshot = write::read(&store, args.common.start_timeout).await?;
        let mut report = generator.plan(&snapshot.entries)?.report;
        report.dry_run = true;
        report.revision = snapshot.revision;
        report
    } else {
        generator.run(&store, args.common.start_timeout).await?
    };
    let done = task::report(args.common.output, &report.json(), &report.lines());
    let is_left = report.dry_run && report.is_something() || !report.missing.is_empty();
    Ok(done.with_code(if is_left { 2 } else { 0 }))
}

/// The two would differ, sooner or later, and each load would tell of drift.
fn not_in_both(data: &DataState, sources: &Sources) -> Result<(), SecretsError> {
    let mut problems = Problems::default();
    for (name, given) in &sources.given {
        if let Some(datum) = data.datum(name) {
            let message = format!(
                "general/{name} comes from {} as well, and where the two differ, each load would \
                 tell of drift; keep one of the two",
                given.from
            );
            problems.0.push(Problem::new(datum.place.clone(), message));
        }
    }
    Ok(problems.or_ok(())?)
}

struct Generator {
    data: DataState,
    sources: Sources,
    replace: bool,
    signature: Signature,
    /// What was made, so that one that was written is known again when the answer was lost.
    made: BTreeMap<String, String>,
    /// What an earlier try was about to do.
    tried: Report,
}

/// What is to be done.
struct Plan {
    changes: Vec<Change>,
    /// Variables that are to be the store's own.
    own: BTreeSet<String>,
    report: Report,
}

impl Plan {
    /// Whether a variable gets a value that was given.
    fn is_given(&self, name: &str) -> bool {
        self.report.put.contains_key(name) || self.report.replaced.contains_key(name)
    }
}

/// What was done, or would be. Holds names and no values.
#[derive(Clone, Default)]
struct Report {
    generated: BTreeMap<String, Kind>,
    /// Where the values of these come from.
    put: BTreeMap<String, String>,
    replaced: BTreeMap<String, String>,
    /// Variables that loads do not delete any more.
    adopted: BTreeSet<String>,
    /// What has another value than the one that was given, and keeps it.
    different: BTreeMap<String, String>,
    /// What is needed and cannot be made, and the services that need it.
    missing: BTreeMap<String, BTreeSet<ServiceName>>,
    unchanged: usize,
    dry_run: bool,
    revision: i64,
}

impl Generator {
    async fn run(&mut self, store: &Store, timeout: Duration) -> Result<Report, SecretsError> {
        for _ in 0..TRIES {
            let snapshot = write::read(store, timeout).await?;
            let plan = self.plan(&snapshot.entries)?;
            let mut report = plan.report;
            self.credit(&snapshot.entries, &mut report);
            report.revision = snapshot.revision;
            if plan.changes.is_empty() && plan.own.is_empty() {
                return Ok(report);
            }
            match write::write(store, &snapshot, &plan.changes, &plan.own, &self.signature).await {
                Ok(Written::Done(revision)) => return Ok(Report { revision, ..report }),
                Ok(Written::Stale) => {}
                // Whether it has happened is not known; what is left to do is in the store.
                Err(error) if !error.is_final() => {
                    tracing::warn!(%error, "a transaction got no answer; looking what became of it");
                }
                Err(error) => return Err(error.into()),
            }
            self.tried = report;
            sleep(PAUSE).await;
        }
        Err(SecretsError::Busy)
    }

    /// Adds to a report what an earlier try has done after all, or in part.
    fn credit(&self, entries: &Entries, report: &mut Report) {
        let holds = |name: &str, value: Option<&String>| {
            entries.get(&variable_key(name)).map(Vec::as_slice) == value.map(String::as_bytes)
        };
        let given = |name: &str| self.sources.given.get(name).map(|given| &given.value);
        let Report { generated, put, replaced, adopted, .. } = self.tried.clone();
        let ours = generated.into_iter().filter(|(name, _)| holds(name, self.made.get(name)));
        report.generated.extend(ours);
        report.put.extend(put.into_iter().filter(|(name, _)| holds(name, given(name))));
        report.replaced.extend(replaced.into_iter().filter(|(name, _)| holds(name, given(name))));
        report.adopted.extend(adopted);
    }

    fn plan(&mut self, entries: &Entries) -> Result<Plan, SecretsError> {
        let after = self.data.after_load(entries);
        let mut plan =
            Plan { changes: Vec::new(), own: BTreeSet::new(), report: Report::default() };
        self.plan_given(entries, &mut plan);
        self.check_given(&after)?;
        let mut known = after;
        let given = plan.changes.iter();
        known.extend(given.map(|change| (variable_key(&change.name), change.value.clone())));
        let references = state::merged(entries, &self.data.data);
        let mut needed = state::lacking(&known);
        let declared = self.data.declared().keys();
        needed.extend(declared.filter(|name| !known.contains_key(&variable_key(name))).cloned());
        for name in needed {
            let Some(kind) = self.data.kind(&name) else { continue };
            if entries.contains_key(&variable_key(&name)) {
                // A load wrote it, and the next one would delete it.
                plan.report.adopted.insert(name.clone());
                plan.own.insert(name);
            } else if let Some(value) = self.value(&name, kind) {
                plan.report.generated.insert(name.clone(), kind);
                plan.changes.push(Change { name, value, before: None });
            } else if self.data.declared().get(&name) != Some(&Kind::External) {
                let services = state::used_by(&references, &name);
                plan.report.missing.insert(name, services);
            }
        }
        plan.report.unchanged = self.count(entries, &plan.report.replaced);
        Ok(plan)
    }

    /// How many of the store's variables are secrets that stay as they are.
    fn count(&self, entries: &Entries, replaced: &BTreeMap<String, String>) -> usize {
        let names = entries.keys().filter_map(|key| key.strip_prefix("general/"));
        let is_ours = |name: &&str| {
            self.data.kind(name).is_some()
                && self.data.datum(name).is_none()
                && !self.made.contains_key(*name)
                && !replaced.contains_key(*name)
        };
        names.filter(is_ours).count()
    }

    fn plan_given(&self, entries: &Entries, plan: &mut Plan) {
        let loaded = state::loaded(entries);
        for (name, given) in &self.sources.given {
            let key = variable_key(name);
            let report = &mut plan.report;
            let before = entries.get(&key);
            match before {
                None => _ = report.put.insert(name.clone(), given.from.clone()),
                Some(value) if value == given.value.as_bytes() => {}
                Some(_) if self.replace => {
                    report.replaced.insert(name.clone(), given.from.clone());
                }
                Some(_) => _ = report.different.insert(name.clone(), given.from.clone()),
            }
            if plan.is_given(name) {
                let (name, value) = (name.clone(), given.value.clone());
                plan.changes.push(Change { name, value, before: before.cloned() });
            }
            // What is left as it is stays as much a load's as it was.
            if plan.is_given(name) && loaded.contains(&key) {
                plan.report.adopted.insert(name.clone());
                plan.own.insert(name.clone());
            }
        }
    }

    /// A key of another form is read by nobody. A password with a dollar in it is easily taken for a
    /// reference; the names are not told, since they may be parts of passwords.
    fn check_given(&self, after: &BTreeMap<String, String>) -> Result<(), SecretsError> {
        let variable = |(key, value): (&String, &String)| {
            Some((key.strip_prefix("general/")?.to_owned(), value.clone()))
        };
        let mut general: BTreeMap<_, _> = after.iter().filter_map(variable).collect();
        let given = self.sources.given.iter();
        general.extend(given.map(|(name, given)| (name.clone(), given.value.clone())));
        let scope = Scope { general, ..Scope::default() };
        let mut problems = Problems::default();
        for (name, given) in &self.sources.given {
            if self.data.kind(name) == Some(Kind::Fernet) && !is_fernet(&given.value) {
                let message =
                    format!("general/{name}: it is no fernet key, which has {FERNET_FORM}");
                problems.0.push(Problem::key(given.from.clone(), message));
            } else if !scope.lacking([(given.value.as_str(), Dialect::Text)]).is_empty() {
                let message = format!(
                    "general/{name}: it refers to a variable that nobody has; if its dollar is \
                     just a dollar, put one into general/DOLLAR and write ${{DOLLAR}} for it"
                );
                problems.0.push(Problem::key(given.from.clone(), message));
            }
        }
        Ok(problems.or_ok(())?)
    }

    fn value(&mut self, name: &str, kind: Kind) -> Option<String> {
        if let Some(value) = self.made.get(name) {
            return Some(value.clone());
        }
        let value = kind.generate()?;
        self.made.insert(name.to_owned(), value.clone());
        Some(value)
    }
}

impl Report {
    fn is_something(&self) -> bool {
        !(self.generated.is_empty()
            && self.put.is_empty()
            && self.replaced.is_empty()
            && self.adopted.is_empty())
    }

    /// For programs.
    fn json(&self) -> Value {
        let key = |name: &String| variable_key(name);
        let sources = |given: &BTreeMap<String, String>| -> Vec<_> {
            given.iter().map(|(name, from)| json!({"name": name, "source": from})).collect()
        };
        let generated = self.generated.iter();
        let missing = self.missing.iter();
        json!({
            "added": self.generated.keys().chain(self.put.keys()).map(key).collect::<BTreeSet<_>>(),
            "changed": self.replaced.keys().map(key).collect::<Vec<_>>(),
            "generated": generated
                .map(|(name, kind)| json!({"name": name, "kind": kind}))
                .collect::<Vec<_>>(),
            "put": sources(&self.put),
            "replaced": sources(&self.replaced),
            "adopted": self.adopted,
            "different": sources(&self.different),
            "missing": missing
                .map(|(name, services)| json!({"name": name, "services": services}))
                .collect::<Vec<_>>(),
            "unchanged_count": self.unchanged,
            "dry_run": self.dry_run,
            "revision": self.revision,
        })
    }

    fn lines(&self) -> Vec<String> {
        let verb = |done: &'static str, planned| if self.dry_run { planned } else { done };
        let mut lines = Vec::new();
        for (name, kind) in &self.generated {
            let kind = kind.name();
            lines.push(format!("{} general/{name} ({kind})", verb("generated", "would generate")));
        }
        for (given, what) in [
            (&self.put, verb("put", "would put")),
            (&self.replaced, verb("replaced", "would replace")),
        ] {
            lines
                .extend(given.iter().map(|(name, from)| format!("{what} general/{name} ({from})")));
        }
        for name in &self.adopted {
            let what = verb("kept", "would keep");
            lines.push(format!("{what} general/{name} (no load deletes it any more)"));
        }
        for (name, from) in &self.different {
            lines.push(format!(
                "different general/{name} ({from} has another value; --replace takes that)"
            ));
        }
        for (name, services) in &self.missing {
            let services: Vec<_> = services.iter().map(ToString::to_string).collect();
            let services = services.join(", ");
            lines.push(format!("missing general/{name} (put it yourself; used by {services})"));
        }
        lines.push(format!(
            "{} generated, {} put, {} replaced, {} unchanged, {} missing; revision {}",
            self.generated.len(),
            self.put.len(),
            self.replaced.len(),
            self.unchanged,
            self.missing.len(),
            self.revision
        ));
        lines
    }
}
