//! What an image needs: `/etc/etcstack/agent.toml`, or sensible defaults without one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use etcstack_config::dialect::Dialect;
use etcstack_config::layers::Layers;
use etcstack_config::problem::{Place, Problem};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Group, Uid, User};
use serde::{Deserialize, Deserializer};

use crate::Failure;
use crate::cli::CommonArgs;

/// Where the manifest stands when nothing else is said.
const DEFAULT_PATH: &str = "/etc/etcstack/agent.toml";
/// Where images keep the default files.
const SHARED_DEFAULTS: &str = "/usr/share/etcstack";

/// What an image needs, with the command line's word over the file's.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) service: String,
    pub(crate) layers: Layers,
    pub(crate) reload: Reload,
    pub(crate) stop: Stop,
    /// A store without any key of the service is taken at its word.
    pub(crate) allow_empty: bool,
    /// `None` where no manifest says which files there are: any that the store has.
    files: Option<Vec<Target>>,
    /// The service's folder for files that no manifest names.
    pub(crate) folder: PathBuf,
}

/// A file that the agent keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As in the keys.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) default: DefaultAt,
    pub(crate) dialect: Dialect,
    pub(crate) owner: Option<Owner>,
    pub(crate) mode: Option<u32>,
    pub(crate) on_change: OnChange,
}

/// Where a file's default stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DefaultAt {
    /// Here; it is a mistake when it is not.
    Declared(PathBuf),
    /// Here if it is there, else what the image has in the file's own place.
    Found(PathBuf),
}

/// A user and a group by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: Uid,
    pub(crate) group: Gid,
}

/// What a change of a file calls for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnChange {
    /// The signal of `[reload]`.
    #[default]
    Reload,
    /// Nothing: the daemon looks for itself, or never again.
    None,
}

/// How the daemon is told of a change.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reload {
    #[serde(deserialize_with = "signal")]
    pub(crate) signal: Signal,
    /// Between two signals; a change in between is told at its end.
    #[serde(deserialize_with = "duration")]
    pub(crate) min_interval: Duration,
}

impl Default for Reload {
    fn default() -> Self {
        // Two HUPs 0.3 s apart kill an eventlet service: it catches none while it reloads.
        Self { signal: Signal::SIGHUP, min_interval: Duration::from_secs(2) }
    }
}

/// How the daemon is stopped.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stop {
    /// How long it may take before it is killed.
    #[serde(deserialize_with = "duration")]
    pub(crate) grace: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        // oslo.service's graceful_shutdown_timeout.
        Self { grace: Duration::from_secs(60) }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ManifestFile {
    service: Option<String>,
    #[serde(deserialize_with = "layers")]
    role: Option<Layers>,
    file: Vec<FileEntry>,
    reload: Reload,
    stop: Stop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    name: toml::Spanned<String>,
    path: PathBuf,
    default: Option<PathBuf>,
    #[serde(default, deserialize_with = "dialect")]
    dialect: Option<Dialect>,
    #[serde(default, deserialize_with = "owner")]
    owner: Option<Owner>,
    #[serde(default, deserialize_with = "mode")]
    mode: Option<u32>,
    #[serde(default)]
    on_change: OnChange,
}

impl Manifest {
    /// Reads the manifest that the command line names, or the usual one where it is there.
    pub(crate) fn load(args: &CommonArgs) -> Result<Self, Failure> {
        let path = args.manifest.clone().unwrap_or_else(|| DEFAULT_PATH.into());
        let (file, named) = match std::fs::read_to_string(&path) {
            Ok(text) => (parse(&path, &text)?, true),
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && args.manifest.is_none() =>
            {
                (ManifestFile::default(), false)
            }
            Err(error) => {
                return Err(Failure::new(66, format!("{}: {error}", path.display()))); // EX_NOINPUT
            }
        };
        Self::combine(args, file, named.then_some(path.as_path()))
    }

    fn combine(
        args: &CommonArgs,
        file: ManifestFile,
        path: Option<&Path>,
    ) -> Result<Self, Failure> {
        let service = args.service.clone().or(file.service).ok_or_else(|| {
            Failure::new(
                64,
                "which service is this? say --service NAME, or service = in the manifest",
            )
        })?;
        let layers = match (&args.role, file.role) {
            (Some(layers), _) => layers.clone(),
            (None, Some(layers)) => layers,
            (None, None) => {
                let message = "which role is this? say --role ROLE, or role = in the manifest";
                return Err(Failure::new(64, message));
            }
        };
        let mut manifest = Self {
            folder: args.etc.join(&service),
            service,
            layers,
            reload: file.reload,
            stop: file.stop,
            allow_empty: args.allow_empty,
            files: None,
        };
        if let Some(path) = path.filter(|_| !file.file.is_empty()) {
            let folder = path.parent().unwrap_or(Path::new(""));
            let target = |entry| manifest.declared(entry, folder);
            manifest.files = Some(file.file.into_iter().map(target).collect());
        }
        Ok(manifest)
    }

    /// Paths of a manifest start at its own folder, where they are not absolute.
    fn declared(&self, entry: FileEntry, folder: &Path) -> Target {
        let name = entry.name.into_inner();
        let default = match entry.default {
            Some(path) => DefaultAt::Declared(folder.join(path)),
            None => DefaultAt::Found(self.shared().join(&name)),
        };
        Target {
            path: folder.join(entry.path),
            default,
            dialect: entry.dialect.unwrap_or_else(|| Dialect::by_name(&name)),
            owner: entry.owner,
            mode: entry.mode,
            on_change: entry.on_change,
            name,
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
        let target = |name: String| Target {
            path: self.folder.join(&name),
            default: DefaultAt::Found(self.shared().join(&name)),
            dialect: Dialect::by_name(&name),
            owner: None,
            mode: None,
            on_change: OnChange::default(),
            name,
        };
        known().into_iter().map(target).collect()
    }
}

fn parse(path: &Path, text: &str) -> Result<ManifestFile, Failure> {
    let problem = |offset: usize, message: &str| {
        let before = &text[..offset];
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
    Ok(file)
}

fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

fn signal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signal, D::Error> {
    read(deserializer, |text| {
        let name = format!("SIG{}", text.strip_prefix("SIG").unwrap_or(text));
        match Signal::from_str(&name) {
            Ok(Signal::SIGKILL | Signal::SIGSTOP) => {
                Err(format!("no daemon can catch {text}; write HUP or USR1"))
            }
            Ok(signal) => Ok(signal),
            Err(_) => Err(format!("{text:?} is no signal; write HUP or USR1")),
        }
    })
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    read(deserializer, etcstack_store::args::duration)
}

fn layers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Layers>, D::Error> {
    read(deserializer, |text| text.parse().map(Some))
}

fn dialect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Dialect>, D::Error> {
    read(deserializer, |text| text.parse().map(Some))
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    read(deserializer, |text| match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(Some(mode)),
        _ => Err(format!("{text:?} is no mode; write it in octal, as in \"0640\"")),
    })
}

fn owner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Owner>, D::Error> {
    read(deserializer, |text| {
        let (user, group) = text
            .split_once(':')
            .ok_or_else(|| format!("{text:?} is no owner; write USER:GROUP"))?;
        Ok(Some(Owner { user: user_id(user)?, group: group_id(group)? }))
    })
}

fn user_id(name: &str) -> Result<Uid, String> {
    if let Ok(id) = name.parse() {
        return Ok(Uid::from_raw(id));
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid),
        _ => Err(format!("there is no user {name:?} in this image")),
    }
}

fn group_id(name: &str) -> Result<Gid, String> {
    if let Ok(id) = name.parse() {
        return Ok(Gid::from_raw(id));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        _ => Err(format!("there is no group {name:?} in this image")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn load(args: &[&str], manifest: Option<&str>) -> Result<Manifest, Failure> {
        let line = ["etcstack-agent", "render"].iter().chain(args);
        let Ok(Cli { command: Command::Render(args) }) = Cli::try_parse_from(line) else {
            panic!("{args:?}");
        };
        let path = Path::new("/m/agent.toml");
        match manifest {
            Some(text) => Manifest::combine(&args.common, parse(path, text)?, Some(path)),
            None => Manifest::combine(&args.common, ManifestFile::default(), None),
        }
    }

    #[test]
    fn a_whole_manifest() {
        let manifest = load(
            &["--role", "a,b"],
            Some(
                "service = 'cinder'\nrole = 'x'\n[[file]]\nname = 'cinder.conf'\npath = 'etc/c'\n\
                 default = '/d'\ndialect = 'text'\nowner = '0:0'\nmode = '0640'\n\
                 on_change = 'none'\n[[file]]\nname = 'api-paste.ini'\npath = '/p'\n\
                 [reload]\nsignal = 'USR1'\nmin_interval = '500ms'\n[stop]\ngrace = '1m'\n",
            ),
        )
        .unwrap();
        assert_eq!(manifest.layers.to_string(), "a,b");
        assert_eq!(manifest.reload.signal, Signal::SIGUSR1);
        assert_eq!(manifest.reload.min_interval, Duration::from_millis(500));
        assert_eq!(manifest.stop.grace, Duration::from_secs(60));
        let targets = manifest.targets(|| BTreeSet::from(["other.conf".to_owned()]));
        let root = Owner { user: Uid::from_raw(0), group: Gid::from_raw(0) };
        assert_eq!(
            targets[0],
            Target {
                name: "cinder.conf".into(),
                path: "/m/etc/c".into(),
                default: DefaultAt::Declared("/d".into()),
                dialect: Dialect::Text,
                owner: Some(root),
                mode: Some(0o640),
                on_change: OnChange::None,
            }
        );
        assert_eq!(targets[1].dialect, Dialect::Configparser);
        assert_eq!(targets[1].on_change, OnChange::Reload);
        assert_eq!(targets.len(), 2);
    }

    #[test]
    fn without_a_manifest() {
        let manifest = load(&["--role", "r", "--service", "glance", "--etc", "/e"], None).unwrap();
        assert_eq!(manifest.reload.signal, Signal::SIGHUP);
        let targets = manifest.targets(|| BTreeSet::from(["glance-api.conf".to_owned()]));
        assert_eq!(targets[0].path, Path::new("/e/glance/glance-api.conf"));
        let shared = "/usr/share/etcstack/glance/glance-api.conf";
        assert_eq!(targets[0].default, DefaultAt::Found(shared.into()));
        assert_eq!(load(&["--role", "r"], None).unwrap_err().code, 64);
        assert_eq!(load(&["--service", "s"], None).unwrap_err().code, 64);
    }

    #[test]
    fn a_manifest_without_files_means_any() {
        let manifest = load(&["--etc", "/e"], Some("service = 's'\nrole = 'r'")).unwrap();
        let targets = manifest.targets(|| BTreeSet::from(["x.conf".to_owned()]));
        assert_eq!(targets[0].path, Path::new("/e/s/x.conf"));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, message) in [
            ("service = 1", "/m/agent.toml:1:11: invalid type"),
            ("x = 1", "/m/agent.toml:1:1: unknown field `x`"),
            ("service = 's'\n[[file]]\nname = 'a'", "/m/agent.toml:2:1: missing field `path`"),
            ("[reload]\nsignal = 'NO'", "/m/agent.toml:2:10: \"NO\" is no signal"),
            ("[reload]\nsignal = 'KILL'", "/m/agent.toml:2:10: no daemon can catch KILL"),
            ("[stop]\ngrace = '400days'", "/m/agent.toml:2:9: a year is the longest"),
            ("role = '_x'", "/m/agent.toml:1:8: \"_x\" is no role"),
            ("[reload]\nmin_interval = '2'", "/m/agent.toml:2:16: time unit needed"),
            ("[[file]]\nname='a'\npath='p'\nmode = '99'", "/m/agent.toml:4:8: \"99\" is no mode"),
            (
                "[[file]]\nname='a'\npath='p'\nowner = 'no-such-user:0'",
                "/m/agent.toml:4:9: there is no user",
            ),
            ("[[file]]\nname='a'\npath='p'\ndialect = 'ini'", "unknown dialect \"ini\""),
            (
                "[[file]]\nname='a'\npath='p'\n[[file]]\nname = 'a'\npath='q'",
                "/m/agent.toml:5:8: this file stands here twice",
            ),
        ] {
            let failure = load(&["--role", "r", "--service", "s"], Some(text)).unwrap_err();
            assert_eq!(failure.code, 78, "{failure:?}");
            assert!(failure.message.contains(message), "{}\n{message}", failure.message);
        }
    }
}
