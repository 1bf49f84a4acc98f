//! What an agent has to get in again: certificates and tokens that are no good any more.

use std::sync::Arc;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{Certificates, Etcd, PATIENCE, Process};

use crate::replica::{Replica, USUAL};
use crate::stage::{CONF, Stage, text};

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

/// etcd forgets its tokens when it is started again, as it does after some minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_good_any_more() {
    let mut stage = Stage::loaded().await;
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
    stage.etcd.add_user("agent", "hunter2", permissions).await;
    stage.etcd.enable_auth("root").await;
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
