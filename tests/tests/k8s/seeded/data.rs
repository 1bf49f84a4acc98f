//! Mistakes about the data.

use serde_json::json;

use super::{Mistake, container, push};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        "services have data",
        |w| {
            container(w, "StatefulSet", "swift-storage")["env"] =
                json!([{"name": "ETCSTACK_ROLE", "value": "store"}]);
        },
        "bootstrap-data/store/swift has no file",
    ),
    (
        "variables are there",
        |w| {
            _ = w.find_mut("ConfigMap", "general")["data"]
                .as_object_mut()
                .unwrap()
                .remove("MYSQL_HOST");
        },
        "MYSQL_HOST",
    ),
    (
        "variables are there",
        |w| {
            w.find_mut("ConfigMap", "listings")["data"]["ha.conf"] =
                json!("controller/glance/glance-api.conf/DEFAULT/workres=3\n");
        },
        "workres",
    ),
    (
        "environments are in order",
        |w| container(w, "DaemonSet", "nova-compute")["env"].as_array_mut().unwrap().swap(0, 1),
        "ETCSTACK_ROLE refers to NODE_NAME, which is not before it",
    ),
    (
        "environments are in order",
        |w| {
            push(
                container(w, "Deployment", "heat"),
                "env",
                json!({"name": "ETCSTACK_STORE", "value": "etcd://x"}),
            );
        },
        "ETCSTACK_STORE is there twice",
    ),
    (
        "no secret in clear",
        |w| w.find_mut("ConfigMap", "general")["data"]["GLANCE_PASSWORD"] = json!("geheim"),
        "GLANCE_PASSWORD holds a secret in clear",
    ),
    (
        "no secret in clear",
        |w| w.find_mut("ConfigMap", "general")["data"]["X"] = json!("rabbit://me:geheim@host/"),
        "X holds a secret in clear",
    ),
    (
        "no secret in clear",
        |w| {
            w.find_mut("ConfigMap", "listings")["data"]["ha.conf"] =
                json!("controller/nova/nova.conf/service_user/password=geheim\n");
        },
        "ha.conf holds a secret in clear",
    ),
    (
        "no secret in clear",
        |w| {
            push(
                container(w, "Deployment", "heat"),
                "env",
                json!({"name": "ADMIN_PASSWORD", "value": "geheim"}),
            );
        },
        "ADMIN_PASSWORD holds a secret in clear",
    ),
    (
        "no secret in clear",
        |w| w.objects.push(json!({"kind": "Secret", "metadata": {"name": "s"}})),
        "Secret s: stands in the manifests",
    ),
    (
        "the compute plane knows no database",
        |w| {
            w.find_mut("ConfigMap", "listings")["data"]["ha.conf"] = json!(
                "compute/nova/nova.conf/database/connection=mysql+pymysql://nova:${NOVA_DB_PASSWORD|url}@$MYSQL_HOST/nova\n"
            );
        },
        "DaemonSet nova-compute: knows NOVA_DB_PASSWORD",
    ),
    (
        "the compute plane knows no database",
        |w| {
            w.find_mut("DaemonSet", "libvirt")["spec"]["template"]["metadata"]["labels"]["to.etcstack.io/mariadb"] =
                json!("true");
        },
        "DaemonSet libvirt: may talk to the database",
    ),
    (
        "public names lead to services",
        |w| w.find_mut("Ingress", "public")["spec"]["rules"][0]["host"] = json!("id.cloud.example"),
        "KEYSTONE_PUBLIC_URL is https://keystone.cloud.example, which no Ingress has",
    ),
    (
        "public names lead to services",
        |w| {
            w.find_mut("ConfigMap", "general")["data"]["HEAT_PUBLIC_URL"] =
                json!("http://heat.cloud.example");
        },
        "HEAT_PUBLIC_URL is http://",
    ),
];
