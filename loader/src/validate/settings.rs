//! What the data is checked against: `validate.toml` and the catalogs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use etcstack_config::catalog::{Catalog, LARGEST};
use etcstack_config::data::{CATALOGS, SETTINGS};
use etcstack_config::problem::{Place, Problem};
use etcstack_config::validate::{Catalogs, Code, Earlier, Names, Settings};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::said::Said;
use crate::task;

/// The file beside the roles.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    release: Option<String>,
    environment: NameList,
    generated: NameList,
    used: NameList,
    services: BTreeMap<String, String>,
    accept: Vec<Accepted>,
    /// Read with the data, since it says how that is to be read.
    #[allow(dead_code)]
    dialects: IgnoredAny,
}

/// Names of variables, and where they stand.
type NameList = Vec<Spanned<String>>;

impl Document {
    /// The first of the names that is none, by the list that it is in.
    fn wrong_name(&self) -> Option<(&'static str, &Spanned<String>)> {
        let lists = [
            ("environment", &self.environment),
            ("generated", &self.generated),
            ("used", &self.used),
        ];
        let names =
            lists.into_iter().flat_map(|(list, names)| names.iter().map(move |n| (list, n)));
        let mut wrong = names.filter(|(_, name)| !Names::takes(name.get_ref()));
        wrong.next()
    }
}

/// The names alone.
fn plain(names: NameList) -> Vec<String> {
    names.into_iter().map(Spanned::into_inner).collect()
}

/// Warnings of one kind about one file that are meant so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    code: Code,
    file: PathBuf,
    /// Why: for whoever reads it.
    #[allow(dead_code)]
    reason: Option<String>,
}

/// Where to look, and what was said besides.
pub(crate) struct Sources<'a> {
    /// The directory of bootstrap-data.
    pub(crate) dir: &'a Path,
    /// Of the services, such as `2026.1`.
    pub(crate) release: Option<&'a str>,
    /// The directory of the catalogs, where it is another than the data's own.
    pub(crate) catalog: Option<&'a Path>,
    /// Variables that the agents have in their environment.
    pub(crate) environment: &'a [String],
}

/// The catalogs that were read.
pub(crate) enum Against {
    /// Those of a release.
    Release { name: String, services: usize },
    /// None: there is no directory of them.
    Nothing,
}

impl Against {
    /// The release of the catalogs; `None` without any.
    pub(crate) fn release(&self) -> Option<&str> {
        match self {
            Self::Release { name, .. } => Some(name),
            Self::Nothing => None,
        }
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { name, services: 1 } => write!(f, "checked against 1 catalog of {name}"),
            Self::Release { name, services } => {
                write!(f, "checked against {services} catalogs of {name}")
            }
            Self::Nothing => f.write_str("options are not checked: there are no catalogs"),
        }
    }
}

/// Reads `validate.toml`, where there is one, and the catalogs.
pub(crate) fn read(args: &Sources<'_>) -> Result<(Settings, Against), Problem> {
    let mut document = document(&args.dir.join(SETTINGS))?;
    let mut environment = plain(std::mem::take(&mut document.environment));
    let named = args.environment.iter().filter(|name| !name.is_empty());
    environment.extend(named.cloned());
    let (catalogs, against) = catalogs(args, &mut document)?;
    let settings = Settings {
        catalogs,
        earlier: Vec::new(),
        environment: Names::new(environment),
        generated: Names::new(plain(document.generated)),
        used: Names::new(plain(document.used)),
        accepted: document.accept.into_iter().map(|one| (one.code, one.file)).collect(),
    };
    Ok((settings, against))
}

/// What `validate.toml` says of variables.
pub(crate) fn said(dir: &Path) -> Result<Said, Problem> {
    let Document { environment, generated, used, .. } = document(&dir.join(SETTINGS))?;
    let (environment, generated, used) = (plain(environment), plain(generated), plain(used));
    Ok(Said { environment, generated, used, ..Said::default() })
}

/// The catalogs of the releases before the one that is checked against, the newest first.
pub(crate) fn earlier(args: &Sources<'_>, against: &Against) -> Result<Vec<Earlier>, Problem> {
    let Some(release) = against.release() else { return Ok(Vec::new()) };
    let root = root(args);
    let aliases = document(&args.dir.join(SETTINGS))?.services;
    let releases = releases(&root)?;
    let mut pairs: Vec<_> = releases.iter().zip(releases.iter().skip(1)).collect();
    pairs.retain(|(_, next)| next.as_str() <= release);
    // One that cannot be read is told when it is checked against.
    let read = |(release, next): (&String, &String)| {
        let by_service = of_release(&root.join(release)).ok()?;
        let catalogs = Catalogs { by_service, aliases: aliases.clone() };
        Some(Earlier { release: release.clone(), next: next.clone(), catalogs })
    };
    Ok(pairs.into_iter().rev().filter_map(read).collect())
}

/// The directory of the catalogs.
fn root(args: &Sources<'_>) -> PathBuf {
    args.catalog.map_or_else(|| args.dir.join(CATALOGS), Path::to_owned)
}

fn document(path: &Path) -> Result<Document, Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Document::default()),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let document: Document = toml::from_str(&text).map_err(|error| {
        let place =
            error.span().map_or(Place::file(path), |span| task::place(path, &text, span.start));
        Problem::new(place, error.message())
    })?;
    if let Some((list, name)) = document.wrong_name() {
        let place = task::place(path, &text, name.span().start);
        return Err(Problem::new(place, format!("{list}: {:?} {NO_NAME}", name.get_ref())));
    }
    Ok(document)
}

/// What is said of a name of no variable.
const NO_NAME: &str = "is no name of a variable: write A to Z, 0 to 9 and _, a letter first; a * at \
     the end stands for all that start so";

/// A name, or a start of names, as an argument has it; nothing is none, as behind the last comma.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || Names::takes(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("this {NO_NAME}"))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Place::file(path), format!("cannot be read: {error}"))
}

fn catalogs(
    args: &Sources<'_>,
    document: &mut Document,
) -> Result<(Option<Catalogs>, Against), Problem> {
    let asked = args.catalog.is_some();
    let root = root(args);
    let release = args.release.map(str::to_owned).or(document.release.take());
    if !root.is_dir() && !asked && release.is_none() {
        return Ok((None, Against::Nothing));
    }
    let releases = releases(&root)?;
    let Some(newest) = releases.last() else {
        let message = "no folder of a release is in it; make catalogs with `make catalog`";
        return Err(Problem::new(Place::file(&root), message));
    };
    let name = release.unwrap_or_else(|| newest.clone());
    if !releases.contains(&name) {
        let message =
            format!("there are no catalogs of {name}; there are those of {}", releases.join(", "));
        return Err(Problem::new(Place::file(&root), message));
    }
    let by_service = of_release(&root.join(&name))?;
    let against = Against::Release { name, services: by_service.len() };
    let aliases = std::mem::take(&mut document.services);
    Ok((Some(Catalogs { by_service, aliases }), against))
}

/// The names of the releases, the newest last: they are a year and a number.
fn releases(root: &Path) -> Result<Vec<String>, Problem> {
    let names = children(root)?.into_iter().filter(|path| path.is_dir());
    Ok(names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
}

/// The catalogs of a release, by service.
fn of_release(folder: &Path) -> Result<BTreeMap<String, Catalog>, Problem> {
    let mut found = BTreeMap::new();
    for path in children(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(service) = name.strip_suffix(".json").filter(|_| !name.starts_with('.')) else {
            continue;
        };
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(&path, &error))?;
        found.insert(service.to_owned(), Catalog::parse(&path, &bytes)?);
    }
    Ok(found)
}

/// What is in a folder, sorted.
fn children(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let listed = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let listed = listed.map_err(|error| unreadable(folder, &error))?;
    let mut paths: Vec<_> = listed.into_iter().map(|child| child.path()).collect();
    paths.sort();
    Ok(paths)
}
