//! What can be wrong with the store, and loads that meet.

use std::fmt::Write;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{Certificates, Etcd, PATIENCE, Process};
use tempfile::TempDir;

use super::world::{assert_complete, call, directory, good, keys, listing, load, loader, run};

const KEY: &str = "r/s/f.conf/x/a";

fn many(count: usize, length: usize) -> TempDir {
    let mut text = String::new();
    for number in 0..count {
        // Nothing that could be packed.
        let value: String = (0..length).map(|_| char::from(b'a' + byte() % 26)).collect();
        writeln!(text, "r/s/f.conf/x/{number}={value}").unwrap();
    }
    directory(&text)
}

/// Some byte; which one matters to nobody.
fn byte() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0).to_le_bytes()[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_loads_at_once_wait_or_give_up() {
    let etcd = Etcd::new().await;
    let folder = listing(&[(KEY, "1")]);
    let path = folder.path().to_str().unwrap();
    etcd.put("_etcstack/load", "host 17 x").await;
    let (code, text) = call(&etcd, &["load", path, "--no-wait"]).await;
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("another load is under way, or has died: host 17 x."), "{text}");
    assert!(keys(&etcd).await.is_empty());
    // Who waits goes on once the other is complete.
    let mut waiting = loader(&etcd.url(), &["load", path]);
    let mut waiting = Process::spawn(&mut waiting);
    waiting.wait_for_line("another load is under way", PATIENCE).await;
    etcd.delete("_etcstack/load").await;
    assert!(waiting.wait(PATIENCE).await.success());
    assert_eq!(keys(&etcd).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_etcd() {
    let etcd = Etcd::with_options(&["--quota-backend-bytes", "8000000"]).await;
    load(&etcd, listing(&[(KEY, "1")]).path(), &[]).await;
    // Of somebody else, until etcd takes no more.
    let mut client = etcd.client().await;
    while client.put("other", vec![0; 500_000], None).await.is_ok() {}
    let before = keys(&etcd).await;
    let large = many(1000, 100);
    let (code, text) = call(&etcd, &["load", large.path().to_str().unwrap()]).await;
    assert_eq!(code, 76, "{text}");
    for part in ["database space exceeded", "etcd is full", "etcdctl alarm disarm"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("half done"), "{text}");
    assert_eq!(keys(&etcd).await, before);
    assert_complete(&etcd).await;
    assert_eq!(etcd.get_below("_etcstack/data/").await.len(), 1);
}

/// It fits with its data, and not with its keys.
#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_gets_full_half_way() {
    let etcd = Etcd::with_options(&["--quota-backend-bytes", "12000000"]).await;
    load(&etcd, listing(&[(KEY, "1")]).path(), &[]).await;
    let large = many(9_000, 1000);
    let (code, text) = call(&etcd, &["load", large.path().to_str().unwrap()]).await;
    assert_eq!(code, 76, "{text}");
    assert!(text.contains("etcd is full") && text.contains("load --abort"), "{text}");
    // Agents wait: nothing of it counts.
    assert!(etcd.get("_etcstack/load").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so() {
    let mut etcd = Etcd::new().await;
    etcd.put(KEY, "0").await;
    etcd.enable_auth("root-pw").await;
    let all = || Permission::new(PermissionType::Readwrite, "").with_all_keys();
    let read = || Permission::new(PermissionType::Read, "").with_all_keys();
    let own = || Permission::new(PermissionType::Readwrite, "r/").with_prefix();
    etcd.add_user("loader", "pw", vec![all()]).await;
    etcd.add_user("reader", "pw", vec![read()]).await;
    etcd.add_user("part", "pw", vec![own()]).await;
    let folder = listing(&[("r/s/f.conf/x/b", "1")]);
    let secrets = directory("");
    let password = secrets.path().join("s/list");
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&password, "pw\n").unwrap();
    let as_user = |user: &str, arguments: &[&str]| {
        let mut command = loader(&etcd.url(), arguments);
        command.args(["--user", user, "--password-file"]).arg(&password);
        command
    };
    let path = folder.path().to_str().unwrap();
    for (user, arguments) in [
        ("reader", &["load", path][..]),
        ("part", &["load", path]),
        ("part", &["history"]),
        ("nobody", &["load", path]),
    ] {
        let (code, text) = run(as_user(user, arguments)).await;
        assert_eq!(code, 77, "{user} {arguments:?}: {text}");
        assert!(text.contains("refuses") && text.contains("--user"), "{text}");
        assert_eq!(keys(&etcd).await.len(), 1);
    }
    assert_complete(&etcd).await;
    let (code, text) = run(as_user("loader", &["load", path])).await;
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(as_user("reader", &["diff", "1"])).await;
    assert!(code == 0 && text.contains("+ [x] a = 0"), "{code} {text}");
}

/// A load that gets no further than its own records takes them away again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_begun_is_undone() {
    let mut etcd = Etcd::new().await;
    load(&etcd, listing(&[(KEY, "1")]).path(), &[]).await;
    etcd.enable_auth("root-pw").await;
    let right = |key: &str| Permission::new(PermissionType::Readwrite, key);
    let rights = vec![
        Permission::new(PermissionType::Read, "").with_all_keys(),
        right("_etcstack/load"),
        right("_etcstack/generation"),
        right("_etcstack/pending/").with_prefix(),
        right("_etcstack/data/").with_prefix(),
    ];
    etcd.add_user("half", "pw", rights).await;
    let folder = many(1000, 10);
    let before = keys(&etcd).await;
    let password = folder.path().join("s/.password");
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&password, "pw\n").unwrap();
    let mut command = loader(&etcd.url(), &["load", folder.path().to_str().unwrap()]);
    command.args(["--user", "half", "--password-file"]).arg(&password);
    let (code, text) = run(command).await;
    assert!(code == 77 && !text.contains("half done"), "{code} {text}");
    assert_eq!(keys(&etcd).await, before);
    assert_complete(&etcd).await;
    assert_eq!(etcd.get_below("_etcstack/data/").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_somebody_else() {
    let (own, other) = (std::sync::Arc::new(Certificates::new()), Certificates::new());
    let etcd = Etcd::with_tls(own.clone()).await;
    let folder = listing(&[(KEY, "1")]);
    let path = folder.path().to_str().unwrap();
    let with = |ca: &Certificates, identity: &Certificates| {
        let mut command = loader(&etcd.url(), &["load", path, "--start-timeout", "2s"]);
        let (certificate, key) = identity.client();
        command.arg("--cacert").arg(ca.ca()).arg("--cert").arg(certificate).arg("--key").arg(key);
        command
    };
    for (ca, identity) in [(&other, &*own), (&*own, &other)] {
        let (code, text) = run(with(ca, identity)).await;
        assert_eq!(code, 69, "{text}");
        assert!(text.contains(&etcd.address()), "{text}");
        assert!(text.to_lowercase().contains("certificate") || text.contains("CA"), "{text}");
    }
    let (code, text) = run(with(&own, &own)).await;
    assert_eq!(code, 0, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_takes_less_in_a_request() {
    let etcd = Etcd::with_options(&["--max-request-bytes", "100000"]).await;
    let folder = directory(&format!("{KEY}={}\n", "x".repeat(200_000)));
    let (code, text) = call(&etcd, &["load", folder.path().to_str().unwrap()]).await;
    assert_eq!(code, 76, "{text}");
    assert!(
        text.contains("request is too large") && text.contains("--max-request-bytes"),
        "{text}"
    );
    assert!(keys(&etcd).await.is_empty());
    assert_complete(&etcd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_of_nothing_is_nothing() {
    let etcd = Etcd::new().await;
    load(&etcd, listing(&[(KEY, "1")]).path(), &[]).await;
    let before = etcd.revision().await;
    let text = good(&etcd, &["load", "--abort"]).await;
    assert!(text.starts_with("nothing to abort: "), "{text}");
    assert_eq!(etcd.revision().await, before);
}

/// There is nothing that it completes, and it does not say so.
#[tokio::test(flavor = "multi_thread")]
async fn an_abort_of_a_first_load_says_what_to_do() {
    let etcd = Etcd::new().await;
    etcd.put("_etcstack/load", "host 17 x").await;
    let (code, text) = call(&etcd, &["load", "--abort"]).await;
    assert_eq!(code, 66, "{text}");
    assert!(text.contains("there is no complete release to go back to"), "{text}");
    assert!(!text.contains("this one completes"), "{text}");
    assert!(etcd.get("_etcstack/load").await.is_some());
}
