"""The cloud of k8s/ on the cluster: applied, and looked at, as an operator does."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import yaml
from certificates import secrets
from cluster import HERE, ROOT, ClusterError, run, say
from older import convert, pod_template

NAMESPACE = "openstack"
# By app.kubernetes.io/name, or the name of a Job: what is run. The rest of the overlay is applied,
# but for its pods.
CORE = [
    "etcd", "etcd-backup", "load", "mariadb", "rabbitmq", "memcached", "database", "identity", "keystone",
    "glance", "placement",
]  # fmt: skip
NOVA = [
    "nova", "nova-scheduler", "nova-conductor", "nova-metadata", "nova-novncproxy", "neutron",
    "neutron-periodic-workers", "neutron-ovn-maintenance-worker", "ovn", "cinder", "cinder-scheduler",
    "cinder-volume",
]  # fmt: skip
COMPUTE = ["openvswitch", "libvirt", "nova-compute", "neutron-ovn-agent"]
REST = [
    "heat", "heat-cfn", "heat-engine", "horizon", "swift", "swift-storage", "designate", "designate-central",
    "designate-producer", "bind", "barbican", "magnum", "magnum-conductor", "trove", "trove-conductor",
    "trove-taskmanager",
]  # fmt: skip
PROFILES = {
    "core": CORE,
    "nova": CORE + NOVA,
    "compute": CORE + NOVA + COMPUTE,
    "full": CORE + NOVA + COMPUTE + REST,
}


class Cloud:
    """What one overlay of the test makes of k8s/."""

    def __init__(self, cluster, overlay, profile):
        self.cluster, self.profile = cluster, profile
        self.overlay = HERE / "overlays" / overlay
        # Which is applied: before an upgrade, one of an older release.
        self.applied = self.overlay
        # What was changed for this Kubernetes.
        self.converted = set()

    def kubectl(self, *arguments, **options):
        return self.cluster.kubectl("--namespace", NAMESPACE, *arguments, **options)

    # --- what is applied -------------------------------------------------------------

    def built(self, folder=None):
        return list(yaml.safe_load_all(run("kubectl", "kustomize", folder or self.applied)))

    def wanted(self, document):
        """Whether it is among what is run."""
        template = pod_template(document)
        if document["kind"] == "Pod" or not template:
            return True
        return template["metadata"]["labels"]["app.kubernetes.io/name"] in PROFILES[self.profile]

    def images(self):
        """Those that the pods of this profile have."""
        documents = self.built() + self.built(ROOT / "k8s" / "tools")
        found = set()
        for document in filter(self.wanted, documents):
            pod = (
                document["spec"]
                if document["kind"] == "Pod"
                else (pod_template(document) or {}).get("spec", {})
            )
            for kind in ["initContainers", "containers"]:
                found |= {container["image"] for container in pod.get(kind, [])}
        return sorted(found)

    def apply(self, folder=None):
        documents, told = convert(filter(self.wanted, self.built(folder)))
        self.converted |= told
        return self.apply_documents(documents)

    def apply_documents(self, documents):
        listing = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        return self.cluster.kubectl("apply", "--filename=-", input=json.dumps(listing))

    def make_certificates(self):
        """What cert-manager does with the Certificates that are applied."""
        self.apply_documents(secrets(self.built()))

    # --- what is there -----------------------------------------------------------------

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def pods(self, name=None):
        selector = ["--selector", f"app.kubernetes.io/name={name}"] if name else []
        return self.get("pods", *selector)["items"]

    def exec(self, pod, *command, **options):
        stdin = ["--stdin"] if "input" in options else []
        return self.kubectl("exec", pod, *stdin, "--", *command, **options)

    def wait_ready(self, timeout):
        """Waits until all that was applied is as it should be, and says for what meanwhile."""
        end, told = time.monotonic() + timeout, None
        while lacking := self.lacking():
            if time.monotonic() > end:
                raise ClusterError(f"not ready in time: {', '.join(lacking)}")
            if lacking != told:
                say(f"waiting for {', '.join(lacking)}")
                told = lacking
            # A look is a process of kubectl's and takes a while itself.
            time.sleep(2)

    def lacking(self):
        """Which workloads have not all of their pods ready, and of their newest template."""
        lacking = []
        for item in self.get("deployments,statefulsets,daemonsets")["items"]:
            status, spec = item.get("status", {}), item["spec"]
            if item["kind"] == "DaemonSet":
                wanted, ready = status.get("desiredNumberScheduled", 1), status.get("numberReady", 0)
                updated = status.get("updatedNumberScheduled", 0)
            else:
                wanted, ready = spec["replicas"], status.get("readyReplicas", 0)
                updated = status.get("updatedReplicas", 0)
            seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
            if not seen or ready != wanted or updated != wanted or status.get("replicas", wanted) != wanted:
                lacking.append(item["metadata"]["name"])
        return sorted(lacking)

    def client(self, *command, **options):
        return self.exec("client", *command, **options)

    def start_client(self):
        """A pod of the image `client`, with the administrator's credentials from the store."""
        password = self.exec("root", "etcdctl", "get", "--print-value-only", "general/ADMIN_PASSWORD").strip()
        with tempfile.TemporaryDirectory() as folder:
            # Not on a command line.
            file = Path(folder) / "OS_PASSWORD"
            file.write_text(password)
            made = self.kubectl("create", "secret", "generic", "client", f"--from-file={file}",
                                "--dry-run=client", "--output=json")  # fmt: skip
        self.kubectl("apply", "--filename=-", input=made)
        self.kubectl("apply", "--filename", HERE / "client.yaml")
        self.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=5m")


def wait(what, check, seconds=300):
    """Waits until a check gives something, and returns it."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if found := check():
                return found
        except (ClusterError, subprocess.CalledProcessError) as error:
            last = error
        # What is waited for stands in files and daemons of pods: nothing tells it.
        time.sleep(1)
    raise ClusterError(f"{what}: not within {seconds} s" + (f": {last}" if last else ""))
