#!/usr/bin/python3
"""Runs k8s/ on a real Kubernetes, uses it, changes it, and breaks parts of it: `make cluster-test`.

    tests/cluster/test.py [--profile core|nova|compute|full] [--overlay single-node|ha]
                          [--from-release RELEASE] [STEP...]

Prints a table of what was done, how long it took and what failed, and ends with 1 if anything did. A step
that fails leaves what the pods have said in target/cluster/log. The cluster is removed at the end, unless it
was there before, or --keep says otherwise.
"""

import argparse
import base64
import signal
import subprocess
import sys
import time
import traceback

from checks import Failed, check
from cloud import NAMESPACE, PROFILES, ROOT, Cloud, wait
from cluster import Cluster, ClusterError, say
from galera import Galera
from logs import keep_logs
from networks import Networks
from placement import Placement
from rabbitmq import RabbitMQ
from store import KEY, Store
from upgrade import Upgrade, check_images, older_overlay
from uses import Uses

# Without one that is named: these, in this order, as far as the profile has what they use.
BEFORE = {"single-node": [], "ha": ["placement"]}
FIRST = ["apply", "ready", "privileges", "volumes", "token", "network"]
USES = {
    "core": [],
    "nova": ["network_of_servers"],
    "compute": ["image", "network_of_servers", "server", "volume"],
    "full": [
        "image",
        "network_of_servers",
        "server",
        "volume",
        "stack",
        "objects",
        "zone",
        "secret",
        "dashboard",
    ],
}
LIVE = ["change", "scale", "replace", "rights", "restart"]
OVERLAYS = {
    "single-node": [*LIVE, "authority", "backup", "restore", "dropped"],
    "ha": [
        *LIVE,
        "galera",
        "galera_after_all",
        "galera_stopped",
        "galera_first",
        "galera_by_hand",
        "mariadb_volume",
        "rabbitmq",
        "rabbitmq_after_all",
        "rabbitmq_volume",
        "rabbitmq_by_hand",
        "etcd_member",
        "etcd_after_all",
        "etcd_volume",
        "authority",
        "backup",
        "restore",
        "dropped",
    ],
}


class Steps(Galera, Networks, Placement, RabbitMQ, Store, Upgrade, Uses):
    """Each method is a step; its first line of documentation says what it shows."""

    def __init__(self, cloud, timeout):
        self.cloud, self.timeout = cloud, timeout
        self.kubectl = cloud.kubectl

    def apply(self):
        """everything is applied at once, and the certificates after it"""
        # docs/kubernetes.md: step 1.
        for plane in ["control-plane", "compute-plane"]:
            self.kubectl("label", "--overwrite", "node", "node", f"etcstack.io/{plane}=enabled")
        self.cloud.apply()
        # Once: another authority would not know what runs.
        if not self.kubectl("get", "secret", "etcd-server", "--ignore-not-found"):
            self.cloud.make_certificates()
        return "; ".join(sorted(self.cloud.converted))

    def ready(self):
        """all of it converges by itself"""
        self.kubectl("wait", "--for=condition=complete", "job/load", f"--timeout={self.timeout}s")
        self.cloud.wait_ready(self.timeout)
        self.cloud.apply(ROOT / "k8s" / "tools")
        self.kubectl("wait", "--for=condition=Ready", "pod/root", "pod/loader", "--timeout=5m")
        self.cloud.start_client()
        restarts = {
            pod["metadata"]["name"]: sum(c["restartCount"] for c in pod["status"]["containerStatuses"])
            for pod in self.cloud.pods()
        }
        restarted = {name: times for name, times in restarts.items() if times}
        check(not restarted, f"containers were restarted: {restarted}")

    def privileges(self):
        """pods of the control plane: no root, no capabilities, a root file system that is not written"""
        script = "id -u; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/1/status; touch /x 2>&1 || true"
        checked = 0
        for pod in self.cloud.pods():
            name, spec = pod["metadata"]["name"], pod["spec"]
            labels = pod["metadata"]["labels"]
            if spec.get("hostNetwork") or pod["status"]["phase"] != "Running" or name in ("client", "loader"):
                continue
            got = self.cloud.exec(name, "sh", "-c", script)
            want = str(spec["securityContext"]["runAsUser"])
            check(got.split()[0] == want, f"{name} runs as {got.split()[0]}, not as {want}")
            check("Seccomp:\t2" in got, f"{name}: no seccomp: {got}")
            if labels["app.kubernetes.io/name"] != "cinder-volume":
                for part in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Read-only file system"]:
                    check(part in got, f"{name}: {part!r} is not in {got!r}")
            checked += 1
        return f"{checked} pods"

    def volumes(self):
        """volumes belong to the pod's group, and are written by its user"""
        seen = []
        for name, path in [("etcd-0", "/var/lib/etcd"), ("mariadb-0", "/var/lib/mysql"),
                           ("rabbitmq-0", "/var/lib/rabbitmq"), ("deployment/glance", "/var/lib/glance")]:  # fmt: skip
            group, _ = self.cloud.exec(name, "stat", "--format=%g %a", path).split()
            ours = self.cloud.exec(name, "id", "-g").strip()
            check(group == ours, f"{name}: {path} belongs to {group}, and not to {ours}")
            self.cloud.exec(name, "sh", "-c", f"touch {path}/.cluster-test && rm {path}/.cluster-test")
            seen.append(path)
        return ", ".join(seen)

    def token(self):
        """keystone gives a token, and knows all services"""
        issued = self.cloud.client("openstack", "token", "issue", "-f", "value", "-c", "project_id")
        check(len(issued.strip()) == 32, f"no token: {issued}")
        services = self.cloud.client("openstack", "service", "list", "-f", "value", "-c", "Name").split()
        check({"keystone", "glance", "placement", "nova"} <= set(services), f"services: {services}")
        return f"{len(services)} services"

    def change(self):
        """a key changes the running service: no new pod, no new container"""
        before = self.identities("keystone")
        usual = self.token_lasts()
        self.cloud.exec("root", "etcdctl", "put", KEY, "7200")
        try:
            began = time.monotonic()
            wait("tokens of two hours", lambda: self.token_lasts() == 7200)
            took = time.monotonic() - began
        finally:
            self.cloud.exec("root", "etcdctl", "del", KEY)
        wait("tokens as before", lambda: self.token_lasts() == usual)
        check(self.identities("keystone") == before, "keystone's pods are not those of before")
        return f"seen after {took:.1f} s, and the way back as well"

    def scale(self):
        """kubectl scale: another replica serves, and goes again"""
        few = self.cloud.get("deployment", "keystone")["spec"]["replicas"]
        self.kubectl("scale", "deployment/keystone", f"--replicas={few + 1}")
        self.cloud.wait_ready(self.timeout)
        check(len(self.endpoints("keystone")) == few + 1, f"endpoints: {self.endpoints('keystone')}")
        self.kubectl("scale", "deployment/keystone", f"--replicas={few}")
        wait("the endpoints of before", lambda: len(self.endpoints("keystone")) == few)
        wait("the pods of before", lambda: len(self.cloud.pods("keystone")) == few)

    def replace(self):
        """deleted pods come back, with what they had stored"""
        before = self.cloud.client("openstack", "project", "list", "-f", "value")
        for name in ["mariadb-0", "rabbitmq-0", "etcd-0"]:
            self.kubectl("delete", "pod", name, "--timeout=6m")
        self.cloud.wait_ready(self.timeout)
        after = wait("keystone", lambda: self.cloud.client("openstack", "project", "list", "-f", "value"))
        check(before == after, f"other projects: {before!r}, {after!r}")

    def rights(self):
        """the certificate of one service opens its own keys, and not those of another"""
        own = self.ask("keystone", "controller/keystone/")
        check(own.returncode == 0 and own.stdout, f"its own keys: {own.stderr}")
        for prefix in ["controller/glance/", "general/", "_etcstack/release/"]:
            other = self.ask("keystone", prefix)
            check("permission denied" in other.stderr, f"{prefix}: {other.stdout} {other.stderr}")

    def restart(self):
        """kubectl rollout restart: the new pod serves before the old one ends"""
        before = self.identities("keystone")
        self.kubectl("rollout", "restart", "deployment/keystone")
        self.kubectl("rollout", "status", "deployment/keystone", f"--timeout={self.timeout}s")
        check(not self.identities("keystone") & before, "the same pods as before")
        self.cloud.client("openstack", "token", "issue")

    # --- helpers -------------------------------------------------------------------

    def ask(self, user, prefix, secret=None):
        """What etcd answers somebody with a service's certificate, or with this one."""
        secret = secret or self.certificate(user)
        files = {name: base64.b64decode(secret[name]).decode() for name in ("tls.crt", "tls.key")}
        # In the memory of the administrator's pod, for the time of the question.
        script = (
            "umask 077; d=$(mktemp -d /dev/shm/ask.XXXXXX); trap 'rm -r $d' EXIT; cat >$d/pem; "
            f"ETCDCTL_CERT=$d/pem ETCDCTL_KEY=$d/pem etcdctl get --prefix --keys-only {prefix}"
        )
        command = self.cloud.cluster.kubectl_command(
            "--namespace", NAMESPACE, "exec", "--stdin", "root", "--", "sh", "-c", script
        )
        return subprocess.run(command, input="".join(files.values()), capture_output=True, text=True)

    def certificate(self, user):
        return self.cloud.get("secret", f"etcd-controller-{user}")["data"]

    def identities(self, name):
        """The containers of a service's pods."""
        return {
            identity
            for pod in self.cloud.pods(name)
            if "deletionTimestamp" not in pod["metadata"]
            for identity in self.containers_of(pod)
        }

    def containers_of(self, pod):
        found = pod["status"].get("containerStatuses", [])
        return {(pod["metadata"]["uid"], container["containerID"]) for container in found}

    def token_lasts(self):
        """How long a new token lasts, in seconds."""
        script = (
            "import openstack; a = openstack.connect().session; a = a.auth.get_access(a); "
            "print(round((a.expires - a.issued).total_seconds()))"
        )
        return int(self.cloud.client("python3", "-W", "ignore", "-c", script))

    def endpoints(self, name):
        subsets = self.cloud.get("endpoints", name).get("subsets", [])
        return [address["ip"] for subset in subsets for address in subset.get("addresses", [])]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--overlay", choices=list(OVERLAYS), default="single-node")
    parser.add_argument("--profile", choices=list(PROFILES), default="core")
    parser.add_argument("--memory", type=float, default=14, help="the most that the cluster may use, in GiB")
    parser.add_argument("--timeout", type=int, default=1800, help="for all to be ready, in seconds")
    parser.add_argument("--keep", action="store_true", help="the cluster, for a look at it")
    parser.add_argument("--images-as-they-are", action="store_true", help="those that the node has")
    parser.add_argument(
        "--from-release", metavar="RELEASE", help="begin with the images of this one, and upgrade"
    )
    parser.add_argument("steps", nargs="*", help="only these")
    arguments = parser.parse_args()
    cluster = Cluster()
    cloud = Cloud(cluster, arguments.overlay, arguments.profile)
    upgrade = ["upgrade"] if arguments.from_release else []
    steps = [*BEFORE[arguments.overlay], *FIRST, *USES[arguments.profile], *upgrade, *OVERLAYS[arguments.overlay]]
    was_there = cluster.pid() is not None
    # So that what is begun is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        images = {*cloud.images(), "etcstack/client:2026.2"}
        if arguments.from_release:
            cloud.applied = older_overlay(cloud.overlay, arguments.from_release, cluster.folder / "older")
            images |= set(cloud.images())
        check_images(images)
        if not was_there:
            cluster.up(arguments.memory, [])
        if not arguments.images_as_they_are:
            cluster.images(sorted(images))
        return run(Steps(cloud, arguments.timeout), arguments.steps or steps)
    finally:
        if not was_there and not arguments.keep:
            cluster.down()


def run(steps, names):
    rows = []
    for name in names:
        say(f"{name} …")
        began, note, failure = time.monotonic(), "", ""
        try:
            note = getattr(steps, name)() or ""
        except (Failed, ClusterError) as error:
            failure = str(error)
        except Exception:
            failure = traceback.format_exc()
        if failure:
            say(f"{name}: {failure}")
            left = steps.cloud.cluster.folder / "log" / name
            try:
                keep_logs(steps.cloud, left)
                say(f"what the pods have said: {left}")
            except Exception as error:
                # The other steps, and the table, do without.
                say(f"no logs: {error}")
        rows.append((name, time.monotonic() - began, failure, note))
        if failure and name in ("apply", "ready"):
            break  # what is there is not what is to be tested
    print(f"\n{'STEP':<16}{'SECONDS':>8}  RESULT")
    for name, seconds, failure, note in rows:
        result = "failed: " + failure.strip().splitlines()[-1][:160] if failure else f"ok  {note}"
        print(f"{name:<16}{seconds:>8.1f}  {result}")
    failures = sum(1 for row in rows if row[2])
    print(f"\n{len(rows)} steps, {failures} failed, {sum(row[1] for row in rows):.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"cluster: {error}")
