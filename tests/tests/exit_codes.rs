//! The exit codes that the help of each verb lists, held against what happens.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use etcstack_tests::{Etcd, PATIENCE, Process, binary, folder, run};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// Of each verb that has to do with a store: its arguments in all situations; those for a run that
/// does not wait for a load; and whether it reads the directory `data`.
const VERBS: [(&str, &[&str], &[&str], bool); 15] = [
    ("load", &["data"], &["--no-wait"], true),
    ("plan", &["data"], &[], true),
    ("rollback", &["1"], &["--no-wait"], false),
    ("status", &[], &["--wait", "--timeout", "1s"], false),
    ("export", &["out/new"], &[], false),
    ("set", &["role/svc/svc.conf/DEFAULT/new", "1"], &[], false),
    ("unset", &["role/svc/svc.conf/DEFAULT/debug"], &[], false),
    ("access", &["data"], &[], true),
    ("get", &["general/HOST"], &[], false),
    ("explain", &["general/HOST"], &[], false),
    ("history", &[], &[], false),
    ("diff", &["1"], &[], false),
    ("secrets generate", &["data"], &[], true),
    ("secrets list", &["data"], &[], true),
    ("secrets rotate", &["DB_PASSWORD"], &[], false),
];

/// Without a store.
const OTHERS: [&str; 4] = ["validate", "catalog", "man", "completions"];

struct Stage {
    folder: TempDir,
    /// What was seen, by verb.
    seen: BTreeMap<&'static str, BTreeSet<i32>>,
}

impl Stage {
    fn new() -> Self {
        let folder = folder(&[
            ("data/general/HOST", "db"),
            ("data/role/svc/svc.conf", "[DEFAULT]\ndebug = $HOST\nx = $DB_PASSWORD\n"),
            ("bad/general/HOST", "db"),
            ("bad/role/svc/svc.conf", "[DEFAULT\n"),
        ]);
        std::fs::create_dir(folder.path().join("out")).unwrap();
        Self { folder, seen: BTreeMap::new() }
    }

    fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(verb.split(' ')).args(arguments).current_dir(&self.folder);
        command.env_remove("ETCSTACK_STORE").env_remove("ETCSTACK_DATA");
        command
    }

    /// Runs a verb and notes how it ended; its help has to know that.
    async fn run(&mut self, verb: &'static str, command: Command, situation: &str) -> i32 {
        let _ = std::fs::remove_dir_all(self.folder.path().join("out/new"));
        let ran = run(command).await;
        let documented = self.documented(verb).await;
        let text = format!("{verb}, {situation}: {ran:#?}, documented are {documented:?}");
        assert!(documented.contains(&ran.code), "{text}");
        assert_eq!(ran.code == 0 || ran.code == 2, !ran.err.contains("error:"), "{text}");
        self.seen.entry(verb).or_default().insert(ran.code);
        ran.code
    }

    /// The numbers of the paragraph on exit codes. That of a rollback leans on a load's.
    async fn documented(&self, verb: &str) -> BTreeSet<i32> {
        let mut codes = BTreeSet::new();
        for verb in [verb, "load"].iter().take(if verb == "rollback" { 2 } else { 1 }) {
            let help = run(self.command(verb, &["--help"])).await.out;
            let start = help.find("\nExit codes").unwrap_or_else(|| panic!("{verb}: {help}"));
            let paragraph = help[start..].split("\n\n").next().unwrap();
            let numbers = paragraph.split(|c: char| !c.is_ascii_digit());
            codes.extend(numbers.filter_map(|number| number.parse::<i32>().ok()));
        }
        codes
    }
}

/// What a verb ends with where another ends with this: `plan` has one code for all errors.
fn expected(verb: &str, code: i32) -> i32 {
    if verb == "plan" && !matches!(code, 0 | 2 | 64) { 1 } else { code }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_ends_as_its_help_says() {
    let mut stage = Stage::new();
    let (mut etcd, closed) = (Etcd::new().await, Etcd::new().await.url());
    for (verb, code) in [("load", 0), ("secrets generate", 0)] {
        let mut command = stage.command(verb, &["data"]);
        command.env("ETCSTACK_STORE", etcd.url());
        assert_eq!(stage.run(verb, command, "at the beginning").await, code);
    }

    for (verb, arguments, hasty, reads) in VERBS {
        let of = |code| expected(verb, code);
        let command = |stage: &Stage, store: &str, more: &[&str]| {
            let mut command = stage.command(verb, arguments);
            command.args(more).env("ETCSTACK_STORE", store);
            command
        };
        let run = command(&stage, &etcd.url(), &["--bogus"]);
        assert_eq!(stage.run(verb, run, "wrong usage").await, 64);

        let run = command(&stage, &closed, &["--start-timeout", "100ms"]);
        assert_eq!(stage.run(verb, run, "nobody answers").await, of(69));

        let credentials = ["--user", "ann", "--password-file", "nowhere"];
        let run = command(&stage, &etcd.url(), &credentials);
        assert_eq!(stage.run(verb, run, "no credentials").await, of(66));

        let run = command(&stage, "dir:data", &[]);
        let readers = ["get", "explain", "export", "secrets list"];
        let code = if readers.contains(&verb) { 0 } else { 64 };
        assert_eq!(stage.run(verb, run, "a directory").await, code);

        if reads {
            for (dir, code) in [("nowhere", 66), ("bad", 65)] {
                let mut run = stage.command(verb, &[dir]);
                run.env("ETCSTACK_STORE", etcd.url());
                assert_eq!(stage.run(verb, run, dir).await, of(code));
            }
        }

        etcd.put("_etcstack/load", "somebody 1 x").await;
        let run = command(&stage, &etcd.url(), &[hasty, &["--start-timeout", "1s"]].concat());
        let waits = ["get", "explain", "history", "diff", "secrets list"];
        let code = if waits.contains(&verb) { 0 } else { of(75) };
        assert_eq!(stage.run(verb, run, "a load is under way").await, code);
        etcd.delete("_etcstack/load").await;

        // It tells nothing but what it has written: so there is room in the folder.
        let mut run = command(&stage, &etcd.url(), &[]);
        run.stdout(Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap()));
        let status = tokio::task::spawn_blocking(move || run.status().unwrap()).await.unwrap();
        assert_eq!(status.code(), Some(of(74)), "{verb}, nobody can read it");
        stage.seen.entry(verb).or_default().insert(of(74));
    }

    etcd.enable_auth("sesame").await;
    for (verb, arguments, _, _) in VERBS {
        let mut run = stage.command(verb, arguments);
        run.env("ETCSTACK_STORE", etcd.url());
        assert_eq!(stage.run(verb, run, "access control").await, expected(verb, 77));
    }

    // What is rare has tests of its own.
    let rare = BTreeSet::from([0, 1, 2, 65, 73, 76, 78]);
    for (verb, ..) in VERBS {
        let unseen: Vec<_> = stage.documented(verb).await.difference(&rare).copied().collect();
        let unseen: Vec<_> =
            unseen.into_iter().filter(|code| !stage.seen[verb].contains(code)).collect();
        assert!(unseen.is_empty(), "{verb} never ended with {unseen:?}");
    }
}

/// What waits for others ends when it is told to, as any program does.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_what_waits() {
    let (stage, etcd) = (Stage::new(), Etcd::new().await);
    etcd.put("general/HOST", "db").await;
    etcd.put("_etcstack/load", "somebody 1 x").await;
    for (verb, arguments, line) in
        [("status", &["--wait"][..], "waiting: "), ("export", &["out/new"], "waiting for its end")]
    {
        let mut command = stage.command(verb, arguments);
        let mut process = Process::spawn(command.env("ETCSTACK_STORE", etcd.url()));
        process.wait_for_line(line, PATIENCE).await;
        // Not SIGINT: who starts the tests in the background may have it ignored.
        process.signal(Signal::SIGTERM);
        let status = process.wait(PATIENCE).await;
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32), "{verb}: {status}");
    }
}

#[tokio::test]
async fn nor_do_those_without_a_store_end_otherwise() {
    let mut stage = Stage::new();
    for verb in OTHERS {
        let run = stage.command(verb, &["--bogus"]);
        assert_eq!(stage.run(verb, run, "wrong usage").await, 64);
    }
    for (verb, arguments, code) in [
        ("validate", &["data", "--environment", "DB_PASSWORD"][..], 0),
        ("validate", &["bad"], 65),
        ("validate", &["nowhere"], 66),
        ("catalog", &["nowhere"], 66),
        ("catalog", &["data/general/HOST"], 65),
        ("man", &["out/pages"], 0),
        ("man", &["data/general/HOST"], 73),
        ("completions", &["fish"], 0),
    ] {
        let run = stage.command(verb, arguments);
        if code == 65 && verb == "validate" {
            // What it finds is its result.
            assert_eq!(etcstack_tests::run(run).await.code, code);
        } else {
            assert_eq!(stage.run(verb, run, &arguments.join(" ")).await, code);
        }
    }
}
