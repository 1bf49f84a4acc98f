//! The symlinks that a directory hangs on, and those that hang in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use etcstack_config::data::is_passed_over;

use super::tree::DEEPEST;

/// A path with more symlinks in it does not lead anywhere for Linux either (`ELOOP`).
const MOST: usize = 40;

/// The names whose change may make another directory, or another file, of what is read: every
/// symlink on the way to the root and to what stands in it, and where each way ends.
pub(super) fn names(root: &Path) -> BTreeSet<PathBuf> {
    let mut names = BTreeSet::new();
    trace(root, &mut names);
    search(root, 0, &mut names);
    names
}

fn search(folder: &Path, depth: usize, names: &mut BTreeSet<PathBuf>) {
    let Ok(children) = std::fs::read_dir(folder) else { return };
    for child in children.flatten() {
        if child.file_name().to_str().is_some_and(|name| is_passed_over(name, depth)) {
            continue;
        }
        let path = child.path();
        if path.is_symlink() {
            trace(&path, names);
        }
        if depth < DEEPEST && path.is_dir() {
            search(&path, depth + 1, names);
        }
    }
}

/// Follows a path, symlink by symlink, as the system does.
fn trace(path: &Path, names: &mut BTreeSet<PathBuf>) {
    let Ok(mut path) = std::path::absolute(path) else { return };
    for _ in 0..MOST {
        let Some((link, rest)) = first_link(&path) else {
            break;
        };
        let Ok(target) = std::fs::read_link(&link) else { break };
        let folder = link.parent().unwrap_or(Path::new("/"));
        path = folder.join(target).join(rest);
        names.insert(link);
    }
    names.insert(path);
}

/// The first part of a path that is a symlink, and what follows it.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut components = path.components();
    let mut link = PathBuf::new();
    while let Some(component) = components.next() {
        link.push(component);
        if link.is_symlink() {
            return Some((link, components.as_path().to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_symlink_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(at("real/data/general")).unwrap();
        symlink("real", at("current")).unwrap();
        symlink("../../../file", at("real/data/general/vars")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let names = names(&at("current/data"));
        for name in
            ["current", "real/data", "real/data/general/vars", "real/data/general/../../../file"]
        {
            assert!(names.contains(&at(name)), "{name} is not in {names:?}");
        }
        assert_eq!(names.len(), 4);
        assert_eq!(super::names(&at("loop")).len(), 1);
    }
}
