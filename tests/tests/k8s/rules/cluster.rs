//! Who the members of a cluster are, which several places have to say alike.

use std::collections::BTreeSet;

use crate::pods::env;
use crate::world::{World, list, text};

pub(super) fn members(world: &World) -> Vec<String> {
    let general = world.config("general");
    let listings: String = world.config("listings").into_values().collect();
    let own = |name: &str| general.get(name).map_or(Vec::new(), |value| value.split(',').collect());
    let mut mistakes = Vec::new();
    let mut compare = |name: &str, said: Vec<String>, place: &str| {
        let pods = pods_of(world, name);
        // One alone needs nobody's name.
        if (pods.len() > 1 || !said.is_empty())
            && said.iter().cloned().collect::<BTreeSet<_>>() != pods
        {
            mistakes.push(format!("{place} names {said:?}, and the pods of {name} are {pods:?}"));
        }
    };
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    compare("mariadb", owned(own("GALERA_NODES")), "GALERA_NODES");
    let memcached =
        own("MEMCACHED_SERVERS").into_iter().filter(|server| *server != "memcached:11211");
    let memcached = memcached.map(|server| server.replace(".memcached-nodes:11211", ""));
    compare("memcached", memcached.collect(), "MEMCACHED_SERVERS");
    let rabbits = listings.lines().filter_map(|line| line.split_once("=rabbit@"));
    compare("rabbitmq", rabbits.map(|(_, node)| node.to_owned()).collect(), "rabbitmq.conf");

    let etcd = world.find("StatefulSet", "etcd").unwrap();
    let container = &etcd["spec"]["template"]["spec"]["containers"][0];
    let cluster = env(container, "ETCD_INITIAL_CLUSTER").unwrap_or_default();
    let names = cluster.split(',').map(|member| member.split('=').next().unwrap_or_default());
    compare("etcd", owned(names.collect()), "ETCD_INITIAL_CLUSTER");
    let certificate = world.find("Certificate", "etcd-server");
    let names: BTreeSet<_> = certificate
        .into_iter()
        .flat_map(|made| list(&made["spec"]["dnsNames"]))
        .map(text)
        .collect();
    for member in cluster.split(',') {
        let host = member.rsplit('/').next().and_then(|place| place.split(':').next());
        if !host.is_some_and(|host| names.contains(host)) {
            mistakes.push(format!("the certificate etcd-server has no name for {member}"));
        }
    }
    if general.contains_key("GALERA_NODES")
        && general.get("GALERA").map(String::as_str) != Some("ON")
    {
        mistakes.push("GALERA_NODES are named, and GALERA is not ON".to_owned());
    }
    mistakes
}

fn pods_of(world: &World, name: &str) -> BTreeSet<String> {
    let set = world.find("StatefulSet", name).unwrap();
    let first = set["spec"]["ordinals"]["start"].as_u64().unwrap_or(0);
    let count = set["spec"]["replicas"].as_u64().unwrap_or(1);
    (first..first + count).map(|number| format!("{name}-{number}")).collect()
}
