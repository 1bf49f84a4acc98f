//! A store that is silent, and what an agent has to get in again with: certificates and tokens that
//! are no good any more. No change is lost by any of it, and none is told twice.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use etcd_client::{Client, ConnectOptions, Permission, PermissionType};
use etcstack_tests::{Certificates, Etcd, PATIENCE, Process, Proxy, eventually};

use crate::replica::{Replica, USUAL};
use crate::stage::{CONF, Stage, count, text};

/// Copies a certificate to where the agent reads it, as a mounted Secret is renewed.
fn install(stage: &Stage, certificates: &Certificates) {
    let (certificate, key) = certificates.client();
    for (from, name) in [(certificates.ca(), "ca.pem"), (certificate, "c.pem"), (key, "k.pem")] {
        stage.write(name, &std::fs::read_to_string(from).unwrap());
    }
}

/// The agent runs on with what it finds on disk at each connection.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_renewed_on_disk() {
    let mut stage = Stage::new().await;
    let [right, other] = [Certificates::new(), Certificates::new()].map(Arc::new);
    stage.etcd = Etcd::with_tls(right.clone()).await;
    install(&stage, &other);
    stage.put("DEFAULT/debug", "false").await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut agent = replica.agent();
    for (name, file) in
        [("ETCSTACK_CACERT", "ca.pem"), ("ETCSTACK_CERT", "c.pem"), ("ETCSTACK_KEY", "k.pem")]
    {
        agent.env(name, stage.path(file));
    }
    let mut process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    process.wait_for_line("the store cannot be read", PATIENCE).await;
    install(&stage, &right);
    process.wait_for_line("n1 ready", PATIENCE).await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
}

/// The authority is another one, and the agent's own certificate as well: what it has in use is no
/// good any more.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_renewed_on_disk_while_the_agent_runs() {
    let mut stage = Stage::new().await;
    let certificates = Arc::new(Certificates::new());
    stage.etcd = Etcd::with_tls(certificates.clone()).await;
    install(&stage, &certificates);
    stage.put("DEFAULT/debug", "false").await;
    let (mut process, path) = {
        let replica = Replica::new(&stage, "n1", USUAL);
        let mut agent = replica.agent();
        for (name, file) in
            [("ETCSTACK_CACERT", "ca.pem"), ("ETCSTACK_CERT", "c.pem"), ("ETCSTACK_KEY", "k.pem")]
        {
            agent.env(name, stage.path(file));
        }
        let process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
        replica.settled(0).await;
        (process, replica.path("etc/s.conf"))
    };
    stage.etcd.stop_hard().await;
    certificates.renew();
    stage.etcd.start().await;
    stage.put("x/a", "1").await;
    process.wait_for_line("the store cannot be read", PATIENCE).await;
    install(&stage, &certificates);
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    assert!(std::fs::read_to_string(&path).unwrap().contains("a = 1"));
    stage.put("x/a", "2").await;
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    assert!(std::fs::read_to_string(&path).unwrap().contains("a = 2"));
    let replica = Replica::new(&stage, "n1", USUAL);
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 2));
}

/// What becomes of the connections that there are.
#[derive(Clone, Copy, Debug)]
enum Silence {
    /// They pass nothing on; new ones work.
    Frozen,
    /// They pass on what is asked, and no answers; new ones work.
    Mute,
    /// Nothing works, until it is mended: then new ones do.
    Stalled,
}

async fn is_survived(silence: Silence) {
    let stage = Stage::loaded().await;
    let proxy = Proxy::to(stage.etcd.port()).await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut agent = replica.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    replica.settled(0).await;
    let before = proxy.connections();
    match silence {
        Silence::Frozen => proxy.freeze(),
        Silence::Mute => proxy.mute(),
        Silence::Stalled => proxy.stall(),
    }
    let mut revision = 0;
    for number in 1..=3 {
        revision = stage.set(&[("s.conf/x/a", Some(&number.to_string()))]).await;
    }
    if matches!(silence, Silence::Stalled) {
        eventually("it tries anew", PATIENCE, async || proxy.connections() > before).await;
        proxy.mend();
    }
    replica.settled(revision).await;
    assert!(replica.read("etc/s.conf").contains("a = 3"));
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 1), "{silence:?}");
    // And from then on each change is told at once.
    let revision = stage.set(&[("s.conf/x/a", Some("4"))]).await;
    replica.settled(revision).await;
    assert_eq!((replica.starts(&process), replica.hups(&process)), (1, 2), "{silence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_hangs_in_silence() {
    is_survived(Silence::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hears_and_does_not_answer() {
    is_survived(Silence::Mute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_all_for_a_while() {
    is_survived(Silence::Stalled).await;
}

/// Lets a user of this name and password read the service, and keep the agent's records.
async fn let_in(etcd: &mut Etcd, name: &str, password: &str) {
    let all = |prefix: &str, kind| {
        let mut end = prefix.as_bytes().to_vec();
        *end.last_mut().unwrap() += 1;
        Permission::new(kind, prefix).with_range_end(end)
    };
    let permissions = vec![
        all("controller/s/", PermissionType::Read),
        all("general/", PermissionType::Read),
        all("_etcstack/", PermissionType::Readwrite),
    ];
    etcd.add_user(name, password, permissions).await;
    etcd.enable_auth("root").await;
}

/// A key for tokens that end by their own time, however often they are used.
fn token_key(folder: &Path) -> String {
    let openssl = |arguments: &[&str]| {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    };
    openssl(&["genrsa", "-out", "token.pem", "2048"]);
    openssl(&["rsa", "-in", "token.pem", "-pubout", "-out", "token-public.pem"]);
    let folder = folder.display();
    format!(
        "jwt,pub-key={folder}/token-public.pem,priv-key={folder}/token.pem,sign-method=RS256,ttl=2s"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_expired() {
    let mut stage = Stage::new().await;
    let token = token_key(stage.folder.path());
    stage.etcd = Etcd::with_options(&["--auth-token", &token]).await;
    stage.put("DEFAULT/debug", "false").await;
    let_in(&mut stage.etcd, "agent", "hunter2").await;
    stage.write("password", "hunter2\n");
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut agent = replica.agent();
    agent.env("ETCSTACK_USER", "agent");
    agent.env("ETCSTACK_PASSWORD_FILE", text(&stage.path("password")));
    let process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
    replica.settled(0).await;
    for number in 1..=2 {
        // A token that is younger than the agent's; nobody renews it.
        let options = ConnectOptions::new().with_user("root", "root");
        let client = Client::connect([stage.etcd.address()], Some(options)).await.unwrap();
        eventually("the tokens have expired", PATIENCE, async || {
            client.clone().get("any", None).await.is_err()
        })
        .await;
        let revision = stage.set(&[("s.conf/x/a", Some(&number.to_string()))]).await;
        replica.settled(revision).await;
        assert_eq!((replica.starts(&process), replica.hups(&process)), (1, number));
    }
    // It would be slow if it took the fault for one of the store.
    assert_eq!(count(&process, "the store cannot be read"), 0);
}

/// etcd forgets its tokens when it is started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_good_any_more() {
    let mut stage = Stage::loaded().await;
    let_in(&mut stage.etcd, "agent", "hunter2").await;
    stage.write("password", "hunter2\n");
    let (mut process, path) = {
        let replica = Replica::new(&stage, "n1", USUAL);
        let mut agent = replica.agent();
        agent.env("ETCSTACK_USER", "agent");
        agent.env("ETCSTACK_PASSWORD_FILE", text(&stage.path("password")));
        let process = Process::spawn(agent.arg("--").args(replica.daemon(&[])));
        replica.settled(0).await;
        (process, replica.path("etc/s.conf"))
    };
    stage.etcd.stop_hard().await;
    stage.etcd.start().await;
    stage.etcd.put(&format!("{CONF}/x/a"), "1").await;
    process.wait_for_line("n1 got HUP", PATIENCE).await;
    assert!(std::fs::read_to_string(path).unwrap().contains("a = 1"));
    assert!(!process.lines().iter().any(|line| line.contains("hunter2")));
}
