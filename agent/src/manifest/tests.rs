//! The manifest: what it says, and what is wrong with it.

use clap::Parser;
use etcstack_config::dialect::Dialect;
use nix::unistd::Uid;

use super::*;
use crate::cli::{Cli, Command};

fn load(args: &[&str], manifest: Option<&str>) -> Result<Manifest, Failure> {
    let line = ["etcstack-agent", "render"].iter().chain(args);
    let Ok(Cli { command: Command::Render(args) }) = Cli::try_parse_from(line) else {
        panic!("{args:?}");
    };
    let path = Path::new("/m/agent.toml");
    match manifest {
        Some(text) => Manifest::combine(&args.common, parse(path, text)?, Some(path)),
        None => Manifest::combine(&args.common, ManifestFile::default(), None),
    }
}

#[test]
fn a_whole_manifest() {
    let manifest = load(
        &["--role", "a,b"],
        Some(
            "service = 'cinder'\nrole = 'x'\n[[file]]\nname = 'cinder.conf'\npath = 'etc/c'\n\
             default = '/d'\ndialect = 'text'\nowner = '0:0'\nmode = '0640'\n\
             on_change = 'none'\ncheck = [['true', '{file}']]\n[[file]]\nname = 'api-paste.ini'\npath = '/p'\n\
             [reload]\nsignal = 'USR1'\nmin_interval = '500ms'\n[stop]\ngrace = '1m'\n",
        ),
    )
    .unwrap();
    assert_eq!(manifest.layers.to_string(), "a,b");
    let process = &manifest.processes[0];
    assert_eq!(process.reload.by, ReloadBy::Signal("USR1".parse().unwrap()));
    assert_eq!(process.reload.min_interval, Duration::from_millis(500));
    assert_eq!(process.stop.grace, Duration::from_secs(60));
    let targets = manifest.targets(|| BTreeSet::from(["other.conf".to_owned()]));
    let root = Owner { user: Uid::from_raw(0), group: Gid::from_raw(0) };
    assert_eq!(
        targets[0],
        Target {
            name: "cinder.conf".into(),
            path: "/m/etc/c".into(),
            default: DefaultAt::Declared("/d".into()),
            dialect: Dialect::Text,
            owner: Some(root),
            mode: Some(0o640),
            on_change: OnChange::None,
            checks: vec![vec!["true".into(), "{file}".into()]],
        }
    );
    assert_eq!(targets[1].dialect, Dialect::Configparser);
    assert_eq!(targets[1].on_change, OnChange::Auto);
    assert_eq!(targets.len(), 2);
}

#[test]
fn without_a_manifest() {
    let manifest = load(&["--role", "r", "--service", "glance", "--etc", "/e"], None).unwrap();
    assert_eq!(manifest.processes[0].reload, Reload::default());
    let targets = manifest.targets(|| BTreeSet::from(["glance-api.conf".to_owned()]));
    assert_eq!(targets[0].path, Path::new("/e/glance/glance-api.conf"));
    let shared = "/usr/share/etcstack/glance/glance-api.conf";
    assert_eq!(targets[0].default, DefaultAt::Found(shared.into()));
    assert_eq!(load(&["--role", "r"], None).unwrap_err().code, 64);
    assert_eq!(load(&["--service", "s"], None).unwrap_err().code, 64);
}

#[test]
fn a_manifest_without_files_means_any() {
    let manifest = load(&["--etc", "/e"], Some("service = 's'\nrole = 'r'")).unwrap();
    let targets = manifest.targets(|| BTreeSet::from(["x.conf".to_owned()]));
    assert_eq!(targets[0].path, Path::new("/e/s/x.conf"));
}

#[test]
fn mistakes_have_a_place() {
    for (text, message) in [
        ("service = 1", "/m/agent.toml:1:11: invalid type"),
        ("x = 1", "/m/agent.toml:1:1: unknown field `x`"),
        ("service = 's'\n[[file]]\nname = 'a'", "/m/agent.toml:2:1: missing field `path`"),
        ("[reload]\nsignal = 'NO'", "/m/agent.toml:2:10: \"NO\" is no signal"),
        ("[reload]\nsignal = 'KILL'", "/m/agent.toml:2:10: no daemon can catch KILL"),
        ("[stop]\ngrace = '400days'", "/m/agent.toml:2:9: a year is the longest"),
        ("role = '_x'", "/m/agent.toml:1:8: \"_x\" is no role"),
        ("[reload]\nmin_interval = '2'", "/m/agent.toml:2:16: time unit needed"),
        ("[[file]]\nname='a'\npath='p'\nmode = '99'", "/m/agent.toml:4:8: \"99\" is no mode"),
        (
            "[[file]]\nname='a'\npath='p'\nowner = 'no-such-user:0'",
            "/m/agent.toml:4:9: there is no user",
        ),
        ("[[file]]\nname='a'\npath='p'\ndialect = 'ini'", "unknown dialect \"ini\""),
        (
            "[[file]]\nname='a'\npath='p'\n[[file]]\nname = 'a'\npath='q'",
            "/m/agent.toml:5:8: this file stands here twice",
        ),
    ] {
        let failure = load(&["--role", "r", "--service", "s"], Some(text)).unwrap_err();
        assert_eq!(failure.code, 78, "{failure:?}");
        assert!(failure.message.contains(message), "{}\n{message}", failure.message);
    }
}
