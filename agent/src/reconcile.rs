//! State of the store → the files that should be there.

use std::collections::{BTreeMap, BTreeSet};

use etcstack_config::Entries;
use etcstack_config::key::{Key, variable_key};
use etcstack_config::layers::ServiceConfig;
use etcstack_config::problem::{Problem, Problems};
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::{Scope, Variables};
use etcstack_store::View;

use crate::apply::Wanted;
use crate::defaults;
use crate::manifest::Manifest;

/// Knows what was rendered last, so that a change renders only the files that it concerns.
#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) manifest: Manifest,
    environment: Variables,
    /// What each file's bytes were made of, by the file's name; `None` if that is not known.
    applied: BTreeMap<String, Option<FileInputs>>,
    /// Files of the service that the manifest does not name, as far as they have been reported.
    foreign: BTreeSet<String>,
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
    pub(crate) fn new(manifest: Manifest, environment: Variables) -> Self {
        Self { manifest, environment, applied: BTreeMap::new(), foreign: BTreeSet::new() }
    }

    /// The part of the store that the service needs: its own keys, and just those variables that
    /// their values refer to.
    pub(crate) fn view(&self) -> View {
        let prefixes = self.manifest.layers.prefixes(&self.manifest.service);
        View::new(prefixes, |entries: &Entries| {
            let mut scope = Scope::default();
            let mut values = Vec::new();
            for (key, value) in entries {
                let Ok(value) = std::str::from_utf8(value) else { continue };
                match Key::parse(key) {
                    Ok(Key::Variable(name)) => _ = scope.general.insert(name, value.to_owned()),
                    Ok(Key::Option(..) | Key::File(_)) => values.push(value),
                    _ => {}
                }
            }
            scope.needed(values).iter().map(|name| variable_key(name)).collect()
        })
    }

    /// Whether a state has anything for this service.
    pub(crate) fn is_empty(&self, entries: &Entries) -> bool {
        let prefixes = self.manifest.layers.prefixes(&self.manifest.service);
        !entries.keys().any(|key| prefixes.iter().any(|prefix| key.starts_with(prefix)))
    }

    /// Renders the files whose inputs have changed since they were last applied.
    ///
    /// All problems of all files are found; with any, no file is to be touched.
    pub(crate) fn render(&mut self, entries: &Entries) -> Result<Vec<Wanted>, NotRendered> {
        let Manifest { layers, service, .. } = &self.manifest;
        let mut config =
            ServiceConfig::resolve(entries, layers, service).map_err(NotRendered::Refused)?;
        let general = std::mem::take(&mut config.general);
        let scope = Scope { general, environment: self.environment.clone() };
        let targets = self.manifest.targets(|| {
            let known = defaults::known_files(&self.manifest.folder, &self.manifest.shared());
            known
                .into_iter()
                .chain(config.files.keys().chain(self.applied.keys()).cloned())
                .collect()
        });
        let mut wanted = Vec::new();
        let mut problems = Problems::default();
        for target in targets {
            let file = config.files.remove(&target.name).unwrap_or_default();
            let inputs = FileInputs::new(target.dialect, file, &scope);
            if self
                .applied
                .get(&target.name)
                .is_some_and(|applied| applied.as_ref() == Some(&inputs))
            {
                continue;
            }
            let default = defaults::read(&target).map_err(NotRendered::Unreadable)?;
            let default = default.as_ref().map(|(path, bytes)| DefaultFile { path, bytes });
            if let Some(bytes) = problems.take(render(&inputs, default)) {
                wanted.push(Wanted { target, bytes, inputs });
            }
        }
        self.report_foreign(config.files.keys());
        problems.or_ok(wanted).map_err(NotRendered::Refused)
    }

    /// Notes that these files are now on disk.
    pub(crate) fn applied(&mut self, wanted: Vec<Wanted>) {
        self.applied.extend(wanted.into_iter().map(|file| (file.target.name, Some(file.inputs))));
    }

    /// Notes that it is not known what is on disk of these files.
    pub(crate) fn forget(&mut self, wanted: Vec<Wanted>) {
        self.applied.extend(wanted.into_iter().map(|file| (file.target.name, None)));
    }

    fn report_foreign<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        for name in names {
            if self.foreign.insert(name.clone()) {
                tracing::warn!(
                    file = name,
                    "the store has keys of a file that the manifest does not name"
                );
            }
        }
    }
}
