"""What the steps of galera.py do to three nodes of MariaDB, and see of them."""

import contextlib
import re
import subprocess
import threading
import time

from docker import DockerError, docker

NODES = ["mariadb-1", "mariadb-2", "mariadb-3"]
STATE = "/var/lib/mysql/data/grastate.dat"
# So many tables are made at the very first.
EARLY = 100
# What Kubernetes asks before it sends clients there.
READY = r"""exec 3<>/dev/tcp/localhost/9180; printf "GET /readyz HTTP/1.0\r\n\r\n" >&3; grep -q "^HTTP/1.. 200" <&3"""


class Failed(Exception):
    """What a step has found wrong."""


class Nodes:
    """Three nodes in containers, and how many rows have been written."""

    def __init__(self, cloud):
        self.cloud, self.written = cloud, 0

    # --- what is done to nodes -----------------------------------------------------

    def container(self, node):
        return self.cloud.container(node)

    def start(self, *nodes):
        docker("start", *map(self.container, nodes))

    def stop(self, *nodes):
        """They stop at the same time, in order."""
        self.end("TERM", *nodes)

    def kill(self, *nodes):
        self.end("KILL", *nodes)

    def end(self, signal, *nodes):
        names = [self.container(node) for node in nodes]
        signals = [subprocess.Popen(["docker", "kill", "--signal", signal, name], stdout=subprocess.DEVNULL)
                   for name in names]  # fmt: skip
        for sent in signals:
            sent.wait()
        docker("wait", *names)

    @contextlib.contextmanager
    def tables_are_made(self):
        """As soon as a node takes clients, and without a pause, as services do at the very first."""
        ended = threading.Event()

        def make():
            tables = "".join(f"CREATE OR REPLACE TABLE early.t{n} (a INT PRIMARY KEY);" for n in range(EARLY))
            made, end = False, time.monotonic() + 400
            while time.monotonic() < end and not (made and ended.is_set()):
                if self.on_ready_node(f"CREATE DATABASE IF NOT EXISTS early; {tables}"):
                    made = True
                else:
                    ended.wait(0.2)

        thread = threading.Thread(target=make)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def on_ready_node(self, statement):
        for node in NODES:
            with contextlib.suppress(DockerError):
                docker("exec", self.container(node), "bash", "-c", READY)
                self.on(node, statement)
                return node
        return None

    def in_volume(self, node, script):
        """Of a node that does not run."""
        docker("run", "--rm", "--volumes-from", self.container(node), "--entrypoint", "sh",
               self.cloud.image("mariadb"), "-euc", script)  # fmt: skip

    def in_container(self, node, script):
        """Of a node that runs; it raises DockerError if the script fails."""
        return docker("exec", self.container(node), "sh", "-euc", script)

    def begin(self, node):
        """A person says that it begins."""
        docker("exec", self.container(node), "touch", "/var/lib/mysql/begin")

    def say_last(self, node):
        self.in_volume(node, f"sed -i 's/^safe_to_bootstrap: .*/safe_to_bootstrap: 1/' {STATE}")

    @contextlib.contextmanager
    def nobody_answers(self, *nodes):
        """What comes to these at MariaDB's port, or at that of positions, gets lost."""
        pids = [docker("inspect", "--format", "{{.State.Pid}}", self.container(node)) for node in nodes]

        def rule(verb):
            for pid in pids:
                subprocess.run(
                    ["nsenter", f"--target={pid}", "--net", "iptables", verb, "INPUT", "--protocol", "tcp",
                     "--match", "multiport", "--dports", "3306,4569", "--jump", "DROP"], check=True)  # fmt: skip

        rule("--insert")
        try:
            yield
        finally:
            rule("--delete")

    # --- what is seen of them ------------------------------------------------------

    def on(self, node, statement):
        return docker("exec", self.container(node), "mariadb", "--batch", "--skip-column-names",
                      "--execute", statement)  # fmt: skip

    def write(self, node):
        self.written += 1
        self.wait("written", lambda: self.on(node, f"INSERT seen.numbers VALUES ({self.written})") == "")

    def status(self, node):
        return dict(line.split("\t") for line in self.on(node, "SHOW STATUS LIKE 'wsrep_%'").splitlines())

    def log(self, node):
        """What it has said since its container was started last."""
        started = docker("inspect", "--format", "{{.State.StartedAt}}", self.container(node))
        return docker("logs", "--since", started, self.container(node), stderr_too=True)

    def never_restarted(self):
        for node in NODES:
            times = docker("inspect", "--format", "{{.RestartCount}}", self.container(node))
            if times != "0":
                raise Failed(f"{node} was restarted {times} times")

    def said(self, node, text):
        self.wait(f"{node}: {text}", lambda: re.search(f"start-galera: .*{text}", self.log(node)))

    def waits(self, *nodes):
        """They have asked for a minute, and started no server."""
        for node in nodes:
            self.said(node, "if that stays so")
            if "mariadbd" in docker("top", self.container(node), "-eo", "pid,comm"):
                raise Failed(f"{node} has started its server")

    def whole(self, *nodes):
        """Waits for one cluster of these, that has all that was written, and that their agents call ready."""
        nodes = nodes or NODES

        def whole():
            said = [self.status(node) for node in nodes]
            one = {status["wsrep_cluster_state_uuid"] for status in said}
            return len(one) == 1 and all(
                status["wsrep_cluster_size"] == str(len(nodes)) and status["wsrep_ready"] == "ON"
                for status in said
            )

        self.wait(f"a cluster of {len(nodes)}", whole)
        for node in nodes:
            self.cloud.loader("status", "--wait", "--host", node, "--timeout", "2m")
            if self.written:
                count = self.on(node, "SELECT COUNT(*) FROM seen.numbers")
                if count != str(self.written):
                    raise Failed(f"{node} has {count} of {self.written} rows")

    def wait(self, what, check, seconds=300):
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                if found := check():
                    return found
            except DockerError as error:
                last = error
            # What is waited for stands in daemons of containers: nothing tells it.
            time.sleep(0.5)
        raise Failed(f"{what}: not within {seconds} s" + (f": {last}" if last else ""))
