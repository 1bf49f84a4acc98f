//! Who may talk to whom.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::references::selects;
use crate::data::{data, reached, references};
use crate::pods::Pod;
use crate::world::{World, label, list, text};

/// What the label of a way begins with.
const TO: &str = "to.etcstack.io/";

/// Ways that no value of the data tells of, and who has them.
const OTHERS: [(&str, &[&str]); 3] =
    [("consoles", &["nova-novncproxy"]), ("swift-storage", &["swift"]), ("etcd-nodes", &["etcd"])];

/// A pod may talk to just those servers that its values and its manifests refer to.
pub(super) fn ways(world: &World) -> Vec<String> {
    let dir = data(world);
    let references = match references(dir.path()) {
        Ok(references) => references,
        Err(problem) => return vec![problem],
    };
    let mut mistakes = Vec::new();
    for pod in world.pods().filter(|pod| !pod.is("DaemonSet")) {
        let agents = world.agents(&pod);
        let mut needed = BTreeSet::new();
        for agent in &agents {
            let keys = agent.manifest.keys();
            let mut names = reached(&references, agent.first_role(), agent.service());
            names.extend(
                keys.iter().filter_map(|key| Some(key.strip_prefix("general/")?.to_owned())),
            );
            needed.extend(names.iter().filter_map(|name| server(name, agent.service())));
        }
        if !agents.is_empty() || ["load", "etcd-backup"].contains(&pod.name()) {
            needed.insert("etcd");
        }
        for (way, who) in OTHERS {
            needed.extend(who.contains(&pod.name()).then_some(way));
        }
        let has = pod.labels().into_keys().filter_map(|name| name.strip_prefix(TO));
        let has: BTreeSet<_> = has.collect();
        for way in needed.difference(&has) {
            mistakes.push(format!("{}: needs {way}, and has no label {TO}{way}", pod.label()));
        }
        for way in has.difference(&needed) {
            mistakes.push(format!("{}: has the label {TO}{way}, and no need of it", pod.label()));
        }
        mistakes.extend(
            has.iter().filter(|way| !is_open(world, &pod, way)).map(|way| {
                format!("{}: no two NetworkPolicies open the way to {way}", pod.label())
            }),
        );
    }
    mistakes
}

/// The server that a variable names, but for a service's own address.
fn server(name: &str, service: &str) -> Option<&'static str> {
    let way = match name {
        "MYSQL_HOST" => "mariadb",
        "RABBIT_HOSTNAME" => "rabbitmq",
        "MEMCACHED_SERVERS" => "memcached",
        "OVN_HOSTNAME" => "ovn",
        _ => {
            let api = name.strip_suffix("_HOSTNAME")?;
            return (api.to_lowercase().replace('_', "-") != service).then_some("api");
        }
    };
    (way != service).then_some(way)
}

/// Compute nodes, which have no labels, get to all servers that their values name.
pub(super) fn compute_nodes(world: &World) -> Vec<String> {
    let dir = data(world);
    let references = match references(dir.path()) {
        Ok(references) => references,
        Err(problem) => return vec![problem],
    };
    let policy = world.find("NetworkPolicy", "compute-nodes");
    let expressions = policy.map(|policy| &policy["spec"]["podSelector"]["matchExpressions"]);
    let open =
        expressions.into_iter().flat_map(list).flat_map(|one| list(&one["values"])).map(text);
    let open: BTreeSet<_> = open.collect();
    // And those that keystone's catalog names.
    let mut needed = BTreeSet::from(["etcd", "glance", "neutron", "cinder"].map(str::to_owned));
    for pod in world.pods().filter(|pod| pod.is("DaemonSet")) {
        for agent in world.agents(&pod) {
            let mut names = reached(&references, agent.first_role(), agent.service());
            let keys = agent.manifest.keys();
            names.extend(
                keys.iter().filter_map(|key| Some(key.strip_prefix("general/")?.to_owned())),
            );
            needed.extend(names.iter().filter_map(|name| match name.strip_suffix("_HOSTNAME")? {
                "RABBIT" => Some("rabbitmq".to_owned()),
                // Browsers get there.
                "NOVNC" => None,
                api => Some(api.to_lowercase().replace('_', "-")),
            }));
        }
    }
    let open = open.into_iter().map(str::to_owned).collect();
    let lacking = needed
        .difference(&open)
        .map(|server| format!("compute nodes need {server}, and may not get there"));
    let more = open
        .difference(&needed)
        .map(|server| format!("compute nodes may get to {server}, and have no need of it"));
    lacking.chain(more).collect()
}

/// One policy lets the pod out, another lets it in.
fn is_open(world: &World, pod: &Pod<'_>, way: &str) -> bool {
    let label = format!("{TO}{way}");
    let policies = || world.kind("NetworkPolicy");
    let out = policies().any(|policy| {
        let selector = &policy["spec"]["podSelector"];
        list(&policy["spec"]["policyTypes"]).any(|kind| kind == "Egress")
            && !selector["matchLabels"][&label].is_null()
            && selects(selector, pod)
            && list(&policy["spec"]["egress"]).next().is_some()
    });
    let within = policies().any(|policy| {
        list(&policy["spec"]["ingress"]).any(|rule| {
            list(&rule["from"]).any(|peer| {
                let selector = &peer["podSelector"];
                !selector.is_null()
                    && selects(selector, pod)
                    && list(&rule["ports"]).next().is_some()
            })
        })
    });
    // Consoles are on the nodes, which have no policies.
    out && (within || way == "consoles")
}

/// Nothing goes in or out unless another policy says so; and only a name server is for everybody.
pub(super) fn closed(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    let closes = |policy: &Value| {
        policy["spec"]["podSelector"] == json!({})
            && policy["spec"]["policyTypes"] == json!(["Ingress", "Egress"])
            && policy["spec"].get("ingress").is_none()
            && policy["spec"].get("egress").is_none()
    };
    if !world.kind("NetworkPolicy").any(closes) {
        mistakes.push("no NetworkPolicy denies what no other allows".to_owned());
    }
    for policy in world.kind("NetworkPolicy") {
        let name = text(&policy["metadata"]["name"]);
        for rule in list(&policy["spec"]["ingress"]) {
            let anybody = list(&rule["from"]).next().is_none();
            if anybody && name != "bind" {
                mistakes.push(format!("{}: lets everybody in", label(policy)));
            }
            let all_ports = list(&rule["ports"]).next().is_none();
            if all_ports {
                mistakes.push(format!("{}: opens all ports", label(policy)));
            }
        }
        for rule in list(&policy["spec"]["egress"]) {
            if list(&rule["to"]).next().is_none() {
                mistakes.push(format!("{}: lets out to everybody", label(policy)));
            }
        }
        for peer in super::references::peers(&policy["spec"]) {
            // A site may have all of 10.0.0.0/8.
            let cidr = text(&peer["ipBlock"]["cidr"]).split_once('/');
            if cidr.is_some_and(|(_, bits)| bits.parse::<u8>().unwrap() < 8) {
                mistakes.push(format!("{}: is open to the whole world", label(policy)));
            }
        }
    }
    mistakes
}
