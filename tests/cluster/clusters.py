"""Steps with what keeps data by a majority: it forms by itself, loses a member, and heals."""

import json

from checks import check
from cloud import wait

MEMBERS = 3


class Clusters:
    """MariaDB with Galera, RabbitMQ and etcd, three pods each: a part of the steps of test.py."""

    def galera(self):
        """Galera has three nodes; one is killed, and comes back with what it has missed"""
        self.galera_is_whole()
        self.crash("mariadb-1")
        self.client_is_served("while one is away")
        self.cloud.client("openstack", "project", "create", "--or-show", "galera")
        self.galera_is_whole()
        for node in range(MEMBERS):
            names = self.sql(f"mariadb-{node}", "SELECT name FROM keystone.project")
            check("galera" in names.split(), f"mariadb-{node} has not got what was written: {names}")

    def galera_after_all(self):
        """all nodes of Galera are killed at once, and it goes on by itself"""
        self.crash(*(f"mariadb-{node}" for node in range(MEMBERS)))
        self.galera_is_whole()
        self.client_is_served("after all were away")

    def rabbitmq(self):
        """RabbitMQ has three nodes; one is killed, and comes back"""
        self.rabbitmq_is_whole()
        self.crash("rabbitmq-1")
        self.rabbitmq_is_whole()

    def etcd_member(self):
        """etcd has three members; while one is away keys are written, and it comes back"""
        self.etcd_is_whole()
        self.crash("etcd-1")
        self.cloud.exec("root", "etcdctl", "put", "general/CLUSTER_TEST", "seen")
        self.etcd_is_whole()
        self.cloud.exec("root", "etcdctl", "del", "general/CLUSTER_TEST")

    # --- helpers -------------------------------------------------------------------

    def crash(self, *pods):
        """The processes of pods end at once, as in a power cut. Kubernetes starts them again."""
        names = [f"--filter=name=^/k8s_(agent|etcd)_{pod}_" for pod in pods]
        containers = self.cloud.cluster.docker("ps", "--quiet", *names).split()
        check(len(containers) == len(pods), f"{len(containers)} containers of {', '.join(pods)}")
        self.cloud.cluster.docker("kill", *containers)

    def client_is_served(self, when):
        issued = wait(f"a token {when}", lambda: self.cloud.client("openstack", "token", "issue"), 120)
        check("project_id" in issued, issued)

    def galera_is_whole(self):
        def whole():
            for node in range(MEMBERS):
                said = dict(
                    line.split("\t")
                    for line in self.sql(f"mariadb-{node}", "SHOW STATUS LIKE 'wsrep_%'").splitlines()
                )
                if said.get("wsrep_cluster_size") != str(MEMBERS) or said.get("wsrep_ready") != "ON":
                    return False
            return True

        wait("Galera with three nodes", whole, self.timeout)

    def sql(self, pod, statement):
        return self.cloud.exec(pod, "mariadb", "--batch", "--skip-column-names", "--execute", statement)

    def rabbitmq_is_whole(self):
        def whole():
            return all(
                len(json.loads(self.rabbitmqctl(node, "cluster_status", "--formatter=json"))["running_nodes"])
                == MEMBERS
                for node in range(MEMBERS)
            )

        wait("RabbitMQ with three nodes", whole, self.timeout)

    def rabbitmqctl(self, node, *command):
        return self.cloud.exec(f"rabbitmq-{node}", "rabbitmqctl", *command)

    def etcd_is_whole(self):
        def whole():
            said = json.loads(
                self.cloud.exec("root", "etcdctl", "endpoint", "health", "--cluster", "--write-out=json")
            )
            return len(said) == MEMBERS and all(member["health"] for member in said)

        wait("etcd with three members", whole, self.timeout)
