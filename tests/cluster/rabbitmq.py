"""Steps with RabbitMQ: it forms by itself, loses a node or a volume, and heals."""

import json

from checks import check
from cloud import wait
from members import MEMBERS, Members

QUEUE, VHOST = "cluster-test", "openstack"
# rabbitmqctl has no command for it.
DECLARE = (
    f'rabbit_amqqueue:declare({{resource, <<"{VHOST}">>, queue, <<"{QUEUE}">>}}, true, false, '
    '[{<<"x-queue-type">>, longstr, <<"quorum">>}], none, <<"cluster-test">>).'
)


class RabbitMQ(Members):
    """A part of the steps of test.py."""

    def rabbitmq(self):
        """RabbitMQ has three nodes; one is killed, and comes back; each answers for all"""
        self.rabbitmq_is_whole()
        self.crash("rabbitmq-1")
        self.rabbitmq_is_whole()
        # By ports of rabbitmqctl's own, at which the others answer.
        for node in range(MEMBERS):
            said = self.rabbitmqctl(node, "list_queues", "--vhost", VHOST, "--timeout", "30")
            check("badrpc" not in said, f"rabbitmq-{node}: {said}")

    def rabbitmq_after_all(self):
        """all nodes of RabbitMQ are killed at once, and then stopped at once: it goes on by itself, with its queues"""
        nodes = [f"rabbitmq-{number}" for number in range(MEMBERS)]
        self.rabbitmqctl(0, "eval", DECLARE)
        wait("three replicas of a queue", lambda: len(self.replicas()) == MEMBERS)
        self.crash(*nodes)
        self.rabbitmq_is_whole()
        wait("the queue after kills", lambda: len(self.replicas()) == MEMBERS)
        self.kubectl("scale", "statefulset", "rabbitmq", "--replicas=0")
        self.kubectl("wait", "--for=delete", *(f"pod/{node}" for node in nodes), "--timeout=6m")
        self.kubectl("scale", "statefulset", "rabbitmq", f"--replicas={MEMBERS}")
        self.rabbitmq_is_whole()
        wait("the queue after a stop", lambda: len(self.replicas()) == MEMBERS)
        self.rabbitmqctl(0, "delete_queue", "--vhost", VHOST, QUEUE)

    def rabbitmq_volume(self):
        """a node of RabbitMQ is gone with its volume: another one is a member, and has its part of the queues"""
        self.rabbitmq_is_whole()
        self.rabbitmqctl(0, "eval", DECLARE)
        wait("three replicas of a queue", lambda: len(self.replicas()) == MEMBERS)
        with self.silent("rabbitmq-1"):
            # docs/kubernetes.md.
            self.lose_volume("rabbitmq-1", "--force")
            self.rabbitmq_is_whole()
        wait("three replicas of a queue", lambda: len(self.replicas()) == MEMBERS)
        self.rabbitmqctl(0, "delete_queue", "--vhost", VHOST, QUEUE)

    def rabbitmq_by_hand(self):
        """all nodes of RabbitMQ end at once, one with its volume: an operator says that another one begins"""
        self.rabbitmq_is_whole()
        self.rabbitmqctl(0, "eval", DECLARE)
        wait("three replicas of a queue", lambda: len(self.replicas()) == MEMBERS)
        with self.silent("rabbitmq-1"):
            # They take it for running until their end.
            self.crash("rabbitmq-0", "rabbitmq-2")
            self.lose_volume("rabbitmq-1", "--force")
            wait("what rabbitmq-1 waits for", lambda: "to forget the" in self.kubectl("logs", "rabbitmq-1"))
            # docs/kubernetes.md, "A lost volume".
            self.cloud.exec("rabbitmq-0", "touch", "/var/lib/rabbitmq/mnesia/rabbit@rabbitmq-0/force_load")
            self.kubectl("delete", "pod", "rabbitmq-0", "--timeout=6m")
            self.rabbitmq_is_whole()
        wait("three replicas of a queue", lambda: len(self.replicas()) == MEMBERS)
        self.rabbitmqctl(0, "delete_queue", "--vhost", VHOST, QUEUE)

    # --- helpers -------------------------------------------------------------------

    def rabbitmq_is_whole(self):
        def whole():
            for node in range(MEMBERS):
                status = json.loads(self.rabbitmqctl(node, "cluster_status", "--formatter=json"))
                if len(status["running_nodes"]) != MEMBERS or len(status["disk_nodes"]) != MEMBERS:
                    return False
            return True

        wait("RabbitMQ with three nodes", whole, self.timeout)

    def replicas(self):
        """The nodes that have a working part of the queue."""
        said = self.cloud.exec(
            "rabbitmq-0", "rabbitmq-queues", "quorum_status", "--vhost", VHOST, QUEUE, "--formatter=json"
        )
        parts = json.loads(said)
        return {part["Node Name"] for part in parts if part["Raft State"] in ("leader", "follower")}

    def rabbitmqctl(self, node, *command):
        return self.cloud.exec(f"rabbitmq-{node}", "rabbitmqctl", *command)
