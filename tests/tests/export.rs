//! The export as an operator runs it, on a real etcd.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use etcd_client::TxnOp;
use etcstack_tests::{Etcd, PATIENCE, Process, binary, said, write};
use serde_json::Value;
use tempfile::TempDir;

/// Of each form, and hard to say: blanks, quotes, several values, slashes, carriage returns.
const CLOUD: [(&str, &str); 14] = [
    ("controller/glance/api-paste.ini/composite:x//v3", "a = b"),
    ("controller/glance/glance-api.conf/DEFAULT/debug", "true"),
    ("controller/glance/glance-api.conf/DEFAULT/empty", ""),
    ("controller/glance/glance-api.conf/DEFAULT/quoted", "\" x\""),
    ("controller/glance/glance-api.conf/database/connection", "mysql://u:$PW@$HOST/x?a=b"),
    ("controller/glance/glance-api.conf/database/multi", " one\n    more\n'two'\n"),
    ("controller/glance/policy.yaml", "\"x\": \"y\"\r\n\n"),
    ("controller/keystone/fernet-keys%2F0", "key"),
    ("controller/swift/rsyncd.conf/uid", "swift"),
    ("compute@node12/nova/nova.conf/libvirt/cpu_mode", "none"),
    ("general/CERTIFICATE", "-----BEGIN\nx\n-----END\n"),
    ("general/HOST", "db"),
    ("general/PW", "s=e#c r$$et "),
    ("general/URL", "https://$HOST\r"),
];

struct Run {
    code: i32,
    text: String,
}

async fn run(etcd: &Etcd, arguments: &[&str]) -> Run {
    let mut command = Command::new(binary("etcstack-loader"));
    command.args(arguments).env("ETCSTACK_STORE", etcd.url());
    let (code, text) = said(&mut command).await;
    Run { code, text }
}

async fn export(etcd: &Etcd, folder: &Path, more: &[&str]) -> Run {
    let mut arguments = vec!["export", folder.to_str().unwrap()];
    arguments.extend(more);
    run(etcd, &arguments).await
}

async fn load(etcd: &Etcd, folder: &Path) -> Value {
    let run = run(etcd, &["load", folder.to_str().unwrap(), "--output", "json"]).await;
    assert_eq!(run.code, 0, "{}", run.text);
    serde_json::from_str(&run.text).unwrap()
}

/// All of the store but the loader's own records.
async fn keys(etcd: &Etcd) -> Vec<(String, Vec<u8>)> {
    let all = etcd.get_below("").await.into_iter();
    all.filter(|(key, _)| !key.starts_with("_etcstack/")).collect()
}

async fn etcd_with(pairs: &[(&str, &str)]) -> Etcd {
    let etcd = Etcd::new().await;
    let put = |(key, value): &(&str, &str)| TxnOp::put(*key, *value, None);
    etcd.txn(pairs.iter().map(put).collect()).await;
    etcd
}

/// Every file and folder below one, the path and the mode.
fn tree(root: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for child in fs::read_dir(root).unwrap() {
        let path = child.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        found.push((path.clone(), metadata.permissions().mode() & 0o7777));
        if metadata.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

/// What data can say: all of it but the line break at the end of a value.
fn sayable() -> Vec<(&'static str, &'static str)> {
    let trim = |(key, value): (&'static str, &'static str)| {
        (key, if key.ends_with("/multi") { value.trim_end() } else { value })
    };
    CLOUD.into_iter().map(trim).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_changes_nothing_when_it_is_loaded() {
    let etcd = etcd_with(&sayable()).await;
    etcd.put("_etcstack/other", "record").await;
    let before = keys(&etcd).await;
    for layout in ["overlays", "listings"] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("deep/data");
        let done = export(&etcd, &data, &["--layout", layout, "--output", "json"]).await;
        assert_eq!(done.code, 0, "{}", done.text);
        assert!(!done.text.contains("mysql"), "{}", done.text);
        let report: Value = serde_json::from_str(&done.text).unwrap();
        assert_eq!(report["key_count"], CLOUD.len());
        assert_eq!(report["left_out"], serde_json::json!([]));
        let files = tree(&data);
        for (path, mode) in &files {
            assert_eq!(*mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
        assert_eq!(report["file_count"], files.iter().filter(|(path, _)| path.is_file()).count());
        assert_eq!(data.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
        let overlay = fs::read_to_string(data.join("controller/glance/glance-api.conf")).unwrap();
        assert_eq!(overlay.contains("debug = true"), layout == "overlays");
        assert_eq!(tree(data.parent().unwrap()).len(), files.len() + 1, "something is left over");

        let report = load(&etcd, &data).await;
        assert_eq!(
            (&report["written_count"], &report["deleted"]),
            (&0.into(), &serde_json::json!([]))
        );
        assert_eq!(keys(&etcd).await, before);
        let empty = Etcd::new().await;
        load(&empty, &data).await;
        assert_eq!(keys(&empty).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_file_can_say_is_named_before_anything_is_written() {
    let etcd = etcd_with(&CLOUD).await;
    etcd.put("controller/glance/binary", vec![0xff, 0xfe]).await;
    etcd.put("general/lower", "secret").await;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let refused = export(&etcd, &data, &[]).await;
    assert_eq!(refused.code, 65, "{}", refused.text);
    for part in [
        "error: controller/glance/binary: its value is not UTF-8 text",
        "error: controller/glance/glance-api.conf/database/multi: data spells",
        "error: general/lower: a variable's name holds",
        "3 keys that no file of data can say; nothing was written",
    ] {
        assert!(refused.text.contains(part), "{part} is not in\n{}", refused.text);
    }
    assert!(!refused.text.contains("secret"), "{}", refused.text);
    assert_eq!(tree(folder.path()), []);

    let before = keys(&etcd).await;
    let done = export(&etcd, &data, &["--partial"]).await;
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(done.text.contains("left out: general/lower"), "{}", done.text);
    assert!(done.text.contains("13 keys of revision"), "{}", done.text);
    assert!(done.text.contains("3 left out"), "{}", done.text);
    load(&etcd, &data).await;
    assert_eq!(keys(&etcd).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_data_is_replaced_and_only_when_told() {
    let etcd = etcd_with(&[("r/s/f.conf/x/a", "1"), ("general/A", "1")]).await;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    assert_eq!(export(&etcd, &data, &[]).await.code, 0);
    write(&data.join("r/t/stale.conf"), "[x]\na = 1\n");
    let refused = export(&etcd, &data, &[]).await;
    assert_eq!(refused.code, 73);
    assert!(refused.text.contains("not empty"), "{}", refused.text);
    // Neither history nor anything else that is no data is lost.
    for (name, text) in [(".git/HEAD", "x"), ("r/README.md", "x"), ("notes", "x")] {
        write(&data.join(name), text);
        let before = tree(&data);
        let refused = export(&etcd, &data, &["--force"]).await;
        assert_eq!(refused.code, 73, "{name}");
        assert!(refused.text.contains("holds more than data"), "{}", refused.text);
        assert_eq!(tree(&data), before);
        fs::remove_file(data.join(name)).unwrap();
        let _ = fs::remove_dir(data.join(".git"));
    }
    let done = export(&etcd, &data, &["--force"]).await;
    assert_eq!(done.code, 0, "{}", done.text);
    let names = tree(&data);
    let names: Vec<_> = names.iter().map(|(path, _)| path.strip_prefix(&data).unwrap()).collect();
    let expected = ["general", "general/variables.conf", "r", "r/s", "r/s/f.conf"];
    assert_eq!(names, expected.map(Path::new));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = folder.path().join("file");
    write(&file, "x");
    assert_eq!(export(&etcd, &file, &["--force"]).await.code, 73);
    assert_eq!(fs::read_to_string(&file).unwrap(), "x");
}

/// Who reads the directory all the time sees the old files or the new ones, and never none.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_replaced_in_one_go() {
    let etcd = etcd_with(&[("r/s/f.conf/x/a", "1")]).await;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    assert_eq!(export(&etcd, &data, &[]).await.code, 0);
    let inode = || fs::metadata(&data).unwrap().ino();
    let (first, is_over) = (inode(), Arc::new(AtomicBool::new(false)));
    let reader = std::thread::spawn({
        let (file, is_over) = (data.join("r/s/f.conf"), is_over.clone());
        move || {
            let mut seen = BTreeSet::new();
            while !is_over.load(Relaxed) {
                seen.insert(fs::read_to_string(&file).map_err(|error| error.to_string()));
            }
            seen
        }
    });
    for value in ["2", "3", "4"] {
        etcd.put("r/s/f.conf/x/a", value).await;
        let done = export(&etcd, &data, &["--force"]).await;
        assert_eq!(done.code, 0, "{}", done.text);
    }
    is_over.store(true, Relaxed);
    let texts = ["1", "2", "3", "4"].map(|value| Ok(format!("[x]\na = {value}\n")));
    let seen = reader.join().unwrap();
    assert!(seen.is_subset(&texts.into()) && seen.len() > 1, "{seen:?}");
    assert_ne!(inode(), first, "it is another directory");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// What `validate` reads stands in the same directory, and is in no store.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_beside_the_data_is_kept() {
    let etcd = etcd_with(&[("r/s/f.conf/x/a", "1")]).await;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    write(&data.join("r/s/stale.conf"), "[x]\na = 1\n");
    write(&data.join("catalog/2024.1/.note"), "note");
    write(&data.join("catalog/2024.1/glance.json"), "{}");
    write(&data.join("validate.toml"), "# mine\n");
    fs::set_permissions(data.join("validate.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    symlink("2024.1", data.join("catalog/current")).unwrap();
    for _ in 0..2 {
        let done = export(&etcd, &data, &["--force"]).await;
        assert_eq!(done.code, 0, "{}", done.text);
        let text = |name: &str| fs::read_to_string(data.join(name)).unwrap();
        assert_eq!(
            (text("validate.toml"), text("catalog/2024.1/.note")),
            ("# mine\n".into(), "note".into())
        );
        assert_eq!(text("catalog/current/glance.json"), "{}");
        assert_eq!(data.join("validate.toml").metadata().unwrap().mode() & 0o777, 0o644);
        assert!(data.join("catalog/current").is_symlink());
        assert!(data.join("r/s/f.conf").exists() && !data.join("r/s/stale.conf").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

/// A role may be called as what a reader passes over.
#[tokio::test(flavor = "multi_thread")]
async fn roles_of_unlucky_names_are_not_lost() {
    let keys = [("catalog/s/f.conf/x/a", "1"), ("validate.toml/s/f.conf/x/a", "1")];
    let etcd = etcd_with(&keys).await;
    let folder = TempDir::new().unwrap();
    for layout in ["overlays", "listings"] {
        let data = folder.path().join(layout);
        let done = export(&etcd, &data, &["--layout", layout]).await;
        assert_eq!(done.code, 0, "{}", done.text);
        assert_eq!(load(&Etcd::new().await, &data).await["written_count"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_gives_no_backup() {
    let etcd = Etcd::new().await;
    let folder = TempDir::new().unwrap();
    let done = export(&etcd, &folder.path().join("data"), &[]).await;
    assert_eq!(done.code, 66, "{}", done.text);
    assert_eq!(tree(folder.path()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_under_way_is_waited_for() {
    let etcd = etcd_with(&[("general/A", "1"), ("_etcstack/load", "somebody")]).await;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let late = export(&etcd, &data, &["--start-timeout", "100ms"]).await;
    assert_eq!(late.code, 75, "{}", late.text);
    assert!(late.text.contains("did not come to its end"), "{}", late.text);
    assert_eq!(tree(folder.path()), []);

    let mut command = Command::new(binary("etcstack-loader"));
    command.arg("export").arg(&data).env("ETCSTACK_STORE", etcd.url());
    let mut process = Process::spawn(&mut command);
    process.wait_for_line("a load is under way", PATIENCE).await;
    let end = vec![TxnOp::put("general/A", "2", None), TxnOp::delete("_etcstack/load", None)];
    etcd.txn(end).await;
    assert!(process.wait(PATIENCE).await.success());
    let text = fs::read_to_string(data.join("general/variables.conf")).unwrap();
    assert!(text.contains("A=2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_at_one_revision() {
    let etcd = Etcd::new().await;
    let folder = TempDir::new().unwrap();
    let mut lines = String::new();
    for n in 0..20_000 {
        writeln!(lines, "r/s{}/f.conf/x/o{n}=v{n}", n % 50).unwrap();
    }
    write(&folder.path().join("in/x/list"), &lines);
    load(&etcd, &folder.path().join("in")).await;
    let data = folder.path().join("out");
    let done = export(&etcd, &data, &["--output", "json"]).await;
    let report: Value = serde_json::from_str(&done.text).unwrap();
    assert_eq!((&report["key_count"], &report["file_count"]), (&20_000.into(), &50.into()));
    assert_eq!(report["revision"], etcd.revision().await);
    assert_eq!(load(&etcd, &data).await["unchanged_count"], 20_000);
}

/// A directory is a store as well: this turns one layout into the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_exported_in_the_other_layout() {
    let etcd = Etcd::new().await;
    let folder = TempDir::new().unwrap();
    write(&folder.path().join("in/r/s/f.conf"), "[x]\na = 1\n");
    let store = format!("dir:{}", folder.path().join("in").display());
    let out = folder.path().join("out");
    let done = export(&etcd, &out, &["--layout", "listings", "--store", &store]).await;
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(fs::read_to_string(out.join("r/s.keys")).unwrap().contains("r/s/f.conf/x/a=1\n"));
}
