//! `secrets generate` and `secrets list`: made or taken once, listed, and left to nobody else.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{PATIENCE, Process};
use serde_json::{Value, json};

use crate::{Stage, named, report};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_needed_and_lacks_is_made_once() {
    let stage = Stage::new().await;
    stage.etcd.put("compute/nova/nova.conf/x/metadata", "$METADATA_PROXY_SECRET").await;
    stage.etcd.put("compute/nova/nova.conf/x/uuid", "$RBD_SECRET_UUID $FERNET_KEY_0").await;
    let (code, text) = stage.run(&["secrets", "generate", "data", "--dry-run"]).await;
    assert!(
        code == 2 && text.contains("would generate general/GLANCE_DB_PASSWORD (password)"),
        "{text}"
    );
    assert!(stage.general().await.is_empty());

    let report = stage.json(&["secrets", "generate", "data"]).await;
    assert_eq!(
        report["generated"],
        json!([
            {"name": "FERNET_KEY_0", "kind": "fernet"},
            {"name": "GLANCE_DB_PASSWORD", "kind": "password"},
            {"name": "METADATA_PROXY_SECRET", "kind": "password"},
            {"name": "RBD_SECRET_UUID", "kind": "uuid"},
        ])
    );
    assert_eq!(report["added"].as_array().unwrap().len(), 4);
    let services = json!([{"role": "controller", "service": "glance"}]);
    assert_eq!(report["missing"], json!([{"name": "CEPH_GLANCE_KEY", "services": services}]));
    let made = stage.general().await;
    assert_eq!(made.len(), 4);
    assert_eq!(made["GLANCE_DB_PASSWORD"].len(), 32);
    assert_eq!(made["FERNET_KEY_0"].len(), 44);

    // Neither a second run nor a load changes them.
    let (code, text) = stage.run(&["secrets", "generate", "data"]).await;
    assert!(
        code == 2 && text.contains("0 generated, 0 put, 0 replaced, 4 unchanged, 1 missing"),
        "{text}"
    );
    let report = stage.json(&["load", "data"]).await;
    let others = ["FERNET_KEY_0", "METADATA_PROXY_SECRET", "RBD_SECRET_UUID"];
    let others = others.map(|name| format!("general/{name}"));
    let by_hand = ["compute/nova/nova.conf/x/metadata", "compute/nova/nova.conf/x/uuid"];
    // What the data refers to is nothing that a hand has put besides.
    assert_eq!(
        report["by_hand"],
        json!(by_hand.map(str::to_owned).into_iter().chain(others).collect::<Vec<_>>())
    );
    let mut after = stage.general().await;
    after.retain(|name, _| made.contains_key(name));
    assert_eq!(after, made);
    // Something is left to do until somebody has put what nobody can make.
    for (more, left) in [(&["--dry-run"][..], 2), (&[], 2), (&["--dry-run"], 0), (&[], 0)] {
        if left == 0 {
            stage.etcd.put("general/CEPH_GLANCE_KEY", "of-a-ceph").await;
        }
        let (code, text) = stage.run(&[&["secrets", "generate", "data"], more].concat()).await;
        assert_eq!(code, left, "{text}");
    }
}

/// What docs/secrets.md says of names is so.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_names() {
    let stage = Stage::new().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = std::fs::read_to_string(root.join("docs/secrets.md")).unwrap();
    let mut kinds = BTreeMap::new();
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<_> = row.split(" | ").collect();
        for end in columns[0].split('`').skip(1).step_by(2) {
            let name = format!("X_{}_0", end.trim_start_matches('_'));
            kinds.insert(name, columns[1].trim_matches('`'));
        }
    }
    assert!(kinds.len() > 25, "{kinds:?}");
    let options: Vec<_> = kinds.keys().map(|name| format!("${name}")).collect();
    stage.etcd.put("controller/s/s.conf/x/a", options.join(" ")).await;
    let report = stage.json(&["secrets", "generate", "none"]).await;
    for (name, kind) in kinds {
        let made = named(&report["generated"], &name).and_then(|made| made["kind"].as_str());
        let missing = named(&report["missing"], &name).map(|_| "external");
        assert_eq!(made.or(missing), Some(kind), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_the_first_wins() {
    let stage = Stage::new().await;
    let line = |n: usize| format!("o{n} = $S{n}_PASSWORD\n");
    let options = (0..150).map(line).collect::<String>();
    stage.write("data/controller/s/s.conf", &format!("[x]\n{options}"));
    let mut runs: Vec<_> = (0..4)
        .map(|_| {
            Process::spawn(&mut stage.command(&["secrets", "generate", "data", "--output", "json"]))
        })
        .collect();
    let mut generated = Vec::new();
    for run in &mut runs {
        let code = run.wait(PATIENCE).await.code().unwrap();
        // 2: a key of Ceph is for somebody else to say.
        assert_eq!(code, 2, "{:?}", run.lines());
        let lines = run.lines();
        let line = lines.iter().find(|line| line.starts_with('{')).unwrap();
        let report: Value = serde_json::from_str(line).unwrap();
        let made = report["generated"].as_array().unwrap().iter();
        generated.extend(made.map(|made| made["name"].as_str().unwrap().to_owned()));
    }
    generated.sort();
    let made = stage.general().await;
    assert_eq!(made.len(), 151);
    // Each was made by just one of them, and has been written just once.
    assert!(generated.iter().eq(made.keys()), "{generated:?}");
    let mut client = stage.etcd.client().await;
    for name in made.keys() {
        let answer = client.get(format!("general/{name}"), None).await.unwrap();
        assert_eq!(answer.kvs()[0].version(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_do_not_tell_is_declared() {
    let stage = Stage::new().await;
    stage.write(
        "data/.secrets.toml",
        "CEPH_GLANCE_KEY = \"base64\"\nGLANCE_DB_PASSWORD = \"external\"\nFSID = \"uuid\"\n",
    );
    let report = stage.json(&["secrets", "generate", "data"]).await;
    assert_eq!(
        report["generated"],
        json!([{"name": "CEPH_GLANCE_KEY", "kind": "base64"}, {"name": "FSID", "kind": "uuid"}])
    );
    assert_eq!(report["missing"], json!([]));
    stage.write("data/.secrets.toml", "A = \"sesame\"\n");
    let (code, text) = stage.run(&["secrets", "generate", "data"]).await;
    assert!(code == 65 && text.contains("data/.secrets.toml:1:5: A: the kind is none"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_others() {
    let stage = Stage::new().await;
    // As Kubernetes mounts a Secret.
    stage.write("secret/..2026/CEPH_GLANCE_KEY", "sesame-ceph==");
    stage.write("secret/..2026/tls.crt", "x");
    let secret = stage.folder.path().join("secret");
    symlink("..2026", secret.join("..data")).unwrap();
    for name in ["CEPH_GLANCE_KEY", "tls.crt"] {
        symlink(format!("..data/{name}"), secret.join(name)).unwrap();
    }
    let generate = |arguments: &[&str]| {
        let mut command = stage.command(&["secrets", "generate", "data", "--from-dir", "secret"]);
        command.args(["--from-env", "MY_", "--output", "json"]).args(arguments);
        command.env("MY_GLANCE_DB_PASSWORD", "sesame-db");
        command
    };
    let (code, text) = stage.run_command(generate(&[])).await;
    assert!(code == 0 && text.contains("secret/tls.crt: passed over"), "{text}");
    let put = json!({"name": "CEPH_GLANCE_KEY", "source": "secret/CEPH_GLANCE_KEY"});
    assert_eq!(report(&text)["put"][0], put);
    let made = stage.general().await;
    assert_eq!(
        (made["CEPH_GLANCE_KEY"].as_str(), made["GLANCE_DB_PASSWORD"].as_str()),
        ("sesame-ceph==", "sesame-db")
    );

    stage.etcd.put("general/CEPH_GLANCE_KEY", "by hand").await;
    let (_, text) = stage.run_command(generate(&[])).await;
    assert!(named(&report(&text)["different"], "CEPH_GLANCE_KEY").is_some(), "{text}");
    assert_eq!(stage.general().await["CEPH_GLANCE_KEY"], "by hand");
    let (code, text) = stage.run_command(generate(&["--replace"])).await;
    assert_eq!((code, &report(&text)["changed"]), (0, &json!(["general/CEPH_GLANCE_KEY"])));
    assert!(named(&report(&text)["replaced"], "CEPH_GLANCE_KEY").is_some(), "{text}");
    assert_eq!(stage.general().await["CEPH_GLANCE_KEY"], "sesame-ceph==");

    // A load would put its own back, and a dollar would be taken for a reference.
    for (name, value, message) in [
        ("FIXED_PASSWORD", "sesame-x", "general/cloud.conf:3:1: general/FIXED_PASSWORD comes from"),
        ("OTHER_PASSWORD", "sesame$SESAME", "a variable that nobody has"),
        ("GLANCE_DB_PASSWORD", "sesame-other", "keep one of the two"),
        ("K_FERNET_KEY_0", "sesame", "K_FERNET_KEY_0: general/K_FERNET_KEY_0: it is no fernet key"),
        ("BARBICAN_KEK", "$SESAME", "general/BARBICAN_KEK: it is no fernet key"),
        // Its name does not tell, but the data does.
        ("MY_OWN", "sesame", "general/MY_OWN: it is no fernet key"),
    ] {
        stage.write("data/.secrets.toml", "MY_OWN = \"fernet\"\n");
        stage.write(&format!("secret/{name}"), value);
        let (code, text) = stage.run_command(generate(&["--replace"])).await;
        assert!(code == 65 && text.contains(message) && !text.contains("SESAME"), "{code} {text}");
        std::fs::remove_file(secret.join(name)).unwrap();
    }
    let key = format!("{}sesame-_Ag=", "A".repeat(33));
    stage.write("secret/K_FERNET_KEY_0", &format!("{key}\n"));
    stage.write("secret/MY_OWN", &key);
    let report = generate(&["--replace", "--dry-run"]);
    let (code, text) = stage.run_command(report).await;
    assert!(code == 2 && text.contains("general/K_FERNET_KEY_0"), "{code} {text}");
}

/// A secret that moves out of the data stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_data_drops_is_kept() {
    let stage = Stage::new().await;
    stage.write("data/general/GLANCE_DB_PASSWORD", "sesame-old\n");
    assert_eq!(stage.run(&["load", "data"]).await.0, 0);
    std::fs::remove_file(stage.folder.path().join("data/general/GLANCE_DB_PASSWORD")).unwrap();
    let (code, text) = stage.run(&["secrets", "rotate", "GLANCE_DB_PASSWORD"]).await;
    assert!(code == 65 && text.contains("was written by a load"), "{text}");
    let report = stage.json(&["secrets", "generate", "data"]).await;
    assert_eq!(
        (&report["adopted"], &report["generated"]),
        (&json!(["GLANCE_DB_PASSWORD"]), &json!([]))
    );
    let history = stage.json(&["history", "--limit", "1"]).await;
    assert_eq!(
        (&history["entries"][0]["kind"], &history["entries"][0]["keys"]),
        (&json!("secrets"), &json!(["general/GLANCE_DB_PASSWORD"]))
    );
    assert_eq!(stage.run(&["load", "data"]).await.0, 0);
    assert_eq!(stage.general().await["GLANCE_DB_PASSWORD"], "sesame-old");
    // But for the key of Ceph nothing is left to do.
    let (code, text) = stage.run(&["secrets", "generate", "data", "--dry-run"]).await;
    assert!(code == 2 && text.contains("0 generated, 0 put, 0 replaced, 1 unchanged"), "{text}");
    assert!(!text.contains("would keep"), "{text}");
}

/// What a run left as it was, it does not take from the loads; what it took, the history names.
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_the_stores_own() {
    let stage = Stage::new().await;
    stage.write("data/general/secrets", "A_PASSWORD=sesame-a\nB_PASSWORD=sesame-b\n");
    assert_eq!(stage.run(&["load", "data"]).await.0, 0);
    let generate = async |arguments: &[&str]| {
        let mut command = stage.command(&["secrets", "generate", "none", "--from-env", "MY_"]);
        command.args(["--output", "json"]).args(arguments);
        command.env("MY_A_PASSWORD", "sesame-a").env("MY_B_PASSWORD", "sesame-other");
        let (code, text) = stage.run_command(command).await;
        // A key of Ceph is missing.
        assert_eq!(code, 2, "{text}");
        report(&text)
    };
    let notes = async || {
        let history = stage.json(&["history"]).await;
        let entries = history["entries"].as_array().unwrap().clone();
        let secrets = entries.into_iter().filter(|entry| entry["kind"] == "secrets");
        secrets.map(|mut entry| entry["keys"].take()).collect::<Vec<_>>()
    };
    let report = generate(&[]).await;
    assert_eq!((&report["adopted"], &report["put"]), (&json!([]), &json!([])));
    assert!(named(&report["different"], "B_PASSWORD").is_some(), "{report}");
    let generated = json!(["general/GLANCE_DB_PASSWORD"]);
    assert_eq!(notes().await, std::slice::from_ref(&generated));
    let report = generate(&["--replace"]).await;
    assert_eq!(report["adopted"], json!(["B_PASSWORD"]));
    assert_eq!(notes().await, [json!(["general/B_PASSWORD"]), generated]);
    // The data drops both: what a load wrote goes, and what was taken stays.
    std::fs::remove_file(stage.folder.path().join("data/general/secrets")).unwrap();
    assert_eq!(stage.run(&["load", "data"]).await.0, 0);
    let left = stage.general().await;
    assert_eq!(left.get("B_PASSWORD").map(String::as_str), Some("sesame-other"));
    assert_eq!(left.get("A_PASSWORD"), None);
}

/// The packed data of releases may be large, and is nobody's business here.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_reads_no_release() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.run(&["load", "data"]).await.0, 0);
    let read =
        |from: &str, to: &str| Permission::new(PermissionType::Read, from).with_range_end(to);
    let all_but_data = vec![read("\0", "_etcstack/data/"), read("_etcstack/data0", "\0")];
    stage.etcd.add_user("viewer", "sesame", all_but_data).await;
    stage.etcd.enable_auth("root-sesame").await;
    stage.write("pw", "sesame");
    let user = ["--user", "viewer", "--password-file", "pw"];
    let list = ["secrets", "list", "data", "--start-timeout", "2s"];
    let (code, text) = stage.run(&[&list[..], &user].concat()).await;
    assert!(code == 0 && text.contains("GLANCE_DB_PASSWORD"), "{code} {text}");
}

/// What is listed, and that nothing is written while somebody loads.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_and_a_load_under_way() {
    let stage = Stage::new().await;
    stage.etcd.put("general/GLANCE_DB_PASSWORD", "sesame-1").await;
    stage.etcd.put("general/LOST_TOKEN", "sesame-2").await;
    let (code, text) = stage.run(&["secrets", "list", "data"]).await;
    assert_eq!(code, 0, "{text}");
    for (name, rest) in [
        ("CEPH_GLANCE_KEY", "external  nowhere; used by controller/glance"),
        ("FIXED_PASSWORD", "password  data/general/cloud.conf:3:1; used by controller/glance"),
        ("GLANCE_DB_PASSWORD", "password  store (by hand); used by controller/glance"),
        ("LOST_TOKEN", "password  store (by hand); used by no key"),
    ] {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.ends_with(rest), "{line}");
    }
    assert!(!text.contains("MYSQL_HOST"), "{text}");

    stage.etcd.put("_etcstack/load", "somebody").await;
    for arguments in [
        &["secrets", "generate", "data"][..],
        &["secrets", "rotate", "GLANCE_DB_PASSWORD", "--apply"],
    ] {
        let (code, text) = stage.run(arguments).await;
        assert!(code == 75 && text.contains("a load is under way"), "{code} {text}");
    }
    assert_eq!(stage.general().await["GLANCE_DB_PASSWORD"], "sesame-1");
    assert_eq!(stage.general().await.len(), 2);
}
