//! Mistakes that would be cinder-scheduler's end: refused by OpenStack's own tools, or undone.

use std::path::Path;

use crate::agent::Agent;
use crate::cloud::{LONG, generated};
use crate::scheduler::{CONF, SCHEDULER, UP, cloud_with_schema, manifest};

/// The validator knows the names of all options and does not look at the values; the service's own
/// tools look at those that are parsed with the command line.
fn checks(file: &Path) -> String {
    let staged = format!("{{staged}}{}", file.display());
    format!(
        "check = [\n['oslo-config-validator', '--opt-data', '{}', '--input-file', '{staged}'],\n\
         ['cinder-manage', '--config-file', '{staged}', 'version', 'list'],\n]",
        generated("cinder").display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openstacks_own_tools_refuse_does_not_go_live() {
    let cloud = cloud_with_schema().await;
    let checks = checks(&cloud.path("n1/cinder.conf"));
    let manifest = manifest(&cloud.catalog("cinder").await, &checks, "");
    let mut agent = Agent::start(&cloud, "n1", &manifest, &SCHEDULER);
    agent.process.wait_for_line(UP, LONG).await;
    let status = agent.settled(0).await;
    let before = agent.read("cinder.conf");

    for (option, value, check, said) in [
        (
            "DEFAULT/debgu",
            "True",
            "oslo-config-validator",
            "debgu is not part of the sample config",
        ),
        ("DEFAULT/debug", "maybe", "cinder-manage", "Invalid Boolean value: maybe"),
    ] {
        let key = format!("{CONF}/{option}");
        let revision = cloud.set(&[(&key, Some(value))]).await;
        let refused = agent
            .wait_for("refused", |status| status["refused"]["revision"].as_i64() >= Some(revision))
            .await;
        let reason = refused["refused"]["reasons"][0].as_str().unwrap();
        assert!(reason.contains(check), "{refused}");
        agent.process.wait_for_line(said, LONG).await;
        assert_eq!(agent.read("cinder.conf"), before);
        let good = if option == "DEFAULT/debug" { Some("False") } else { None };
        let revision = cloud.set(&[(&key, good)]).await;
        let now = agent.settled(revision).await;
        assert_eq!(now["processes"], status["processes"]);
    }
    assert_eq!(agent.count("told the daemon"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_does_not_start_with_or_dies_of_is_undone() {
    let cloud = cloud_with_schema().await;
    let manifest = manifest(&cloud.catalog("cinder").await, "", "");
    let mut agent = Agent::start(&cloud, "n1", &manifest, &SCHEDULER);
    agent.process.wait_for_line(UP, LONG).await;
    agent.settled(0).await;
    let before = agent.read("cinder.conf");

    // The first one calls for a restart, the second one for a reload.
    for (option, value, good) in [
        ("DEFAULT/scheduler_driver", "no.such.Driver", None),
        ("DEFAULT/debug", "maybe", Some("False")),
    ] {
        let key = format!("{CONF}/{option}");
        let bad = cloud.set(&[(&key, Some(value))]).await;
        let status = agent.wait_for("rolled back", |s| s["state"] == "rolled_back").await;
        assert!(status["bad"]["revision"].as_i64() >= Some(bad), "{status}");
        assert_eq!(agent.read("cinder.conf"), before);
        agent.process.wait_for_line("the last good files come back", LONG).await;
        agent.process.wait_for_line(UP, LONG).await;
        let record = cloud.record("bad/controller/cinder").await.unwrap();
        assert_eq!(
            (&record["revision"], &record["host"]),
            (&status["bad"]["revision"], &"n1".into())
        );
        assert!(!record.to_string().contains(value), "{record}");

        let revision = cloud.set(&[(&key, good)]).await;
        let status = agent.settled(revision).await;
        assert!(status["bad"].is_null(), "{status}");
    }
}
