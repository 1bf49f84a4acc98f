//! What Prometheus asks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::references::selects;
use crate::pods::{Pod, port_of};
use crate::world::{World, label, list, text};

/// Each port that a `PodMonitor` names leads into a pod, each port with metrics is asked once, and
/// Prometheus gets there.
pub(super) fn asked(world: &World) -> Vec<String> {
    if world.kind("PodMonitor").next().is_none() {
        return Vec::new();
    }
    let mut mistakes = Vec::new();
    for monitor in world.kind("PodMonitor") {
        let pods: Vec<_> =
            world.pods().filter(|pod| selects(&monitor["spec"]["selector"], pod)).collect();
        for port in ports(monitor) {
            let leads = |pod: &Pod<'_>| pod.containers().any(|c| port_of(c, port).is_some());
            if !pods.iter().any(leads) {
                mistakes.push(format!("{}: no pod has the port {port}", label(monitor)));
            }
        }
    }
    let open = open(world);
    for pod in world.pods() {
        for port in with_metrics(world, &pod) {
            let asks = |monitor: &&Value| {
                selects(&monitor["spec"]["selector"], &pod) && ports(monitor).any(|p| p == port)
            };
            let count = world.kind("PodMonitor").filter(asks).count();
            if count != 1 {
                mistakes.push(format!("{}: {count} PodMonitors ask {port}", pod.label()));
            }
            // Those of compute nodes are in the nodes' network, which no policy is for.
            if !pod.is("DaemonSet") && !open.contains(text(port)) {
                mistakes.push(format!("{}: Prometheus does not get to {port}", pod.label()));
            }
        }
    }
    mistakes
}

fn ports(monitor: &Value) -> impl Iterator<Item = &Value> {
    list(&monitor["spec"]["podMetricsEndpoints"]).map(|endpoint| &endpoint["port"])
}

/// The names of the ports of agents, and of those that are called metrics.
fn with_metrics<'a>(world: &World, pod: &Pod<'a>) -> Vec<&'a Value> {
    let agents = world.agents(pod).into_iter().map(|agent| agent.port()).collect::<BTreeSet<_>>();
    let all = pod.containers().flat_map(|container| list(&container["ports"]));
    let has = |port: &&Value| {
        port["name"] == "metrics"
            || port["containerPort"].as_u64().is_some_and(|number| agents.contains(&number))
    };
    all.filter(has).map(|port| &port["name"]).collect()
}

/// The ports that the namespace of Prometheus gets to.
fn open(world: &World) -> BTreeSet<&str> {
    let from_there = |rule: &&Value| {
        list(&rule["from"]).any(|peer| {
            peer["namespaceSelector"]["matchLabels"]["etcstack.io/monitoring"] == "true"
        })
    };
    let rules = world.kind("NetworkPolicy").flat_map(|policy| list(&policy["spec"]["ingress"]));
    rules
        .filter(from_there)
        .flat_map(|rule| list(&rule["ports"]))
        .map(|p| text(&p["port"]))
        .collect()
}
