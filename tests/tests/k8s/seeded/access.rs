//! Mistakes about who may do what, in the store and in the network.

use serde_json::{Value, json};

use crate::world::World;

use super::{Mistake, container, labels, pod, remove};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        "a user of etcd for each service",
        |w| {
            pod(w, "Deployment", "heat")["volumes"][4]["secret"]["secretName"] =
                json!("etcd-controller-nova");
        },
        "Deployment heat: is Some(\"etcstack.controller.nova\") to etcd, not etcstack.controller.heat",
    ),
    (
        "a user of etcd for each service",
        |w| {
            container(w, "Deployment", "nova")["env"] =
                json!([{"name": "ETCSTACK_ROLE", "value": "compute"}]);
        },
        "Deployment nova: is Some(\"etcstack.controller.nova\") to etcd, not etcstack.compute.nova",
    ),
    (
        "a user of etcd for each service",
        |w| remove(w, "Deployment", "horizon"),
        "Certificate etcd-controller-horizon: nobody needs it",
    ),
    (
        "a user of etcd for each service",
        |w| {
            w.find_mut("Certificate", "etcd-controller-nova")["spec"]["usages"] =
                json!(["server auth"]);
        },
        "is not for a client alone",
    ),
    (
        "rights that services need",
        |w| w.access = w.access.replace("\"general/OVN_NB_CONNECTION\", ", ""),
        "controller/ovn reads general/OVN_NB_CONNECTION, and may not",
    ),
    (
        "rights that services need",
        |w| {
            w.access = w
                .access
                .replace("[\"compute@*\"]", "[\"compute@*\", \"general/MYSQL_ROOT_PASSWORD\"]");
        },
        "compute/libvirt may read general/MYSQL_ROOT_PASSWORD, and does not",
    ),
    (
        "root is for few",
        |w| pod(w, "Deployment", "heat")["volumes"][4]["secret"]["secretName"] = json!("etcd-root"),
        "Deployment heat: has the Secret etcd-root",
    ),
    (
        "ways are open that are needed",
        |w| _ = labels(w, "Deployment", "heat").remove("to.etcstack.io/mariadb"),
        "Deployment heat: needs mariadb",
    ),
    (
        "ways are open that are needed",
        |w| {
            _ = labels(w, "Deployment", "horizon")
                .insert("to.etcstack.io/mariadb".into(), json!("true"));
        },
        "Deployment horizon: has the label to.etcstack.io/mariadb, and no need",
    ),
    (
        "ways are open that are needed",
        |w| remove(w, "NetworkPolicy", "to-rabbitmq"),
        "no two NetworkPolicies open the way to rabbitmq",
    ),
    (
        "nothing is open to all",
        |w| remove(w, "NetworkPolicy", "default-deny"),
        "no NetworkPolicy denies",
    ),
    (
        "nothing is open to all",
        |w| {
            w.find_mut("NetworkPolicy", "compute-nodes")["spec"]["ingress"][0]["from"] =
                json!([{"ipBlock": {"cidr": "0.0.0.0/0"}}]);
        },
        "is open to the whole world",
    ),
    (
        "nothing is open to all",
        |w| {
            w.find_mut("NetworkPolicy", "compute-nodes")["spec"]["ingress"][0]["from"] =
                json!([{"ipBlock": {"cidr": "::/0"}}]);
        },
        "is open to the whole world",
    ),
    (
        "nothing is open to all",
        |w| {
            _ = w.find_mut("NetworkPolicy", "to-mariadb")["spec"]["egress"][0]
                .as_object_mut()
                .unwrap()
                .remove("to");
        },
        "NetworkPolicy to-mariadb: lets out to everybody",
    ),
    (
        "nothing is open to all",
        |w| w.find_mut("NetworkPolicy", "mariadb")["spec"]["ingress"][0]["from"] = json!([]),
        "NetworkPolicy mariadb: lets everybody in",
    ),
    (
        "nothing is open to all",
        |w| w.find_mut("NetworkPolicy", "mariadb")["spec"]["ingress"][0]["ports"] = json!([]),
        "NetworkPolicy mariadb: opens all ports",
    ),
    (
        "compute nodes get where they need to",
        |w| compute_nodes(w).retain(|server| server != "ovn"),
        "compute nodes need ovn, and may not get there",
    ),
    (
        "compute nodes get where they need to",
        |w| compute_nodes(w).push(json!("mariadb")),
        "compute nodes may get to mariadb, and have no need of it",
    ),
];

fn compute_nodes(world: &mut World) -> &mut Vec<Value> {
    let policy = world.find_mut("NetworkPolicy", "compute-nodes");
    policy["spec"]["podSelector"]["matchExpressions"][0]["values"].as_array_mut().unwrap()
}
