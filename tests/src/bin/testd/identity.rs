//! What the daemon was made of, as the kernel tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// Signals of which `ignored` says nothing: SIGPIPE, which Rust's own runtime ignores before `main`,
/// and those of the C library, which lets nobody change them.
const NOBODYS: [u32; 3] = [13, 32, 33];

/// What a process has from whoever started it.
#[derive(Debug, Serialize)]
pub(crate) struct Inherited {
    uid: Vec<u32>,
    gid: Vec<u32>,
    groups: Vec<u32>,
    no_new_privs: bool,
    /// In hexadecimal.
    cap_eff: String,
    umask: String,
    blocked: Vec<u32>,
    ignored: Vec<u32>,
    /// Open files by their numbers, and what they are.
    files: BTreeMap<i32, String>,
    pid: u32,
    parent: i32,
    process_group: i32,
    session: i32,
    /// The controlling terminal's device, 0 without one.
    tty: i32,
    /// The process group in the foreground of the terminal, -1 without one.
    foreground: i32,
    cwd: Option<PathBuf>,
    /// The names of all variables.
    environment: Vec<String>,
    /// The values of those that were asked for.
    shown: BTreeMap<String, Option<String>>,
}

impl Inherited {
    /// Reads it. Nothing may have been opened or caught before.
    pub(crate) fn read() -> Self {
        let files = files();
        let status = Status(std::fs::read_to_string("/proc/self/status").expect("/proc"));
        let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
        // Behind the name, which may hold anything: STATE PARENT GROUP SESSION TTY FOREGROUND …
        let stat = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(1);
        let stat: Vec<i32> = stat.map_while(|number| number.parse().ok()).collect();
        let text = |name: std::ffi::OsString| name.to_string_lossy().into_owned();
        let mut ignored = status.signals("SigIgn");
        ignored.retain(|number| !NOBODYS.contains(number));
        let mut environment: Vec<_> = std::env::vars_os().map(|(name, _)| text(name)).collect();
        environment.sort();
        Self {
            uid: status.numbers("Uid"),
            gid: status.numbers("Gid"),
            groups: status.numbers("Groups"),
            no_new_privs: status.text("NoNewPrivs") == "1",
            cap_eff: status.text("CapEff").to_owned(),
            umask: status.text("Umask").to_owned(),
            blocked: status.signals("SigBlk"),
            ignored,
            files,
            pid: std::process::id(),
            parent: stat[0],
            process_group: stat[1],
            session: stat[2],
            tty: stat[3],
            foreground: stat[4],
            cwd: std::env::current_dir().ok(),
            environment,
            shown: BTreeMap::new(),
        }
    }

    /// Adds the values of these variables.
    pub(crate) fn show(&mut self, names: &[String]) {
        self.shown = names.iter().map(|name| (name.clone(), std::env::var(name).ok())).collect();
    }

    /// On one line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("JSON")
    }
}

fn files() -> BTreeMap<i32, String> {
    let own = format!("/proc/{}/fd", std::process::id());
    let entries = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let file = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
        Some((entry.file_name().to_str()?.parse().ok()?, target))
    };
    // The folder that is being read is open as well.
    entries.filter_map(file).filter(|(_, target)| *target != own).collect()
}

/// `/proc/PID/status`, see proc(5).
struct Status(String);

impl Status {
    fn text(&self, name: &str) -> &str {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(field, _)| *field == name).map_or("", |(_, text)| text.trim())
    }

    fn numbers(&self, name: &str) -> Vec<u32> {
        self.text(name).split_whitespace().map_while(|number| number.parse().ok()).collect()
    }

    fn signals(&self, name: &str) -> Vec<u32> {
        let mask = u64::from_str_radix(self.text(name), 16).expect("a mask");
        (1..=64).filter(|number| mask >> (number - 1) & 1 == 1).collect()
    }
}
