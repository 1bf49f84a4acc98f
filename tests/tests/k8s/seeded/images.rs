//! Mistakes about images.

use serde_json::json;

use super::{Mistake, container, pod};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        "images are those of dockerfiles",
        |w| container(w, "Deployment", "nova")["image"] = json!("etcstack/nvoa:2026.2"),
        "Deployment nova: there is no image etcstack/nvoa:2026.2",
    ),
    (
        "images are those of dockerfiles",
        |w| container(w, "Deployment", "nova")["image"] = json!("etcstack/nova:2025.9"),
        "2025.9: there is no such release",
    ),
    (
        "manifests are in the images",
        |w| {
            container(w, "Deployment", "nova-conductor")["args"][1] =
                json!("/etc/etcstack/condutcor.toml");
        },
        "the image nova has no manifest condutcor.toml",
    ),
    (
        "ports are those of the manifests",
        |w| container(w, "Deployment", "nova")["ports"][1]["containerPort"] = json!(8775),
        "agent.toml of nova listens at 8774, which is no port",
    ),
    (
        "ports are those of the manifests",
        |w| container(w, "StatefulSet", "rabbitmq")["ports"][4]["containerPort"] = json!(1234),
        "nothing of rabbitmq listens at 1234",
    ),
    (
        "users are those of the images",
        |w| pod(w, "Deployment", "glance")["securityContext"]["runAsUser"] = json!(1000),
        "runs as Some(1000), and the image glance as Some(42415)",
    ),
    (
        "users are those of the images",
        |w| {
            _ = pod(w, "Deployment", "glance")["securityContext"]
                .as_object_mut()
                .unwrap()
                .remove("runAsUser");
        },
        "runs as None",
    ),
    (
        "users are those of the images",
        |w| pod(w, "Deployment", "glance")["securityContext"]["fsGroup"] = json!(1),
        "fsGroup is not its user",
    ),
];
