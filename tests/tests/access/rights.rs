//! Who gets which rights.

use std::os::unix::fs::PermissionsExt;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{PATIENCE, Process};

use crate::{GLANCE, ROOT, Stage, may_put, may_read};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_do_what_it_must_and_nothing_else() {
    let mut stage = Stage::new().await;
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;

    let mut glance = stage.client(GLANCE).await;
    for (key, reads) in [
        ("controller/glance/glance-api.conf/database/connection", true),
        ("general/GLANCE_URL", true),
        ("general/GLANCE_DB_PASSWORD", true),
        ("general/MYSQL_HOST", true),
        ("_etcstack/load", true),
        ("_etcstack/loaded/controller/glance/0", true),
        ("general/NOVA_DB_PASSWORD", false),
        ("general/UNUSED", false),
        ("controller/nova/nova.conf/database/connection", false),
        ("controller/glance2/x.conf/a/b", false),
        ("_etcstack/status/controller/glance/h", false),
        ("_etcstack/loaded/controller/nova/0", false),
    ] {
        assert_eq!(may_read(&mut glance, key).await, reads, "{key}");
    }
    for (key, puts) in [
        ("_etcstack/status/controller/glance/h", true),
        ("_etcstack/bad/controller/glance", true),
        ("_etcstack/turns/controller/glance/0", true),
        ("_etcstack/bootstrap/glance/db-sync", true),
        ("controller/glance/glance-api.conf/database/connection", false),
        ("general/GLANCE_DB_PASSWORD", false),
        ("general/MYSQL_HOST", false),
        ("_etcstack/load", false),
        ("_etcstack/generation", false),
        ("_etcstack/status/controller/nova/h", false),
        ("_etcstack/bootstrap/nova/db-sync", false),
    ] {
        assert_eq!(may_put(&mut glance, key).await, puts, "{key}");
    }
    let (code, text) = stage.render().await;
    assert_eq!(code, 0, "{text}");
    let rendered = std::fs::read_to_string(stage.folder.path().join("glance-api.conf")).unwrap();
    assert!(rendered.contains("connection = mysql://glance:glance-sesame@db/glance"), "{rendered}");

    let mut loader = stage.client("etcstack.loader").await;
    assert!(
        may_read(&mut loader, "general/UNUSED").await && may_put(&mut loader, "general/N").await
    );
    let file = stage.folder.path().join("pw").join(GLANCE);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_used_any_more_is_revoked_and_others_are_left_alone() {
    let mut stage = Stage::new().await;
    let mut root = stage.etcd.client().await;
    let all = Permission::new(PermissionType::Readwrite, "").with_all_keys();
    for role in ["backup", "etcstackish.a.b", "etcstack.joe"] {
        root.role_add(role).await.unwrap();
        root.role_grant_permission(role, all.clone()).await.unwrap();
        root.user_add(role, "x", None).await.unwrap();
    }
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;
    let mut glance = stage.client(GLANCE).await;
    assert!(may_read(&mut glance, "general/MYSQL_HOST").await);
    let connection = "controller/glance/glance-api.conf/database/connection";
    stage.etcd.put(connection, "sqlite://$GLANCE_DB_PASSWORD").await;
    stage.etcd.delete_below("controller/nova/").await;
    let (code, text) = stage.as_root(&["none", "--apply"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("warning: without DIR"), "{text}");
    // Warnings come on another way, and may be first or last.
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("warning: ")).collect();
    assert_eq!(
        lines[..4],
        [
            "revoke  etcstack.controller.glance general/GLANCE_URL",
            "revoke  etcstack.controller.glance general/MYSQL_HOST",
            "delete  user etcstack.controller.nova",
            "delete  role etcstack.controller.nova",
        ]
    );
    assert!(!may_read(&mut glance, "general/MYSQL_HOST").await);
    assert!(may_read(&mut glance, "general/GLANCE_DB_PASSWORD").await);
    let mut root = stage.etcd.client().await;
    for role in ["backup", "etcstackish.a.b", "etcstack.joe"] {
        assert_eq!(root.role_get(role).await.unwrap().permissions().len(), 1, "{role}");
        root.user_get(role).await.unwrap();
    }
    // Somebody who is not root is told what is needed.
    let password = format!("pw/{GLANCE}");
    let (code, text) = stage
        .access(&["none", "--user", "etcstack.loader", "--password-file", "pw/etcstack.loader"])
        .await;
    assert!(code == 77 && text.contains("the role root"), "{code} {text}");
    let (code, _) = stage.access(&["none", "--user", GLANCE, "--password-file", &password]).await;
    assert_eq!(code, 77);
}

/// The layers of a role belong to it, whoever has keys in them.
#[tokio::test(flavor = "multi_thread")]
async fn layers() {
    let mut stage = Stage::new().await;
    for key in
        ["compute/nova/n.conf/a/b", "compute@n1/nova/n.conf/a/b", "compute@n2/neutron/n.conf/a/b"]
    {
        stage.etcd.put(key, "x").await;
    }
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;
    let mut nova = stage.client("etcstack.compute.nova").await;
    for (key, reads) in [
        ("compute/nova/n.conf/a/b", true),
        ("compute@n1/nova/n.conf/a/b", true),
        ("compute@n2/nova/n.conf/a/b", true),
        ("compute@n2/neutron/n.conf/a/b", false),
        ("controller/nova/nova.conf/database/connection", false),
    ] {
        assert_eq!(may_read(&mut nova, key).await, reads, "{key}");
    }
    assert!(may_put(&mut nova, "_etcstack/status/compute,compute@n1/nova/h").await);
    assert!(!may_put(&mut nova, "compute@n1/nova/n.conf/a/b").await);
    assert!(!may_put(&mut nova, "_etcstack/status/controller/nova/h").await);
}

/// Rights to what data refers to are there before the data is.
#[tokio::test(flavor = "multi_thread")]
async fn before_a_load() {
    let mut stage = Stage::new().await;
    stage.apply().await;
    stage.etcd.enable_auth(ROOT).await;
    stage.write("data/general/v", "REGION=one\nDEBUG_SHELL=x\n");
    stage.write("data/controller/glance/glance-api.conf", "[DEFAULT]\nregion = $REGION\n");
    stage.write("data/controller/heat/heat.conf", "[DEFAULT]\na = 1\n");
    stage.write("data/.access.toml", "[also]\n\"controller/glance\" = [\"general/DEBUG_*\"]\n");
    let (code, text) = stage.as_root(&["data", "--apply", "--passwords-dir", "pw"]).await;
    assert_eq!(code, 0, "{text}");
    for line in [
        "glance read general/REGION",
        "glance read general/DEBUG_*",
        "user etcstack.controller.heat",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("revoke"), "{text}");
    let mut load = stage.command("etcstack-loader", &["load", "data", "--user", "etcstack.loader"]);
    load.args(["--password-file", "pw/etcstack.loader"]);
    assert!(Process::spawn(&mut load).wait(PATIENCE).await.success());
    let (code, text) = stage.render().await;
    assert_eq!(code, 0, "{text}");
    let rendered = std::fs::read_to_string(stage.folder.path().join("glance-api.conf")).unwrap();
    assert!(rendered.contains("region = one"), "{rendered}");
    let mut glance = stage.client(GLANCE).await;
    assert!(may_read(&mut glance, "general/DEBUG_SHELL").await);
    let (code, text) = stage.as_root(&["data"]).await;
    assert_eq!(code, 0, "{text}");
    // What the file says is not known without it.
    let kept = "keep    etcstack.controller.glance general/DEBUG_*";
    let (code, text) = stage.as_root(&["none"]).await;
    assert!(code == 0 && text.contains(kept), "{code} {text}");
    let (code, text) = stage.as_root(&["none", "--also", "glance=general/DEBUG_*"]).await;
    assert!(code == 0 && !text.contains(kept), "{code} {text}");
}

/// Two clouds in one etcd, one of them with a name that starts like the other's.
#[tokio::test(flavor = "multi_thread")]
async fn clouds_do_not_see_each_other() {
    let stage = Stage::new().await;
    for cloud in ["one", "one-b"] {
        let key = format!("{cloud}/controller/glance/g.conf/DEFAULT/a");
        stage.etcd.put(&key, "$SECRET").await;
        let store = stage.etcd.url_with(cloud);
        let (code, text) =
            stage.access(&["none", "--apply", "--no-password", "--store", &store]).await;
        assert_eq!(code, 0, "{text}");
        let right = format!("grant   {cloud}.controller.glance read {cloud}/general/SECRET");
        assert!(text.contains(&right), "{text}");
        assert!(text.contains(&format!("grant   {cloud}.loader readwrite {cloud}/*")), "{text}");
    }
    stage.etcd.delete_below("one/controller/").await;
    stage.etcd.put("one/controller/nova/n.conf/DEFAULT/a", "1").await;
    let store = stage.etcd.url_with("one");
    let (code, text) = stage.access(&["none", "--apply", "--no-password", "--store", &store]).await;
    assert!(code == 0 && text.contains("delete  user one.controller.glance"), "{text}");
    let mut root = stage.etcd.client().await;
    root.role_get("one-b.controller.glance").await.unwrap();
    // One that takes the other's name changes nothing.
    let (code, text) = stage
        .access(&["none", "--apply", "--no-password", "--name-prefix", "one-b", "--store", &store])
        .await;
    assert!(code == 65 && text.contains("another cloud"), "{code} {text}");
}
