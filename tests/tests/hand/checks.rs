//! What is refused, and what lets it through.

use super::stage::{DEBUG, NO_CATALOG, Stage, run};

#[tokio::test(flavor = "multi_thread")]
async fn what_data_cannot_say_is_refused_in_any_case() {
    let stage = Stage::new().await;
    stage.etcd.put("general/A", "$B").await;
    let revision = stage.etcd.revision().await;
    let long = "x".repeat(100_000);
    stage.write("large", &long.repeat(14));
    for (arguments, told) in [
        (&["set", "general/lower", "sesame"][..], "error: general/lower: this is no key"),
        (&["set", "r/s", "sesame"], "error: r/s: this is no key"),
        (
            &["set", "r/s/s.conf/x/a", "sesame\r"],
            "r/s/s.conf/x/a: its value cannot stand in the file",
        ),
        (&["set", "r/s/s.conf/a]/b", "sesame"], "error: r/s/s.conf/a]/b: "),
        (
            &["set", "r/s/s.conf/debug", "sesame"],
            "error: r/s/s.conf/debug: oslo.config reads no option before the first section; use \
             role/service/file/DEFAULT/option",
        ),
        (
            &["set", "r/s/s.conf/x/a=$LINES", "general/LINES=sesame\n\nx"],
            "error: r/s/s.conf/x/a: its value cannot stand in the file: one of its lines is \
             blank, which ends the value for oslo.config (it uses $LINES)",
        ),
        (
            &["set", "r/s/s.conf/x/a=1", "r/s/s.conf=[x]"],
            "error: r/s/s.conf: this is the whole text of a file of which there are options as well",
        ),
        (&["set", "r/s/s.conf/x/a", "sesame${OPEN"], "${OPEN is not closed"),
        (&["set", "general/B", "sesame$A"], "the variables go in a circle: $A → $B → $A"),
        (&["set", "general/C", "--from-file", "large"], "1400000 bytes; etcd takes 1300000"),
    ] {
        let ended = stage.run(&[arguments, &["--force", "--allow-unknown"]].concat()).await;
        ended.is(65, &[told, "nothing was written\n"]);
        ended.is_silent();
        assert!(!ended.stderr.contains("sesame"), "{ended:?}");
    }
    assert_eq!(stage.etcd.revision().await, revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_have_one_spelling() {
    let stage = Stage::new().await;
    let ended = stage.run(&["set", "r/s/s.conf/LVM/a", "1"]).await;
    ended.is(
        0,
        &[
            "warning: r/s/s.conf/LVM/a: sections are written in lower case",
            "added     r/s/s.conf/lvm/a",
        ],
    );
    stage.etcd.put("r/s/s.conf/Ceph/a", "1").await;
    let ended = stage.run(&["set", "r/s/s.conf/ceph/a", "2", "--force"]).await;
    ended.is(65, &["r/s/s.conf/ceph/a: the store has this option as r/s/s.conf/Ceph/a as well"]);
    stage.run(&["unset", "r/s/s.conf/Ceph/a"]).await.is(0, &[]);
    stage.run(&["set", "r/s/s.conf/ceph/a", "2"]).await.is(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_variables() {
    let stage = Stage::new().await;
    stage.etcd.put("general/MYSQL_HOST", "db").await;
    let key = "r/s/s.conf/x/a";
    let ended = stage.run(&["set", key, "$MYSQL_HSOT", "--force"]).await;
    ended.is(
        65,
        &[
            "r/s/s.conf/x/a: unknown variable $MYSQL_HSOT; perhaps $MYSQL_HOST is meant",
            "nothing was written; with --allow-unknown it is done all the same",
        ],
    );
    let ended = stage.run(&["set", key, "$MYSQL_HSOT", "--allow-unknown"]).await;
    ended.is(0, &["warning: r/s/s.conf/x/a: unknown variable $MYSQL_HSOT"]);
    // What was wrong before is nobody's business now.
    let ended = stage.run(&["set", "r/s/s.conf/x/b", "${NONE:-x}$MYSQL_HOST"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, NO_CATALOG), "{ended:?}");
    stage.run(&["set", key, "$POD_IP"]).await.is(0, &["warning: r/s/s.conf/x/a: $POD_IP can only"]);
    // The data's own settings say what the agents have.
    stage.write("bootstrap-data/validate.toml", "environment = [\"STATE_DIR\"]\n");
    let ended = stage.run(&["set", key, "$STATE_DIR"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, NO_CATALOG), "{ended:?}");
    // A variable that refers to itself is no advice.
    let ended = stage.run(&["set", "general/MYSQL_HOTS", "$MYSQL_HOTT", "--dry-run"]).await;
    ended.is(65, &["unknown variable $MYSQL_HOTT; perhaps $MYSQL_HOST is meant"]);
    let ended = stage.run(&["set", "general/ZUN_PORT", "$ZUN_PROT", "--dry-run"]).await;
    ended.is(65, &["unknown variable $ZUN_PROT; set general/ZUN_PROT"]);
    // Both at once need no order.
    stage.run(&["set", "r/s/s.conf/x/c=$NEW", "general/NEW=1"]).await.is(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_needed_stays() {
    let stage = Stage::new().await;
    stage.etcd.put("general/HOST", "db").await;
    stage.etcd.put("general/URL", "http://$HOST").await;
    stage.etcd.put("r/s/s.conf/x/a", "$HOST").await;
    stage.etcd.put("r/s/s.conf/x/b", "${HOST:-x}").await;
    let ended = stage.run(&["unset", "general/HOST"]).await;
    ended.is(
        65,
        &[
            "error: general/URL: it still uses $HOST\n",
            "error: r/s/s.conf/x/a: it still uses $HOST\n",
            "with --force it is done all the same",
        ],
    );
    assert!(!ended.stderr.contains("x/b"), "{ended:?}");
    stage.run(&["unset", "general/HOST", "general/URL", "r/s/s.conf/x/a"]).await.is(0, &[]);
    stage.run(&["set", "general/HOST=db", "r/s/s.conf/x/a=$HOST"]).await.is(0, &[]);
    stage
        .run(&["unset", "general/HOST", "--force"])
        .await
        .is(0, &["warning: r/s/s.conf/x/a: it still"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_checked_against_the_catalog() {
    let stage = Stage::new().await;
    stage.etcd.put("general/CHUNK", "4").await;
    stage
        .etcd
        .put("controller/glance/glance-api.conf/glance_store/filesystem_store_chunk_size", "$CHUNK")
        .await;
    stage.run(&["set", DEBUG, "sesame"]).await.is(0, &["added"]);
    stage.run(&["unset", DEBUG]).await.is(0, &[]);
    let catalogs = Stage::catalogs();
    let with = |arguments: &[&'static str]| {
        [arguments, &["--catalog", &*catalogs.clone().leak()]].concat()
    };
    for (arguments, told) in [
        (&["set", DEBUG, "sesame"][..], "/debug: debug: the value is not a boolean"),
        (
            &["set", "controller/glance/glance-api.conf/DEFAULT/dbug", "true"],
            "perhaps debug is meant",
        ),
        // What is wrong then stands elsewhere.
        (&["set", "general/CHUNK", "many"], "filesystem_store_chunk_size: the value"),
    ] {
        let ended = stage.run(&with(arguments)).await;
        ended.is(65, &[told, "with --force it is done all the same"]);
        assert!(!ended.stderr.contains("sesame") && !ended.stderr.contains("many"), "{ended:?}");
    }
    stage.run(&with(&["set", DEBUG, "sesame", "--force"])).await.is(0, &["warning: ", "added"]);
    stage.run(&with(&["set", DEBUG, "True", "--release", "2026.1"])).await.is(0, &["changed"]);
    let ended = stage.run(&with(&["set", DEBUG, "False", "--release", "1999.1"])).await;
    ended.is(66, &["there are no catalogs of 1999.1"]);
}

/// What only several keys together make wrong is found with the keys that are there; what was
/// wrong before, as after a plain `etcdctl put`, hinders nobody.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_together() {
    let stage = Stage::new().await;
    stage.etcd.put("r/s/s.conf/x/a", "$LINES").await;
    stage.etcd.put("r/s/s.conf/rootless", "1").await;
    stage.etcd.put("r/s/p.yaml", "text").await;
    for arguments in
        [&["set", "general/LINES", "a\n\nb"][..], &["set", "r/s/p.yaml/x/y", "1", "--force"]]
    {
        stage.run(arguments).await.is(65, &["nothing was written\n"]);
    }
    stage.run(&["set", "general/LINES", "a\nb"]).await.is(0, &["added"]);
    stage.run(&["set", "r/s/s.conf/x/b", "1"]).await.is(0, &["added"]);
    let ended = stage.run(&["set", "r/s/s.conf/rootless", "2"]).await;
    ended.is(65, &["r/s/s.conf/rootless: oslo.config reads no option before the first section"]);
    stage.run(&["unset", "r/s/s.conf/rootless"]).await.is(0, &["deleted"]);
    // A file without sections has none.
    stage.run(&["set", "r/s/rsyncd.conf/uid", "swift"]).await.is(0, &["added"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_has() {
    let stage = Stage::new().await;
    stage.load("controller/glance/glance-api.conf/DEFAULT/debug=1\n").await;
    stage.etcd.put("_etcstack/status/network,network@n1/neutron/n1", "{}").await;
    for (key, told) in [
        (
            "controler/glance/glance-api.conf/x/a",
            "nobody has the role controler: no replica that runs, no other key, no release; did you \
             mean controller?",
        ),
        ("controller/glnace/glance-api.conf/x/a", "did you mean glance?"),
        ("netwrok@n1/neutron/neutron.conf/x/a", "did you mean network?"),
    ] {
        let ended = stage.run(&["set", key, "1", "--dry-run"]).await;
        ended.is(2, &[&format!("warning: {key}: nobody has"), told]);
        assert_eq!(ended.stderr.replace(NO_CATALOG, "").lines().count(), 1, "{ended:?}");
    }
    for (key, told) in [
        ("network@n2/neutron/neutron.conf/x/a", NO_CATALOG),
        // None of oslo.config's: no catalog has its options.
        ("storage/swift/swift.conf/x/a", ""),
    ] {
        let ended = stage.run(&["set", key, "1"]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, told), "{ended:?}");
    }
    // It is a warning, and the second time somebody has it.
    stage.run(&["set", "controler/glance/glance-api.conf/x/a", "1"]).await.is(0, &["warning: "]);
    let ended = stage.run(&["set", "controler/glance/glance-api.conf/x/b", "1"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, NO_CATALOG), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cloud_is_told() {
    let stage = Stage::new().await;
    stage.etcd.put("general/HOST", "db").await;
    let below = format!("{}/cloud1", stage.etcd.url());
    let set = async |arguments: &[&str]| run(stage.command_at(&below, arguments), "").await;
    let address = stage.etcd.address();
    let told = format!(
        "warning: there is no key and no release in http://{address} below cloud1/ yet: this begins \
         a new cloud; if another is meant, name it with --store or ETCSTACK_STORE\n"
    );
    let ended = set(&["set", "general/HOST", "db", "--dry-run"]).await;
    assert_eq!((ended.code, &ended.stderr), (2, &told));
    let ended = set(&["set", "general/HOST", "db"]).await;
    assert_eq!((ended.code, &ended.stderr), (0, &told));
    assert_eq!(set(&["set", "general/OTHER", "db"]).await.stderr, "");
    // Also when all keys are gone again: there is a history.
    set(&["unset", "general/HOST", "general/OTHER"]).await.is(0, &[]);
    assert_eq!(set(&["set", "general/HOST", "db"]).await.stderr, "");
}

/// Agents may have it in their environment; whether they do, nobody here knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_somebody_else_has_as_well_stays() {
    let stage = Stage::new().await;
    for (key, value) in [
        ("general/STATE_DIR", "/var"),
        ("general/WORKERS", "1"),
        ("general/START_A", "1"),
        ("general/LEFT", "1"),
        ("r/s/s.conf/x/a", "$STATE_DIR"),
        ("r/s/s.conf/x/b", "${STATE_DIR:-/tmp}"),
    ] {
        stage.etcd.put(key, value).await;
    }
    let settings = "environment = [\"STATE_*\", \"LEFT\"]\nused = [\"WORKERS\", \"START_*\"]\n";
    stage.write("bootstrap-data/validate.toml", settings);
    let ended = stage.run(&["unset", "general/STATE_DIR"]).await;
    ended.is(
        65,
        &[
            "error: r/s/s.conf/x/a: it still uses $STATE_DIR, which then only the agents' environment has\n",
            "with --force it is done all the same",
        ],
    );
    assert!(!ended.stderr.contains("x/b"), "{ended:?}");
    let ended = stage.run(&["unset", "general/WORKERS"]).await;
    let told = "error: general/WORKERS: manifests or others still need it, as `used` of \
                validate.toml says\n";
    ended.is(65, &[told, "with --force it is done all the same"]);
    // It is the same without the data, once a load has said so.
    std::fs::remove_file(stage.folder.path().join("bootstrap-data/validate.toml")).unwrap();
    let said = r#"{"environment":["STATE_*"],"used":["WORKERS"]}"#;
    stage.etcd.put("_etcstack/variables", said).await;
    stage.run(&["unset", "general/STATE_DIR"]).await.is(65, &["it still uses $STATE_DIR"]);
    stage.run(&["unset", "general/WORKERS"]).await.is(65, &[told]);
    // What nobody refers to goes, and what only some of its kind need.
    stage.run(&["unset", "general/LEFT", "general/START_A"]).await.is(0, &[]);
    // Other keys are not concerned.
    stage.run(&["set", "r/s/s.conf/x/c", "$STATE_HOME"]).await.is(0, &["added"]);
    stage.run(&["unset", "general/STATE_DIR", "r/s/s.conf/x/a"]).await.is(0, &[]);
    stage.run(&["unset", "general/WORKERS", "--force"]).await.is(0, &["warning: general/WORKERS"]);
}

/// Custom says that agents have it; what they have had until now is what the store says.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_with_a_customary_name_stays() {
    let stage = Stage::new().await;
    for (key, value) in [
        ("general/POD_IP", "10.0.0.1"),
        ("general/X_SERVICE_HOST", "x"),
        ("general/HOME", "/"),
        ("r/s/s.conf/x/a", "$POD_IP"),
        ("r/s/s.conf/x/b", "http://$X_SERVICE_HOST"),
        ("r/s/s.conf/x/c", "${POD_IP:-::1}"),
        ("r/s/s.conf/x/d", "$POD_NAME"),
    ] {
        stage.etcd.put(key, value).await;
    }
    let (one, two) = ("general/POD_IP", "general/X_SERVICE_HOST");
    let refused = async |told: &str| {
        let ended = stage.run(&["unset", one, two]).await;
        ended.is(
            65,
            &[
                &format!("error: r/s/s.conf/x/a: it still uses $POD_IP{told}\n"),
                &format!("error: r/s/s.conf/x/b: it still uses $X_SERVICE_HOST{told}\n"),
                "nothing was written; with --force it is done all the same",
            ],
        );
        assert!(!ended.stderr.contains("x/c") && !ended.stderr.contains("x/d"), "{ended:?}");
        assert!(stage.value(one).await.is_some() && stage.value(two).await.is_some());
    };
    refused("").await;
    let settings = "environment = [\"POD_*\", \"X_SERVICE_HOST\"]\n";
    stage.write("bootstrap-data/validate.toml", settings);
    refused(", which then only the agents' environment has").await;
    // What nobody refers to goes, and a customary name that is not there is used with a warning.
    stage.run(&["unset", "general/HOME"]).await.is(0, &[]);
    stage.run(&["set", "r/s/s.conf/x/e", "$NODE_NAME"]).await.is(0, &["warning: r/s/s.conf/x/e"]);
    let ended = stage.run(&["unset", one, two, "--force"]).await;
    ended.is(0, &["warning: r/s/s.conf/x/a: it still uses $POD_IP"]);
    assert_eq!(stage.value(one).await, None);
}

/// Without catalogs nobody knows the options of a service.
#[tokio::test(flavor = "multi_thread")]
async fn that_only_the_syntax_was_checked_is_said() {
    let stage = Stage::new().await;
    let option = "controller/glance/glance-api.conf/DEFAULT/dbug";
    let two = format!("{option}=true");
    let three = format!("{option}2=true");
    for arguments in
        [&["set", &two, &three][..], &["set", &two, &three, "--output", "json", "--dry-run"]]
    {
        let ended = stage.run(arguments).await;
        assert_eq!(ended.stderr.matches(NO_CATALOG).count(), 1, "{ended:?}");
    }
    // A variable and a text have none, and what goes needs none.
    for arguments in
        [&["set", "general/A", "1"][..], &["set", "r/s/a.yaml", "a: b"], &["unset", option]]
    {
        let ended = stage.run(arguments).await;
        assert!(ended.code == 0 && !ended.stderr.contains("note:"), "{ended:?}");
    }
    let catalogs = Stage::catalogs();
    let key = "controller/glance/glance-api.conf/DEFAULT/debug";
    let ended = stage.run(&["set", key, "true", "--catalog", &catalogs]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    // There are catalogs, but none of this service.
    let ended = stage.run(&["set", "r/strange/s.conf/x/a", "1", "--catalog", &catalogs]).await;
    ended.is(0, &["warning: r/strange/s.conf/x/a: there is no catalog for strange"]);
}
