//! Mistakes in pods.

use serde_json::json;

use super::{Mistake, container, pod, push};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        "probes ask the agent",
        |w| container(w, "DaemonSet", "nova-compute")["ports"][0]["containerPort"] = json!(9180),
        "the livenessProbe of agent is not /livez at 9181",
    ),
    (
        "probes ask the agent",
        |w| {
            container(w, "Deployment", "heat")["readinessProbe"]["httpGet"]["path"] =
                json!("/livez");
        },
        "the readinessProbe of agent is not /readyz",
    ),
    (
        "probes ask the agent",
        |w| _ = container(w, "Deployment", "heat").as_object_mut().unwrap().remove("startupProbe"),
        "the startupProbe of agent",
    ),
    (
        "probes ask the agent",
        |w| container(w, "Deployment", "heat")["readinessProbe"]["timeoutSeconds"] = json!(5),
        "gives up before /readyz",
    ),
    (
        "agents of one pod are told apart",
        |w| {
            let worker = &mut pod(w, "StatefulSet", "bind")["containers"][2];
            worker["env"].as_array_mut().unwrap().retain(|name| name["name"] != "ETCSTACK_HOST");
            push(worker, "env", json!({"name": "ETCSTACK_HOST", "value": "$(POD_NAME)-mdns"}));
        },
        "StatefulSet bind: two agents of designate have the same ETCSTACK_HOST",
    ),
    (
        "pods have longer to end than their daemons",
        |w| pod(w, "Deployment", "heat-engine")["terminationGracePeriodSeconds"] = json!(300),
        "has 300 s to end, and engine.toml of heat needs 335",
    ),
    (
        "files are written into volumes",
        |w| container(w, "Deployment", "heat")["volumeMounts"][3]["mountPath"] = json!("/etc/haet"),
        "/etc/heat/heat.conf of agent.toml stands in no volume",
    ),
    (
        "files are written into volumes",
        |w| {
            pod(w, "Deployment", "heat")["volumes"][0] =
                json!({"name": "etc", "configMap": {"name": "general"}});
        },
        "/etc/heat/heat.conf of agent.toml stands in no volume",
    ),
    (
        "no more privileges than needed",
        |w| {
            container(w, "Deployment", "heat")["securityContext"]["readOnlyRootFilesystem"] =
                json!(false);
        },
        "Deployment heat: may write into its root",
    ),
    (
        "no more privileges than needed",
        |w| container(w, "Deployment", "heat")["securityContext"]["privileged"] = json!(true),
        "Deployment heat: keeps capabilities",
    ),
    (
        "no more privileges than needed",
        |w| {
            container(w, "Deployment", "heat")["securityContext"]["capabilities"]["add"] =
                json!(["NET_ADMIN"]);
        },
        "Deployment heat: has capabilities",
    ),
    (
        "no more privileges than needed",
        |w| {
            container(w, "Deployment", "heat")["securityContext"]["allowPrivilegeEscalation"] =
                json!(true);
        },
        "Deployment heat: may gain privileges",
    ),
    (
        "no more privileges than needed",
        |w| pod(w, "Deployment", "heat")["securityContext"]["runAsNonRoot"] = json!(false),
        "Deployment heat: may be root",
    ),
    (
        "no more privileges than needed",
        |w| pod(w, "Deployment", "heat")["hostNetwork"] = json!(true),
        "Deployment heat: has hostNetwork",
    ),
    (
        "no more privileges than needed",
        |w| {
            push(
                pod(w, "Deployment", "heat"),
                "volumes",
                json!({"name": "h", "hostPath": {"path": "/"}}),
            );
        },
        "Deployment heat: has a folder of its node",
    ),
    (
        "no more privileges than needed",
        |w| container(w, "DaemonSet", "openvswitch")["securityContext"]["privileged"] = json!(true),
        "DaemonSet openvswitch: keeps capabilities",
    ),
    (
        "no more privileges than needed",
        |w| {
            push(
                &mut container(w, "DaemonSet", "openvswitch")["securityContext"]["capabilities"],
                "add",
                json!("SYS_ADMIN"),
            );
        },
        "DaemonSet openvswitch: has capabilities",
    ),
    (
        "no more privileges than needed",
        |w| {
            push(
                &mut container(w, "Deployment", "cinder-volume")["securityContext"]["capabilities"],
                "add",
                json!("SYS_MODULE"),
            );
        },
        "cinder-volume: has capabilities",
    ),
    (
        "no more privileges than needed",
        |w| pod(w, "DaemonSet", "libvirt")["automountServiceAccountToken"] = json!(true),
        "DaemonSet libvirt: has a token",
    ),
    (
        "pods say what they need",
        |w| {
            _ = container(w, "Deployment", "heat")["resources"]
                .as_object_mut()
                .unwrap()
                .remove("limits");
        },
        "agent has no limit of memory",
    ),
    (
        "pods say what they need",
        |w| {
            pod(w, "Deployment", "heat")["topologySpreadConstraints"][0]["whenUnsatisfiable"] =
                json!("ScheduleAnyway");
        },
        "Deployment heat: may be twice on one node",
    ),
    (
        "control and compute plane are apart",
        |w| pod(w, "DaemonSet", "libvirt")["nodeSelector"] = json!({}),
        "DaemonSet libvirt: is on the wrong plane",
    ),
    (
        "control and compute plane are apart",
        |w| container(w, "DaemonSet", "nova-compute")["env"][1]["value"] = json!("compute"),
        "DaemonSet nova-compute: has the role compute",
    ),
    (
        "control and compute plane are apart",
        |w| pod(w, "DaemonSet", "libvirt")["dnsPolicy"] = json!("ClusterFirst"),
        "is not in the node's network",
    ),
];
