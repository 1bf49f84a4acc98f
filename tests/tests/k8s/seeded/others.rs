//! Mistakes in what others read: Ingress controllers, cert-manager, the Prometheus operator.

use serde_json::json;

use crate::world::World;

use super::{Mistake, container, push, remove};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        "files and consoles get through",
        |w| {
            annotations(w, "public-files")["nginx.ingress.kubernetes.io/proxy-body-size"] =
                json!("8m");
        },
        "glance needs nginx.ingress.kubernetes.io/proxy-body-size: 0, and has Some(\"8m\")",
    ),
    (
        "files and consoles get through",
        |w| {
            let gone = annotations(w, "public-consoles").as_object_mut().unwrap();
            gone.remove("nginx.org/websocket-services");
        },
        "nova-novncproxy needs nginx.org/websocket-services: nova-novncproxy, and has None",
    ),
    (
        "files and consoles get through",
        |w| {
            let rule = w.find_mut("Ingress", "public-files")["spec"]["rules"][0].clone();
            push(&mut w.find_mut("Ingress", "public")["spec"], "rules", rule);
        },
        "Ingress public: glance needs nginx.ingress.kubernetes.io/proxy-body-size",
    ),
    (
        "files and consoles get through",
        |w| {
            let rule = w.find_mut("Ingress", "public")["spec"]["rules"][0].clone();
            push(&mut w.find_mut("Ingress", "public-files")["spec"], "rules", rule);
        },
        "Ingress public-files: keystone has no need of nginx.ingress.kubernetes.io/proxy-body-size",
    ),
    (
        "certificates are signed",
        |w| w.find_mut("Certificate", "etcd-root")["spec"]["issuerRef"]["name"] = json!("ectd"),
        "Certificate etcd-root: there is no Issuer ectd",
    ),
    (
        "certificates are signed",
        |w| w.find_mut("Certificate", "etcd-root")["spec"]["renewBefore"] = json!("2160h"),
        "Certificate etcd-root: lives for Some(2160) hours",
    ),
    (
        "certificates are signed",
        |w| w.find_mut("Certificate", "etcd-root")["spec"]["privateKey"]["size"] = json!(2048),
        "Certificate etcd-root: there is no ECDSA key of 2048 bits",
    ),
    (
        "certificates are signed",
        |w| w.find_mut("Certificate", "etcd-root")["spec"]["commonName"] = json!(""),
        "Certificate etcd-root: has no name",
    ),
    (
        "certificates are signed",
        |w| w.find_mut("Certificate", "etcd-root")["spec"]["secretName"] = json!("etcd-loader"),
        "another one is kept in \"etcd-loader\" as well",
    ),
    (
        "certificates are signed",
        |w| w.find_mut("Certificate", "etcd-authority")["spec"]["isCA"] = json!(false),
        "Issuer etcd: no authority is kept in \"etcd-authority\"",
    ),
    (
        "Prometheus asks what there is",
        |w| {
            w.find_mut("PodMonitor", "etcstack-agents")["spec"]["podMetricsEndpoints"][1]["port"] =
                json!("agent-mnds");
        },
        "PodMonitor etcstack-agents: no pod has the port \"agent-mnds\"",
    ),
    (
        "Prometheus asks what there is",
        |w| remove(w, "PodMonitor", "rabbitmq"),
        "StatefulSet rabbitmq: 0 PodMonitors ask \"metrics\"",
    ),
    (
        "Prometheus asks what there is",
        |w| {
            w.find_mut("PodMonitor", "etcd")["spec"]["selector"] = json!({});
        },
        "StatefulSet rabbitmq: 2 PodMonitors ask \"metrics\"",
    ),
    (
        "Prometheus asks what there is",
        |w| container(w, "Deployment", "heat")["ports"][0]["name"] = json!("agnet"),
        "Deployment heat: 0 PodMonitors ask \"agnet\"",
    ),
    (
        "Prometheus asks what there is",
        |w| {
            w.find_mut("NetworkPolicy", "monitoring")["spec"]["ingress"][0]["ports"] =
                json!([{"port": "agent"}]);
        },
        "StatefulSet etcd: Prometheus does not get to \"metrics\"",
    ),
];

fn annotations<'a>(world: &'a mut World, name: &str) -> &'a mut serde_json::Value {
    &mut world.find_mut("Ingress", name)["metadata"]["annotations"]
}
