//! `secrets rotate`: what a new value means, who has to have the one before, and writing one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_says_what_it_means_and_then_does_it() {
    let stage = Stage::new().await;
    assert_eq!(stage.run(&["secrets", "generate", "data"]).await.0, 2);
    assert_eq!(stage.run(&["load", "data"]).await.0, 0);
    let before = stage.general().await;
    let revision = stage.etcd.revision().await;
    let (code, text) = stage.run(&["secrets", "rotate", "GLANCE_DB_PASSWORD"]).await;
    assert_eq!(code, 0, "{text}");
    for line in [
        "restart  controller/glance",
        "controller/glance/glance-api.conf/database/connection (by way of $GLANCE_URL)",
        "the database has to know it as well",
        "nothing was written",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(stage.etcd.revision().await, revision);

    let report = stage.json(&["secrets", "rotate", "GLANCE_DB_PASSWORD", "--apply"]).await;
    assert_eq!(report["dry_run"], false);
    let after = stage.general().await;
    assert_ne!(after["GLANCE_DB_PASSWORD"], before["GLANCE_DB_PASSWORD"]);
    assert_eq!(after["GLANCE_DB_PASSWORD"].len(), 32);
    assert_eq!(after.len(), before.len());

    stage.write("value", "sesame-given\n");
    let (code, _) = stage
        .run(&["secrets", "rotate", "GLANCE_DB_PASSWORD", "--value-from", "value", "--apply"])
        .await;
    assert_eq!((code, stage.general().await["GLANCE_DB_PASSWORD"].as_str()), (0, "sesame-given"));
    stage.etcd.put("general/MY_URL", "x://$GLANCE_DB_PASSWORD").await;
    stage.etcd.put("general/ODD", "x").await;
    for (name, code, message) in [
        ("GLANCE_URL", 65, "was written by a load"),
        ("MY_URL", 65, "is made of other variables, such as GLANCE_DB_PASSWORD"),
        ("ODD", 65, "say --kind"),
        ("NOWHERE_PASSWORD", 66, "; `secrets list` names what is there"),
        ("GLANCE_DB_PASWORD", 66, "; perhaps this is meant: GLANCE_DB_PASSWORD"),
        ("lower", 64, "a variable's name"),
    ] {
        let (found, text) = stage.run(&["secrets", "rotate", name, "--apply"]).await;
        assert!(found == code && text.contains(message), "{name}: {found} {text}");
    }
}

/// What daemons do is told by their catalogs, for the layers that replicas run with.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_knows_the_catalogs() {
    let stage = Stage::new().await;
    stage.write(
        "catalogs/2026.1/cat.json",
        r#"{"format":1,"options":[
{"group":"DEFAULT","name":"spell","type":"string value","mutable":true,"single":true},
{"group":"DEFAULT","name":"fixed","type":"string value","single":true}
]}"#,
    );
    for (key, value) in [
        ("cold/cat/cat.conf/DEFAULT/fixed", "$A_PASSWORD"),
        ("hot/cat/cat.conf/DEFAULT/spell", "${B:-$A_PASSWORD}"),
        ("idle/cat/cat.conf/DEFAULT/fixed", "${C:-$A_PASSWORD}"),
        ("low/cat/cat.conf/DEFAULT/fixed", "$A_PASSWORD"),
        ("top/cat/cat.conf/DEFAULT/fixed", "1"),
        ("other/dog/dog.conf/DEFAULT/spell", "$A_PASSWORD"),
        ("general/A_PASSWORD", "sesame-old"),
        ("general/C", "x"),
        ("_etcstack/status/low,top/cat/h1", "{}"),
    ] {
        stage.etcd.put(key, value).await;
    }
    let rotate = ["secrets", "rotate", "A_PASSWORD", "--catalog", "catalogs"];
    let (code, text) = stage.run(&rotate).await;
    assert_eq!(code, 0, "{text}");
    for line in [
        "restart  cold/cat\n",
        "reload   hot/cat\n",
        "nothing  idle/cat\n",
        "nothing  low/cat\n",
        "restart  other/dog\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let report = stage.json(&rotate).await;
    assert_eq!(report["catalog_release"], "2026.1");
    let effects = report["services"].as_array().unwrap().iter();
    let effects: Vec<_> = effects.map(|service| service["effect"].as_str().unwrap()).collect();
    assert_eq!(effects, ["restart", "reload", "nothing", "nothing", "restart"]);
    let report = stage.json(&["secrets", "rotate", "A_PASSWORD"]).await;
    assert_eq!(
        (&report["catalog_release"], &report["services"][1]["effect"]),
        (&Value::Null, &json!("restart"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_of_fernet_keys_is_shifted() {
    let stage = Stage::new().await;
    for number in 0..4 {
        stage.write(
            &format!("data/controller/keystone/fernet-key-{number}"),
            &format!("$K_FERNET_KEY_{number}"),
        );
    }
    let (code, text) = stage.run(&["secrets", "generate", "data"]).await;
    assert_eq!(code, 2, "{text}");
    stage.run(&["load", "data"]).await;
    let before = stage.general().await;
    let key = |state: &BTreeMap<String, String>, number: usize| {
        state[&format!("K_FERNET_KEY_{number}")].clone()
    };

    let (code, text) = stage.run(&["secrets", "rotate", "K_FERNET_KEYS"]).await;
    assert!(code == 0 && text.contains("--apply shifts general/K_FERNET_KEY_0, "), "{text}");
    assert!(text.contains("restart  controller/keystone") && text.contains("staged"), "{text}");
    assert_eq!(stage.general().await, before, "a plan writes nothing");

    let revision = stage.etcd.revision().await;
    let report = stage.json(&["secrets", "rotate", "K_FERNET_KEYS", "--apply"]).await;
    let all: Vec<_> = (0..4).map(|number| format!("general/K_FERNET_KEY_{number}")).collect();
    assert_eq!((&report["changed"], &report["kind"]), (&json!(all), &json!("fernet")));
    let after = stage.general().await;
    // Keystone makes tokens with the key of the highest number, which was the staged one before.
    assert_eq!(key(&after, 3), key(&before, 0));
    assert_eq!(key(&after, 2), key(&before, 3));
    assert_eq!(key(&after, 1), key(&before, 2));
    assert!(before.values().all(|value| *value != key(&after, 0)) && key(&after, 0).len() == 44);
    assert_eq!(stage.etcd.revision().await, revision + 1, "all at one revision");

    // As many shifts as there are keys: each key that there was has gone.
    for _ in 0..3 {
        stage.json(&["secrets", "rotate", "K_FERNET_KEY", "--apply"]).await;
    }
    let last = stage.general().await;
    let of = |state: &BTreeMap<String, String>| (0..4).map(|n| key(state, n)).collect::<Vec<_>>();
    assert!(of(&last).iter().all(|key| !of(&before).contains(key)));

    // It names the one that is missing, and never makes a set of what is none.
    stage.etcd.delete("general/K_FERNET_KEY_1").await;
    for (name, code, part) in [
        ("K_FERNET_KEYS", 65, "there is a general/K_FERNET_KEY_2 and no general/K_FERNET_KEY_1"),
        ("GLANCE_DB_PASSWORDS", 66, "perhaps this is meant: GLANCE_DB_PASSWORD"),
    ] {
        let (found, text) = stage.run(&["secrets", "rotate", name, "--apply"]).await;
        assert!(found == code && text.contains(part), "{name}: {found} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_a_load_wrote_is_the_datas() {
    let stage = Stage::new().await;
    let keys = "K_FERNET_KEY_0=a\nK_FERNET_KEY_1=b\nK_FERNET_KEY_2=c\n";
    stage.write("data/general/keys", keys);
    stage.run(&["load", "data"]).await;
    let (code, text) = stage.run(&["secrets", "rotate", "K_FERNET_KEYS", "--apply"]).await;
    assert!(code == 65 && text.contains("was written by a load"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_to_do_what_the_data_does() {
    let stage = Stage::new().await;
    let list = "users: {glance: {password: \"${GLANCE_DB_PASSWORD|url}\"}}\n";
    let rotate = ["secrets", "rotate", "GLANCE_DB_PASSWORD"];
    stage.run(&["secrets", "generate", "data"]).await;
    stage.run(&["load", "data"]).await;
    let (_, text) = stage.run(&rotate).await;
    assert!(text.contains("has to know it as well"), "{text}");
    stage.write("data/controller/database/databases.yaml", list);
    stage.run(&["load", "data"]).await;
    let (code, text) = stage.run(&rotate).await;
    assert!(code == 0 && text.contains("controller/database sets it in the database"), "{text}");
    assert!(!text.contains("has to know it as well"), "{text}");
}

/// The record of a replica of keystone that has read, written and proved these revisions.
fn record(seen: i64, good: i64) -> String {
    json!({"state": "current", "revisions": {"seen": seen, "applied": good, "good": good}})
        .to_string()
}

/// Two shifts that arrive as one take the key away that tokens are made with.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_not_shifted_twice_before_all_have_it() {
    let stage = Stage::new().await;
    for number in 0..3 {
        let key = format!("controller/keystone/fernet-key-{number}");
        stage.etcd.put(&key, format!("$K_FERNET_KEY_{number}")).await;
    }
    stage.run(&["secrets", "generate", "none"]).await;
    let now = stage.etcd.revision().await;
    // Replicas of others, of other roles and of other services are none of its business.
    let status = |name: &str| format!("_etcstack/status/{name}");
    for name in ["controller/glance/h1", "compute/keystone/h1"] {
        stage.etcd.put(&status(name), record(1, 1)).await;
    }
    let (one, two) = (status("controller/keystone/h1"), status("site,controller/keystone/h2"));
    stage.etcd.put(&one, record(now, now)).await;
    stage.etcd.put(&two, record(now, now)).await;
    let shift = ["secrets", "rotate", "K_FERNET_KEYS", "--apply"];
    let report = stage.json(&shift).await;
    assert_eq!((&report["dry_run"], &report["lagging"]), (&json!(false), &json!([])));
    let notes = report["notes"].to_string();
    for note in ["controller/keystone: h1", "site,controller/keystone: h2"] {
        assert!(notes.contains(&format!("\"looked at 1 replica of {note}\"")), "{notes}");
    }
    let shifted = stage.general().await;
    let revision = stage.etcd.revision().await;

    // The first of them has it, the second has not even read it.
    stage.etcd.put(&one, record(revision, revision)).await;
    let (code, text) = stage.run(&shift).await;
    assert_eq!(code, 75, "{text}");
    for part in [
        "error: not all replicas that use these keys have applied the last change of them",
        &format!("site,controller/keystone on h2: has not read revision {revision} yet, but {now}"),
        "--force shifts them all the same",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("on h1") && !text.contains("glance"), "{text}");
    assert_eq!(stage.general().await, shifted, "nothing was written");
    // A plan says so as well.
    let plan = &shift[..3];
    let (code, text) = stage.run(plan).await;
    assert!(
        code == 0 && text.contains("behind   site,controller/keystone on h2: has not"),
        "{text}"
    );
    let report = stage.json(plan).await;
    let behind = &report["lagging"][0];
    assert_eq!((&behind["service"], &behind["host"]), (&json!("keystone"), &json!("h2")));

    // On disk, but nobody knows yet whether the daemon runs well on it: the old one may come back.
    stage.etcd.put(&two, record(revision, now)).await;
    assert_eq!(stage.run(&shift).await.0, 75);
    // What nobody can read says nothing.
    stage.etcd.put(&two, "rubbish").await;
    assert_eq!(stage.run(&shift).await.0, 75);
    assert_eq!(stage.general().await, shifted, "nothing was written");
    // Who knows better says so.
    let (code, text) = stage.run(&[&shift[..], &["--force"]].concat()).await;
    assert_eq!(code, 0, "{text}");
    assert_ne!(stage.general().await, shifted);

    let revision = stage.etcd.revision().await;
    let three = status("controller/keystone/h3");
    for key in [&one, &two, &three] {
        stage.etcd.put(key, record(revision, revision)).await;
    }
    let (code, text) = stage.run(&shift).await;
    let told = "note     looked at 2 replicas of controller/keystone: h1, h3\n";
    assert!(code == 0 && text.contains(told) && !text.contains("glance"), "{code} {text}");
    // Who has left nothing is not known.
    for key in [&one, &two, &three] {
        stage.etcd.delete(key).await;
    }
    let (code, text) = stage.run(&shift).await;
    let told = "note     no replica that uses these keys has left a status";
    assert!(code == 0 && text.contains(told) && !text.contains("looked at"), "{code} {text}");
    // One password has no order.
    stage.etcd.put("general/A_PASSWORD", "sesame").await;
    stage.etcd.put("controller/keystone/keystone.conf/x/a", "$A_PASSWORD").await;
    assert_eq!(stage.run(&["secrets", "rotate", "A_PASSWORD", "--apply"]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fernet_key_from_a_file_is_one() {
    let stage = Stage::new().await;
    for number in 0..3 {
        stage.etcd.put(&format!("general/K_FERNET_KEY_{number}"), "A".repeat(43) + "=").await;
    }
    stage.etcd.put("general/OTHER", "x").await;
    let before = stage.general().await;
    let key = format!("{}sesame-_Ag=", "A".repeat(33));
    assert_eq!(key.len(), 44);
    for (value, why) in [
        ("sesame", "it is no fernet key"),
        (&key.replace("sesame-_", "sesame+/"), "it is no fernet key"),
        (&key[..43], "it is no fernet key"),
        (&format!("{key}\n{key}"), "it is no fernet key"),
        ("$OTHER", "it is no fernet key"),
    ] {
        stage.write("value", value);
        for name in ["K_FERNET_KEYS", "K_FERNET_KEY_1"] {
            let arguments = ["secrets", "rotate", name, "--value-from", "value", "--apply"];
            let (code, text) = stage.run(&arguments).await;
            assert!(code == 65 && text.contains(&format!("error: value: {why}")), "{code} {text}");
        }
    }
    assert_eq!(stage.general().await, before);
    stage.write("value", &format!("{key}\n"));
    let arguments = ["secrets", "rotate", "K_FERNET_KEYS", "--value-from", "value", "--apply"];
    let (code, text) = stage.run(&arguments).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(stage.general().await["K_FERNET_KEY_0"], key);
    // What is none does not become the one that tokens are made with.
    stage.etcd.put("general/K_FERNET_KEY_0", "sesame").await;
    let before = stage.general().await;
    let (code, text) = stage.run(&["secrets", "rotate", "K_FERNET_KEYS", "--apply"]).await;
    assert!(code == 65 && text.contains("general/K_FERNET_KEY_0 holds no fernet key"), "{text}");
    assert_eq!(stage.general().await, before);
}
