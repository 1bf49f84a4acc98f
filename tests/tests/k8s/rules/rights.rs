//! Who may do what in the store.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::world::{World, label, list, text};

/// Those that are no service: the Job, and who takes backups.
const OTHERS: [&str; 2] = ["etcd-loader", "etcd-root"];

/// Each agent has the certificate of its own service and role.
pub(super) fn users(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut needed = BTreeSet::from(OTHERS.map(str::to_owned));
    for pod in world.pods() {
        for agent in world.agents(&pod) {
            let mounts = list(&agent.container["volumeMounts"]);
            let mount = mounts.into_iter().find(|mount| mount["mountPath"] == "/run/secrets/etcd");
            let volume = mount.and_then(|mount| pod.volume(&mount["name"]));
            let secret = volume.map_or("", |volume| text(&volume["secret"]["secretName"]));
            needed.insert(secret.to_owned());
            let made = |certificate: &&Value| certificate["spec"]["secretName"] == secret;
            let user =
                world.kind("Certificate").find(made).map(|made| text(&made["spec"]["commonName"]));
            let wanted = format!("etcstack.{}.{}", agent.first_role(), agent.service());
            if user != Some(&wanted) {
                mistakes.push(format!("{}: is {user:?} to etcd, not {wanted}", pod.label()));
            }
        }
    }
    for certificate in world.kind("Certificate") {
        let is_client = certificate["metadata"]["labels"]["etcstack.io/etcd"] == "client";
        let usages: Vec<_> = list(&certificate["spec"]["usages"]).map(text).collect();
        if is_client && (usages.contains(&"server auth") || !usages.contains(&"client auth")) {
            mistakes.push(format!("{}: is not for a client alone", label(certificate)));
        }
        let secret = text(&certificate["spec"]["secretName"]);
        if is_client && !needed.contains(secret) {
            mistakes.push(format!("{}: nobody needs it", label(certificate)));
        }
    }
    mistakes
}

/// `.access.toml` says what the manifests of the service read, and its layers, and nothing else.
pub(super) fn needed(world: &World) -> Vec<String> {
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in world.pods() {
        for agent in world.agents(&pod) {
            let who = format!("{}/{}", agent.first_role(), agent.service());
            let keys = needed.entry(who).or_default();
            keys.extend(agent.manifest.keys());
            keys.extend(agent.role.split(',').skip(1).map(|layer| match layer.split_once("@$(") {
                // One for each node, and nobody knows which there will be.
                Some((role, _)) => format!("{role}@*"),
                None => format!("{layer}/{}/*", agent.service()),
            }));
        }
    }
    needed.retain(|_, keys| !keys.is_empty());
    let said: toml::Table = world.access.parse().unwrap();
    let said: BTreeMap<String, BTreeSet<String>> = said["also"].clone().try_into().unwrap();
    let mut mistakes = Vec::new();
    for (who, keys) in &needed {
        for key in keys.difference(said.get(who).unwrap_or(&BTreeSet::new())) {
            mistakes.push(format!("bootstrap-data/.access.toml: {who} reads {key}, and may not"));
        }
    }
    for (who, keys) in &said {
        for key in keys.difference(needed.get(who).unwrap_or(&BTreeSet::new())) {
            mistakes
                .push(format!("bootstrap-data/.access.toml: {who} may read {key}, and does not"));
        }
    }
    mistakes
}

/// Who has it may do everything in the store.
pub(super) fn root(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        let few = match pod.name() {
            "load" => &["etcd-root", "etcd-loader"][..],
            "etcd-backup" => &["etcd-root"],
            _ => &[],
        };
        for volume in list(&pod.spec()["volumes"]) {
            let secret = text(&volume["secret"]["secretName"]);
            if OTHERS.contains(&secret) && !few.contains(&secret) {
                mistakes.push(format!("{}: has the Secret {secret}", pod.label()));
            }
        }
    }
    mistakes
}
