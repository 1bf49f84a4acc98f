//! Roles and services whose names look like slips: what stands there, no agent reads.

use std::collections::{BTreeMap, BTreeSet};

use super::nearest::misspelt;
use super::{Code, Entry, Finding, Settings};
use crate::key::{FileName, Key};
use crate::problem::Place;

/// What has one name.
struct Folder<'a> {
    keys: usize,
    /// The files of data that say something of it.
    files: BTreeSet<String>,
    first: &'a Entry<'a>,
}

pub(super) fn check(entries: &[Entry<'_>], settings: &Settings, findings: &mut Vec<Finding>) {
    let roles = gather(entries, |file| base(&file.role));
    findings.extend(slips(&roles, &[]).into_iter().map(|(folder, name, near)| {
        finding(folder, Code::UnknownRole, &format!("the role {}", name.escape_debug()), near)
    }));
    let services = gather(entries, |file| &file.service);
    let catalogs = settings.catalogs.iter();
    let known: Vec<&str> = catalogs
        .flat_map(|catalogs| catalogs.by_service.keys().chain(catalogs.aliases.keys()))
        .map(String::as_str)
        .collect();
    findings.extend(slips(&services, &known).into_iter().map(|(folder, name, near)| {
        let what = format!("the service {}", name.escape_debug());
        finding(folder, Code::UnknownService, &what, near)
    }));
}

/// The role itself, whose layers have other names by design: those of racks, of hosts.
pub(super) fn base(role: &str) -> &str {
    role.split('@').next().unwrap_or(role)
}

fn gather<'a>(
    entries: &'a [Entry<'a>],
    name: impl Fn(&'a FileName) -> &'a str,
) -> BTreeMap<&'a str, Folder<'a>> {
    let mut folders = BTreeMap::new();
    for entry in entries {
        let (Key::Option(file, _) | Key::File(file)) = &entry.key else { continue };
        let new = || Folder { keys: 0, files: BTreeSet::new(), first: entry };
        let folder = folders.entry(name(file)).or_insert_with(new);
        folder.keys += 1;
        folder.files.insert(match &entry.datum.place {
            Place::File { path, .. } => path.display().to_string(),
            Place::Key(key) => key.clone(),
        });
    }
    folders
}

/// What stands in one file only, and a name near to it that is known, or has more keys.
fn slips<'a>(
    folders: &'a BTreeMap<&'a str, Folder<'a>>,
    known: &[&'a str],
) -> Vec<(&'a Folder<'a>, &'a str, &'a str)> {
    let is_alone = |(name, folder): &(&&'a str, &'a Folder<'a>)| {
        folder.files.len() == 1 && !known.contains(*name)
    };
    let slip = |(name, folder): (&&'a str, &'a Folder<'a>)| {
        let larger = folders.iter().filter(|(_, other)| other.keys > folder.keys);
        let names = larger.map(|(name, _)| *name).chain(known.iter().copied());
        Some((folder, *name, misspelt(name, names)?))
    };
    folders.iter().filter(is_alone).filter_map(slip).collect()
}

fn finding(folder: &Folder<'_>, code: Code, what: &str, near: &str) -> Finding {
    let message = format!("{what} stands in this file only");
    let remedy = format!("did you mean {}?", near.escape_debug());
    Finding::warning(folder.first.marks.key(), code, message).remedy(remedy)
}
