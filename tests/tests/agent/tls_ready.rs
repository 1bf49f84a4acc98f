//! Readiness over TLS.

use etcstack_tests::{Certificates, PATIENCE, Port, Process};

use crate::replica::{Manifest, RESTARTS, Replica};
use crate::stage::{Stage, text};

const ORDERS: &str = "s.conf/DEFAULT/orders";

/// A daemon that answers over TLS, by what its file says when it starts. Its first two arguments
/// are a folder of its own and its file; the rest is for `openssl s_server`.
const DAEMON: &str = r#"cd "$1" || exit 1
status="200 OK"
grep -q not-ready "$2" && status="503 Service Unavailable"
printf 'HTTP/1.0 %s\r\nContent-Length: 0\r\n\r\n' "$status" > answer
echo "n1 started $$ $status"
shift 2
exec openssl s_server -quiet -HTTP "$@""#;

struct Server<'a> {
    replica: Replica<'a>,
    certificates: Certificates,
    port: Port,
}

impl<'a> Server<'a> {
    /// `ca` is the authority that the manifest trusts.
    fn new(stage: &'a Stage, ca: Option<&Certificates>) -> Self {
        let (certificates, port) = (Certificates::new(), Port::claim());
        let ca = text(&ca.unwrap_or(&certificates).ca());
        let url = format!("https://{}/answer", port.address());
        let ready = format!("http = '{url}'\nca = '{ca}'\ntimeout = '6s'\nsettle = '50ms'");
        let replica = Replica::new(stage, "n1", Manifest { ready: &ready, ..RESTARTS });
        Self { replica, certificates, port }
    }

    fn spawn(&self) -> Process {
        let (certificate, key) = self.certificates.server();
        let mut agent = self.replica.agent();
        agent.args(["--", "sh", "-c", DAEMON, "sh"]);
        agent.arg(self.replica.path("")).arg(self.replica.path("etc/s.conf"));
        agent.args(["-accept", &self.port.address()]);
        agent.arg("-cert").arg(certificate).arg("-key").arg(key);
        Process::spawn(&mut agent)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_and_not_ready_over_tls() {
    let stage = Stage::loaded().await;
    let server = Server::new(&stage, None);
    let process = server.spawn();
    let replica = &server.replica;
    replica.wait_for("ready", |status| status["processes"][0]["state"] == "ready").await;
    assert_eq!(replica.get("/readyz").await.unwrap().status, 200);
    replica.settled(0).await;
    stage.set(&[(ORDERS, Some("not-ready"))]).await;
    let status = replica.state("rolled_back").await;
    assert!(status["bad"]["reason"].to_string().contains("503"), "{status}");
    assert!(!replica.read("etc/s.conf").contains("orders"));
    let revision = stage.set(&[(ORDERS, None), ("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    assert_eq!(replica.starts(&process), 4);
}

/// Whoever cannot prove who it is is not the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_another_authority_has_signed() {
    let stage = Stage::loaded().await;
    let other = Certificates::new();
    let server = Server::new(&stage, Some(&other));
    let mut process = server.spawn();
    process.wait_for_line("n1 started", PATIENCE).await;
    let replica = &server.replica;
    let status =
        replica.wait_for("not ready in time", |status| !status["last_error"].is_null()).await;
    let text = status["last_error"]["message"].to_string();
    assert!(text.to_lowercase().contains("certificate"), "{text}");
    assert_ne!(status["processes"][0]["state"], "ready", "{status}");
    assert_eq!(replica.get("/readyz").await.unwrap().status, 503);
}
