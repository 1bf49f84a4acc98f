//! cinder-scheduler: what a change means to it, by its own catalog and by its own log.

use std::path::Path;
use std::process::Command;

use etcstack_tests::openstack_venv;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::agent::Agent;
use crate::cloud::{Cloud, LONG, default_file, finish};

pub(crate) const CONF: &str = "controller/cinder/cinder.conf";
pub(crate) const SCHEDULER: [&str; 3] = ["cinder-scheduler", "--config-file", "cinder.conf"];

/// It says this when it starts.
pub(crate) const UP: &str = "Starting cinder-scheduler node";
/// And this when it takes a SIGHUP.
const CAUGHT: &str = "Caught SIGHUP, handling";
const TOLD: &str = "told the daemon";
const CHANGED: &str = "Option DEFAULT.debug changed from";

/// It has no port. But it takes SIGHUP once it has come up.
const READY: &str = r#"
[ready]
command = ["sh", "-c", '''
    for status in /proc/[0-9]*/status; do
        grep -q '^Name:.cinder-schedule' "$status" || continue
        grep -q '^SigCgt:.*[13579bdf]$' "$status" && exit 0
    done
    exit 1''']
timeout = "120s"
"#;

/// The manifest of cinder-scheduler's image. `top` and `more` are TOML.
pub(crate) fn manifest(catalog: &Path, top: &str, more: &str) -> String {
    format!(
        "service = 'cinder'\ncatalog = '{}'\n{top}\n\
         [[file]]\nname = 'cinder.conf'\npath = 'cinder.conf'\n\
         default = '../default/cinder.conf'\n{READY}\n{more}",
        catalog.display()
    )
}

/// A cloud with cinder, whose daemons log as oslo.log does by itself, so that each option that is
/// in effect is shown where `debug` is on.
pub(crate) async fn cloud() -> Cloud {
    static DEFAULT: OnceCell<Vec<u8>> = OnceCell::const_new();
    let default = DEFAULT.get_or_init(|| default_file("cinder")).await;
    let cloud = Cloud::new("cinder.conf", default).await;
    let (style, options) =
        (format!("{CONF}/DEFAULT/log_config_append"), format!("{CONF}/DEFAULT/log_options"));
    cloud.set(&[(&style, None), (&options, None)]).await;
    cloud
}

/// One whose database has its schema, made by cinder's own tool and once for all of these tests.
pub(crate) async fn cloud_with_schema() -> Cloud {
    static SCHEMA: OnceCell<Vec<u8>> = OnceCell::const_new();
    let cloud = cloud().await;
    cloud.write("state/cinder.sqlite", SCHEMA.get_or_init(schema).await);
    cloud
}

async fn schema() -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let [database, conf] = ["cinder.sqlite", "cinder.conf"].map(|name| folder.path().join(name));
    let text = format!("[database]\nconnection = sqlite:///{}\n", database.display());
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&conf, text).unwrap();
    let mut manage = Command::new(openstack_venv().join("bin/cinder-manage"));
    manage.arg("--config-file").arg(&conf).args(["db", "sync"]);
    finish(manage.env("PYTHONWARNINGS", "ignore")).await;
    std::fs::read(database).unwrap()
}

/// An option, as the daemon lists it when it starts.
fn listed(agent: &Agent<'_>, option: &str) -> Option<String> {
    let lines = agent.process.lines();
    let mut values = lines.iter().rev().filter_map(|line| {
        let (_, rest) = line.split_once(&format!(" {option} "))?;
        rest.trim_start().strip_prefix("= ")?.split(' ').next().map(str::to_owned)
    });
    values.next()
}

/// How often it was started, signalled, and has taken a signal.
fn actions(agent: &Agent<'_>) -> (usize, usize, usize) {
    (agent.count(UP), agent.count(TOLD), agent.count(CAUGHT))
}

#[tokio::test(flavor = "multi_thread")]
async fn is_told_what_it_can_change_and_restarted_for_the_rest() {
    let cloud = cloud_with_schema().await;
    let manifest = manifest(&cloud.catalog("cinder").await, "", "");
    // An image whose default does not name the section leaves its spelling to the keys.
    let default = std::fs::read_to_string(cloud.path("default/cinder.conf")).unwrap();
    cloud.write("default/cinder.conf", default.replace("\n[database]\n", "\n"));
    // As slow a start as the test wants it to be.
    let script = "while ! test -e go; do sleep 0.1; done; exec \"$0\" \"$@\"";
    let daemon: Vec<_> = ["sh", "-c", script].into_iter().chain(SCHEDULER).collect();
    let mut agent = Agent::start(&cloud, "n1", &manifest, &daemon);
    let option = |name: &str| format!("{CONF}/{name}");

    // A signal that nobody catches yet would be lost, or be the daemon's end.
    agent.process.wait_for_line("the daemon is started", LONG).await;
    cloud.set(&[(&option("DEFAULT/debug"), Some("True"))]).await;
    agent.process.wait_for_line("the daemon does not listen yet", LONG).await;
    assert_eq!(agent.count(TOLD), 0);
    cloud.write("n1/go", "");
    agent.process.wait_for_line(UP, LONG).await;
    agent.process.wait_for_line(CAUGHT, LONG).await;

    // What it can change while it runs.
    let revision = cloud.set(&[(&option("DEFAULT/debug"), Some("False"))]).await;
    agent.process.wait_for_line(&format!("{CHANGED} [True] to [False]"), LONG).await;
    agent.settled(revision).await;
    let revision = cloud.set(&[(&option("DEFAULT/debug"), Some("True"))]).await;
    agent.process.wait_for_line(&format!("{CHANGED} [False] to [True]"), LONG).await;
    let status = agent.settled(revision).await;
    let pid = &status["processes"][0]["pid"];
    assert_eq!(actions(&agent), (1, 3, 3), "{status}");

    // What changes the file and nothing for the daemon: oslo.config takes both for one section.
    let url = format!("sqlite:///{}", cloud.path("state/cinder.sqlite").display());
    let change =
        [(&*option("database/connection"), None), (&*option("DATABASE/connection"), Some(&*url))];
    let revision = cloud.set(&change).await;
    let status = agent.settled(revision).await;
    assert!(agent.read("cinder.conf").contains("\n[DATABASE]\nconnection"));
    assert_eq!((&status["processes"][0]["pid"], actions(&agent)), (pid, (1, 3, 3)));

    // Several that it cannot, and one that it can, at once: one restart, and all are in effect.
    let change = [
        (&*option("DEFAULT/scheduler_max_attempts"), Some("7")),
        (&*option("DEFAULT/service_down_time"), Some("90")),
        (&*option("DEFAULT/debug"), Some("true")),
    ];
    let revision = cloud.set(&change).await;
    agent.process.wait_for_line(UP, LONG).await;
    let status = agent.settled(revision).await;
    assert_ne!(&status["processes"][0]["pid"], pid);
    assert_eq!(actions(&agent), (2, 3, 3), "{status}");
    for (name, value) in [("scheduler_max_attempts", "7"), ("service_down_time", "90")] {
        assert_eq!(listed(&agent, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(listed(&agent, "debug").as_deref(), Some("True"));

    // Had there been one action more, it would stand before this one's.
    let revision = cloud.set(&[(&option("DEFAULT/debug"), Some("False"))]).await;
    agent.process.wait_for_line(CAUGHT, LONG).await;
    agent.process.wait_for_line(&format!("{CHANGED} [true] to [False]"), LONG).await;
    agent.settled(revision).await;
    assert_eq!(actions(&agent), (2, 4, 4));
    assert_eq!(agent.stop().await, Some(0));
}
