//! What an agent shows: over HTTP, and in the store.

use etcstack_tests::{Answer, PATIENCE, Port, Process, eventually, http};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, text};

const RECORD: &str = "status/controller/s/n1";

async fn answer(replica: &Replica<'_>, path: &str) -> Answer {
    eventually("an answer", PATIENCE, async || replica.get(path).await).await
}

async fn answers(replica: &Replica<'_>, path: &str, status: u16) -> Answer {
    eventually(&format!("{path} is {status}"), PATIENCE, async || {
        let answer = replica.get(path).await.map_err(|error| error.to_string())?;
        if answer.status == status { Ok(answer) } else { Err(format!("{answer:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn alive_before_it_is_ready_and_ready_with_its_daemon() {
    let stage = Stage::new().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let needed = text(&replica.path("needed"));
    let process = replica.spawn(&["--needs", &needed]);
    // Nothing is loaded yet.
    assert_eq!(answer(&replica, "/livez").await.status, 200);
    let not_ready = answers(&replica, "/readyz", 503).await;
    assert!(!not_ready.body.trim().is_empty(), "a reason");
    stage.put("DEFAULT/debug", "true").await;
    eventually("the daemon runs", PATIENCE, async || replica.starts(&process) == 1).await;
    let not_ready = answers(&replica, "/readyz", 503).await;
    assert!(!not_ready.body.trim().is_empty(), "a reason");
    assert_eq!(answer(&replica, "/livez").await.status, 200);
    stage.write("n1/needed", "");
    answers(&replica, "/readyz", 200).await;
    std::fs::remove_file(&needed).unwrap();
    answers(&replica, "/readyz", 503).await;
    assert_eq!(answer(&replica, "/livez").await.status, 200);
    assert_eq!(replica.starts(&process), 1, "a daemon that is not ready is not started again");
}

/// What came with a mistake is no reason to take a daemon out of service.
#[tokio::test(flavor = "multi_thread")]
async fn ready_with_a_refused_revision() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let _process = replica.start(&[]).await;
    stage.put("DEFAULT/url", "$NO_SUCH_VARIABLE").await;
    let status = replica.state("refused").await;
    let reason = status["refused"]["reasons"][0].as_str().unwrap();
    assert!(reason.contains("$NO_SUCH_VARIABLE"), "{status}");
    answers(&replica, "/readyz", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_paths() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let _process = replica.start(&[]).await;
    let socket = text(&replica.path("http"));
    assert_eq!(answer(&replica, "/no-such-path").await.status, 404);
    assert_eq!(http(&socket, "POST", "/livez").await.unwrap().status, 405);
    let head = http(&socket, "HEAD", "/status").await.unwrap();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(answer(&replica, "/").await.body.contains("/status"));
    let status = answer(&replica, "/status").await;
    assert!(status.head.to_lowercase().contains("content-type: application/json"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_port() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let port = Port::claim();
    let mut agent = replica.agent();
    agent.env("ETCSTACK_LISTEN", port.address()).arg("--").args(replica.daemon(&[]));
    let mut process = Process::spawn(&mut agent);
    process.wait_for_line("n1 ready", PATIENCE).await;
    eventually("ready", PATIENCE, async || {
        http(&port.address(), "GET", "/readyz").await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    process.signal(Signal::SIGTERM);
    process.wait(PATIENCE).await;
}

/// No socket of the agent's listens, unless that is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn off_by_default() {
    let stage = Stage::loaded().await;
    let agent = stage.run(&[]).await;
    let files = std::fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().flatten();
    let own: Vec<_> = files
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .filter_map(|target| {
            let target = target.to_str()?.to_owned();
            Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    assert!(!own.is_empty(), "its connection to etcd");
    let table = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{}/net/{name}", agent.pid()));
        text.unwrap_or_default().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    // See proc(5): the state 0A listens; a socket of unix(7) does with the flag 10000.
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let tcp = [table("tcp"), table("tcp6")].concat();
    let tcp = tcp.iter().map(|line| words(line)).filter(|words| words[3] == "0A");
    let unix = table("unix");
    let unix = unix.iter().map(|line| words(line)).filter(|words| words[3] == "00010000");
    let listening: Vec<_> =
        tcp.map(|words| words[9].clone()).chain(unix.map(|words| words[6].clone())).collect();
    assert!(!own.iter().any(|inode| listening.contains(inode)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_all_and_no_secret() {
    let stage = Stage::loaded().await;
    stage.put("DEFAULT/password", "hunter2").await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let process = replica.start(&[]).await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let status = replica.settled(revision).await;
    for (pointer, expected) in [
        ("/role", "controller"),
        ("/service", "s"),
        ("/host", "n1"),
        ("/state", "current"),
        ("/files/0/name", "s.conf"),
        ("/processes/0/state", "ready"),
    ] {
        assert_eq!(status.pointer(pointer).and_then(Value::as_str), Some(expected), "{status}");
    }
    let digest = std::process::Command::new("sha256sum").arg(replica.path("etc/s.conf")).output();
    let digest = String::from_utf8(digest.unwrap().stdout).unwrap();
    assert!(digest.starts_with(status["files"][0]["sha256"].as_str().unwrap()), "{status}");
    let pid = status["processes"][0]["pid"].as_i64().unwrap();
    assert!(process.lines().iter().any(|line| line.starts_with(&format!("n1 started {pid} "))));
    assert_eq!(status["processes"][0]["starts"], 1, "{status}");
    assert!(status["revisions"]["applied"].as_i64() >= Some(revision), "{status}");
    assert_eq!(status["store"]["connected"], true, "{status}");
    for path in ["/status", "/metrics", "/readyz", "/"] {
        let answer = answer(&replica, path).await;
        assert!(!answer.body.contains("hunter2"), "{path}: {}", answer.body);
    }
}

fn metric(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_happens() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let _process = replica.start(&[]).await;
    let first = answer(&replica, "/metrics").await.body;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    let metrics = answer(&replica, "/metrics").await;
    assert!(metrics.head.contains("openmetrics-text"), "{}", metrics.head);
    let text = metrics.body;
    let value = |name: &str| metric(&text, name).unwrap_or_else(|| panic!("no {name}:\n{text}"));
    let applied = value("etcstack_applied_revision");
    #[allow(clippy::cast_precision_loss)]
    let revision = revision as f64;
    assert!(applied >= revision, "{applied} < {revision}");
    let name = "etcstack_render_duration_seconds_count";
    assert!(value(name) > metric(&first, name).unwrap());
    assert!((value("etcstack_store_connected") - 1.0).abs() < 0.1);
    let hups = text.lines().find(|line| {
        line.starts_with("etcstack_signals_sent_total") && line.contains("signal=\"HUP\"")
    });
    assert!(hups.is_some_and(|line| line.ends_with(" 1")), "{hups:?}");
    // Each family has its help.
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_in_the_store_lives_as_long_as_the_agent() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let mut process = replica.start(&[]).await;
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    let status = replica.settled(revision).await;
    eventually("the record is as new as the status", PATIENCE, async || {
        let record = stage.record(RECORD).await.unwrap_or_default();
        if record["revisions"] == status["revisions"] { Ok(()) } else { Err(record.to_string()) }
    })
    .await;
    let mut client = stage.etcd.client().await;
    let answer = client.get(format!("_etcstack/{RECORD}"), None).await.unwrap();
    assert_ne!(answer.kvs()[0].lease(), 0, "the record has a lease");
    process.signal(Signal::SIGTERM);
    process.wait(PATIENCE).await;
    eventually("the record is gone", PATIENCE, async || stage.record(RECORD).await.is_none()).await;
}

/// The record says nothing new: it is not written again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_agent_writes_nothing_and_uses_no_processor() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", Manifest { ready: "settle = '10ms'", ..USUAL });
    let process = replica.start(&[]).await;
    let pid = etcstack_tests::named("etcstack-agent", process.pid()).unwrap();
    // Until the last of what the start has to say is written.
    eventually("all is said", PATIENCE, async || {
        let before = stage.etcd.revision().await;
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        stage.etcd.revision().await == before
    })
    .await;
    let (revision, ticks) = (stage.etcd.revision().await, etcstack_tests::cpu_ticks(pid));
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(stage.etcd.revision().await, revision);
    let used = etcstack_tests::cpu_ticks(pid) - ticks;
    assert!(used <= 3, "{used} ticks in three seconds");
}

/// A socket that a killed agent has left is no reason not to start.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_left_is_replaced() {
    let stage = Stage::loaded().await;
    let replica = Replica::new(&stage, "n1", USUAL);
    let process = replica.start(&[]).await;
    // Killed, with its daemon.
    drop(process);
    assert!(replica.path("http").exists());
    let mut process = replica.start(&[]).await;
    process.signal(Signal::SIGTERM);
    process.wait(PATIENCE).await;
    assert!(!replica.path("http").exists());
}
