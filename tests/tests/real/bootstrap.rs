//! Two replicas that start together from nothing: the schema is made once.

use crate::agent::Agent;
use crate::cloud::LONG;
use crate::scheduler::{SCHEDULER, UP, cloud, manifest};

const STEP: &str = "
[[bootstrap]]
name = 'db-sync'
command = ['cinder-manage', '--config-file', 'cinder.conf', 'db', 'sync']
once_per = 'image'
";

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_replicas_makes_the_schema_and_both_come_up() {
    let cloud = cloud().await;
    let manifest = manifest(&cloud.catalog("cinder").await, "image = 'cinder:1'", STEP);
    let mut agents = ["n1", "n2"].map(|host| Agent::start(&cloud, host, &manifest, &SCHEDULER));
    for agent in &mut agents {
        agent.process.wait_for_line(UP, LONG).await;
        let status = agent.settled(0).await;
        assert_eq!(status["bootstrap"][0]["state"], "done", "{status}");
    }
    for (text, expected) in [("the step begins", 1), ("Migration(s) applied", 1), (UP, 2)] {
        let count: usize = agents.iter().map(|agent| agent.count(text)).sum();
        assert_eq!(count, expected, "{text}");
    }
    let record = cloud.record("bootstrap/cinder/db-sync").await.unwrap();
    let runs = record["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{record}");
    assert_eq!((&runs[0]["outcome"], &runs[0]["image"]), (&"done".into(), &"cinder:1".into()));
}
