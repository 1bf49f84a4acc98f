//! What pods are like.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::pods::{env, port_of};
use crate::world::{World, list, text};

/// The agents of a compute node that may do all that root may: they make devices, mounts and namespaces
/// of the node, which the limits of a container close to everybody else.
const PRIVILEGED: [&str; 3] = ["libvirt", "neutron-ovn-agent", "nova-compute"];

/// Others that do what an ordinary user may not.
const CAPABLE: [(&str, &[&str]); 2] = [
    // rootwrap, by sudo: docs/storage.md.
    (
        "cinder-volume",
        &[
            "AUDIT_WRITE",
            "CHOWN",
            "DAC_OVERRIDE",
            "DAC_READ_SEARCH",
            "FOWNER",
            "NET_ADMIN",
            "SETGID",
            "SETUID",
            "SYS_ADMIN",
        ],
    ),
    // The node's switch.
    (
        "openvswitch",
        &["CHOWN", "DAC_OVERRIDE", "FOWNER", "NET_ADMIN", "NET_RAW", "SETGID", "SETUID"],
    ),
];

/// Those that cannot do without: libvirt's puts QEMU's user into the group of the node's `/dev/kvm`.
const WRITES_ANYWHERE: [&str; 1] = ["libvirt"];

pub(super) fn probes(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for agent in world.agents(&pod) {
            for (probe, path) in [
                ("startupProbe", "/livez"),
                ("livenessProbe", "/livez"),
                ("readinessProbe", "/readyz"),
            ] {
                let asked = &agent.container[probe]["httpGet"];
                let port = port_of(agent.container, &asked["port"]);
                if asked["path"] != path || port != Some(agent.port()) {
                    mistakes.push(format!(
                        "{}: the {probe} of {} is not {path} at {}",
                        pod.label(),
                        text(&agent.container["name"]),
                        agent.port()
                    ));
                }
            }
            // It asks the daemons for five seconds.
            if agent.container["readinessProbe"]["timeoutSeconds"].as_u64() < Some(6) {
                mistakes
                    .push(format!("{}: the readinessProbe gives up before /readyz", pod.label()));
            }
        }
    }
    mistakes
}

/// `stop.grace` and 30 seconds more (docs/operators-guide.md), and what preStop sleeps.
pub(super) fn grace(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        let has = pod.spec()["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
        for agent in world.agents(&pod) {
            let sleep = list(&agent.container["lifecycle"]["preStop"]["exec"]["command"]).nth(1);
            let sleep = sleep.map_or(0, |seconds| text(seconds).parse().unwrap());
            let needs = agent.manifest.grace() + 30 + sleep;
            if has < needs {
                mistakes.push(format!(
                    "{}: has {has} s to end, and {} of {} needs {needs}",
                    pod.label(),
                    agent.file,
                    agent.image
                ));
            }
        }
    }
    mistakes
}

/// An agent is known by its service and its host, which is the pod's name unless it has another one.
pub(super) fn hosts(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        let mut known = BTreeSet::new();
        for agent in world.agents(&pod) {
            let service = agent.service().to_owned();
            if !known.insert((service.clone(), env(agent.container, "ETCSTACK_HOST"))) {
                mistakes.push(format!(
                    "{}: two agents of {service} have the same ETCSTACK_HOST",
                    pod.label()
                ));
            }
        }
    }
    mistakes
}

/// The folder of each file, and the agent's own.
pub(super) fn writable(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for agent in world.agents(&pod) {
            let files = agent.manifest.tables("file").filter_map(|file| file.get("path")?.as_str());
            for path in files.chain(["/run/etcstack/state", "/tmp/x"]) {
                let mount = list(&agent.container["volumeMounts"])
                    .filter(|mount| path.starts_with(&format!("{}/", text(&mount["mountPath"]))))
                    .max_by_key(|mount| text(&mount["mountPath"]).len());
                let volume = mount.and_then(|mount| pod.volume(&mount["name"]));
                let is_claimed = mount.is_some_and(|mount| {
                    let claims = list(&pod.object["spec"]["volumeClaimTemplates"]);
                    claims.into_iter().any(|claim| claim["metadata"]["name"] == mount["name"])
                });
                let is_kept = volume.is_some_and(|volume| !volume["emptyDir"].is_null());
                let is_node = volume.is_some_and(|volume| !volume["hostPath"].is_null());
                if !is_claimed && !is_kept && !is_node {
                    mistakes.push(format!(
                        "{}: {path} of {} stands in no volume that can be written",
                        pod.label(),
                        agent.file
                    ));
                }
            }
        }
    }
    mistakes
}

pub(super) fn privileges(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        let mut mistake = |what: &str| mistakes.push(format!("{}: {what}", pod.label()));
        if pod.spec()["automountServiceAccountToken"] != false {
            mistake("has a token of Kubernetes, which nobody needs");
        }
        if pod.spec()["enableServiceLinks"] != false {
            mistake("has variables of Services in its environment");
        }
        if text(&pod.spec()["serviceAccountName"]).is_empty() {
            mistake("has no ServiceAccount of its own");
        }
        for container in pod.all_containers() {
            let context = &container["securityContext"];
            let may_write = WRITES_ANYWHERE.contains(&pod.name()) && context["privileged"] == true;
            if context["readOnlyRootFilesystem"] != true && !may_write {
                mistake("may write into its root file system");
            }
            let is_agent = container["name"] == "agent";
            if is_agent && PRIVILEGED.contains(&pod.name()) {
                continue;
            }
            let capable = CAPABLE.iter().find(|(name, _)| is_agent && *name == pod.name());
            // By sudo.
            if context["allowPrivilegeEscalation"] != false && pod.name() != "cinder-volume" {
                mistake("may gain privileges");
            }
            if context["privileged"] == true
                || context["capabilities"]["drop"] != serde_json::json!(["ALL"])
            {
                mistake("keeps capabilities");
            }
            let has: BTreeSet<_> = list(&context["capabilities"]["add"]).map(text).collect();
            if has != capable.map(|(_, may)| may.iter().copied().collect()).unwrap_or_default() {
                mistake("has capabilities");
            }
        }
        if pod.is("DaemonSet") {
            continue;
        }
        let context = &pod.spec()["securityContext"];
        if context["runAsNonRoot"] != true {
            mistake("may be root");
        }
        if context["seccompProfile"]["type"] != "RuntimeDefault" {
            mistake("has no seccomp profile");
        }
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            if pod.spec()[field] == true {
                mistake(&format!("has {field}"));
            }
        }
        if list(&pod.spec()["volumes"]).any(|volume| !volume["hostPath"].is_null()) {
            mistake("has a folder of its node");
        }
    }
    mistakes
}

pub(super) fn resources(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for container in pod.all_containers() {
            let resources = &container["resources"];
            let name = text(&container["name"]);
            for field in ["cpu", "memory"] {
                if resources["requests"][field].is_null() {
                    mistakes.push(format!("{}: {name} requests no {field}", pod.label()));
                }
            }
            // The servers of users are in there.
            if resources["limits"]["memory"].is_null() && pod.name() != "libvirt" {
                mistakes.push(format!("{}: {name} has no limit of memory", pod.label()));
            }
        }
        let apart = list(&pod.spec()["topologySpreadConstraints"]).any(|constraint| {
            constraint["topologyKey"] == "kubernetes.io/hostname"
                && constraint["whenUnsatisfiable"] == "DoNotSchedule"
        });
        if (pod.is("Deployment") || pod.is("StatefulSet")) && pod.name() != "etcd" && !apart {
            mistakes.push(format!("{}: may be twice on one node", pod.label()));
        }
    }
    mistakes
}

pub(super) fn planes(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        let on = |plane: &str| pod.spec()["nodeSelector"][plane] == "enabled";
        let is_compute = pod.is("DaemonSet");
        if on("etcstack.io/compute-plane") != is_compute
            || on("etcstack.io/control-plane") == is_compute
        {
            mistakes.push(format!("{}: is on the wrong plane", pod.label()));
        }
        for agent in world.agents(&pod) {
            let of_node = agent.role == "compute,compute@$(NODE_NAME)";
            let names_node = list(&agent.container["env"]).any(|variable| {
                variable["name"] == "NODE_NAME"
                    && variable["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName"
            });
            if is_compute != (of_node && names_node) {
                mistakes.push(format!("{}: has the role {}", pod.label(), agent.role));
            }
        }
        let unlike = |field: &str, value: Value| pod.spec()[field] != value;
        if is_compute
            && (unlike("hostNetwork", true.into())
                || unlike("dnsPolicy", "ClusterFirstWithHostNet".into()))
        {
            mistakes.push(format!("{}: is not in the node's network", pod.label()));
        }
    }
    mistakes
}
