//! Where the configuration is kept: a private etcd, or a directory.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::ValueEnum;
use etcstack_config::document::{Document, Oslo, Value};
use etcstack_config::key::{Key, OptionName};
use etcstack_tests::Etcd;
use tokio::io::AsyncWriteExt;

use crate::services::{Services, own_program};
use crate::show::{Clock, command, done, say};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A private etcd on free ports
    Etcd,
    /// A directory, and no server at all
    Dir,
}

pub(crate) enum Home {
    Etcd(Etcd),
    /// `data` in this folder is a symlink, as in a mounted ConfigMap, to `data.N`.
    Dir {
        folder: PathBuf,
        version: u32,
    },
}

impl Home {
    pub(crate) async fn start(kind: Kind, folder: &Path) -> Self {
        let begun = Instant::now();
        match kind {
            Kind::Etcd => {
                let etcd = Etcd::new().await;
                done(&format!("etcd on {}", etcd.address()), begun);
                Self::Etcd(etcd)
            }
            Kind::Dir => {
                copy(&source().join("tests/demo/data"), &folder.join("data.1"));
                symlink("data.1", folder.join("data")).unwrap();
                Self::Dir { folder: folder.to_owned(), version: 1 }
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Etcd(etcd) => etcd.url(),
            Self::Dir { folder, .. } => format!("dir:{}", folder.join("data").display()),
        }
    }

    /// Loads the data of the demonstration, twice: the second time there is nothing to do.
    pub(crate) fn load(&self) {
        let Self::Etcd(etcd) = self else {
            say(&format!("the store is {}: nothing to load", self.url()));
            return;
        };
        for expected in [" 0 unchanged", "0 written "] {
            let clock = command("etcstack-loader load tests/demo/data");
            let mut loader = Command::new(own_program("etcstack-loader"));
            loader.arg("load").arg(source().join("tests/demo/data"));
            let output = loader.env("ETCSTACK_STORE", etcd.url()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let summary = text.lines().last().unwrap();
            assert!(summary.contains(expected), "{text}");
            clock.evidence("loader", summary);
        }
    }

    /// Changes these keys at once, as a user would.
    pub(crate) async fn put(&mut self, pairs: &[(&str, &str)]) -> Clock {
        match (self, pairs) {
            (Self::Etcd(etcd), [(key, value)]) => {
                let clock = command(&format!("etcdctl put {key} '{value}'"));
                etcdctl(etcd, &["put", key, value], "").await;
                clock
            }
            (Self::Etcd(etcd), pairs) => {
                // etcdctl 3.4 keeps only a part of what single quotes hold here.
                let puts: Vec<_> = pairs.iter().map(|(k, v)| format!("put {k} {v:?}")).collect();
                let clock = command(&format!("etcdctl txn\n      {}", puts.join("\n      ")));
                // No conditions; what to do if they hold; nothing to do if not.
                etcdctl(etcd, &["txn"], &format!("\n{}\n\n\n", puts.join("\n"))).await;
                for (key, value) in pairs {
                    assert_eq!(etcd.get(key).await.as_deref(), Some(value.as_bytes()), "{key}");
                }
                clock
            }
            (Self::Dir { folder, .. }, [(key, value)]) => {
                let clock = command(&format!("edit {}", in_words(key, value)));
                edit(&folder.join("data"), key, value);
                clock
            }
            (Self::Dir { folder, version }, pairs) => {
                let edits: Vec<_> = pairs.iter().map(|(key, value)| in_words(key, value)).collect();
                let edits = edits.join("\n      ");
                let clock = command(&format!("edit a copy, and swap the symlink\n      {edits}"));
                *version += 1;
                swap(folder, &format!("data.{version}"), pairs);
                clock
            }
        }
    }

    pub(crate) fn invite(&self, services: &Services) {
        say("It stays up until Ctrl-C. In another terminal, type next:");
        match self {
            Self::Etcd(etcd) => {
                println!("\n  export ETCDCTL_API=3 ETCDCTL_ENDPOINTS={}", etcd.address());
                println!("  etcdctl get --prefix ''");
                println!("  etcdctl put controller/cinder/cinder.conf/DEFAULT/debug False");
                println!("  etcdctl put general/LOG_STYLE text");
            }
            Self::Dir { folder, .. } => {
                println!("\n  $EDITOR {}/data/controller/cinder/cinder.conf", folder.display());
                println!("  $EDITOR {}/data/general/cloud.conf", folder.display());
            }
        }
        println!("  curl http://{}/v2/images\n", services.glance_address());
    }
}

/// The root of the checkout.
pub(crate) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

async fn etcdctl(etcd: &Etcd, arguments: &[&str], input: &str) {
    let mut etcdctl = tokio::process::Command::new("etcdctl");
    etcdctl.env("ETCDCTL_API", "3").args(["--endpoints", &etcd.address()]).args(arguments);
    etcdctl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = etcdctl.spawn().expect("etcdctl is there");
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "etcdctl: {}", String::from_utf8_lossy(&output.stderr));
}

fn in_words(key: &str, value: &str) -> String {
    match Key::parse(key) {
        Ok(Key::Option(file, OptionName { section, option })) => {
            format!("{file}: [{}] {option} = {value}", section.unwrap_or_default())
        }
        _ => format!("general/cloud.conf: {}={value}", key.trim_start_matches("general/")),
    }
}

/// Makes a new version of the data beside the old one, and puts it in its place at once.
fn swap(folder: &Path, name: &str, pairs: &[(&str, &str)]) {
    copy(&folder.join("data"), &folder.join(name));
    for (key, value) in pairs {
        edit(&folder.join(name), key, value);
    }
    symlink(name, folder.join("data.next")).unwrap();
    std::fs::rename(folder.join("data.next"), folder.join("data")).unwrap();
}

/// Sets a key in a directory of data, as an editor would.
fn edit(data: &Path, key: &str, value: &str) {
    let (path, text) = match Key::parse(key).unwrap() {
        Key::Variable(name) => {
            let path = data.join("general/cloud.conf");
            let text = std::fs::read_to_string(&path).unwrap();
            let others = text.lines().filter(|line| !line.starts_with(&format!("{name}=")));
            let line = format!("{name}={value}");
            let lines: Vec<_> = others.chain([line.as_str()]).collect();
            (path, lines.join("\n") + "\n")
        }
        Key::Option(file, OptionName { section, option }) => {
            let path = data.join(file.to_string());
            let text = std::fs::read_to_string(&path).unwrap();
            let mut document = Document::parse(&Oslo, &text).unwrap();
            let value = Value::from_lines(&Oslo, [value]).unwrap();
            document.set(section.as_deref(), &option, &[value]).unwrap();
            (path, document.to_string())
        }
        other => panic!("{other} is not edited here"),
    };
    save(&path, &text);
}

/// As editors do: beside the file, then over it.
fn save(path: &Path, text: &str) {
    let beside = path.with_file_name(".being-saved");
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for child in std::fs::read_dir(from).unwrap() {
        let child = child.unwrap();
        let to = to.join(child.file_name());
        if child.path().is_dir() {
            copy(&child.path(), &to);
        } else {
            std::fs::copy(child.path(), to).unwrap();
        }
    }
}
