//! The image API under uWSGI: a graceful reload, and proof of it over HTTP.

use etcstack_tests::{Port, Requests};

use crate::agent::Agent;
use crate::cloud::{Cloud, LONG, default_file, source};

const CONF: &str = "controller/glance/glance-api.conf";
/// What each of its two workers says when it reads its files.
const LOADS: &str = "Loading glance-api from";

fn manifest(port: &Port) -> String {
    // uWSGI reads all anew: whatever changes is a reload.
    format!(
        "service = 'glance'\n\
         [[file]]\nname = 'glance-api.conf'\npath = 'glance-api.conf'\n\
         default = '../default/glance-api.conf'\non_change = 'reload'\n\
         [reload]\nmin_interval = '5s'\n\
         [ready]\nhttp = 'http://{}/healthcheck'\ntimeout = '120s'\n\
         [[bootstrap]]\nname = 'db-sync'\nonce_per = 'ever'\n\
         command = ['glance-manage', '--config-file', 'glance-api.conf', 'db_sync']\n",
        port.address()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn is_reloaded_under_a_stream_of_requests_and_none_fails() {
    let cloud = Cloud::new("glance-api.conf", &default_file("glance").await).await;
    let port = Port::claim();
    let number = port.number().to_string();
    let folder = cloud.path("n1");
    let environment =
        [("GLANCE_PORT", number.as_str()), ("OS_GLANCE_CONFIG_DIR", folder.to_str().unwrap())];
    let uwsgi = source("tests/demo/glance/uwsgi.ini");
    let daemon = ["uwsgi", "--ini", uwsgi.to_str().unwrap()];
    let mut agent = Agent::start_with(&cloud, "n1", &manifest(&port), &daemon, &environment);
    for _ in 0..2 {
        agent.process.wait_for_line(LOADS, LONG).await;
    }
    let status = agent.settled(0).await;

    let stream = Requests::start(&port.address(), "/v2/images", "\"images\"");
    let key = format!("{CONF}/DEFAULT/limit_param_default");
    let revision = cloud.set(&[(&key, Some("50"))]).await;
    // It is found good by an answer of a worker; both of them are new in the end.
    let now = agent.settled(revision).await;
    for _ in 0..2 {
        agent.process.wait_for_line(LOADS, LONG).await;
    }
    let outcome = stream.stop().await;
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    assert!(outcome.answered > 0);
    assert_eq!(now["processes"], status["processes"]);
    assert_eq!(agent.count("told the daemon"), 1);
    assert_eq!(agent.stop().await, Some(0));
}
