//! The ways into an etcd, as an operator has them.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcstack_tests::{Certificates, Etcd, PATIENCE, Process, Proxy, binary};
use tempfile::TempDir;

fn write(path: &Path, text: &str) {
    #[allow(clippy::disallowed_methods)]
    std::fs::write(path, text).unwrap();
}

/// Variables for the store, as many as there are keys.
fn data(keys: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut lines = String::new();
    for n in 0..keys {
        writeln!(lines, "V{n}=x").unwrap();
    }
    std::fs::create_dir(folder.path().join("general")).unwrap();
    write(&folder.path().join("general/list"), &lines);
    folder
}

/// Loads with these variables of the environment and no others; the exit code and what it printed.
async fn load(data: &Path, environment: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(binary("etcstack-loader"));
    command.args(["load", "--start-timeout", "30s"]).arg(data);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ETC")) {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let mut process = Process::spawn(&mut command);
    let code = process.wait(PATIENCE).await.code().unwrap();
    (code, process.lines().join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variables_of_etcdctl_say_what_ours_do_not() {
    let mut etcd = Etcd::new().await;
    etcd.enable_auth("se:cret").await;
    let data = data(1);
    let endpoints = format!("http://127.0.0.1:1,http://{}", etcd.address());
    for user in [
        &[("ETCDCTL_USER", "root:se:cret")][..],
        &[("ETCDCTL_USER", "root"), ("ETCDCTL_PASSWORD", "se:cret")],
    ] {
        let given = [&[("ETCDCTL_ENDPOINTS", endpoints.as_str())], user].concat();
        let (code, text) = load(data.path(), &given).await;
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains("cret"), "{text}");
    }
    assert_eq!(etcd.get("general/V0").await.unwrap(), b"x");

    // Ours go first.
    let other = Etcd::new().await;
    let given = [("ETCDCTL_ENDPOINTS", endpoints.as_str()), ("ETCSTACK_STORE", &other.url())];
    assert_eq!(load(data.path(), &given).await.0, 0);
    assert_eq!(other.get("general/V0").await.unwrap(), b"x");

    let (code, text) = load(data.path(), &[("ETCDCTL_USER", "secret")]).await;
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("ETCDCTL_USER") && !text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_etcdctl() {
    let certificates = Arc::new(Certificates::new());
    let etcd = Etcd::with_tls(certificates.clone()).await;
    let data = data(1);
    let ca = certificates.ca().display().to_string();
    let (certificate, key) = certificates.client();
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let endpoints = etcd.address();
    let given = [
        ("ETCDCTL_ENDPOINTS", endpoints.as_str()),
        ("ETCDCTL_CACERT", &ca),
        ("ETCDCTL_CERT", &certificate),
        ("ETCDCTL_KEY", &key),
    ];
    let (code, text) = load(data.path(), &given).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(etcd.get("general/V0").await.unwrap(), b"x");
}

/// All ways in are the same for all commands.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_for_other_commands() {
    let certificates = Arc::new(Certificates::new());
    let etcd = Etcd::with_tls(certificates.clone()).await;
    let data = data(1);
    let folder = data.path().display().to_string();
    let store = format!("etcds://{}/cloud1", etcd.address());
    let ca = certificates.ca().display().to_string();
    let (certificate, key) = certificates.client();
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let run = async |arguments: &[&str], with: &[&str]| {
        let mut command = Command::new(binary("etcstack-loader"));
        command.args(arguments).args(["--store", &store, "--start-timeout", "10s"]).args(with);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ETC")) {
            command.env_remove(name);
        }
        let mut process = Process::spawn(&mut command);
        let code = process.wait(PATIENCE).await.code().unwrap();
        (code, process.lines().join("\n"))
    };
    let all = ["--cacert", &ca, "--cert", &certificate, "--key", &key];
    for (arguments, code, said) in [
        (&["plan", &folder][..], 2, "Plan: 1 to add"),
        (&["load", &folder], 0, "1 written"),
        (&["plan", &folder], 0, "Plan: nothing to do"),
        (&["status"], 0, ""),
        (&["set", "general/V0", "y"], 0, "changed   general/V0"),
        (&["get", "general/V0"], 0, "y"),
        (&["history"], 0, "set"),
    ] {
        let (found, text) = run(arguments, &all).await;
        assert!(found == code && text.contains(said), "{arguments:?}: {found} {text}");
    }
    assert_eq!(etcd.get("cloud1/general/V0").await.unwrap(), b"y");
    // Without a certificate of its own, nobody gets in.
    for command in [&["plan", &folder][..], &["load", &folder], &["status"]] {
        let (code, text) = run(command, &["--cacert", &ca, "--start-timeout", "1s"]).await;
        assert!(code != 0 && !text.contains("written"), "{command:?}: {code} {text}");
    }
}

/// Tokens that say themselves until when they hold, unlike those that each use makes last longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_takes_longer_than_its_token_holds() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key");
    write(&key, "a key that signs tokens, of more than thirty-two bytes");
    let token = format!("jwt,priv-key={},sign-method=HS256,ttl=1s", key.display());
    let mut etcd = Etcd::with_options(&["--auth-token", &token]).await;
    etcd.enable_auth("secret").await;
    let password = folder.path().join("password");
    write(&password, "secret\n");
    let proxy = Proxy::to(etcd.port()).await;
    proxy.slow(Duration::from_millis(100));
    let data = data(3000);
    let store = format!("etcd://{}", proxy.address());
    let begun = Instant::now();
    let password = password.display().to_string();
    let given = [
        ("ETCSTACK_STORE", store.as_str()),
        ("ETCSTACK_USER", "root"),
        ("ETCSTACK_PASSWORD_FILE", &password),
    ];
    let (code, text) = load(data.path(), &given).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("3000 written"), "{text}");
    assert!(begun.elapsed() > Duration::from_secs(2), "the token did not expire on the way");
    assert_eq!(etcd.get("general/V2999").await.unwrap(), b"x");
}

#[test]
fn manual_pages_of_all_commands() {
    let folder = TempDir::new().unwrap();
    let status = Command::new(binary("etcstack-loader")).arg("man").arg(folder.path()).status();
    assert!(status.unwrap().success());
    for name in ["", "-load", "-export", "-catalog", "-completions"] {
        let page = folder.path().join(format!("etcstack-loader{name}.1"));
        assert!(std::fs::read_to_string(&page).unwrap().contains(".SH NAME"), "{name}");
    }
}
