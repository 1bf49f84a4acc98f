//! The cloud in containers, `tests/cloud/cloud.toml`, and the pods are the same: what `make cloud` has
//! run is what Kubernetes runs.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::pods::{Agent, env};
use crate::world::{OVERLAYS, World, list, root, text};

/// By its image and its manifest: the role, and the capabilities that it is given.
type Daemons = BTreeMap<(String, String), (String, Vec<String>)>;

#[test]
fn the_same_daemons_run_in_both() {
    let docker =
        in_containers(&std::fs::read_to_string(root().join("tests/cloud/cloud.toml")).unwrap());
    for overlay in OVERLAYS {
        let mistakes = differences(&docker, &in_pods(&World::of(overlay)));
        assert!(mistakes.is_empty(), "{overlay}:\n{}", mistakes.join("\n"));
    }
}

#[test]
fn differences_are_named() {
    let cloud = r#"
        [[service]]
        name = "ovn"
        image = "ovn"
        role = "controller,controller@x"

        [[service]]
        name = "compute"
        image = "ovn"
        manifest = "openvswitch.toml"
        options = ["--cap-add=SYS_TIME", "--user=root"]
    "#;
    let said = differences(&in_containers(cloud), &in_pods(&World::of("ha"))).join("\n");
    for line in [
        "ovn agent.toml: the role controller,controller@x in containers, controller in pods",
        "ovn openvswitch.toml: SYS_TIME in containers, not in pods",
        "keystone agent.toml: only in pods",
    ] {
        assert!(said.contains(line), "{line}: not in\n{said}");
    }
}

/// What the Job has of the data is what `make cloud` loads, but for what an overlay says.
#[test]
fn the_same_variables_are_loaded() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    assert_eq!(
        read("k8s/base/loader/cloud.env"),
        read("bootstrap-data/general/cloud.conf"),
        "copy bootstrap-data/general/cloud.conf to k8s/base/loader/cloud.env"
    );
    for ring in ["SWIFT_ACCOUNT_RING", "SWIFT_CONTAINER_RING", "SWIFT_OBJECT_RING"] {
        let rings = ["k8s/base/loader/rings", "tests/cloud/data/general"];
        let [ours, theirs] = rings.map(|folder| read(&format!("{folder}/{ring}")));
        assert_eq!(ours, theirs, "copy {ring}");
    }
}

fn in_containers(cloud: &str) -> Daemons {
    let cloud: Table = cloud.parse().unwrap();
    let mut daemons = Daemons::new();
    for service in cloud["service"].as_array().unwrap().iter().filter_map(Value::as_table) {
        let field = |name: &str| service.get(name).and_then(Value::as_str);
        let image = field("image").unwrap();
        let file = field("manifest").unwrap_or("agent.toml");
        let manifest = &crate::images::images()[image].manifests[file];
        let role = field("role").unwrap_or_else(|| manifest.text("role")).to_owned();
        let options = service.get("options").and_then(Value::as_array).into_iter().flatten();
        let added = options.filter_map(|option| option.as_str()?.strip_prefix("--cap-add="));
        let added = added.map(str::to_owned).collect();
        daemons.insert((image.to_owned(), file.to_owned()), (role, added));
    }
    daemons
}

fn in_pods(world: &World) -> Daemons {
    let mut daemons = Daemons::new();
    for pod in world.pods() {
        for agent in world.agents(&pod) {
            let added = &agent.container["securityContext"];
            let mut added: Vec<_> =
                list(&added["capabilities"]["add"]).map(|name| text(name).to_owned()).collect();
            if agent.container["securityContext"]["privileged"] == true {
                added.push("ALL".to_owned());
            }
            let key = (agent.image.to_owned(), agent.file.to_owned());
            let old = daemons.insert(key, (role(&agent), added));
            assert!(old.is_none(), "{}: {} runs in another pod as well", pod.label(), agent.file);
        }
    }
    daemons
}

/// Without the layer of a node: containers have none.
fn role(agent: &Agent<'_>) -> String {
    match env(agent.container, "ETCSTACK_ROLE") {
        Some("compute,compute@$(NODE_NAME)") => "compute".to_owned(),
        _ => agent.role.clone(),
    }
}

fn differences(docker: &Daemons, pods: &Daemons) -> Vec<String> {
    let mut mistakes = Vec::new();
    for ((image, file), (role, added)) in docker {
        let name = format!("{image} {file}");
        let Some((ours, allowed)) = pods.get(&(image.clone(), file.clone())) else {
            mistakes.push(format!("{name}: only in containers"));
            continue;
        };
        if role != ours {
            mistakes.push(format!("{name}: the role {role} in containers, {ours} in pods"));
        }
        for capability in added {
            if !allowed.contains(capability) && !allowed.iter().any(|name| name == "ALL") {
                mistakes.push(format!("{name}: {capability} in containers, not in pods"));
            }
        }
    }
    let only = pods.keys().filter(|daemon| !docker.contains_key(*daemon));
    mistakes.extend(only.map(|(image, file)| format!("{image} {file}: only in pods")));
    mistakes
}
