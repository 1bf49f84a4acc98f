//! Mistakes in what objects say of each other.

use serde_json::json;

use super::{Mistake, container, pod, remove};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        "what is named is there",
        |w| pod(w, "Deployment", "heat")["serviceAccountName"] = json!("haet"),
        "there is no ServiceAccount haet",
    ),
    (
        "what is named is there",
        |w| pod(w, "Deployment", "heat")["volumes"][4]["secret"]["secretName"] = json!("etcd-heat"),
        "there is no Certificate for the Secret etcd-heat",
    ),
    (
        "what is named is there",
        |w| remove(w, "PersistentVolumeClaim", "glance"),
        "there is no PersistentVolumeClaim glance",
    ),
    (
        "what is named is there",
        |w| remove(w, "ConfigMap", "general"),
        "Job load: there is no ConfigMap general",
    ),
    (
        "what is named is there",
        |w| remove(w, "Service", "bind-nodes"),
        "there is no Service bind-nodes",
    ),
    (
        "what is named is there",
        |w| container(w, "Deployment", "heat")["volumeMounts"][3]["name"] = json!("ect"),
        "there is no volume ect",
    ),
    (
        "what is named is there",
        |w| w.find_mut("Service", "heat")["spec"]["ports"][0]["name"] = json!("api"),
        "there is no Service heat with that port",
    ),
    (
        "selectors select",
        |w| {
            w.find_mut("Service", "heat")["spec"]["selector"] =
                json!({"app.kubernetes.io/name": "haet"});
        },
        "Service heat: selects no pod",
    ),
    (
        "selectors select",
        |w| w.find_mut("Service", "heat")["spec"]["ports"][0]["targetPort"] = json!("htpp"),
        "its pods have no port htpp",
    ),
    (
        "selectors select",
        |w| {
            w.find_mut("NetworkPolicy", "mariadb")["spec"]["ingress"][0]["from"][0]["podSelector"]
                ["matchLabels"] = json!({"to.etcstack.io/mysql": "true"});
        },
        "NetworkPolicy mariadb: ",
    ),
    (
        "selectors select",
        |w| {
            w.find_mut("Deployment", "heat")["spec"]["selector"]["matchLabels"] =
                json!({"app.kubernetes.io/part-of": "openstack"});
        },
        "Deployment heat: selects the pods of",
    ),
    (
        "selectors select",
        |w| w.find_mut("Deployment", "heat")["spec"]["selector"]["matchLabels"] = json!({"a": "b"}),
        "Deployment heat: does not select its own",
    ),
    (
        "everything has its budget",
        |w| remove(w, "PodDisruptionBudget", "nova"),
        "Deployment nova: has 0",
    ),
    (
        "clusters know their members",
        |w| w.find_mut("StatefulSet", "mariadb")["spec"]["replicas"] = json!(5),
        "GALERA_NODES names",
    ),
    (
        "clusters know their members",
        |w| w.find_mut("StatefulSet", "rabbitmq")["spec"]["replicas"] = json!(5),
        "rabbitmq.conf names",
    ),
    (
        "clusters know their members",
        |w| w.find_mut("StatefulSet", "memcached")["spec"]["replicas"] = json!(2),
        "MEMCACHED_SERVERS names",
    ),
    (
        "clusters know their members",
        |w| w.find_mut("StatefulSet", "etcd")["spec"]["replicas"] = json!(1),
        "ETCD_INITIAL_CLUSTER names",
    ),
    (
        "clusters know their members",
        |w| w.find_mut("Certificate", "etcd-server")["spec"]["dnsNames"] = json!(["etcd"]),
        "the certificate etcd-server has no name for etcd-0",
    ),
    (
        "clusters know their members",
        |w| w.find_mut("ConfigMap", "general")["data"]["GALERA"] = json!("OFF"),
        "GALERA is not ON",
    ),
];
