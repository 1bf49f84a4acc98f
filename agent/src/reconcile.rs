//! State of the store → the files that should be there, and what the programs are given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::{GENERAL, Key, variable_key};
use etcstack_config::layers::{FileConfig, ServiceConfig, Sourced};
use etcstack_config::problem::{Problem, Problems};
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::{Scope, Variables};
use etcstack_store::View;

use crate::apply::Wanted;
use crate::manifest::{DefaultAt, Manifest, OnChange, Target};
use crate::{bad, defaults};

/// The lists of the keys that loads have written, by service.
const LOADED: &str = "_etcstack/loaded/";

/// What the file of exported variables is called among the others; no key can have this name.
const ENVIRONMENT: &str = "[environment]";

/// Knows what was rendered last, so that a change renders only the files that it concerns.
#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) manifest: Arc<Manifest>,
    environment: Variables,
    /// What each file's bytes were made of, by the file's name; `None` if that is not known.
    applied: BTreeMap<String, Option<FileInputs>>,
    /// The file that could not be put in its place last time.
    first: Option<PathBuf>,
    /// Files of the service that the manifest does not name, as far as they have been reported.
    foreign: BTreeSet<String>,
}

/// What a state of the store comes to.
pub(crate) struct Rendered {
    /// The files whose inputs have changed since they were last applied.
    pub(crate) wanted: Vec<Wanted>,
    /// The other files.
    pub(crate) kept: Vec<Target>,
    /// The variables that the programs get in their environment.
    pub(crate) exported: Vec<(String, String)>,
    /// All variables that the service may use.
    pub(crate) scope: Scope,
}

/// Why there is nothing to apply.
#[derive(Debug)]
pub(crate) enum NotRendered {
    /// The state has these mistakes; only another state can mend them.
    Refused(Problems),
    /// A default file cannot be read or noted; trying again may help.
    Unreadable(Problem),
}

impl Reconciler {
    pub(crate) fn new(manifest: Arc<Manifest>, environment: Variables) -> Self {
        Self {
            manifest,
            environment,
            applied: BTreeMap::new(),
            first: None,
            foreign: BTreeSet::new(),
        }
    }

    /// The part of the store that the service needs: its own keys, just those variables that
    /// their values and the manifest refer to, and what the system has noted of the service.
    pub(crate) fn view(&self) -> View {
        let mut prefixes = self.own_prefixes();
        prefixes.extend(self.list_prefixes());
        let exported =
            self.manifest.environment.prefixes().map(|start| format!("{GENERAL}/{start}"));
        prefixes.extend(exported);
        let manifest = self.manifest.clone();
        View::new(prefixes, move |entries: &Entries| keys(&manifest, entries))
    }

    /// The prefixes of the service's own keys.
    pub(crate) fn own_prefixes(&self) -> Vec<String> {
        self.manifest.layers.prefixes(&self.manifest.service)
    }

    /// The prefixes of the lists of its keys that were loaded.
    pub(crate) fn list_prefixes(&self) -> Vec<String> {
        self.own_prefixes().iter().map(|own| format!("{LOADED}{own}")).collect()
    }

    /// Whether a state has anything for this service.
    pub(crate) fn is_empty(&self, entries: &Entries) -> bool {
        let prefixes = self.own_prefixes();
        !entries.keys().any(|key| prefixes.iter().any(|prefix| key.starts_with(prefix)))
    }

    /// Renders the files whose inputs have changed since they were last applied.
    ///
    /// All problems of all files are found; with any, no file is to be touched.
    pub(crate) fn render(&mut self, entries: &Entries) -> Result<Rendered, NotRendered> {
        let Manifest { layers, service, .. } = &*self.manifest;
        let mut config =
            ServiceConfig::resolve(entries, layers, service).map_err(NotRendered::Refused)?;
        let general = std::mem::take(&mut config.general);
        let scope = Scope { general, environment: self.environment.clone() };
        let targets = self.manifest.targets(|| {
            let known = defaults::known_files(&self.manifest.folder, &self.manifest.shared());
            let applied = self.applied.keys().filter(|name| *name != ENVIRONMENT);
            known.into_iter().chain(config.files.keys().chain(applied).cloned()).collect()
        });
        let (mut wanted, mut kept) = (Vec::new(), Vec::new());
        let mut problems = Problems::default();
        for target in targets {
            let file = config.files.remove(&target.name).unwrap_or_default();
            let inputs = FileInputs::new(target.dialect, file, &scope);
            if self.is_applied(&target.name, &inputs) {
                kept.push(target);
                continue;
            }
            let default = defaults::read(&target).map_err(NotRendered::Unreadable)?;
            let default = default.as_ref().map(|(path, bytes)| DefaultFile { path, bytes });
            if let Some(bytes) = problems.take(render(&inputs, default)) {
                wanted.push(Wanted { target, bytes, inputs });
            }
        }
        self.report_foreign(config.files.keys());
        let exported = problems.take(self.exported(&scope)).unwrap_or_default();
        if let Some(file) = self.environment_file(&exported) {
            if self.is_applied(ENVIRONMENT, &file.inputs) {
                kept.push(file.target);
            } else {
                wanted.push(file);
            }
        }
        wanted.sort_by_key(|file| self.first.as_ref() != Some(&file.target.path));
        let rendered = Rendered { wanted, kept, exported, scope };
        problems.or_ok(rendered).map_err(NotRendered::Refused)
    }

    fn is_applied(&self, name: &str, inputs: &FileInputs) -> bool {
        self.applied.get(name).is_some_and(|applied| applied.as_ref() == Some(inputs))
    }

    /// The variables that the manifest exports, filled in.
    fn exported(&self, scope: &Scope) -> Result<Vec<(String, String)>, Problems> {
        let environment = &self.manifest.environment;
        let mut problems = Problems::default();
        let mut exported = Vec::new();
        for (name, value) in scope.general.iter().filter(|(name, _)| environment.exports(name)) {
            match scope.fill_in(value) {
                Ok(value) if value.contains('\0') => {
                    let message = "it is exported to an environment, which holds no NUL";
                    problems.0.push(Problem::key(variable_key(name), message));
                }
                Ok(value) => exported.push((name.clone(), value)),
                Err(error) => problems.0.push(Problem::key(variable_key(name), error)),
            }
        }
        for name in environment.names().filter(|name| !scope.general.contains_key(*name)) {
            let message = "the manifest exports this variable, and the store does not have it";
            problems.0.push(Problem::key(variable_key(name), message));
        }
        problems.or_ok(exported)
    }

    /// The exported variables as a file of its own: lines that a shell reads, and systemd.
    fn environment_file(&self, exported: &[(String, String)]) -> Option<Wanted> {
        let path = self.manifest.environment.file.clone()?;
        let line = |(name, value): &(String, String)| {
            format!("{name}='{}'\n", value.replace('\'', r"'\''"))
        };
        let value: String = exported.iter().map(line).collect();
        let bytes = Some(value.clone().into_bytes());
        let whole = Some(Sourced { key: ENVIRONMENT.into(), layer: 0, value });
        let config = FileConfig { whole, ..FileConfig::default() };
        let inputs = FileInputs { dialect: Dialect::Text, config, scope: Scope::default() };
        let target = Target {
            name: ENVIRONMENT.into(),
            default: DefaultAt::Found(path.clone()),
            path,
            dialect: Dialect::Text,
            owner: None,
            mode: None,
            // The variables themselves are compared.
            on_change: OnChange::None,
            checks: Vec::new(),
        };
        Some(Wanted { target, bytes, inputs })
    }

    /// Notes that these files are now on disk.
    pub(crate) fn applied(&mut self, wanted: Vec<Wanted>) {
        self.applied.extend(wanted.into_iter().map(|file| (file.target.name, Some(file.inputs))));
    }

    /// Notes that it is not known what is on disk of these files. The one that could not be put in
    /// its place is the first to be tried next time, so that the others do not come and go with it.
    pub(crate) fn forget(&mut self, wanted: &[Wanted], failed: &Path) {
        self.applied.extend(wanted.iter().map(|file| (file.target.name.clone(), None)));
        self.first = Some(failed.to_owned());
    }

    /// Notes that it is not known what is on disk of any file.
    pub(crate) fn forget_all(&mut self) {
        self.applied.values_mut().for_each(|applied| *applied = None);
    }

    /// Files of another manifest of the same service, or with a mistake in their names: that cannot
    /// be told apart here.
    fn report_foreign<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        let mut files = String::new();
        for name in names {
            if self.foreign.insert(name.clone()) {
                files.push_str(name);
                files.push(' ');
            }
        }
        if !files.is_empty() {
            tracing::info!(files, "the store has keys of files that this manifest does not name");
        }
    }
}

/// The single keys that a state of the service calls for.
pub(crate) fn keys(manifest: &Manifest, entries: &Entries) -> BTreeSet<String> {
    let mut scope = Scope::default();
    let mut values = manifest.texts();
    let mut names: BTreeSet<String> = manifest.environment.names().map(str::to_owned).collect();
    for (key, value) in entries {
        let Ok(value) = std::str::from_utf8(value) else { continue };
        match Key::parse(key) {
            Ok(Key::Variable(name)) => {
                if manifest.environment.exports(&name) {
                    values.push(value);
                }
                scope.general.insert(name, value.to_owned());
            }
            Ok(Key::Option(..) | Key::File(_)) => values.push(value),
            _ => {}
        }
    }
    names.extend(scope.needed(values));
    let variables = names.iter().map(|name| variable_key(name));
    variables.chain([bad::key(manifest)]).collect()
}
