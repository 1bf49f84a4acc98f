//! No value that is a secret is seen anywhere but in the files and the daemon's environment, whatever
//! the agent does and however much it is asked to say.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_client::{Permission, PermissionType};
use etcstack_tests::{PATIENCE, Process, eventually};

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, count, text};
use crate::stops::processes_of;

/// Each of them wherever a secret may stand.
const SECRETS: [(&str, &str); 10] = [
    ("of the store", "sesame-store"),
    ("of a variable", "sesame-variable"),
    ("of an option", "sesame-option"),
    ("in a URL", "sesame-url"),
    ("in a file", "sesame-file"),
    ("of an exported variable", "sesame-exported"),
    ("in a value with a mistake", "sesame-mistake"),
    ("that a check refuses", "sesame-refused"),
    ("that the daemon does not live with", "sesame-bad"),
    ("of the environment", "sesame-stray"),
];

/// Where a secret was seen.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, String>>>);

impl Seen {
    fn look(&self, place: &str, text: &str) {
        for (what, secret) in SECRETS {
            if let Some(at) = text.find(secret) {
                let around = |c: &(usize, char)| c.0 + 150 > at && c.0 < at + 60;
                let around: String = text.char_indices().filter(around).map(|c| c.1).collect();
                let place = format!("the secret {what}, {place}");
                self.0.lock().unwrap().entry(place).or_insert(around);
            }
        }
    }
}

/// Looks at the command lines of all processes until it is dropped.
struct Watching(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Watching {
    fn over(stage: &Stage, seen: &Seen) -> Self {
        let (go_on, seen) = (Arc::new(AtomicBool::new(true)), seen.clone());
        let (flag, folder) = (go_on.clone(), text(stage.folder.path()));
        let look = move || {
            while flag.load(Ordering::Relaxed) {
                for line in crate::stops::command_lines(&folder) {
                    seen.look("on a command line", &line);
                }
                // One that is over sooner is missed; there are many.
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        Self(go_on, Some(std::thread::spawn(look)))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

/// A stage with access control, all secrets, and the file of the agent's password.
async fn stage() -> Stage {
    let mut stage = Stage::loaded().await;
    for (key, value) in [
        ("general/DB_PASSWORD", "sesame-variable"),
        ("general/EXPORTED_PASSWORD", "sesame-exported"),
        ("controller/s/s.conf/DEFAULT/admin_password", "sesame-option"),
        ("controller/s/s.conf/database/connection", "mysql://s:$DB_PASSWORD@db/s"),
        ("controller/s/s.conf/x/url", "amqp://s:sesame-url@mq/"),
        ("controller/s/key.pem", "-----BEGIN PRIVATE KEY-----\nsesame-file\n"),
    ] {
        stage.etcd.put(key, value).await;
    }
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
    stage.etcd.add_user("agent", "sesame-store", permissions).await;
    stage.etcd.enable_auth("root").await;
    stage.write("password", "sesame-store\n");
    stage.write("pem", "");
    // They say all that they know, as programs of others do.
    stage.write("tell", "cat \"$@\"; echo \"$EXPORTED_PASSWORD\"; cat \"$@\" >&2");
    stage.write("check", "cat \"$@\"; echo \"$EXPORTED_PASSWORD\"; ! grep -q refused \"$1\"");
    stage
}

/// All that an agent can be asked to do, and every program says what it knows.
fn manifest(stage: &Stage, replica: &Replica<'_>) {
    let path = |name: &str| text(&stage.path(name));
    let (conf, pem) = (text(&replica.path("etc/s.conf")), text(&replica.path("etc/key.pem")));
    let (tell, check) = (path("tell"), path("check"));
    let top = format!(
        "state_dir = 'state'\nstart_without_store = true\nimage = 's:1'\n\
         check = [['sh', '{check}', '{{staged}}{conf}', '{{staged}}{pem}']]"
    );
    let file = "on_change = 'reload'\n\
                [[file]]\nname = 'key.pem'\npath = 'etc/key.pem'\ndefault = '../pem'\n\
                dialect = 'text'\non_change = 'restart'";
    let reload = format!("command = ['sh', '{tell}', '{conf}', '{pem}']\nmin_interval = '0s'");
    let ready = "timeout = '4s'\nsettle = '50ms'";
    let more = format!(
        "[restart]\nlease = '2s'\n\
         [environment]\nexport = ['EXPORTED_*']\nfile = 'env'\n\
         [[wait_for]]\ncommand = ['sh', '{tell}', '{conf}', '{pem}']\n\
         [[wait_for]]\nkey = 'controller/s/s.conf/DEFAULT/admin_password'\n\
         [[bootstrap]]\nname = 'once'\nonce_per = 'image'\n\
         command = ['sh', '{tell}', '{conf}', '{pem}']\n\
         [[bootstrap]]\nname = 'often'\nonce_per = 'change'\n\
         command = ['sh', '{tell}', '{conf}', '{pem}']"
    );
    replica.manifest(Manifest { top: &top, file, reload: &reload, ready, more: &more, ..USUAL });
}

/// What the agent itself has printed: the daemon's own lines begin with its name.
fn own_lines(process: &Process) -> Vec<String> {
    process.lines().into_iter().filter(|line| !line.starts_with("n1 ")).collect()
}

async fn all_that_it_shows(stage: &Stage, replica: &Replica<'_>, seen: &Seen) {
    for path in ["/", "/livez", "/readyz", "/metrics", "/status"] {
        let answer = replica.get(path).await.unwrap();
        seen.look(path, &format!("{}{}", answer.head, answer.body));
    }
    for (key, value) in stage.etcd.get_below("_etcstack/").await {
        seen.look(&format!("in the store at {key}"), &String::from_utf8_lossy(&value));
    }
}

async fn run(format: &str, level: &str) -> BTreeMap<String, String> {
    let stage = stage().await;
    let seen = Seen::default();
    let replica = Replica::new(&stage, "n1", USUAL);
    manifest(&stage, &replica);
    let mut agent = replica.agent();
    for (name, value) in [
        ("ETCSTACK_USER", "agent"),
        ("ETCSTACK_LOG", level),
        ("ETCSTACK_LOG_FORMAT", format),
        ("OS_DATABASE__CONNECTION", "mysql://s:sesame-stray@db/s"),
    ] {
        agent.env(name, value);
    }
    agent.env("ETCSTACK_PASSWORD_FILE", stage.path("password"));
    let watching = Watching::over(&stage, &seen);
    // Without a file it prints none.
    let mut daemon = replica.daemon(&[]);
    daemon.drain(1..3);
    let orders = text(&replica.path("etc/other.conf"));
    daemon.extend(["--file".to_owned(), orders]);
    let process = Process::spawn(agent.arg("--").args(daemon));
    replica.settled(0).await;
    all_that_it_shows(&stage, &replica, &seen).await;
    // A reload by a command, and a restart.
    let revision = stage.set(&[("s.conf/x/a", Some("1"))]).await;
    replica.settled(revision).await;
    let revision = stage.set(&[("key.pem", Some("PRIVATE KEY sesame-file 2\n"))]).await;
    replica.settled(revision).await;
    // Mistakes of all kinds, next to a secret.
    for mistake in ["$NO_SUCH", "${NO_SUCH", "${DB_PASSWORD|nothing}", "$LOOP"] {
        stage.etcd.put("general/LOOP", "$LOOP").await;
        let value = format!("sesame-mistake {mistake}");
        stage.set(&[("s.conf/DEFAULT/admin_password", Some(&value))]).await;
        eventually("it is refused", PATIENCE, async || {
            let status = replica.status().await?;
            let refused = status["refused"].to_string().contains("admin_password");
            if refused { Ok(()) } else { Err(format!("{mistake:?}: {status}")) }
        })
        .await;
        all_that_it_shows(&stage, &replica, &seen).await;
        stage.set(&[("s.conf/DEFAULT/admin_password", Some("sesame-option"))]).await;
        replica.state("current").await;
    }
    stage.set(&[("s.conf/DEFAULT/admin_password", Some("sesame-refused"))]).await;
    replica.state("refused").await;
    all_that_it_shows(&stage, &replica, &seen).await;
    let bad = [
        ("s.conf/DEFAULT/admin_password", Some("sesame-bad")),
        ("other.conf/DEFAULT/orders", Some("die-on-start")),
        ("key.pem", Some("PRIVATE KEY sesame-file 3\n")),
    ];
    stage.set(&bad).await;
    replica.state("rolled_back").await;
    all_that_it_shows(&stage, &replica, &seen).await;
    let good = [
        ("s.conf/DEFAULT/admin_password", Some("sesame-option")),
        ("other.conf/DEFAULT/orders", Some("")),
        ("s.conf/x/a", Some("2")),
    ];
    let revision = stage.set(&good).await;
    replica.settled(revision).await;
    all_that_it_shows(&stage, &replica, &seen).await;
    assert!(count(&process, "***") > 0, "nothing was masked: do the programs speak at all?");
    assert!(processes_of(&stage).len() > 1, "the command lines can be seen");
    drop(watching);
    for line in own_lines(&process) {
        seen.look("in the log", &line);
    }
    seen.0.lock().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn not_in_a_log_for_people() {
    assert_eq!(run("text", "info").await, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn not_in_a_log_for_machines() {
    assert_eq!(run("json", "info").await, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn not_in_a_log_that_says_everything() {
    for format in ["text", "json"] {
        assert_eq!(run(format, "debug").await, BTreeMap::new());
    }
}
