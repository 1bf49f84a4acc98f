//! The files that the packages ship.

use std::fs;
use std::path::{Path, PathBuf};

use etcstack_config::document::{Document, Mysql};
use etcstack_config::variables::Scope;

use crate::judge::Judge;
use crate::{Found, Keys, environment, ours, set};

/// A server's file, in the manner of the distributions.
const SERVER: &str = "\
#
# The server
#

[server]

[mysqld]

# * Basic settings

#user                    = mysql
pid-file                = /run/mysqld/mysqld.pid
#datadir                 = /var/lib/mysql

# Names are not looked up with this one
#skip-name-resolve

bind-address            = 127.0.0.1

#key_buffer_size        = 128M
#max_connections        = 100
character-set-server  = utf8mb4

[embedded]

# Only MariaDB reads these
[mariadb]
";

/// All option files below a folder.
fn option_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            option_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "cnf") {
            found.push(path);
        }
    }
}

/// What stands commented out with a value, and what is set, by group.
fn documented(text: &str) -> Vec<(String, String)> {
    let mut group = None;
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let plain = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            group = name.split(']').next();
        } else if let (Some(group), Some((name, _))) = (group, plain.split_once('='))
            && !name.is_empty()
            && name.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        {
            let option = (group.to_owned(), name.trim_end().to_owned());
            if !found.contains(&option) {
                found.push(option);
            }
        }
    }
    found
}

fn round_trip_and_overlay(text: &str, judge: &Judge) {
    let document = Document::parse(&Mysql, text).unwrap();
    assert_eq!(document.to_string(), text, "printing changed it");
    assert_eq!(set(text, &Keys::new(), &Scope::default()).unwrap(), text);
    // What other files say is not the matter here.
    let alone = |text: &str| text.replace("\n!include", "\n#include");
    assert_eq!(ours(&document), judge.read(&alone(text)).unwrap());

    let keys: Keys = documented(text)
        .into_iter()
        .enumerate()
        .map(|(number, name)| (name, format!("it's # {number}")))
        .collect();
    let rendered = set(text, &keys, &Scope::default()).unwrap();
    let read = judge.read(&alone(&rendered)).unwrap();
    for ((group, option), value) in &keys {
        let expected: Found = (group.clone(), option.clone(), value.clone());
        assert!(read.contains(&expected), "{expected:?} in {rendered}");
    }
    // Each option stands where it stood, and every other line is as it was.
    assert_eq!(rendered.lines().count(), text.lines().count());
    let changed = rendered.lines().zip(text.lines()).filter(|(new, old)| new != old);
    assert_eq!(changed.count(), keys.len());
    assert_eq!(set(&rendered, &keys, &Scope::default()).unwrap(), rendered);
}

#[test]
fn the_files_of_the_packages() {
    let judge = Judge::new();
    let mut files = Vec::new();
    for folder in ["/etc/mysql", "/usr/share/mysql", "/usr/share/mariadb"] {
        option_files(Path::new(folder), &mut files);
    }
    assert!(files.iter().any(|file| file.ends_with("mariadb.cnf")), "mariadb-common is missing");
    for file in files {
        println!("{}", file.display());
        round_trip_and_overlay(&fs::read_to_string(&file).unwrap(), &judge);
    }
}

#[test]
fn a_file_like_a_servers() {
    let judge = Judge::new();
    round_trip_and_overlay(SERVER, &judge);
    let key = |group: &str, option: &str, value: &str| {
        ((group.to_owned(), option.to_owned()), value.to_owned())
    };
    let keys = vec![
        key("mysqld", "bind_address", "$POD_IP"),
        key("mysqld", "skip-name-resolve", ""),
        key("mysqld", "max-connections", "4096"),
        key("mysqld", "wsrep_provider_options", "gcache.size=1G; gcs.fc_limit=32"),
        key("galera", "wsrep_on", "ON"),
        key("mariadb", "plugin_load_add", "a\nb"),
    ];
    let scope = environment(&[("POD_IP", "10.0.0.7")]);
    let rendered = set(SERVER, &keys, &scope).unwrap();
    for line in [
        "\nbind-address            = 10.0.0.7\n",
        "\nskip-name-resolve\n",
        "\nmax_connections        = 4096\n",
        "\ncharacter-set-server  = utf8mb4\n\
         wsrep_provider_options = gcache.size=1G; gcs.fc_limit=32\n\n[embedded]\n",
        "\n[mariadb]\nplugin_load_add = a\nplugin_load_add = b\n\n[galera]\nwsrep_on = ON\n",
    ] {
        assert!(rendered.contains(line), "{line:?} in {rendered}");
    }
    let read = judge.read(&rendered).unwrap();
    let server: Vec<_> = read.iter().filter(|found| found.0 == "mysqld").collect();
    assert_eq!(server.len(), 6, "{server:#?}");
}
