//! An etcd, data in a directory, and the loader.

use std::path::Path;
use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Process, binary};
use serde_json::Value;
use tempfile::TempDir;

/// A directory with one listing of keys.
pub(crate) fn listing(pairs: &[(&str, &str)]) -> TempDir {
    let lines: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    directory(&lines.concat())
}

/// A directory with one listing.
pub(crate) fn directory(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("s")).unwrap();
    #[allow(clippy::disallowed_methods)]
    std::fs::write(folder.path().join("s/list"), text).unwrap();
    folder
}

/// The loader with a store; nobody's environment says who the author is.
pub(crate) fn loader(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("etcstack-loader"));
    command.args(arguments).env("ETCSTACK_STORE", url).env_remove("ETCSTACK_AUTHOR");
    command
}

/// Runs a command to its end; gives its exit code and what it printed.
pub(crate) async fn run(mut command: Command) -> (i32, String) {
    let mut process = Process::spawn(&mut command);
    let code = process.wait(PATIENCE).await.code().unwrap();
    (code, process.lines().join("\n"))
}

pub(crate) async fn call(etcd: &Etcd, arguments: &[&str]) -> (i32, String) {
    run(loader(&etcd.url(), arguments)).await
}

/// What a command prints that ends well.
pub(crate) async fn good(etcd: &Etcd, arguments: &[&str]) -> String {
    let (code, text) = call(etcd, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {text}");
    text
}

pub(crate) async fn json(etcd: &Etcd, arguments: &[&str]) -> Value {
    let text = good(etcd, &[arguments, &["--output", "json"]].concat()).await;
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

pub(crate) async fn load(etcd: &Etcd, data: &Path, more: &[&str]) -> Value {
    json(etcd, &[&["load", data.to_str().unwrap()], more].concat()).await
}

/// The keys of the data, and what they hold.
pub(crate) async fn keys(etcd: &Etcd) -> Vec<(String, String)> {
    let all = etcd.get_below("").await.into_iter();
    let plain = all.filter(|(key, _)| !key.starts_with("_etcstack/"));
    plain.map(|(key, value)| (key, String::from_utf8(value).unwrap())).collect()
}

pub(crate) async fn value(etcd: &Etcd, key: &str) -> Option<String> {
    etcd.get(key).await.map(|value| String::from_utf8(value).unwrap())
}

/// The records of the loader that only stand there while a load is not complete.
pub(crate) async fn assert_complete(etcd: &Etcd) {
    assert_eq!(etcd.get("_etcstack/load").await, None);
    assert_eq!(etcd.get_below("_etcstack/pending/").await.len(), 0);
}
