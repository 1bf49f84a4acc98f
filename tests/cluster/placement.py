"""Where the pods of an overlay go: the real scheduler, and nodes that are only said to be there.

What Kubernetes 1.20 does not know of it is left out, as older.py says: that nodes which are gone do not count, and that
each rollout is spread for itself.
"""

import collections
import datetime

from checks import check
from cloud import NAMESPACE, wait
from cluster import ROOT
from older import convert, pod_template

CONTROL = ["ctl1", "ctl2", "ctl3"]
COMPUTE = ["hv1", "hv2"]
MAJORITY = {"etcd", "mariadb", "rabbitmq"}
# As docs/kubernetes.md says what `ha` asks for, of three nodes together: 9 processors, 31 GiB. Each of these has
# room for what is there when one of them is gone.
ROOM = {"cpu": "5", "memory": "20Gi", "pods": "110"}


class Placement:
    """A part of the steps of test.py. Nothing runs: the nodes have no kubelet, and claims are left out."""

    nodes, is_daemon = [], {}

    def placement(self):
        """the overlay `ha` on three nodes and two compute nodes: nothing twice on one; then one of them is lost"""
        try:
            for name in CONTROL:
                self.add_node(name, "control-plane")
            for name in COMPUTE:
                self.add_node(name, "compute-plane")
            documents, _ = convert(self.cloud.built(ROOT / "k8s" / "overlays" / "ha"))
            self.cloud.apply_documents(without_claims(documents))
            wanted = self.wanted()
            wait("a node for each pod", lambda: self.placed() == wanted)
            for name, nodes in self.nodes_of_pods().items():
                compute = self.is_daemon[name] if name in wanted else False
                check(set(nodes) <= set(COMPUTE if compute else CONTROL), f"{name} is on {nodes}")
                check(len(set(nodes)) == len(nodes), f"{name} is twice on one node: {nodes}")
            self.lose(CONTROL[2], wanted)
            threefold = sorted(name for name, count in wanted.items() if count == 3)
            return f"{len(wanted)} workloads, on three nodes each: {', '.join(threefold)}"
        finally:
            self.remove_all()

    def lose(self, node, wanted):
        """What keeps data by a majority waits for another node; all else has room on those that are left."""
        self.nodes.remove(node)
        self.kubectl("delete", "node", node)
        left = {name: count - (name in MAJORITY) for name, count in wanted.items()}
        wait("all but those that keep data elsewhere", lambda: self.placed() == left, 120)
        check(node not in sum(self.nodes_of_pods().values(), []), f"pods are on {node}, which has gone")

    def wanted(self):
        """How many pods each workload is to have."""
        found = {}
        for item in self.workloads():
            name = item["metadata"]["name"]
            self.is_daemon[name] = item["kind"] == "DaemonSet"
            found[name] = len(COMPUTE) if self.is_daemon[name] else item["spec"].get("replicas", 1)
        return found

    def placed(self):
        """How many pods of each workload have a node."""
        nodes = self.nodes_of_pods()
        return {name: len([node for node in nodes.get(name, []) if node]) for name in self.is_daemon}

    def workloads(self):
        return self.cloud.get("deployments,statefulsets,daemonsets")["items"]

    def remove_all(self):
        self.cloud.cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
        for name in [*self.nodes]:
            self.kubectl("delete", "node", name)
            self.nodes.remove(name)

        def gone():
            # No kubelet says that they have ended.
            self.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
            listed = self.cloud.cluster.kubectl("get", "namespaces", "--output=name")
            return f"namespace/{NAMESPACE}" not in listed.split()

        wait("the end of it", gone)

    # --- nodes ---------------------------------------------------------------------

    def add_node(self, name, plane):
        labels = {"kubernetes.io/hostname": name, f"etcstack.io/{plane}": "enabled"}
        ready = {"type": "Ready", "status": "True", "reason": "Said", "message": "for the scheduler",
                 "lastHeartbeatTime": now(), "lastTransitionTime": now()}  # fmt: skip
        # As a kubelet, which makes a node with its status.
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
                "status": {"conditions": [ready], "capacity": ROOM, "allocatable": ROOM}}  # fmt: skip
        self.cloud.apply_documents([node])
        self.nodes.append(name)
        self.beat()

    def beat(self):
        """Renews the nodes' leases, as kubelets do: who says nothing for 40 seconds is taken for gone."""
        self.cloud.apply_documents(
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
             "metadata": {"name": name, "namespace": "kube-node-lease"},
             "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now()}}
            for name in self.nodes
        )  # fmt: skip

    # --- pods ----------------------------------------------------------------------

    def nodes_of_pods(self):
        """The nodes of each workload's pods; nothing for a pod that has none yet."""
        self.beat()
        found = collections.defaultdict(list)
        for pod in self.cloud.pods():
            if "deletionTimestamp" not in pod["metadata"]:
                name = pod["metadata"]["labels"]["app.kubernetes.io/name"]
                found[name].append(pod["spec"].get("nodeName"))
        return dict(found)


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def without_claims(documents):
    """With folders in the place of claims, whose volumes would say on which node a pod has to be."""
    for document in documents:
        if document["kind"] == "PersistentVolumeClaim":
            continue
        template = pod_template(document)
        if template:
            volumes = template["spec"].setdefault("volumes", [])
            for volume in volumes:
                if volume.pop("persistentVolumeClaim", None):
                    volume["emptyDir"] = {}
            for claim in document["spec"].pop("volumeClaimTemplates", []):
                volumes.append({"name": claim["metadata"]["name"], "emptyDir": {}})
        yield document
