//! What the manifests say that the data has to know, and the other way round.

use std::collections::BTreeSet;

use etcstack_config::secret::is_secret_name;

use crate::data::{data, reached, references, validate};
use crate::world::{World, label, list, root, text};

pub(super) fn services(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for agent in world.agents(&pod) {
            let folder = format!("{}/{}", agent.first_role(), agent.service());
            let has = std::fs::read_dir(root().join("bootstrap-data").join(&folder));
            if has.map_or(0, Iterator::count) == 0 {
                mistakes.push(format!("{}: bootstrap-data/{folder} has no file", pod.label()));
            }
        }
    }
    mistakes
}

/// `etcstack-loader validate` finds nothing in what the Job loads. It knows what is generated.
pub(super) fn variables(world: &World) -> Vec<String> {
    validate(data(world).path())
}

/// Kubernetes fills in `$(NAME)` from what stands before it, and leaves it as it is else.
pub(super) fn environments(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for pod in world.pods() {
        for container in pod.all_containers() {
            let mut known = BTreeSet::new();
            for variable in list(&container["env"]) {
                let name = text(&variable["name"]);
                for reference in text(&variable["value"]).split("$(").skip(1) {
                    let reference = reference.split(')').next().unwrap_or_default();
                    if !known.contains(reference) {
                        mistakes.push(format!(
                            "{}: {name} refers to {reference}, which is not before it",
                            pod.label()
                        ));
                    }
                }
                if !known.insert(name) {
                    mistakes.push(format!("{}: {name} is there twice", pod.label()));
                }
            }
        }
    }
    mistakes
}

pub(super) fn secrets(world: &World) -> Vec<String> {
    let mut mistakes: Vec<_> = world
        .kind("Secret")
        .map(|secret| format!("{}: stands in the manifests", label(secret)))
        .collect();
    let in_clear = |name: &str, value: &str| {
        let names_file = value.starts_with('/') || value == "true";
        let password = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        let literal = password
            .and_then(|(account, _)| account.split_once(':'))
            .is_some_and(|(_, password)| !password.starts_with('$') && !password.is_empty());
        // Members of etcd tell by its token which cluster is theirs: it keeps nobody out.
        let is_name = name == "ETCD_INITIAL_CLUSTER_TOKEN" || names_file;
        literal || (is_secret_name(name) && !value.contains('$') && !is_name)
    };
    for map in world.kind("ConfigMap") {
        for (name, value) in map["data"].as_object().into_iter().flatten() {
            // Of whole keys, the option is what tells.
            let lines = text(value).lines().filter_map(|line| line.split_once('='));
            let option = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
            let is_listing = name.ends_with(".conf");
            if in_clear(name, text(value))
                || (is_listing
                    && lines.into_iter().any(|(key, value)| in_clear(&option(key), value)))
            {
                mistakes.push(format!("{}: {name} holds a secret in clear", label(map)));
            }
        }
    }
    for pod in world.pods() {
        for variable in pod.all_containers().flat_map(|container| list(&container["env"])) {
            let name = text(&variable["name"]);
            if in_clear(name, text(&variable["value"])) {
                mistakes.push(format!("{}: {name} holds a secret in clear", pod.label()));
            }
        }
    }
    mistakes
}

/// Neither a password nor the address of a database reaches a compute node.
pub(super) fn compute(world: &World) -> Vec<String> {
    let dir = data(world);
    let references = match references(dir.path()) {
        Ok(references) => references,
        Err(problem) => return vec![problem],
    };
    let mut mistakes = Vec::new();
    for pod in world.pods().filter(|pod| pod.is("DaemonSet")) {
        for agent in world.agents(&pod) {
            let names = reached(&references, agent.first_role(), agent.service());
            let keys = agent.manifest.keys();
            let waited = keys.iter().filter_map(|key| key.strip_prefix("general/"));
            for name in names.iter().map(String::as_str).chain(waited) {
                if name.contains("_DB_") || name.starts_with("MYSQL_") {
                    mistakes.push(format!("{}: knows {name}", pod.label()));
                }
            }
        }
        let labels = pod.labels();
        if labels.contains_key("to.etcstack.io/mariadb") {
            mistakes.push(format!("{}: may talk to the database", pod.label()));
        }
    }
    mistakes
}

/// What the catalog says of the cloud is what the Ingress leads to.
pub(super) fn public(world: &World) -> Vec<String> {
    let general = world.config("general");
    let Some(domain) = general.get("PUBLIC_DOMAIN") else { return Vec::new() };
    let mut hosts = BTreeSet::new();
    let mut covered = BTreeSet::new();
    for ingress in world.kind("Ingress") {
        hosts.extend(list(&ingress["spec"]["rules"]).map(|rule| text(&rule["host"]).to_owned()));
        let tls = list(&ingress["spec"]["tls"]).flat_map(|tls| list(&tls["hosts"]));
        covered.extend(tls.map(|host| text(host).to_owned()));
    }
    let mut mistakes = Vec::new();
    if hosts != covered {
        mistakes.push("the Ingress has hosts without TLS, or the other way round".to_owned());
    }
    let mut named = BTreeSet::new();
    for (name, value) in &general {
        let value = value.replace("$PUBLIC_DOMAIN", domain);
        if name.ends_with("_PUBLIC_URL") {
            match value.strip_prefix("https://") {
                Some(host) if hosts.contains(host) => _ = named.insert(host.to_owned()),
                _ => mistakes.push(format!("{name} is {value}, which no Ingress has")),
            }
        }
        if name == "HORIZON_HOSTS" {
            named.extend(value.split(',').map(str::to_owned));
        }
    }
    for host in hosts.difference(&named) {
        mistakes.push(format!("nothing calls itself {host}"));
    }
    mistakes
}
