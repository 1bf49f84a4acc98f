"""Steps with NetworkPolicies: what is closed is closed, and nothing that is needed is."""

import collections
import re

from checks import check
from cluster import run
from policies import LIST, drops_of

# Who comes to what: what services need is seen by their being ready, what is closed only here.
WAYS = [
    ("client", "keystone", 5000, True),
    ("client", "mariadb", 3306, False),
    ("client", "etcd", 2379, False),
    ("client", "rabbitmq", 5672, False),
    ("client", "memcached", 11211, False),
    # The agents' own port, which is the probes' and Prometheus'.
    ("client", "keystone-pod", 9180, False),
    ("deployment/keystone", "mariadb", 3306, True),
    ("deployment/keystone", "rabbitmq-nodes", 25672, False),
    ("deployment/glance", "etcd", 2379, True),
    ("deployment/glance", "etcd-nodes", 2380, False),
    ("mariadb-0", "rabbitmq", 5672, False),
    ("rabbitmq-0", "mariadb", 3306, False),
    ("memcached-0", "keystone", 5000, False),
]


class Networks:
    """A part of the steps of test.py."""

    def network(self):
        """policies let a client come to the APIs, services to what they need, and nobody elsewhere"""
        keystone = self.cloud.pods("keystone")[0]["status"]["podIP"]
        for pod, host, port, is_open in WAYS:
            address = keystone if host == "keystone-pod" else host
            check(
                self.connects(pod, address, port) == is_open,
                f"{pod} to {host}:{port} is {'closed' if is_open else 'open'}",
            )
        return f"{len(WAYS)} ways"

    def dropped(self):
        """policies have dropped nothing that a pod of ours goes on sending"""
        cluster = self.cloud.cluster
        log = (cluster.folder / "log" / "policies.log").read_text()
        # And since the last change of the rules.
        log += "\n".join(drops_of(run(*cluster.inside(*LIST))))
        drops = collections.Counter()
        for way, pod, packets in re.findall(r"^dropped: (\w+) (\S+): (\d+)", log, re.MULTILINE):
            drops[f"{way} {pod}"] += int(packets)
        del drops["Egress client"]
        # A few are those of pods that got an address while the rules were made, or of the step above; who
        # is not let in asks again, some times in each minute.
        many = {pod: packets for pod, packets in drops.items() if packets > 10}
        check(not many, f"{many}")
        return f"{sum(drops.values())} packets of new pods"

    # --- helpers -------------------------------------------------------------------

    def connects(self, pod, host, port):
        """Whether a pod comes to a port: within two seconds, in which it asks twice."""
        script = 'timeout 2 bash -c "exec 3<>/dev/tcp/$0/$1" && echo open || echo closed'
        said = self.cloud.exec(pod, "sh", "-c", script, host, str(port)).strip()
        return said == "open"
