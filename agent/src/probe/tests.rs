//! Probes against real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use etcstack_config::variables::{Scope, Variables};
use etcstack_tests::Certificates;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

/// Long enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A command that ends as its first argument says.
struct Fake;

impl RunCommand for Fake {
    async fn run(&self, command: &[String], limit: Duration) -> Result<(), String> {
        assert_eq!(limit, LIMIT);
        match command.get(1).map(String::as_str) {
            Some("fail") => Err("exit code 1".into()),
            _ => Ok(()),
        }
    }
}

fn ready(text: &str) -> Result<Ready, toml::de::Error> {
    #[derive(Deserialize)]
    struct File {
        ready: Ready,
    }
    toml::from_str::<File>(&format!("[ready]\n{text}")).map(|file| file.ready)
}

fn probe(text: &str) -> Probe {
    ready(text).unwrap().probe.fill_in(&Scope::default()).unwrap()
}

async fn check(text: &str) -> Result<(), String> {
    probe(text).check(&Fake, LIMIT).await
}

/// Answers each connection with a text, and tells what was asked.
struct Server {
    address: SocketAddr,
    asked: mpsc::UnboundedReceiver<String>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn plain(answer: &'static str) -> Self {
        Self::start("127.0.0.1:0", None, answer).await
    }

    async fn start(at: &str, tls: Option<TlsAcceptor>, answer: &'static str) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let request = match &tls {
                    None => serve(stream, answer).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => serve(stream, answer).await,
                        // The probe did not like our certificate.
                        Err(_) => continue,
                    },
                };
                let _ = tell.send(request);
            }
        });
        Self { address, asked, _tasks: tasks }
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap_or(0) > 0 {}
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8(request).unwrap()
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let (certificate, key) = certificates.server();
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        );
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// A port that refuses connections, as long as it is kept.
fn refusing() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

#[tokio::test]
async fn tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(check(&format!("tcp = '127.0.0.1:{port}'")).await, Ok(()));
    // Whichever addresses it has here, one of them is the right one.
    assert_eq!(check(&format!("tcp = 'localhost:{port}'")).await, Ok(()));
    let (_taken, port) = refusing();
    let expected = format!("tcp 127.0.0.1:{port}: connection refused");
    assert_eq!(check(&format!("tcp = '127.0.0.1:{port}'")).await, Err(expected));
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    // Too long for any name, so that no server has to be asked.
    let name = "x".repeat(300);
    for text in [format!("tcp = '{name}:1'"), format!("http = 'http://{name}:1'")] {
        let error = check(&text).await.unwrap_err();
        assert!(error.contains(": the name does not resolve: "), "{error}");
    }
}

#[tokio::test]
async fn http_asks_once_and_reads_the_status() {
    let answer = "HTTP/1.1 300 Multiple Choices\r\nContent-Length: 1000000\r\n\r\nonly this";
    let mut server = Server::plain(answer).await;
    let address = server.address;
    check(&format!("http = 'http://{address}/v3?token=a'")).await.unwrap();
    let request = server.asked.recv().await.unwrap();
    assert!(request.starts_with("GET /v3?token=a HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {address}\r\n")), "{request}");
    check(&format!("http = 'http://{address}'\nstatus = [200, 300]")).await.unwrap();
    for (status, message) in [("[200]", "200"), ("[200, 204]", "200 or 204")] {
        let text = format!("http = 'http://{address}/v3?token=a'\nstatus = {status}");
        let expected = format!("http://{address}/v3: status 300, and not {message}");
        assert_eq!(check(&text).await, Err(expected));
    }
}

#[tokio::test]
async fn by_default_an_error_is_no_answer_and_no_redirect_is_followed() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", Ok(())),
        ("HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", Ok(())),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Ok(())),
        ("HTTP/1.1 401 Unauthorized\r\n\r\n", Err("status 401")),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", Err("status 503")),
        ("SSH-2.0-OpenSSH\r\n\r\n", Err("not an answer by HTTP: ")),
        ("", Err("not an answer by HTTP: ")),
    ] {
        let server = Server::plain(answer).await;
        let outcome = check(&format!("http = 'http://{}'", server.address)).await;
        match (outcome, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) if error.contains(part) => {}
            (outcome, _) => panic!("{answer}: {outcome:?}"),
        }
    }
    let (_taken, port) = refusing();
    let expected = format!("http://127.0.0.1:{port}/: connection refused");
    assert_eq!(check(&format!("http = 'http://127.0.0.1:{port}'")).await, Err(expected));
}

#[tokio::test]
async fn an_ipv6_address_in_a_url() {
    if TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("skipped: this host has no IPv6");
        return;
    }
    let mut server = Server::start("[::1]:0", None, "HTTP/1.1 200 OK\r\n\r\n").await;
    check(&format!("http = 'http://{}/'", server.address)).await.unwrap();
    let request = server.asked.recv().await.unwrap();
    assert!(request.contains(&format!("host: {}\r\n", server.address)), "{request}");
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let certificates = Certificates::new();
    let ca = certificates.ca();
    for text in [
        format!("http = 'http://{address}/x'"),
        format!("http = 'https://{address}/x'\nca = '{}'", ca.display()),
    ] {
        let error = probe(&text).check(&Fake, Duration::from_millis(100)).await.unwrap_err();
        assert!(error.ends_with(&format!("://{address}/x: no answer in time")), "{error}");
    }
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let answer = "HTTP/1.1 200 OK\r\n\r\n";
    let server = Server::start("127.0.0.1:0", Some(acceptor(&ours)), answer).await;
    let port = server.address.port();
    let https = |host: &str, ca: &Path| {
        format!("http = 'https://{host}:{port}/v3'\nca = '{}'", ca.display())
    };
    check(&https("127.0.0.1", &ours.ca())).await.unwrap();
    check(&https("localhost", &ours.ca())).await.unwrap();
    let error = check(&https("127.0.0.1", &others.ca())).await.unwrap_err();
    assert!(error.contains("/v3: TLS: invalid peer certificate: "), "{error}");
    // Without a ca the system's count, and ours is not among them.
    assert!(check(&format!("http = 'https://127.0.0.1:{port}'")).await.is_err());
    // HTTP where TLS is spoken.
    assert!(check(&format!("http = 'http://127.0.0.1:{port}'")).await.is_err());
}

#[tokio::test]
async fn a_certificate_for_another_host() {
    let certificates = Certificates::new();
    let server = Server::start("127.0.0.2:0", Some(acceptor(&certificates)), "").await;
    let text =
        format!("http = 'https://{}'\nca = '{}'", server.address, certificates.ca().display());
    let error = check(&text).await.unwrap_err();
    assert!(error.contains("TLS: invalid peer certificate: "), "{error}");
}

#[tokio::test]
async fn a_ca_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        use std::io::Write;
        std::fs::File::create(path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    };
    write("empty", "no certificate here\n");
    write("torn", "-----BEGIN CERTIFICATE-----\nsecret\n");
    for (name, message) in [
        ("empty", "holds no certificate"),
        ("torn", "is no PEM"),
        ("missing", "no such file or directory"),
    ] {
        let text = format!("http = 'https://127.0.0.1:1'\nca = '{}'", path(name));
        let expected = format!("https://127.0.0.1:1/: ca {}: {message}", path(name));
        assert_eq!(check(&text).await, Err(expected));
    }
}

#[tokio::test]
async fn a_command_is_known_by_its_name_alone() {
    assert_eq!(check("command = ['true']").await, Ok(()));
    let error = check("command = ['$$x', 'fail', 'secret']").await.unwrap_err();
    assert_eq!(error, "command $$x: exit code 1");
    let recipe = ready("command = ['$PROGRAM', '$HOW']").unwrap().probe;
    let environment: Variables =
        [("PROGRAM".into(), "secret".into()), ("HOW".into(), "fail".into())].into();
    let probe = recipe.fill_in(&Scope { environment, ..Scope::default() }).unwrap();
    let error = probe.check(&Fake, LIMIT).await.unwrap_err();
    assert_eq!(error, "command $PROGRAM: exit code 1");
    assert_eq!(format!("{probe:?}"), "Probe(command $PROGRAM)");
}

#[test]
fn the_table() {
    let entry = ready("tcp = '$HOST:$PORT'").unwrap();
    assert_eq!(entry.probe.texts().collect::<Vec<_>>(), ["$HOST:$PORT"]);
    assert_eq!((entry.timeout, entry.settle), (Duration::from_secs(60), Duration::from_secs(1)));
    let entry = ready("tcp = 'a:1'\ntimeout = '2m'\nsettle = '500ms'").unwrap();
    assert_eq!(entry.timeout, Duration::from_secs(120));
    assert_eq!(entry.settle, Duration::from_millis(500));
}

#[test]
fn variables_may_stand_anywhere_where_they_make_sense() {
    for text in [
        "tcp = '$ADDRESS'",
        "tcp = '$HOST:${PORT:-3306}'",
        "tcp = '${HOST:-[::1]}:1'",
        "tcp = '[$IP]:1'",
        "http = '$URL'",
        "http = '$URL/v3'",
        "http = '$URL$PATH'",
        "http = '$SCHEME://$HOST:$PORT/$PATH'",
        "http = 'https://$HOST.$DOMAIN:5000/v3?region=${REGION|url}'",
    ] {
        if let Err(error) = ready(text) {
            panic!("{text}: {error}");
        }
    }
}

#[test]
fn mistakes_have_a_place() {
    for (text, place, message) in [
        ("", 0, "write one of tcp, http and command"),
        ("settle = '1s'", 0, "write one of tcp, http and command"),
        ("tcp = 'a:1'\ncommand = ['a']", 0, "and no second"),
        ("tcp = 'a:1'\nca = '/x'", 0, "status and ca say more about http"),
        ("http = 'http://a'\nca = 'x'", 0, "ca is to be an absolute path"),
        ("http = 'http://a'\nstatus = []", 0, "a list of codes"),
        ("http = 'http://a'\nstatus = [20]", 0, "a list of codes"),
        ("http = 'http://a'\nstatus = 200", 35, "invalid type"),
        ("tcp = 'secret'", 14, "write HOST:PORT"),
        ("tcp = '$HOST:33o6'", 14, "the port is no number"),
        ("tcp = '$HOST:70000'", 14, "the port is no number"),
        ("tcp = '${HOST:1'", 14, "nothing else may follow the name"),
        ("http = 'http://${HOST'", 15, "is not closed"),
        ("tcp = '$HOST|secret:1'", 14, "a character that no host's name has"),
        ("http = 'ftp://$HOST'", 15, "starts with http:// or https://"),
        ("http = '$HOST:5000/v3 x'", 15, "no URL"),
        ("http = 'http://u:${PW|url}@$HOST'", 15, "a user or password"),
        ("command = []", 18, "write the program first"),
        ("command = ['']", 18, "write the program first"),
        ("command = 'true'", 18, "invalid type"),
        ("command = ['a', '${B']", 18, "is not closed"),
        ("bootstrap = 'a/b'", 8, "unknown field"),
        ("tcp = 'a:1'\nsettle = 1", 29, "invalid type"),
    ] {
        let error = ready(text).unwrap_err();
        assert!(error.message().contains(message), "{text}: {error}");
        assert!(!error.message().contains("secret"), "{error}");
        assert_eq!(error.span().unwrap().start, place, "{text}: {error}");
    }
}
