//! The pods of the built manifests, and the agents in them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::images::Manifest;
use crate::world::{World, label, list, text};

/// What makes pods, and the pods that it makes.
pub(crate) struct Pod<'a> {
    pub(crate) object: &'a Value,
    pub(crate) template: &'a Value,
}

/// A container with an agent.
pub(crate) struct Agent<'a> {
    pub(crate) container: &'a Value,
    /// The image's name.
    pub(crate) image: &'a str,
    /// The name of the manifest's file.
    pub(crate) file: &'a str,
    pub(crate) manifest: &'a Manifest,
    /// With its layers.
    pub(crate) role: String,
}

impl World {
    pub(crate) fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        self.objects.iter().filter_map(|object| {
            let template = match text(&object["kind"]) {
                "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => &object["spec"]["template"],
                "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
                "Pod" => object,
                _ => return None,
            };
            Some(Pod { object, template })
        })
    }

    /// The agents of a pod. Images and manifests that are not there have a rule of their own.
    pub(crate) fn agents<'a>(&'a self, pod: &Pod<'a>) -> Vec<Agent<'a>> {
        pod.containers().filter_map(|container| self.agent(container)).collect()
    }

    pub(crate) fn agent<'a>(&'a self, container: &'a Value) -> Option<Agent<'a>> {
        let image = image_of(container);
        let file = manifest_of(container);
        let manifest = self.images.get(image)?.manifests.get(file)?;
        let role = env(container, "ETCSTACK_ROLE").unwrap_or_else(|| manifest.text("role"));
        Some(Agent { container, image, file, manifest, role: role.to_owned() })
    }
}

impl<'a> Pod<'a> {
    pub(crate) fn spec(&self) -> &'a Value {
        &self.template["spec"]
    }

    pub(crate) fn label(&self) -> String {
        label(self.object)
    }

    pub(crate) fn name(&self) -> &'a str {
        text(&self.object["metadata"]["name"])
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.object["kind"] == kind
    }

    pub(crate) fn containers(&self) -> impl Iterator<Item = &'a Value> {
        list(&self.spec()["containers"])
    }

    /// Those that run before as well.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = &'a Value> {
        list(&self.spec()["initContainers"]).chain(self.containers())
    }

    pub(crate) fn labels(&self) -> BTreeMap<&'a str, &'a str> {
        let labels = self.template["metadata"]["labels"].as_object().into_iter().flatten();
        labels.map(|(name, value)| (name.as_str(), text(value))).collect()
    }

    pub(crate) fn volume(&self, name: &Value) -> Option<&'a Value> {
        list(&self.spec()["volumes"]).find(|volume| volume["name"] == *name)
    }
}

impl Agent<'_> {
    pub(crate) fn service(&self) -> &str {
        self.manifest.text("service")
    }

    /// The first of its roles, which its records and its user have.
    pub(crate) fn first_role(&self) -> &str {
        self.role.split(',').next().unwrap_or_default()
    }

    /// Where it answers: by its environment, or by that of the image.
    pub(crate) fn port(&self) -> u64 {
        let listen = env(self.container, "ETCSTACK_LISTEN").unwrap_or("0.0.0.0:9180");
        listen.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

/// `nova` of `registry.example/etcstack/nova:2026.2`.
pub(crate) fn image_of(container: &Value) -> &str {
    let name = text(&container["image"]).rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

/// The file that `--manifest` names.
pub(crate) fn manifest_of(container: &Value) -> &str {
    let mut arguments = list(&container["args"]).map(text);
    let named = arguments.find(|argument| *argument == "--manifest").and_then(|_| arguments.next());
    named.map_or("agent.toml", |path| path.rsplit('/').next().unwrap_or_default())
}

/// A variable of a container's environment that has a value in clear.
pub(crate) fn env<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    list(&container["env"]).find(|variable| variable["name"] == name)?["value"].as_str()
}

/// Where a port's name or number leads in a container.
pub(crate) fn port_of(container: &Value, port: &Value) -> Option<u64> {
    port.as_u64().or_else(|| {
        let ports = list(&container["ports"]);
        ports.filter(|declared| declared["name"] == *port).find_map(|p| p["containerPort"].as_u64())
    })
}
