//! What an image needs: `/etc/etcstack/agent.toml`, or sensible defaults without one.

mod file;
mod process;
mod read;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcstack_config::catalog::Catalog;
use etcstack_config::dialects::Dialects;
use etcstack_config::key::FileName;
use etcstack_config::layers::Layers;
use etcstack_config::problem::{Place, Problem};
pub(crate) use file::{DefaultAt, OnChange, Target};
use nix::unistd::Gid;
use process::{AccountEntry, ProcessEntry, ReloadEntry, Settings, Stop};
pub(crate) use process::{OnExit, ProcessSpec, Reload, ReloadBy};
pub(crate) use read::Owner;
use serde::{Deserialize, Deserializer};
use steps::StepEntry;
pub(crate) use steps::{Environment, OnEnvironment, OncePer, Step};

use crate::Failure;
use crate::cli::CommonArgs;
use crate::probe::Ready;
use crate::supervise::{Account, Response, Signal, Table};
use crate::wait_for::WaitFor;

/// Where the manifest stands when nothing else is said.
const DEFAULT_PATH: &str = "/etc/etcstack/agent.toml";
/// Where images keep the default files, and the catalog.
const SHARED_DEFAULTS: &str = "/usr/share/etcstack";
const CATALOG: &str = "/usr/share/etcstack/catalog.json";
const STATE_DIR: &str = "/run/etcstack";

/// What an image needs, with the command line's word over the file's.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) service: String,
    pub(crate) layers: Layers,
    /// The name of this replica.
    pub(crate) host: String,
    pub(crate) image: Option<String>,
    /// A folder of this agent alone.
    pub(crate) state_dir: PathBuf,
    pub(crate) start_without_store: bool,
    /// A store without any key of the service is taken at its word.
    pub(crate) allow_empty: bool,
    pub(crate) catalog: Option<Catalog>,
    pub(crate) checks: Checks,
    pub(crate) signals: Table,
    pub(crate) restart: Restart,
    pub(crate) environment: Environment,
    pub(crate) wait_for: Vec<WaitFor>,
    pub(crate) bootstrap: Vec<Step>,
    pub(crate) processes: Vec<ProcessSpec>,
    /// `None` where no manifest says which files there are: any that the store has.
    files: Option<Vec<Target>>,
    /// The service's folder for files that no manifest names.
    pub(crate) folder: PathBuf,
}

/// What has to end well before any change goes live.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) commands: Vec<Vec<String>>,
    /// For each.
    pub(crate) timeout: Duration,
    pub(crate) account: Account,
}

/// How replicas take turns.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Restart {
    /// How many replicas may restart at a time.
    pub(crate) max_unavailable: usize,
    /// How long one that has died keeps its turn.
    #[serde(deserialize_with = "read::duration")]
    pub(crate) lease: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self { max_unavailable: 1, lease: Duration::from_secs(30) }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ManifestFile {
    service: Option<String>,
    #[serde(deserialize_with = "read::layers")]
    role: Option<Layers>,
    image: Option<String>,
    state_dir: Option<PathBuf>,
    start_without_store: bool,
    catalog: Option<PathBuf>,
    #[serde(deserialize_with = "read::account")]
    user: Option<read::Account>,
    #[serde(deserialize_with = "read::group")]
    group: Option<Gid>,
    #[serde(deserialize_with = "read::groups")]
    groups: Option<Vec<Gid>>,
    no_new_privs: Option<bool>,
    check: Vec<Vec<String>>,
    #[serde(deserialize_with = "read::some_duration")]
    check_timeout: Option<Duration>,
    file: Vec<file::FileEntry>,
    reload: Option<ReloadEntry>,
    stop: Option<Stop>,
    #[serde(deserialize_with = "signals")]
    signals: Table,
    ready: Option<Ready>,
    restart: Restart,
    environment: Environment,
    wait_for: Vec<WaitFor>,
    bootstrap: Vec<StepEntry>,
    process: Vec<ProcessEntry>,
}

impl Manifest {
    /// Reads the manifest that the command line names, or the usual one where it is there.
    pub(crate) fn load(args: &CommonArgs) -> Result<Self, Failure> {
        let path = args.manifest.clone().unwrap_or_else(|| DEFAULT_PATH.into());
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::combine(args, parse(&path, &text)?, Some(&path)),
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && args.manifest.is_none() =>
            {
                Self::combine(args, ManifestFile::default(), None)
            }
            Err(error) => Err(Failure::new(66, format!("{}: {error}", path.display()))), // EX_NOINPUT
        }
    }

    fn combine(
        args: &CommonArgs,
        file: ManifestFile,
        path: Option<&Path>,
    ) -> Result<Self, Failure> {
        let service = args.service.clone().or(file.service).ok_or_else(|| {
            let message = "which service is this? say --service NAME, or service = in the manifest";
            Failure::new(64, message)
        })?;
        let layers = args.role.clone().or(file.role).ok_or_else(|| {
            let message = "which role is this? say --role ROLE, or role = in the manifest";
            Failure::new(64, message)
        })?;
        let image = args.image.clone().or(file.image);
        if image.is_none() && file.bootstrap.iter().any(|step| step.once_per == OncePer::Image) {
            let message = "a bootstrap step is done once per image, and nothing says which image \
                           this is; say image = in the manifest, or ETCSTACK_IMAGE";
            return Err(Failure::new(78, message)); // EX_CONFIG
        }
        let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
        let shared = Path::new(SHARED_DEFAULTS).join(&service);
        let ManifestFile { user, group, groups, no_new_privs, .. } = file;
        let account = AccountEntry { user, group, groups, no_new_privs };
        let all = Settings {
            account: account.clone(),
            reload: file.reload,
            stop: file.stop,
            ready: file.ready,
        };
        let steps = file.bootstrap.into_iter().map(|step| step.step(&account));
        let bootstrap = steps.collect::<Result<_, _>>()?;
        let mut environment = file.environment;
        environment.file = environment.file.map(|file| folder.join(file));
        let processes = if file.process.is_empty() {
            vec![all.process(service.clone(), Vec::new())?]
        } else {
            let processes = file.process.into_iter().map(|process| process.process(&all));
            processes.collect::<Result<_, _>>()?
        };
        let files = file.file.into_iter().map(|entry| entry.target(folder, &shared));
        let files: Vec<_> = files.collect();
        Ok(Self {
            folder: args.etc.join(&service),
            service,
            layers,
            host: args.host.clone().unwrap_or_else(host_name),
            image,
            state_dir: args
                .state_dir
                .clone()
                .or(file.state_dir.map(|state_dir| folder.join(state_dir)))
                .unwrap_or_else(|| STATE_DIR.into()),
            start_without_store: file.start_without_store,
            allow_empty: args.allow_empty,
            catalog: catalog(file.catalog.map(|catalog| folder.join(catalog)))?,
            checks: Checks {
                commands: file.check,
                timeout: file.check_timeout.unwrap_or(Duration::from_secs(30)),
                account: account.account()?,
            },
            signals: file.signals,
            restart: file.restart,
            environment,
            wait_for: file.wait_for,
            bootstrap,
            processes,
            files: (!files.is_empty()).then_some(files),
        })
    }

    /// Checks that we may become all the users that programs are to run as.
    pub(crate) fn check_accounts(&self) -> Result<(), Failure> {
        let of_processes = self.processes.iter().map(|process| &process.account);
        let of_steps = self.bootstrap.iter().map(|step| &step.account);
        let mut accounts = of_processes.chain(of_steps).chain([&self.checks.account]);
        let forbidden = accounts.find_map(|account| account.forbidden.as_ref());
        forbidden.map_or(Ok(()), |why| Err(Failure::new(77, why))) // EX_NOPERM
    }

    /// Gives the daemon of the command line to a manifest that names none itself.
    pub(crate) fn with_command(mut self, command: &[OsString]) -> Result<Self, Failure> {
        let in_manifest = self.processes.iter().all(|process| !process.command.is_empty());
        match (command.is_empty(), in_manifest) {
            (false, true) => {
                let message = "the manifest has the daemons in [[process]], and the command line \
                               one more; say one of the two";
                Err(Failure::new(64, message))
            }
            (true, false) => {
                let message = "what is to run? say -- COMMAND…, or [[process]] in the manifest";
                Err(Failure::new(64, message))
            }
            (true, true) => Ok(self),
            (false, false) => {
                for process in &mut self.processes {
                    command.clone_into(&mut process.command);
                }
                Ok(self)
            }
        }
    }

    /// The image's folder of defaults for the service.
    pub(crate) fn shared(&self) -> PathBuf {
        Path::new(SHARED_DEFAULTS).join(&self.service)
    }

    /// The files to keep: those that the manifest names, or else the known ones.
    pub(crate) fn targets(&self, known: impl FnOnce() -> BTreeSet<String>) -> Vec<Target> {
        if let Some(files) = &self.files {
            return files.clone();
        }
        let shared = self.shared();
        known().into_iter().map(|name| Target::unnamed(name, &self.folder, &shared)).collect()
    }

    /// The dialects of the files that the manifest names, in each of the service's layers.
    pub(crate) fn dialects(&self) -> Dialects {
        let mut dialects = Dialects::default();
        for role in self.layers.roles() {
            for Target { name, dialect, .. } in self.files.iter().flatten() {
                let (role, service) = (role.clone(), self.service.clone());
                dialects.set(FileName { role, service, file: name.clone() }, *dialect);
            }
        }
        dialects
    }

    /// The texts of the manifest in which variables may stand.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let ready = self.processes.iter().filter_map(|process| process.ready.as_ref());
        ready
            .flat_map(|ready| ready.probe.texts())
            .chain(self.wait_for.iter().flat_map(WaitFor::texts))
            .collect()
    }

    /// Whether there are steps that a change of a file calls for.
    pub(crate) fn has_change_steps(&self) -> bool {
        self.bootstrap.iter().any(|step| step.once_per == OncePer::Change)
    }

    /// Whether programs besides the daemons are run, whose output goes to our log.
    pub(crate) fn runs_commands(&self) -> bool {
        let files = self.files.iter().flatten();
        let by_process = |process: &ProcessSpec| {
            matches!(process.reload.by, ReloadBy::Command(_))
                || process.ready.as_ref().is_some_and(|ready| ready.probe.is_command())
        };
        !self.checks.commands.is_empty()
            || !self.bootstrap.is_empty()
            || self.wait_for.iter().any(WaitFor::is_command)
            || self.processes.iter().any(by_process)
            || files.into_iter().any(|file| !file.checks.is_empty())
    }

    /// The role that replicas have in common, whatever further layers each has of its own.
    pub(crate) fn first_role(&self) -> &str {
        self.layers.roles().first().map_or("", String::as_str)
    }
}

/// The catalog that the manifest names, or the usual one where it is there.
fn catalog(named: Option<PathBuf>) -> Result<Option<Catalog>, Failure> {
    let path = named.clone().unwrap_or_else(|| CATALOG.into());
    match std::fs::read(&path) {
        Ok(bytes) => {
            let catalog = Catalog::parse_lean(&path, &bytes).map(Some);
            catalog.map_err(|problem| Failure::new(78, problem)) // EX_CONFIG
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(Failure::new(66, format!("{}: {error}", path.display()))), // EX_NOINPUT
    }
}

pub(crate) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "localhost".into())
}

fn parse(path: &Path, text: &str) -> Result<ManifestFile, Failure> {
    let problem = |offset: usize, message: &str| {
        let before = text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let place = Place::position(path, line, column);
        Failure::new(78, Problem::new(place, message)) // EX_CONFIG
    };
    let file: ManifestFile = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        problem(offset, &error.message().replace('\n', "; "))
    })?;
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for entry in &file.file {
        if !names.insert(entry.name.get_ref()) || !paths.insert(&entry.path) {
            let message = "this file stands here twice, by its name or its path";
            return Err(problem(entry.name.span().start, message));
        }
    }
    let known = |files: &BTreeSet<String>| {
        files.iter().find(|file| !names.contains(*file)).map(|file| {
            format!("{file:?} is none of the files of this manifest; add a [[file]] for it")
        })
    };
    let twice = |names: &mut BTreeSet<String>, name: &toml::Spanned<String>| {
        let new = names.insert(name.get_ref().clone());
        (!new).then(|| format!("{:?} stands here twice", name.get_ref()))
    };
    let mut seen = BTreeSet::new();
    for entry in &file.process {
        let unknown = entry.files.as_ref().and_then(known);
        if let Some(message) = unknown.or_else(|| twice(&mut seen, &entry.name)) {
            return Err(problem(entry.name.span().start, &message));
        }
    }
    let mut seen = BTreeSet::new();
    for entry in &file.bootstrap {
        if entry.once_per == OncePer::Change && file.file.is_empty() {
            let message = "it is done once per change, and there is no [[file]] that could change";
            return Err(problem(entry.name.span().start, message));
        }
        if let Some(message) = known(&entry.files).or_else(|| twice(&mut seen, &entry.name)) {
            return Err(problem(entry.name.span().start, &message));
        }
    }
    let empty = |check: &[Vec<String>]| check.iter().any(Vec::is_empty);
    if empty(&file.check) || file.file.iter().any(|entry| empty(&entry.check)) {
        return Err(problem(0, "a check is an empty command"));
    }
    if file.restart.max_unavailable == 0 {
        return Err(problem(0, "[restart] max_unavailable = 0 would never let anyone restart"));
    }
    file.environment.check().map_err(|message| problem(0, &message))?;
    Ok(file)
}

fn signals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Table, D::Error> {
    let entries = BTreeMap::<String, String>::deserialize(deserializer)?;
    let parse = |(name, response): (String, String)| {
        let signal = name.parse::<Signal>()?;
        if !signal.is_heard() {
            return Err(format!("{name} never reaches the agent; leave it out"));
        }
        Ok((signal, response.parse::<Response>()?))
    };
    let table: Result<_, String> = entries.into_iter().map(parse).collect();
    table.map(Table).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
