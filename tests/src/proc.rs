//! What the kernel tells of a process.

use std::collections::BTreeMap;

use nix::unistd::Pid;

/// Whether a process runs. A zombie that somebody has yet to reap does not.
pub fn is_alive(pid: Pid) -> bool {
    stat(pid).first().is_some_and(|state| state != "Z" && state != "X")
}

/// The processor time that a process has used, in hundredths of a second.
pub fn cpu_ticks(pid: Pid) -> u64 {
    let stat = stat(pid);
    stat.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// The children of a process, zombies as well.
pub fn children(pid: Pid) -> Vec<Pid> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect()
}

/// A process or the nearest of its descendants that has this name (at most 15 bytes of it).
pub fn named(name: &str, ancestor: Pid) -> Option<Pid> {
    let mut next = vec![ancestor];
    while !next.is_empty() {
        let comm = |pid: &Pid| std::fs::read_to_string(format!("/proc/{pid}/comm"));
        let wanted = |pid: &&Pid| comm(pid).is_ok_and(|found| found.trim_end() == name);
        if let Some(found) = next.iter().find(wanted) {
            return Some(*found);
        }
        next = next.into_iter().flat_map(children).collect();
    }
    None
}

/// The children of a process, and theirs.
pub(crate) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = stat(Pid::from_raw(pid));
        if let Some(parent) = stat.get(1).and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![ancestor.as_raw()];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// The fields of proc(5)'s `stat` behind the name, which may hold anything: state, parent, …
fn stat(pid: Pid) -> Vec<String> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace().map(str::to_owned).collect()
}
