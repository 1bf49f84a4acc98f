//! Files whose dialect the data says, since their names do not: through every verb, and through an
//! agent that reads a directory.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;

use etcstack_tests::{Etcd, PATIENCE, Process, Ran, binary, eventually, folder, run, write};
use serde_json::Value;
use tempfile::TempDir;

const SETTINGS: &str = "\
[dialects]
\"*/memcached/memcached.conf\" = \"text\"
\"*/*/ovn.conf\" = \"text\"
\"*/*/uwsgi.ini\" = \"configparser\"
\"*/horizon/sites-enabled/*.conf\" = \"text\"
\"controller/ceph/keyfile\" = \"binary\"
";

/// What real clouds hold. By its name, most of it is what it is not.
const FILES: [(&str, &str); 11] = [
    ("general/list", "PORT=11211\nDNS=10.0.0.2\n"),
    ("controller/memcached/memcached.conf", "# memcached\n-p $PORT\n-d\n"),
    ("controller@n1/memcached/memcached.conf", "-p 1\n"),
    ("controller/neutron/ovn.conf", "OVN_CTL_OPTS=--db=$DNS\n"),
    ("controller/glance/uwsgi.ini", "[uwsgi]\nHTTP-Socket = :9292\n[Other]\na = 1\n"),
    ("controller/horizon/sites-enabled/horizon.conf", "<VirtualHost *:80>\n</VirtualHost>\n"),
    ("controller/designate/named.conf.options", "options { forwarders { $DNS; }; };\n"),
    ("controller/designate/rndc.key", "key \"rndc-key\" { algorithm hmac-sha256; };\n"),
    ("controller/designate/pools.yaml", "- name: default\n  nameservers: [$DNS]\n"),
    ("controller/cinder/nfs_shares", "$DNS:/srv\n"),
    ("controller/haproxy/haproxy.cfg", "listen x\n  bind $DNS:80\n"),
];

struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let stage = Self { etcd: Etcd::new().await, folder: folder(&[]) };
        for (name, text) in FILES {
            stage.write(name, text);
        }
        stage.write("validate.toml", SETTINGS);
        std::fs::create_dir_all(stage.path("data/controller/ceph")).unwrap();
        #[allow(clippy::disallowed_methods)]
        std::fs::write(stage.path("data/controller/ceph/keyfile"), [0xff, 0, 1]).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the data.
    fn write(&self, name: &str, text: &str) {
        write(&self.path("data").join(name), text);
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).current_dir(&self.folder);
        command.env("ETCSTACK_STORE", self.etcd.url()).env_remove("ETCSTACK_DATA");
        run(command).await
    }

    #[track_caller]
    fn good(ran: &Ran) {
        assert!((ran.code == 0 || ran.code == 2) && ran.err.is_empty(), "{ran:#?}");
    }

    async fn get(&self, key: &str) -> Option<String> {
        self.etcd.get(key).await.map(|value| String::from_utf8(value).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_says_it_and_every_verb_knows() {
    let stage = Stage::new().await;
    let ran = stage.run(&["validate", "data"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.out.contains("0 errors"), "{ran:#?}");
    for arguments in [
        &["plan", "data"][..],
        &["access", "data"],
        &["load", "data"],
        &["secrets", "list", "data"],
    ] {
        let ran = stage.run(arguments).await;
        assert!(ran.code == 0 || ran.code == 2, "{arguments:?}: {ran:#?}");
    }
    let whole = stage.get("controller/memcached/memcached.conf").await;
    assert_eq!(whole.as_deref(), Some("# memcached\n-p $PORT\n-d\n"));
    let cased = stage.get("controller/glance/uwsgi.ini/Other/a").await;
    assert_eq!(cased.as_deref(), Some("1"), "configparser tells the case of sections");
    assert_eq!(stage.get("controller/ceph/keyfile").await.as_deref(), Some("/wAB"));

    // The same again changes nothing, and what hands set is checked in the same way.
    let ran = stage.run(&["plan", "data"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    Stage::good(&stage.run(&["set", "controller/glance/uwsgi.ini/Other/b", "2"]).await);
    assert_eq!(stage.get("controller/glance/uwsgi.ini/Other/b").await.as_deref(), Some("2"));
    Stage::good(&stage.run(&["unset", "controller/glance/uwsgi.ini/Other/b"]).await);
    stage.write("../new", "-p $PORT\n-v\n");
    let key = "controller/memcached/memcached.conf";
    Stage::good(&stage.run(&["set", key, "--from-file", "new"]).await);
    let ran = stage.run(&["explain", key]).await;
    assert!(ran.out.contains("-p 11211") && ran.err.is_empty(), "{ran:#?}");
    let ran = stage.run(&["explain", "controller/glance/uwsgi.ini/Other/a"]).await;
    assert!(ran.out.contains("value:      1"), "{ran:#?}");
    let ran = stage.run(&["diff", "1"]).await;
    assert!(ran.out.contains("memcached.conf") && ran.out.contains("-v"), "{ran:#?}");

    // A key may not be what the data says it is not.
    let ran = stage.run(&["set", "controller/ceph/keyfile", "no base64!"]).await;
    assert!(ran.code == 65 && ran.err.contains("base64"), "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_reads_back() {
    let stage = Stage::new().await;
    Stage::good(&stage.run(&["load", "data"]).await);
    Stage::good(&stage.run(&["export", "out"]).await);
    let settings = std::fs::read_to_string(stage.path("out/validate.toml")).unwrap();
    assert!(settings.contains("\"*/memcached/memcached.conf\" = \"text\""), "{settings}");
    let memcached = stage.path("out/controller/memcached/memcached.conf");
    assert_eq!(std::fs::read_to_string(memcached).unwrap(), FILES[1].1);
    let ran = stage.run(&["plan", "out", "--output", "json"]).await;
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &plan["would_be_release"]), (0, &Value::Bool(false)), "{ran:#?}");

    // A validate.toml that stays has to say the same.
    let other = SETTINGS.replace("\"controller/ceph/keyfile\" = \"binary\"\n", "");
    write(&stage.path("out/validate.toml"), &other);
    let ran = stage.run(&["export", "out", "--force"]).await;
    assert!(ran.code == 73 && ran.err.contains("the store: binary"), "{ran:#?}");
    write(&stage.path("out/validate.toml"), &format!("used = [\"A\"]\n{SETTINGS}"));
    Stage::good(&stage.run(&["export", "out", "--force"]).await);
    let settings = std::fs::read_to_string(stage.path("out/validate.toml")).unwrap();
    assert!(settings.starts_with("used"), "{settings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dialects_are_of_a_release() {
    let stage = Stage::new().await;
    Stage::good(&stage.run(&["load", "data"]).await);
    assert!(stage.get("_etcstack/dialects").await.unwrap().contains("memcached"));
    // Other words for the file, and another reader.
    stage.write("validate.toml", &SETTINGS.replace("\"configparser\"", "\"oslo\""));
    let ran = stage.run(&["plan", "data"]).await;
    assert!(ran.code == 2 && ran.out.contains("(dialects)"), "{ran:#?}");
    Stage::good(&stage.run(&["load", "data"]).await);
    assert_eq!(stage.get("controller/glance/uwsgi.ini/Other/a").await, None);
    assert_eq!(stage.get("controller/glance/uwsgi.ini/other/a").await.as_deref(), Some("1"));
    Stage::good(&stage.run(&["rollback", "-1"]).await);
    assert!(stage.get("_etcstack/dialects").await.unwrap().contains("\"configparser\""));
    assert_eq!(stage.get("controller/glance/uwsgi.ini/Other/a").await.as_deref(), Some("1"));

    // Without any the record goes, and the names count again.
    stage.write("validate.toml", "");
    for (name, _) in FILES.iter().filter(|(name, _)| !name.starts_with("general")) {
        std::fs::remove_file(stage.path("data").join(name)).unwrap();
    }
    std::fs::remove_file(stage.path("data/controller/ceph/keyfile")).unwrap();
    Stage::good(&stage.run(&["load", "data"]).await);
    assert_eq!(stage.get("_etcstack/dialects").await, None);
    // A record that nobody can read is no end of everything.
    stage.etcd.put("_etcstack/dialects", "rubbish").await;
    let ran = stage.run(&["get", "general/PORT"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "11211\n"), "{ran:#?}");
    assert!(ran.err.matches("warning: _etcstack/dialects cannot be read").count() == 1, "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_table() {
    let stage = Stage::new().await;
    for (table, code, place, said) in [
        ("\"a/b\" = \"text\"\n", 65, ":2:1: error[bad-dialect]", "ROLE/SERVICE/FILE"),
        ("\"a/b/c\" = \"ini\"\n", 65, ":2:11: error[bad-dialect]", "known are oslo"),
        ("rubbish\n", 66, "validate.toml:2:", ""),
        ("\"*/none/x.conf\" = \"text\"\n", 0, ":2:1: warning[unused-dialect]", "no file"),
    ] {
        stage.write("validate.toml", &format!("[dialects]\n{table}"));
        // Nothing else is wrong with these.
        for name in ["memcached", "neutron", "horizon", "ceph"] {
            let _ = std::fs::remove_dir_all(stage.path("data/controller").join(name));
        }
        let _ = std::fs::remove_dir_all(stage.path("data/controller@n1"));
        let ran = stage.run(&["validate", "data"]).await;
        let all = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == code && all.contains(place) && all.contains(said), "{ran:#?}");
        let ran = stage.run(&["load", "data"]).await;
        let is_warning = code == 0;
        assert_eq!(ran.code, if is_warning { 0 } else { 65 }, "{ran:#?}");
        assert!(is_warning || ran.err.contains("validate.toml:"), "{ran:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn set_takes_the_bytes_of_a_binary_file() {
    let stage = Stage::new().await;
    Stage::good(&stage.run(&["load", "data"]).await);
    let bytes = [0x1f, 0x8b, 0xff, 0x00];
    #[allow(clippy::disallowed_methods)]
    std::fs::write(stage.path("bytes"), bytes).unwrap();
    for key in ["controller/swift/object.ring.gz", "controller/ceph/keyfile"] {
        Stage::good(&stage.run(&["set", key, "--from-file", "bytes"]).await);
        assert_eq!(stage.get(key).await.as_deref(), Some("H4v/AA=="), "{key}");
    }
    // What is base64 already stays so.
    write(&stage.path("base64"), "H4v/AA==\n");
    Stage::good(&stage.run(&["set", "controller/swift/a.ring.gz", "--from-file", "base64"]).await);
    let value = stage.get("controller/swift/a.ring.gz").await;
    assert_eq!(value.as_deref(), Some("H4v/AA==\n"));
    for (key, remedy) in [
        ("controller/swift/policy.yaml", "[dialects]"),
        ("general/RING", "base64"),
        ("controller/swift/swift.conf/a/b", "base64"),
    ] {
        let ran = stage.run(&["set", key, "--from-file", "bytes"]).await;
        assert_eq!((ran.code, ran.out.as_str()), (66, ""), "{ran:#?}");
        assert!(ran.err.contains("not UTF-8") && ran.err.contains(remedy), "{ran:#?}");
    }
}

/// An agent that renders the files of a service.
fn agent(stage: &Stage, verb: &str, service: &str, files: &[(&str, &str)]) -> Command {
    let entry = |(name, dialect): &(&str, &str)| {
        format!("[[file]]\nname = '{name}'\npath = 'etc/{service}/{name}'\ndialect = '{dialect}'\n")
    };
    let manifest: String = files.iter().map(entry).collect();
    let manifest = format!("service = '{service}'\nrole = 'controller'\n{manifest}");
    write(&stage.path(&format!("{service}.toml")), &manifest);
    let mut command = Command::new(binary("etcstack-agent"));
    command.arg(verb).current_dir(&stage.folder);
    command.args(["--manifest", &format!("{service}.toml"), "--store", "dir:data"]);
    command.args(["--start-timeout", "2s", "--state-dir", &format!("state-{service}")]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reads_a_directory_by_its_manifest() {
    let stage = Stage::new().await;
    // It knows better than the data, and needs no word of it.
    for settings in [SETTINGS, "", "[dialects]\n\"*/*/memcached.conf\" = \"oslo\"\n", "[rubbish"] {
        stage.write("validate.toml", settings);
        let _ = std::fs::remove_dir_all(stage.path("etc"));
        let ran = run(agent(&stage, "render", "memcached", &[("memcached.conf", "text")])).await;
        assert_eq!(ran.code, 0, "{settings}: {ran:#?}");
        let text = std::fs::read_to_string(stage.path("etc/memcached/memcached.conf")).unwrap();
        assert_eq!(text, "# memcached\n-p 11211\n-d\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_file_of_one_service_is_nobody_elses() {
    let stage = Stage::new().await;
    stage.write("validate.toml", "");
    // By its name it is oslo.config's, and full of mistakes.
    let files = [("uwsgi.ini", "configparser")];
    let ran = run(agent(&stage, "render", "glance", &files)).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let ran = run(agent(&stage, "render", "memcached", &[("memcached.conf", "oslo")])).await;
    assert!(ran.code == 65 && ran.err.contains("controller/memcached/memcached.conf:"), "{ran:#?}");
    assert!(!ran.err.contains("horizon"), "only its own: {ran:#?}");

    // One that runs hears of it, keeps what it has, and takes what is mended.
    let mut glance = agent(&stage, "run", "glance", &files);
    glance.args(["--", "sleep", "1000"]);
    let mut process = Process::spawn(&mut glance);
    let path = stage.path("etc/glance/uwsgi.ini");
    let text = || std::fs::read_to_string(&path).ok();
    process.wait_for_line("started", PATIENCE).await;
    stage.write("controller/memcached/memcached.conf", "more rubbish\n");
    stage.write("controller/glance/uwsgi.ini", "[uwsgi]\nHTTP-Socket = :1\n");
    eventually("another's mistake does not hold it back", PATIENCE, async || {
        text().filter(|text| text.contains("HTTP-Socket = :1\n"))
    })
    .await;
    stage.write("controller/glance/uwsgi.ini", "rubbish\n");
    process.wait_for_line("controller/glance/uwsgi.ini:1:", PATIENCE).await;
    assert!(text().unwrap().contains("HTTP-Socket = :1\n"));
    stage.write("controller/glance/uwsgi.ini", "[uwsgi]\nHTTP-Socket = :2\n");
    eventually("it takes what is mended", PATIENCE, async || {
        text().filter(|text| text.contains("HTTP-Socket = :2\n"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loader_reads_a_directory_by_its_table() {
    let stage = Stage::new().await;
    let store = ["--store", "dir:data"];
    let key = "controller/memcached/memcached.conf";
    let ran = stage.run(&[&["explain", key], &store[..]].concat()).await;
    assert!(ran.code == 0 && ran.out.contains("-p 11211"), "{ran:#?}");
    Stage::good(&stage.run(&[&["export", "out"], &store[..]].concat()).await);
    assert!(stage.path("out/validate.toml").is_file());
    // Whoever reads everything is told of every mistake.
    stage.write("controller/glance/uwsgi.ini", "rubbish\n");
    let ran = stage.run(&[&["explain", key], &store[..]].concat()).await;
    assert!(ran.code == 65 && ran.err.contains("uwsgi.ini:1:"), "{ran:#?}");
}
