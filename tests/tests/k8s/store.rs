//! The Job that loads, on a real etcd that knows its users by their certificates; and what each agent
//! may do then.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use etcstack_tests::{Certificates, Etcd, binary};
use serde_json::Value;
use tempfile::TempDir;

use crate::data::data;
use crate::pods::image_of;
use crate::world::{World, list, text};

/// A store that the Job has loaded.
struct Loaded {
    world: World,
    etcd: Etcd,
    certificates: Arc<Certificates>,
    data: TempDir,
    /// Empty: nobody brings secrets, and nothing has been saved or restored yet.
    cloud: TempDir,
    backup: TempDir,
    members: TempDir,
}

impl Loaded {
    async fn new() -> Self {
        let certificates = Arc::new(Certificates::new());
        let etcd = Etcd::with_tls(Arc::clone(&certificates)).await;
        let world = World::of("ha");
        let [cloud, backup, members] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let data = data(&world);
        let loaded = Self { world, etcd, certificates, data, cloud, backup, members };
        loaded.load();
        loaded
    }

    /// Runs the containers of the Job, one after the other.
    fn load(&self) {
        let job = self.world.find("Job", "load").unwrap();
        self.run_pod(&job["spec"]["template"]["spec"]);
    }

    fn run_pod(&self, pod: &Value) {
        for container in list(&pod["initContainers"]).chain(list(&pod["containers"])) {
            let mounts = list(&container["volumeMounts"]);
            let mount = mounts.into_iter().find(|mount| mount["mountPath"] == "/run/secrets/etcd");
            let volume =
                list(&pod["volumes"]).find(|volume| volume["name"] == mount.unwrap()["name"]);
            let output =
                self.run(container, &self.user(text(&volume.unwrap()["secret"]["secretName"])));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{}: {} {said}",
                text(&container["name"]),
                output.status
            );
        }
    }

    /// Whose certificate a Secret holds.
    fn user(&self, secret: &str) -> String {
        let certificate =
            self.world.kind("Certificate").find(|made| made["spec"]["secretName"] == secret);
        text(&certificate.unwrap()["spec"]["commonName"]).to_owned()
    }

    fn run(&self, container: &Value, user: &str) -> Output {
        let words = |field: &str| list(&container[field]).map(|word| self.here(text(word), user));
        let mut command = match image_of(container) {
            "data" => Command::new(binary("etcstack-loader")),
            "etcd" => Command::new("env"),
            image => panic!("{image}: what runs that?"),
        };
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("ETCDCTL_API", "3");
        command.args(words("command")).args(words("args"));
        for variable in list(&container["env"]) {
            let is_name = variable["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name";
            let value = if is_name { "etcd-0" } else { text(&variable["value"]) };
            command.env(text(&variable["name"]), self.here(value, user));
        }
        command.output().unwrap()
    }

    /// What stands in a container's place on this machine.
    fn here(&self, word: &str, user: &str) -> String {
        let (certificate, key) = self.certificates.client_named(user);
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        word.replace("/run/secrets/etcd/ca.crt", &path(&self.certificates.ca()))
            .replace("/run/secrets/etcd/tls.crt", &path(&certificate))
            .replace("/run/secrets/etcd/tls.key", &path(&key))
            .replace("/run/secrets/cloud", &path(self.cloud.path()))
            .replace("/var/lib/etcd", &path(self.members.path()))
            .replace("/backup", &path(self.backup.path()))
            .replace("/bootstrap-data", &path(self.data.path()))
            .replace("etcd:2379", &self.etcd.address())
    }

    /// `etcdctl` as a user.
    fn etcdctl(&self, user: &str, arguments: &[&str]) -> Output {
        let (certificate, key) = self.certificates.client_named(user);
        let mut command = Command::new("etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .arg("--endpoints")
            .arg(self.etcd.url().replace("etcds", "https"));
        command.arg("--cacert").arg(self.certificates.ca());
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
        command.args(arguments).output().unwrap()
    }
}

/// Each agent of the cloud, with its own certificate and nothing else, gets all that its files need;
/// and a second run of the Job, with access control on, changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn each_agent_can_read_what_it_needs() {
    let loaded = Loaded::new().await;
    loaded.load();
    let mut seen = BTreeSet::new();
    for pod in loaded.world.pods() {
        for agent in loaded.world.agents(&pod) {
            let role = agent.role.replace("$(NODE_NAME)", "node7.example");
            if !seen.insert((role.clone(), agent.service().to_owned())) {
                continue;
            }
            let user = format!("etcstack.{}.{}", agent.first_role(), agent.service());
            let etc = tempfile::tempdir().unwrap();
            let mut command = Command::new(binary("etcstack-agent"));
            command.arg("render").arg("--etc").arg(etc.path()).args([
                "--role",
                &role,
                "--service",
                agent.service(),
            ]);
            command.env("HOSTNAME", "node7").env("ETCSTACK_START_TIMEOUT", "20s");
            for variable in list(&agent.container["env"]) {
                let name = text(&variable["name"]);
                if ["ETCSTACK_STORE", "ETCSTACK_CACERT", "ETCSTACK_CERT", "ETCSTACK_KEY"]
                    .contains(&name)
                {
                    command.env(name, loaded.here(text(&variable["value"]), &user));
                }
            }
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{user} as {role}: {}\n{said}", output.status);
            assert!(
                std::fs::read_dir(etc.path().join(agent.service())).unwrap().count() > 0,
                "{user}"
            );
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_do_more() {
    let loaded = Loaded::new().await;
    let allowed: [(&str, &[&str]); 4] = [
        ("etcstack.compute.nova", &["get", "general/NOVA_PASSWORD"]),
        (
            "etcstack.compute.nova",
            &["put", "_etcstack/status/compute,compute@node7/nova/node7", "{}"],
        ),
        ("etcstack.controller.glance", &["get", "_etcstack/bootstrap/database/databases"]),
        ("root", &["user", "list"]),
    ];
    for (user, arguments) in allowed {
        let output = loaded.etcdctl(user, arguments);
        assert!(
            output.status.success(),
            "{user} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let refused: [(&str, &[&str]); 9] = [
        ("etcstack.compute.nova", &["get", "general/NOVA_DB_PASSWORD"]),
        ("etcstack.compute.nova", &["get", "general/MYSQL_HOST"]),
        ("etcstack.compute.nova", &["get", "controller/nova/", "--prefix"]),
        ("etcstack.compute.nova", &["put", "compute/nova/nova.conf/DEFAULT/debug", "true"]),
        ("etcstack.controller.glance", &["get", "general/MYSQL_ROOT_PASSWORD"]),
        ("etcstack.controller.glance", &["get", "_etcstack/data/", "--prefix"]),
        ("etcstack.controller.glance", &["user", "list"]),
        ("etcstack.loader", &["user", "list"]),
        ("somebody", &["get", "general/REGION"]),
    ];
    for (user, arguments) in refused {
        let output = loaded.etcdctl(user, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        // Nobody knows somebody.
        let is_refused = ["permission denied", "user name"].iter().any(|why| said.contains(why));
        assert!(!output.status.success() && is_refused, "{user} {arguments:?}: {said}");
    }
}

/// What the `CronJob` saves is a store again, with all that was in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_can_be_restored() {
    let loaded = Loaded::new().await;
    let snapshots = || {
        let files =
            std::fs::read_dir(loaded.backup.path()).unwrap().map(|file| file.unwrap().path());
        files.collect::<Vec<PathBuf>>()
    };
    // One that was cut short goes, and those of the last week stay.
    for number in 0..30 {
        etcstack_tests::write(&loaded.backup.path().join(format!("etcd-200{number:02}.db")), "old");
    }
    etcstack_tests::write(&loaded.backup.path().join("etcd-1.db.part"), "half");
    let job = loaded.world.find("CronJob", "etcd-backup").unwrap();
    loaded.run_pod(&job["spec"]["jobTemplate"]["spec"]["template"]["spec"]);
    let found = snapshots();
    assert_eq!(found.len(), 28, "{found:?}");
    let newest = found.iter().max().unwrap();
    assert!(newest.metadata().unwrap().len() > 10_000, "{found:?}");

    let restoring = World::of("restore");
    let etcd = restoring.find("StatefulSet", "etcd").unwrap();
    let container = &etcd["spec"]["template"]["spec"]["initContainers"][0];
    // The second time there is something to keep.
    for said in ["restores", ""] {
        let output = loaded.run(container, "nobody");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap(), said);
        assert!(loaded.members.path().join("data/member/snap/db").is_file());
    }
}
