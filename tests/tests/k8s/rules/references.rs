//! What objects say of each other.

use serde_json::Value;

use crate::pods::{Pod, port_of};
use crate::world::{World, label, list, text};

/// The Secret of the public certificate, which the site makes: docs/kubernetes.md.
const FROM_OUTSIDE: [&str; 1] = ["public-tls"];

pub(super) fn named(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        let mut lacks = |what: &str, name: &str| {
            mistakes.push(format!("{}: there is no {what} {name}", pod.label()));
        };
        let account = text(&pod.spec()["serviceAccountName"]);
        if world.find("ServiceAccount", account).is_none() {
            lacks("ServiceAccount", account);
        }
        for volume in list(&pod.spec()["volumes"]) {
            let secret = &volume["secret"];
            if !secret.is_null()
                && secret["optional"] != true
                && !is_made(world, text(&secret["secretName"]))
            {
                lacks("Certificate for the Secret", text(&secret["secretName"]));
            }
            let map = &volume["configMap"];
            if !map.is_null()
                && map["optional"] != true
                && world.find("ConfigMap", text(&map["name"])).is_none()
            {
                lacks("ConfigMap", text(&map["name"]));
            }
            let claim = &volume["persistentVolumeClaim"]["claimName"];
            if !claim.is_null() && world.find("PersistentVolumeClaim", text(claim)).is_none() {
                lacks("PersistentVolumeClaim", text(claim));
            }
        }
        for container in pod.all_containers() {
            for mount in list(&container["volumeMounts"]) {
                let claims = list(&pod.object["spec"]["volumeClaimTemplates"]);
                let claimed =
                    claims.into_iter().any(|claim| claim["metadata"]["name"] == mount["name"]);
                if !claimed && pod.volume(&mount["name"]).is_none() {
                    lacks("volume", text(&mount["name"]));
                }
            }
        }
        let service = &pod.object["spec"]["serviceName"];
        if pod.is("StatefulSet") && world.find("Service", text(service)).is_none() {
            lacks("Service", text(service));
        }
    }
    for ingress in world.kind("Ingress") {
        for path in list(&ingress["spec"]["rules"]).flat_map(|rule| list(&rule["http"]["paths"])) {
            let backend = &path["backend"]["service"];
            let service = world.find("Service", text(&backend["name"]));
            let ports = service.map(|service| &service["spec"]["ports"]);
            let leads = ports.is_some_and(|ports| {
                list(ports).any(|port| port["name"] == backend["port"]["name"])
            });
            if !leads {
                mistakes.push(format!(
                    "{}: there is no Service {} with that port",
                    label(ingress),
                    text(&backend["name"])
                ));
            }
        }
        for tls in list(&ingress["spec"]["tls"]) {
            if !FROM_OUTSIDE.contains(&text(&tls["secretName"])) {
                mistakes.push(format!(
                    "{}: nobody makes the Secret {}",
                    label(ingress),
                    text(&tls["secretName"])
                ));
            }
        }
    }
    mistakes
}

fn is_made(world: &World, secret: &str) -> bool {
    world.kind("Certificate").any(|certificate| certificate["spec"]["secretName"] == secret)
}

/// Each selects a pod, ports are those of the pods, and what makes pods selects its own.
pub(super) fn selectors(world: &World) -> Vec<String> {
    let pods: Vec<_> = world.pods().collect();
    let mut mistakes = Vec::new();
    for object in &world.objects {
        let spec = &object["spec"];
        match text(&object["kind"]) {
            "Service" => {
                let found: Vec<_> =
                    pods.iter().filter(|pod| matches(&spec["selector"], pod)).collect();
                if found.is_empty() {
                    mistakes.push(format!("{}: selects no pod", label(object)));
                }
                for port in list(&spec["ports"]) {
                    let leads = |pod: &&&Pod<'_>| {
                        pod.containers().any(|c| port_of(c, &port["targetPort"]).is_some())
                    };
                    if !found.iter().all(|pod| leads(&pod)) {
                        let name = text(&port["targetPort"]);
                        mistakes.push(format!("{}: its pods have no port {name}", label(object)));
                    }
                }
            }
            "PodDisruptionBudget" | "PodMonitor"
                if !pods.iter().any(|pod| selects(&spec["selector"], pod)) =>
            {
                mistakes.push(format!("{}: selects no pod", label(object)));
            }
            "NetworkPolicy" => {
                if !pods.iter().any(|pod| selects(&spec["podSelector"], pod)) {
                    mistakes.push(format!("{}: selects no pod", label(object)));
                }
                for peer in peers(spec) {
                    let selector = &peer["podSelector"];
                    if !selector.is_null() && !pods.iter().any(|pod| selects(selector, pod)) {
                        mistakes.push(format!("{}: {selector} selects no pod", label(object)));
                    }
                }
            }
            "Deployment" | "StatefulSet" | "DaemonSet" => {
                let own = Pod { object, template: &spec["template"] };
                if !selects(&spec["selector"], &own) {
                    mistakes.push(format!("{}: does not select its own pods", label(object)));
                }
                let others = pods.iter().filter(|pod| pod.label() != own.label());
                for other in others.filter(|pod| selects(&spec["selector"], pod)) {
                    mistakes.push(format!(
                        "{}: selects the pods of {}",
                        label(object),
                        other.label()
                    ));
                }
            }
            _ => {}
        }
    }
    mistakes
}

/// All peers of a policy's rules.
pub(super) fn peers(spec: &Value) -> impl Iterator<Item = &Value> {
    let ingress = list(&spec["ingress"]).flat_map(|rule| list(&rule["from"]));
    ingress.chain(list(&spec["egress"]).flat_map(|rule| list(&rule["to"])))
}

fn matches(labels: &Value, pod: &Pod<'_>) -> bool {
    let has = pod.labels();
    let wanted = labels.as_object().into_iter().flatten();
    wanted.into_iter().all(|(name, value)| has.get(name.as_str()) == Some(&text(value)))
}

/// Whether a selector with labels and expressions selects a pod.
pub(super) fn selects(selector: &Value, pod: &Pod<'_>) -> bool {
    let has = pod.labels();
    matches(&selector["matchLabels"], pod)
        && list(&selector["matchExpressions"]).all(|expression| {
            let value = has.get(text(&expression["key"]));
            let named = value.is_some_and(|value| list(&expression["values"]).any(|v| v == value));
            match text(&expression["operator"]) {
                "In" => named,
                "NotIn" => !named,
                operator => panic!("{operator}: what does that select?"),
            }
        })
}

/// One for each `Deployment` and `StatefulSet`, and one pod at a time.
pub(super) fn budgets(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods().filter(|pod| pod.is("Deployment") || pod.is("StatefulSet")) {
        let budgets = world.kind("PodDisruptionBudget");
        let own: Vec<_> =
            budgets.filter(|budget| selects(&budget["spec"]["selector"], &pod)).collect();
        if own.len() != 1 || own[0]["spec"]["maxUnavailable"] != 1 {
            mistakes.push(format!(
                "{}: has {} PodDisruptionBudgets of one pod at a time",
                pod.label(),
                own.len()
            ));
        }
    }
    mistakes
}
