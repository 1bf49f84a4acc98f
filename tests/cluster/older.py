"""What k8s/ says that Kubernetes 1.20 does not know, in its words: mechanically, and for the run alone.

k8s/ itself is for 1.31 and newer. What has no words in 1.20 is left out, and told.
"""

# Kinds of others, who are not in this cluster.
ABSENT = {"monitoring.coreos.com": "no Prometheus operator", "cert-manager.io": "by certificates.py"}

OLDER = {
    ("policy/v1", "PodDisruptionBudget"): "policy/v1beta1",
    ("batch/v1", "CronJob"): "batch/v1beta1",
}


def convert(documents):
    """The documents as 1.20 takes them, and what was changed: a set of short texts."""
    told, kept = set(), []
    for document in documents:
        group = document["apiVersion"].split("/")[0]
        if group in ABSENT:
            told.add(f"{document['kind']}: left out, {ABSENT[group]}")
            continue
        kept.append(document)
        older = OLDER.get((document["apiVersion"], document["kind"]))
        if older:
            told.add(f"{document['kind']}: {older}")
            document["apiVersion"] = older
        if document["kind"] == "CronJob" and document["spec"].pop("timeZone", None):
            told.add("CronJob: no timeZone")
        if document["kind"] == "NetworkPolicy":
            convert_ports(document, told)
        ordinals = document["kind"] == "StatefulSet" and document["spec"].pop("ordinals", None)
        if ordinals:
            # Those with the numbers that are meant are there, and some before them.
            document["spec"]["replicas"] += ordinals["start"]
            told.add("StatefulSet: pods from 0 on, in the place of ordinals")
        template = pod_template(document)
        if template:
            convert_pod(template, told)
    return kept, told


def pod_template(document):
    """The pods of what makes pods."""
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template")


def convert_ports(policy, told):
    rules = policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
    for port in [port for rule in rules for port in rule.get("ports", [])]:
        if port.pop("endPort", None):
            told.add("NetworkPolicy: the first port of a range only")


def convert_pod(template, told):
    """matchLabelKeys: the values of these labels, among what is selected by, but for what a controller adds."""
    pod = template["spec"]
    terms = list(pod.get("topologySpreadConstraints", []))
    anti = pod.get("affinity", {}).get("podAntiAffinity", {})
    terms += anti.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    for term in terms:
        labels = template["metadata"]["labels"]
        for key in set(term.pop("matchLabelKeys", [])) & labels.keys():
            term["labelSelector"]["matchLabels"][key] = labels[key]
            told.add("pods: matchLabels in the place of matchLabelKeys")
        if term.pop("nodeTaintsPolicy", None):
            told.add("pods: no nodeTaintsPolicy")
