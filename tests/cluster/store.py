"""Steps with the store: its members, what a lost volume takes, its backup and its restore."""

import json

from checks import check
from cloud import NAMESPACE, wait
from cluster import HERE, ROOT
from members import MEMBERS, Members

# An option that keystone follows.
KEY = "controller/keystone/keystone.conf/token/expiration"

# docs/kubernetes.md, "A lost volume". By another member: the Service may lead to the one that goes.
REPLACE = """
export ETCDCTL_ENDPOINTS=https://etcd-0.etcd-nodes:2379
while id=$(etcdctl member list | sed -n "s/, .*, etcd-1, .*//p"); [ -n "$id" ]
do etcdctl member remove "$id" || sleep 1; done
until etcdctl member list | grep etcd-1 || etcdctl member add etcd-1 --peer-urls=https://etcd-1.etcd-nodes:2380
do sleep 1; done
"""


class Store(Members):
    """A part of the steps of test.py."""

    def etcd_member(self):
        """etcd has three members; while one is away keys are written, and it comes back"""
        self.etcd_is_whole()
        self.crash("etcd-1")
        self.etcdctl("put", "general/CLUSTER_TEST", "seen")
        self.etcd_is_whole()
        # What this member itself has.
        own = ["env", "ETCDCTL_ENDPOINTS=https://etcd-1.etcd-nodes:2379", "etcdctl", "get", "--consistency=s"]
        key = ["--print-value-only", "general/CLUSTER_TEST"]
        wait("the key at etcd-1", lambda: self.cloud.exec("root", *own, *key).strip() == "seen")
        self.etcdctl("del", "general/CLUSTER_TEST")

    def etcd_after_all(self):
        """all members of etcd are killed at once, and it goes on by itself"""
        self.etcdctl("put", "general/CLUSTER_TEST", "kept")
        self.crash(*(f"etcd-{number}" for number in range(MEMBERS)))
        self.etcd_is_whole()
        kept = self.etcdctl("get", "--print-value-only", "general/CLUSTER_TEST")
        check(kept.strip() == "kept", f"what was written is {kept!r}")
        self.etcdctl("del", "general/CLUSTER_TEST")

    def etcd_volume(self):
        """a member of etcd loses its volume, and comes back by the guide's commands; keystone runs on"""
        self.etcd_is_whole()
        before = {member["name"]: member["ID"] for member in self.etcd_members()}
        # The worst that can be lost: the leader.
        self.lead(before["etcd-1"])
        wait("etcd-1 leads", lambda: self.leader() == before["etcd-1"])
        others = self.identities_of_pods("etcd-0", "etcd-2")
        keystone = self.identities("keystone")
        # docs/kubernetes.md, "A lost volume".
        on_delete = '{"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}'
        self.kubectl("patch", "statefulset", "etcd", "--patch", on_delete)
        self.kubectl("set", "env", "statefulset/etcd", "ETCD_INITIAL_CLUSTER_STATE=existing")
        self.cloud.exec("root", "sh", "-ec", REPLACE)
        self.lose_volume("etcd-1")
        self.kubectl("wait", "--for=condition=ready", "pod", "etcd-1", "--timeout=10m")
        self.etcdctl("put", "general/CLUSTER_TEST", "seen")
        self.etcdctl("del", "general/CLUSTER_TEST")
        self.cloud.apply()
        self.cloud.wait_ready(self.timeout)
        self.etcd_is_whole()
        after = {member["name"]: member["ID"] for member in self.etcd_members()}
        check(set(after) == set(before) and after["etcd-1"] != before["etcd-1"], f"members: {after}")
        check(self.identities_of_pods("etcd-0", "etcd-2") == others, "the other members began anew")
        check(self.identities("keystone") == keystone, "keystone's pods are not those of before")
        spec = self.cloud.get("statefulset", "etcd")["spec"]
        check(spec["updateStrategy"]["type"] == "RollingUpdate", f"{spec['updateStrategy']}")
        state = self.cloud.exec("etcd-1", "printenv", "ETCD_INITIAL_CLUSTER_STATE").strip()
        check(state == "new", f"etcd-1 has the state {state}")

    def authority(self):
        """etcd gets another authority: services run on and follow, and certificates of before open nothing"""
        before, old = self.identities("keystone"), self.certificate("keystone")
        # docs/kubernetes.md, "A new authority of etcd".
        self.cloud.make_certificates()
        self.kubectl("delete", "pod", "--selector", "app.kubernetes.io/name=etcd", "--timeout=5m")
        self.kubectl("rollout", "status", "statefulset", "etcd", f"--timeout={self.timeout}s")
        self.kubectl("delete", "pod", "root", "loader")
        self.cloud.apply(ROOT / "k8s" / "tools")
        self.kubectl("wait", "--for=condition=Ready", "pod/root", "pod/loader", "--timeout=5m")
        refused = self.ask("keystone", "controller/keystone/", old)
        check(refused.returncode != 0 and not refused.stdout, f"the old certificate gets {refused.stdout!r}")
        self.cloud.wait_ready(self.timeout)
        self.rights()
        self.change()
        check(self.identities("keystone") == before, "keystone's pods are not those of before")

    def backup(self):
        """a backup is made now, and a change after it"""
        self.etcdctl("put", KEY, "7200")
        wait("tokens of two hours", lambda: self.token_lasts() == 7200)
        self.kubectl("delete", "job", "backup-now", "--ignore-not-found")
        self.create_job("etcd-backup", "backup-now")
        self.kubectl("wait", "--for=condition=complete", "job/backup-now", "--timeout=10m")
        self.etcdctl("put", KEY, "1800")
        wait("tokens of half an hour", lambda: self.token_lasts() == 1800)
        return self.kubectl("logs", "job/backup-now").splitlines()[-1]

    def restore(self):
        """etcd loses all it has, and gets the backup: services go on, and follow the older state"""
        claims = [f"data-{pod['metadata']['name']}" for pod in self.cloud.pods("etcd")]
        before = self.identities("keystone")
        # docs/kubernetes.md.
        self.kubectl("scale", "statefulset", "etcd", "--replicas=0")
        selector = ["--selector", "app.kubernetes.io/name=etcd"]
        self.kubectl("wait", "--for=delete", "pod", *selector, "--timeout=5m")
        check(self.token_lasts() == 1800, "no token without the store")
        self.kubectl("delete", "pvc", *claims)
        self.cloud.apply(HERE / "overlays" / f"{self.cloud.overlay.name}-restore")
        self.kubectl("rollout", "status", "statefulset", "etcd", f"--timeout={self.timeout}s")
        self.cloud.apply()
        self.kubectl("rollout", "status", "statefulset", "etcd", f"--timeout={self.timeout}s")
        wait("tokens of two hours", lambda: self.token_lasts() == 7200)
        self.rights()
        check(self.identities("keystone") == before, "keystone's pods are not those of before")
        self.etcdctl("del", KEY)
        self.cloud.wait_ready(self.timeout)

    # --- helpers -------------------------------------------------------------------

    def etcdctl(self, *command):
        return self.cloud.exec("root", "etcdctl", *command)

    def etcd_members(self):
        return json.loads(self.etcdctl("member", "list", "--write-out=json"))["members"]

    def lead(self, member):
        """Makes a member the leader."""
        for answer in self.etcd_status():
            leader, asked = answer["Status"]["leader"], answer["Status"]["header"]["member_id"]
            if leader == asked != member:
                endpoint = f"ETCDCTL_ENDPOINTS={answer['Endpoint']}"
                self.cloud.exec("root", "env", endpoint, "etcdctl", "move-leader", f"{member:x}")

    def leader(self):
        """Who leads, if all agree."""
        leaders = {answer["Status"]["leader"] for answer in self.etcd_status()}
        return leaders.pop() if len(leaders) == 1 else None

    def etcd_status(self):
        return json.loads(self.etcdctl("endpoint", "status", "--cluster", "--write-out=json"))

    def etcd_is_whole(self):
        def whole():
            said = json.loads(self.etcdctl("endpoint", "health", "--cluster", "--write-out=json"))
            return len(said) == MEMBERS and all(member["health"] for member in said)

        wait("etcd with three members", whole, self.timeout)

    def identities_of_pods(self, *names):
        return {
            identity
            for pod in self.cloud.pods("etcd")
            if pod["metadata"]["name"] in names
            for identity in self.containers_of(pod)
        }

    def create_job(self, cronjob, name):
        """kubectl create job --from=cronjob/…, which newer ones do not for Kubernetes 1.20."""
        spec = self.cloud.get("cronjob", cronjob)["spec"]["jobTemplate"]["spec"]
        metadata = {"name": name, "namespace": NAMESPACE}
        self.cloud.apply_documents(
            [{"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}]
        )
