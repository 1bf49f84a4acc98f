"""Steps with Galera: it forms by itself, loses nodes, all at once or one after the other, and goes on."""

import re

from checks import check
from cloud import wait
from members import MEMBERS, Members

NODES = [f"mariadb-{number}" for number in range(MEMBERS)]
STATE = "/var/lib/mysql/data/grastate.dat"


class Galera(Members):
    """A part of the steps of test.py."""

    def galera(self):
        """Galera has three nodes; one is killed: clients are served, and it is one of them again"""
        cluster = self.galera_is_whole()
        self.crash("mariadb-1")
        self.client_is_served("after one was killed")
        self.write("galera")
        check(self.galera_has("galera") == cluster, "it is another cluster")

    def galera_after_all(self):
        """all nodes of Galera are killed at once, and it goes on by itself"""
        cluster = self.galera_is_whole()
        self.write("before-kills")
        self.crash(*NODES)
        check(self.galera_has("before-kills") == cluster, "it is another cluster")
        self.client_is_served("after all were away")

    def galera_stopped(self):
        """all nodes of Galera are stopped in order at once, and it goes on by itself"""
        cluster = self.galera_is_whole()
        self.write("before-stop")
        self.kubectl("scale", "statefulset", "mariadb", "--replicas=0")
        self.kubectl("wait", "--for=delete", *(f"pod/{node}" for node in NODES), "--timeout=6m")
        self.kubectl("scale", "statefulset", "mariadb", f"--replicas={MEMBERS}")
        check(self.galera_has("before-stop") == cluster, "it is another cluster")
        self.client_is_served("after all were stopped")

    def galera_first(self):
        """a node that may begin, by its own file, is away while others go on: it joins them"""
        cluster = self.galera_is_whole()
        # No pod begins, as if the node of this one were away.
        self.kubectl("cordon", "node")
        try:
            self.crash("mariadb-0")
            self.kubectl("delete", "pod", "mariadb-0", "--grace-period=1")
            self.write("first-away")
            self.on_volume("mariadb-0", "sed", "-i", "s/^safe_to_bootstrap: 0/safe_to_bootstrap: 1/")
            file = self.on_volume("mariadb-0", "cat")
            check("safe_to_bootstrap: 1" in file, f"the file of mariadb-0 says {file}")
        finally:
            self.kubectl("uncordon", "node")
        check(self.galera_has("first-away") == cluster, "it is another cluster")
        said = self.start_galera_says("mariadb-0")[-1]
        check(said.startswith("joins mariadb-"), f"mariadb-0: {said}")
        return said

    def galera_by_hand(self):
        """one node does not come back after all have ended: an operator says who begins"""
        cluster = self.galera_is_whole()
        self.kubectl("scale", "statefulset", "mariadb", "--replicas=2")
        self.kubectl("wait", "--for=delete", "pod/mariadb-2", "--timeout=6m")
        self.write("third-away")
        self.crash("mariadb-0", "mariadb-1")
        positions = wait("nodes that wait", lambda: self.positions("mariadb-0", "mariadb-1"))
        begins = max(positions, key=positions.get)
        # docs/kubernetes.md, "MariaDB after all have ended".
        self.kubectl("exec", begins, "--", "touch", "/var/lib/mysql/begin")
        self.kubectl("wait", "--for=condition=ready", "pod", "mariadb-0", "mariadb-1", "--timeout=10m")
        self.client_is_served("without the third")
        self.write("third-still-away")
        self.kubectl("scale", "statefulset", "mariadb", f"--replicas={MEMBERS}")
        check(self.galera_has("third-away", "third-still-away") == cluster, "it is another cluster")
        return f"{begins} of {positions}"

    def mariadb_volume(self):
        """a node of Galera loses its volume, and gets all data from the others"""
        cluster = self.galera_is_whole()
        self.write("volume")
        self.lose_volume("mariadb-1")
        check(self.galera_has("volume") == cluster, "it is another cluster")

    # --- helpers -------------------------------------------------------------------

    def write(self, name):
        """A project, by keystone, as soon as it is served."""
        wait("a project", lambda: self.cloud.client("openstack", "project", "create", "--or-show", name))

    def galera_has(self, *names):
        """The cluster's identity, when all nodes are in it and have these projects."""
        cluster = self.galera_is_whole()
        for node in NODES:
            there = self.sql(node, "SELECT name FROM keystone.project").split()
            check(set(names) <= set(there), f"{node} has not got what was written: {there}")
        return cluster

    def galera_is_whole(self):
        """The identity of the one cluster that all nodes are in."""

        def whole():
            found = set()
            for node in NODES:
                said = dict(
                    line.split("\t") for line in self.sql(node, "SHOW STATUS LIKE 'wsrep_%'").splitlines()
                )
                if said.get("wsrep_cluster_size") != str(MEMBERS) or said.get("wsrep_ready") != "ON":
                    return None
                found.add(said["wsrep_cluster_state_uuid"])
            check(len(found) == 1, f"they are not one cluster: {found}")
            return found.pop()

        return wait("Galera with three nodes", whole, self.timeout)

    def sql(self, pod, statement):
        return self.cloud.exec(pod, "mariadb", "--batch", "--skip-column-names", "--execute", statement)

    def start_galera_says(self, node):
        return re.findall(r"start-galera: (.*)", self.kubectl("logs", node))

    def positions(self, *nodes):
        """How far the data of nodes is that wait for another one; nothing until each says so."""
        found = {}
        for node in nodes:
            said = (self.start_galera_says(node) or [""])[-1]
            if not said.startswith("waits for all nodes"):
                return None
            found |= {
                name: int(number) for name, number in re.findall(r"(mariadb-\d) [0-9a-f-]+:(\d+)", said)
            }
        return found if set(found) == set(nodes) else None

    def on_volume(self, node, *command):
        """A command on the file of a node that is away, in its volume."""
        volume = self.cloud.get("pvc", f"data-{node}")["spec"]["volumeName"]
        folder = self.cloud.get("pv", volume)["spec"]["local"]["path"]
        file = STATE.replace("/var/lib/mysql", folder)
        return self.cloud.cluster.run_inside(*command, file)
