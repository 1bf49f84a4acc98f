//! What the pods say of their images.

use std::collections::BTreeSet;

use crate::images::port;
use crate::pods::{image_of, manifest_of};
use crate::world::{World, list, root, text};

pub(super) fn exist(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for container in pod.all_containers() {
            let image = text(&container["image"]);
            if !world.images.contains_key(image_of(container)) {
                mistakes.push(format!("{}: there is no image {image} in dockerfiles", pod.label()));
            }
            let release = image.rsplit_once(':').map_or("", |(_, tag)| tag);
            if !root().join(format!("dockerfiles/releases/{release}.env")).is_file() {
                mistakes.push(format!("{}: {image}: there is no such release", pod.label()));
            }
        }
    }
    mistakes
}

pub(super) fn manifests(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for container in pod.containers() {
            let Some(image) = world.images.get(image_of(container)) else { continue };
            let file = manifest_of(container);
            if !image.manifests.is_empty() && !image.manifests.contains_key(file) {
                let name = image_of(container);
                mistakes.push(format!("{}: the image {name} has no manifest {file}", pod.label()));
            }
        }
    }
    mistakes
}

/// Declared are the ports that daemons are asked at, and no others than those that somebody knows.
pub(super) fn ports(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    let manifests = world.images.values().flat_map(|image| image.manifests.values());
    let waited: BTreeSet<u64> = manifests
        .flat_map(|manifest| manifest.waits().filter_map(port).collect::<Vec<_>>())
        .collect();
    for pod in world.pods() {
        for container in pod.containers() {
            let declared =
                list(&container["ports"]).filter_map(|port| port["containerPort"].as_u64());
            let declared: BTreeSet<u64> = declared.collect();
            let Some(image) = world.images.get(image_of(container)) else { continue };
            let mut known = image.exposed.clone();
            if let Some(agent) = world.agent(container) {
                let own = agent.manifest.own_ports();
                for port in own.difference(&declared) {
                    mistakes.push(format!(
                        "{}: {} of {} listens at {port}, which is no port of the container",
                        pod.label(),
                        agent.file,
                        agent.image
                    ));
                }
                known.extend(own.iter().chain(&waited));
                known.insert(agent.port());
            }
            // etcd's metrics have a port by the environment; names are asked for at 53 everywhere.
            known.extend([53, 2381]);
            for port in declared.difference(&known) {
                let image = image_of(container);
                mistakes.push(format!("{}: nothing of {image} listens at {port}", pod.label()));
            }
        }
    }
    mistakes
}

/// By numbers, since Kubernetes does not know the names in an image.
pub(super) fn users(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods().filter(|pod| !pod.is("DaemonSet") && !pod.is("Job")) {
        for container in pod.all_containers() {
            let own = &container["securityContext"]["runAsUser"];
            let user = own.as_u64().or_else(|| pod.spec()["securityContext"]["runAsUser"].as_u64());
            let image = image_of(container);
            let Some(wanted) = world.images.get(image) else { continue };
            if user.is_none() || user != wanted.user {
                mistakes.push(format!(
                    "{}: runs as {user:?}, and the image {image} as {:?}",
                    pod.label(),
                    wanted.user
                ));
            }
        }
        let group = pod.spec()["securityContext"]["fsGroup"].as_u64();
        if group.is_none() || group != pod.spec()["securityContext"]["runAsUser"].as_u64() {
            mistakes.push(format!("{}: fsGroup is not its user", pod.label()));
        }
    }
    mistakes
}
