"""What the steps with members of a cluster share: MariaDB, RabbitMQ and etcd, three pods each in `ha`."""

import contextlib
import json

from checks import check
from cloud import wait

MEMBERS = 3


class Members:
    """A part of the steps of test.py, without a step of its own."""

    def crash(self, *pods):
        """The processes of pods end at once, as in a power cut. Kubernetes starts them again."""
        names = [f"--filter=name=^/k8s_(agent|etcd)_{pod}_" for pod in pods]
        containers = self.cloud.cluster.docker("ps", "--quiet", *names).split()
        check(len(containers) == len(pods), f"{len(containers)} containers of {', '.join(pods)}")
        self.cloud.cluster.docker("kill", *containers)

    @contextlib.contextmanager
    def silent(self, pod):
        """What a pod sends, and what is sent to it, gets lost: its node has gone, and nothing tells the others."""
        address = self.cloud.get("pod", pod)["status"]["podIP"]

        def rules(verb):
            for direction in ["--source", "--destination"]:
                rule = [verb, "FORWARD", direction, address, "--jump", "DROP"]
                self.cloud.cluster.run_inside("iptables", "--wait", *rule)

        rules("--insert")
        try:
            yield
        finally:
            rules("--delete")

    def lose_volume(self, pod, *options):
        """A member's claim is deleted, and its pod: the next one begins with an empty volume."""
        claim = f"data-{pod}"
        before = self.uid("pvc", claim), self.uid("pod", pod)
        # docs/kubernetes.md.
        self.kubectl("delete", "pvc", claim, "--wait=false")
        self.kubectl("delete", "pod", pod, "--timeout=10m", *options)

        def is_anew():
            after = self.uid("pvc", claim), self.uid("pod", pod)
            return all(after) and not set(after) & set(before)

        wait(f"a new volume of {pod}", is_anew)

    def uid(self, kind, name):
        """The identity of an object; nothing if there is none."""
        found = self.kubectl("get", kind, name, "--ignore-not-found", "--output=json")
        return json.loads(found)["metadata"]["uid"] if found.strip() else None

    def client_is_served(self, when):
        issued = wait(f"a token {when}", lambda: self.cloud.client("openstack", "token", "issue"), 120)
        check("project_id" in issued, issued)
