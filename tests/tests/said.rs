//! What the data says of variables besides their values: which are secrets though their names do not
//! tell, which only agents have, which are made in the store. Every verb knows it, also without the
//! data.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::process::Command;

use etcstack_tests::{Etcd, Ran, binary, folder, run, write};
use serde_json::{Value, json};
use tempfile::TempDir;

const RECORD: &str = "_etcstack/variables";

struct Stage {
    etcd: Etcd,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = folder(&[
            ("data/general/cloud.conf", "MYSQL_ROOT=sesame-1\nHOST=db\nNODE_ID=1-2-3\n"),
            (
                "data/controller/glance/glance-api.conf",
                "[DEFAULT]\nhost = $HOSTNAME\nkey = $ADMIN_PASSWORD\nid = $NODE_ID\n",
            ),
            ("data/controller/database/databases.yaml", "root: $MYSQL_ROOT\n"),
            ("data/controller/swift/object.ring.gz", "${OBJECT_RING}\n"),
            ("data/.secrets.toml", "MYSQL_ROOT = \"password\"\nNODE_ID = \"uuid\"\n"),
            (
                "data/validate.toml",
                "environment = [\"HOSTNAME\"]\ngenerated = [\"ADMIN_PASSWORD\", \"OBJECT_*\"]\nused = [\"HOST\"]\n\
                 [dialects]\n\"*/*/*.ring.gz\" = \"text\"\n",
            ),
        ]);
        Self { etcd: Etcd::new().await, folder }
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.folder.path().join(name), text);
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).current_dir(&self.folder);
        command.env("ETCSTACK_STORE", self.etcd.url()).env_remove("ETCSTACK_DATA");
        run(command).await
    }

    /// The same, of what shows no secret.
    async fn quiet(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert!(ran.code == 0 || ran.code == 2, "{arguments:?}: {ran:#?}");
        let text = ran.out + &ran.err;
        assert!(!text.contains("sesame"), "{arguments:?}: {text}");
        text
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.quiet(&[arguments, &["--output", "json"]].concat()).await;
        serde_json::from_str(text.lines().next().unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_secret_is_shown_by_no_verb() {
    let stage = Stage::new().await;
    let text = stage.quiet(&["plan", "data"]).await;
    assert!(text.contains("+ MYSQL_ROOT = ***") && text.contains("+ NODE_ID = 1-2-3"), "{text}");
    stage.quiet(&["load", "data"]).await;
    let first = stage.etcd.get(RECORD).await.unwrap();

    stage.write("data/general/cloud.conf", "MYSQL_ROOT=sesame-2\nHOST=db\nNODE_ID=1-2-3\n");
    let text = stage.quiet(&["plan", "data"]).await;
    assert!(text.contains("~ MYSQL_ROOT = *** → ***"), "{text}");
    stage.quiet(&["load", "data"]).await;
    for arguments in [&["diff", "1"][..], &["diff", "1", "2"]] {
        let text = stage.quiet(arguments).await;
        assert!(text.contains("~ MYSQL_ROOT = *** → ***"), "{text}");
    }
    // In a directory as well, where no load has put the record.
    for store in [&[][..], &["--store", "dir:data"]] {
        let text = stage.quiet(&[&["explain", "general/MYSQL_ROOT"], store].concat()).await;
        assert!(text.contains("value:      ***"), "{text}");
        stage.quiet(&[&["get", "general/"], store].concat()).await;
    }
    // What it is put in, it is in.
    let text = stage.quiet(&["explain", "controller/database/databases.yaml"]).await;
    assert!(text.contains("***"), "{text}");
    let text = stage.quiet(&["get", "general/"]).await;
    assert!(text.contains("general/MYSQL_ROOT = ***\n"), "{text}");
    assert!(text.contains("general/NODE_ID = 1-2-3\n"), "a UUID is no secret: {text}");
    assert_eq!(stage.run(&["get", "general/MYSQL_ROOT"]).await.code, 77);
    let text = stage.quiet(&["secrets", "list", "none"]).await;
    assert!(text.contains("MYSQL_ROOT") && text.contains("NODE_ID"), "{text}");
    let shown = stage.run(&["get", "general/MYSQL_ROOT", "--show-secrets"]).await;
    assert_eq!(shown.out, "sesame-2\n");

    // One that was declared in the state before only is none for free.
    stage.write("data/.secrets.toml", "");
    let text = stage.quiet(&["plan", "data"]).await;
    assert!(text.contains(RECORD), "{text}");
    stage.quiet(&["load", "data"]).await;
    stage.quiet(&["diff", "2", "3"]).await;
    stage.quiet(&["rollback", "1"]).await;
    assert_eq!(stage.etcd.get(RECORD).await.unwrap(), first, "it is a part of the release");
    stage.quiet(&["diff", "3"]).await;

    // What nobody can read says nothing, and stops nobody.
    stage.etcd.put(RECORD, "rubbish").await;
    assert_eq!(stage.run(&["get", "general/HOST"]).await.code, 0);
    assert_eq!(stage.run(&["load", "data"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_tells_what_lacks_and_who_has_to_make_it() {
    let stage = Stage::new().await;
    let lacks =
        |report: &Value| [&report["unknown_variables"], &report["not_generated"]].map(Value::clone);
    let report = stage.json(&["load", "data"]).await;
    assert_eq!(lacks(&report), [json!([]), json!(["ADMIN_PASSWORD", "OBJECT_RING"])]);
    let text = stage.quiet(&["load", "data"]).await;
    assert!(
        text.contains("lacks $ADMIN_PASSWORD, $OBJECT_RING, to be made in the store"),
        "{text}"
    );
    assert!(text.contains("secrets generate") && !text.contains("$HOSTNAME"), "{text}");
    stage.etcd.put("general/OBJECT_RING", "x").await;
    stage.quiet(&["secrets", "generate", "data"]).await;
    let text = stage.quiet(&["load", "data"]).await;
    assert!(!text.contains("lacks"), "{text}");

    // Without the data it is known as well.
    stage.write("data/general/cloud.conf", "MYSQL_ROOT=sesame-2\nHOST=$LOST\n");
    stage.quiet(&["load", "data"]).await;
    let report = stage.json(&["rollback", "-1"]).await;
    assert_eq!(lacks(&report), [json!([]), json!([])]);
    let key = "controller/glance/glance-api.conf/DEFAULT/host";
    let text = stage.quiet(&["explain", key]).await;
    assert!(text.contains("HOSTNAME from the agent's environment"), "{text}");
    let new = "controller/glance/glance-api.conf/DEFAULT/new=$HOSTNAME";
    assert!(stage.quiet(&["set", new]).await.contains("added"));
    // What is made in the store is there, or nobody has it.
    let ran = stage.run(&["unset", "general/ADMIN_PASSWORD"]).await;
    assert!(ran.code == 65 && ran.err.contains("still uses $ADMIN_PASSWORD"), "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_made_is_no_unknown_variable() {
    let stage = Stage::new().await;
    let text = stage.quiet(&["validate", "data"]).await;
    assert!(text.contains("0 errors, 0 warnings"), "{text}");
    stage.write("data/validate.toml", "environment = [\"HOSTNAME\"]\n");
    let ran = stage.run(&["validate", "data"]).await;
    assert!(ran.code == 65 && ran.out.contains("unknown variable $ADMIN_PASSWORD"), "{ran:#?}");
    assert!(ran.out.contains("under `generated` if it is made in the store"), "{ran:#?}");
    stage.write("data/.secrets.toml", "ADMIN_PASSWORD = \"sesame\"\n");
    let ran = stage.run(&["validate", "data"]).await;
    let found = "data/.secrets.toml:1:18: error[syntax]: ADMIN_PASSWORD: the kind is none";
    assert!(ran.out.contains(found) && !ran.out.contains("sesame"), "{ran:#?}");
    // No load takes what it cannot read.
    for (file, text) in [(".secrets.toml", "A = 1\n"), ("validate.toml", "relaese = \"1\"\n")] {
        stage.write(&format!("data/{file}"), text);
        let ran = stage.run(&["load", "data"]).await;
        let place = format!("error: data/{file}:1:");
        assert!(ran.code == 65 && ran.err.contains(&place), "{ran:#?}");
    }
    assert_eq!(stage.etcd.get("general/HOST").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_says_it_again() {
    let stage = Stage::new().await;
    stage.quiet(&["load", "data"]).await;
    stage.quiet(&["export", "copy"]).await;
    assert_eq!(stage.read("copy/.secrets.toml"), stage.read("data/.secrets.toml"));
    let ran = stage.run(&["plan", "copy"]).await;
    assert!(ran.code == 0 && ran.out == "Plan: nothing to do.\n", "{ran:#?}");
    // It replaces the data, and what stands beside it stays.
    stage.write("copy/.secrets.toml", "# mine\nMYSQL_ROOT = \"password\"\n");
    stage.write("copy/.access.toml", "[also]\n");
    stage.etcd.put("general/HOST", "db2").await;
    stage.quiet(&["export", "copy", "--force"]).await;
    assert!(stage.read("copy/.secrets.toml").starts_with("# mine"));
    assert_eq!(stage.read("copy/.access.toml"), "[also]\n");
    assert!(stage.run(&["get", "general/HOST", "--store", "dir:copy"]).await.out.contains("db2"));
}

/// What stands for a variable that nobody has is no base64.
#[tokio::test(flavor = "multi_thread")]
async fn a_binary_file_that_is_not_made_yet_is_no_mistake() {
    let stage = Stage::new().await;
    let listing = "controller/swift/object.ring.gz=$OBJECT_RING\n";
    std::fs::remove_file(stage.folder.path().join("data/controller/swift/object.ring.gz")).unwrap();
    stage.write("data/validate.toml", "generated = [\"OBJECT_RING\"]\n");
    stage.write("data/general/keys", listing);
    let text = stage.quiet(&["plan", "data"]).await;
    assert!(text.contains("controller/swift") && !text.contains("refuse"), "{text}");
    stage.etcd.put("general/OBJECT_RING", "no base64!").await;
    let text = stage.quiet(&["plan", "data"]).await;
    assert!(text.contains("agents would refuse it: controller/swift/object.ring.gz"), "{text}");
}
