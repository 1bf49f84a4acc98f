//! `set` and `unset`: what is written, and what is told.

use serde_json::json;

use super::stage::{DEBUG, Stage, run};

#[tokio::test(flavor = "multi_thread")]
async fn set_and_unset_are_in_the_history() {
    let stage = Stage::new().await;
    let ended = stage.run(&["set", DEBUG, "true", "-m", "slow calls", "--author", "ann"]).await;
    ended.is(0, &[&format!("added     {DEBUG}\n"), "written; entry 1 of the history; revision "]);
    assert_eq!(stage.value(DEBUG).await.as_deref(), Some("true"));
    let report =
        stage.json(&["set", &format!("{DEBUG}=false"), "general/HOST=a=b", "general/E="]).await;
    assert_eq!(report["changed"], json!([DEBUG]));
    assert_eq!(report["added"], json!(["general/E", "general/HOST"]));
    assert_eq!((&report["entry"], &report["dry_run"]), (&json!(2), &json!(false)));
    assert_eq!(stage.value("general/HOST").await.as_deref(), Some("a=b"));
    assert_eq!(stage.value("general/E").await.as_deref(), Some(""));

    let revision = stage.etcd.revision().await;
    let ended = stage.run(&["set", "general/HOST", "a=b"]).await;
    ended.is(0, &["unchanged general/HOST\n", "nothing to do; nothing was written"]);
    stage.run(&["set", "general/HOST", "c", "--dry-run"]).await.is(2, &["nothing was written"]);
    stage.run(&["unset", "general/HOST", "--dry-run"]).await.is(2, &["deleted   general/HOST"]);
    let ended = stage.run(&["unset", "general/HOST", "general/HSOT"]).await;
    ended.is(
        66,
        &["general/HSOT: there is no such key in http://", "; perhaps this is meant: general/HOST"],
    );
    assert_eq!(stage.etcd.revision().await, revision);

    stage.run(&["unset", "general/HOST", "general/E"]).await.is(0, &["entry 3 of the history"]);
    assert_eq!(stage.etcd.get_below("general/").await.len(), 0);
    stage.etcd.put("r/s/s.conf/x/a", "$A_PASSWORD").await;
    stage.run(&["secrets", "generate", "none"]).await.is(0, &[]);
    let history = stage.history().await;
    let told: Vec<_> =
        history.iter().map(|entry| (&entry["entry"], entry["kind"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [(&json!(4), "secrets"), (&json!(3), "unset"), (&json!(2), "set"), (&json!(1), "set")]
    );
    assert_eq!(history[3]["author"], "ann");
    assert_eq!(history[3]["message"], "slow calls");
    assert_eq!(history[2]["keys"], json!([DEBUG, "general/E", "general/HOST"]));
    let counts = ["added_count", "changed_count", "deleted_count", "kept_count"];
    assert_eq!(counts.map(|name| history[2][name].as_u64().unwrap()), [2, 1, 0, 0]);
    assert_eq!(history[1]["deleted_count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_from_elsewhere() {
    let stage = Stage::new().await;
    let ended = run(stage.command(&["set", "general/DB_PASSWORD", "-"]), "sesame\r\n").await;
    ended.is(0, &["added     general/DB_PASSWORD"]);
    assert!(!ended.stderr.contains("secret") && !ended.stdout.contains("sesame"), "{ended:?}");
    assert_eq!(stage.value("general/DB_PASSWORD").await.as_deref(), Some("sesame"));
    // What was to make it has failed.
    let ended = run(stage.command(&["set", "general/DB_PASSWORD", "-"]), "").await;
    ended.is(66, &["cannot read standard input: it is empty"]);

    stage.write("policy.yaml", "a: b\n");
    stage.run(&["set", "r/s/policy.yaml", "--from-file", "policy.yaml"]).await.is(0, &[]);
    assert_eq!(stage.value("r/s/policy.yaml").await.as_deref(), Some("a: b\n"));
    stage.run(&["set", "general/A", "--from-file", "policy.yaml"]).await.is(0, &[]);
    assert_eq!(stage.value("general/A").await.as_deref(), Some("a: b"));
    let ended = stage.run(&["set", "general/A", "--from-file", "none.yaml"]).await;
    ended.is(66, &["cannot read none.yaml: No such file"]);
    stage.run(&["set", "general/A", "-1"]).await.is(0, &["changed   general/A"]);
    stage.run(&["set", "general/A", "--", "--x"]).await.is(0, &["changed   general/A"]);

    // On a command line all can see it.
    let url = "http://u:sesame@h/";
    stage.etcd.put("r/s/s.conf/x/admin_password", "$SPELL").await;
    stage.etcd.put("general/SPELL", "$MAGIC").await;
    for (arguments, told) in [
        (&["set", "general/B_TOKEN", "sesame"][..], "general/B_TOKEN: by its name a secret"),
        (&["set", "general/B_TOKEN=sesame"], "general/B_TOKEN: by its name a secret"),
        (&["set", "general/URL", url], "general/URL: by its form a secret"),
        (&["set", "general/MAGIC=sesame"], "general/MAGIC: by where it is put in a secret"),
    ] {
        let ended = stage.run(arguments).await;
        ended.is(0, &[&format!("warning: {told}"), "standard input"]);
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(!format!("{ended:?}").contains("sesame"), "{ended:?}");
    }
    let ended = stage.run(&["set", "r/s/s.conf/x/connection", "mysql://u:$B_TOKEN@h/x"]).await;
    assert!(ended.code == 0 && !ended.stderr.contains("warning"), "{ended:?}");
    let ended = run(stage.command(&["set", "general/MAGIC", "-"]), "sesame2").await;
    assert!(ended.code == 0 && !ended.stderr.contains("warning"), "{ended:?}");
    // By the catalog.
    let (key, catalogs) =
        ("controller/cinder/cinder.conf/vault/approle_role_id", Stage::catalogs());
    let ended = stage.run(&["set", key, "sesame", "--catalog", &catalogs]).await;
    ended.is(0, &["approle_role_id: by where it is put in a secret"]);
    assert!(!format!("{ended:?}").contains("sesame"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_no_form_are_told_and_not_repeated() {
    let stage = Stage::new().await;
    for (words, told) in [
        (&["set", "general/A"][..], "write KEY VALUE, KEY -"),
        (&["set", "general/A", "sesame", "sesame"], "write KEY VALUE, KEY -"),
        (&["set", "general/A=1", "sesame"], "write KEY VALUE, KEY -"),
        (&["set", "general/A=1", "general/A=2"], "two values for one key"),
        (&["set", "general/A", "1", "--from-file", "x"], "goes with one KEY and no VALUE"),
        (&["set", "general/A=1", "general/B=1", "--expect", "1"], "go with one key"),
        (&["set", "_etcstack/load", "x"], "the system's own records"),
        (&["unset", "_etcstack/release"], "a record of the system"),
    ] {
        let ended = stage.run(words).await;
        ended.is(64, &[told]);
        assert!(!format!("{ended:?}").contains("sesame"), "{ended:?}");
    }
    assert_eq!(stage.etcd.get_below("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_expected() {
    let stage = Stage::new().await;
    stage.run(&["set", "general/A", "1", "--expect-absent"]).await.is(0, &["added"]);
    let ended = stage.run(&["set", "general/A", "2", "--expect-absent"]).await;
    ended.is(75, &["general/A: it does not hold what was expected; nothing was written"]);
    stage.run(&["set", "general/A", "3", "--expect", "2"]).await.is(75, &[]);
    stage.run(&["set", "general/NONE", "3", "--expect", "2"]).await.is(75, &[]);
    stage.run(&["set", "general/A", "3", "--expect", "1"]).await.is(0, &["changed"]);
    assert_eq!(stage.value("general/A").await.as_deref(), Some("3"));
    assert_eq!(stage.history().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_next_load_does_is_told_and_so() {
    let stage = Stage::new().await;
    stage.load("r/s/s.conf/x/a=1\nr/s/s.conf/x/b=1\n").await;
    let ended = stage.run(&["set", "r/s/s.conf/x/a", "2"]).await;
    ended.is(0, &["r/s/s.conf/x/a: release 1 says otherwise: the next load keeps this as drift"]);
    let ended = stage.run(&["unset", "r/s/s.conf/x/b"]).await;
    ended.is(0, &["release 1 wrote it: the next load of the same data puts it back"]);
    let report = stage.json(&["set", "r/s/s.conf/x/c", "3"]).await;
    assert_eq!(report["next_load"], json!([]));

    let load = stage.json(&["load", "data"]).await;
    assert_eq!(load["drift"], json!([{"key": "r/s/s.conf/x/a", "why": "changed"}]));
    assert_eq!(load["added"], json!(["r/s/s.conf/x/b"]));
    assert_eq!(load["by_hand"], json!(["r/s/s.conf/x/c"]));
    // A hand that says what the data says is no drift.
    let report = stage.json(&["set", "r/s/s.conf/x/a", "1"]).await;
    assert_eq!(report["next_load"], json!([]));
    assert_eq!(stage.json(&["load", "data"]).await["drift"], json!([]));
}
