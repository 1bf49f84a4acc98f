#!/usr/bin/env python3
"""Uses a cloud that runs, and changes it while it does: `make cloud-test`.

    tests/cloud/test.py [--profile core|full] [STEP...]

Prints a table of what was done, how long it took and what failed, and ends with 1 if anything did.
"""

import argparse
import os
import re
import subprocess
import sys
import time
import traceback
from types import SimpleNamespace

from cloud import Cloud
from docker import docker

USES = ["token", "image", "network", "flavor", "server", "volume"]
FULL_USES = ["stack", "objects", "zone"]


class Failed(Exception):
    """What a step has found wrong."""


class Steps:
    """Each method is a step; its first line of documentation is what the table says."""

    def __init__(self, cloud, profile):
        self.cloud = cloud
        self.profile = profile

    def use(self, *steps):
        run = self.cloud.client(
            ["python3", "-W", "ignore", "/cloud/client/use.py", *steps],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if run.returncode != 0:
            raise Failed(run.stdout.strip()[-1500:] or f"exit code {run.returncode}")

    # --- helpers -------------------------------------------------------------------

    def put(self, key, value):
        docker("exec", "-i", self.cloud.container("etcd"), "etcdctl", "put", key, input=value)

    def delete(self, key):
        docker("exec", self.cloud.container("etcd"), "etcdctl", "del", key)

    def converged(self, service, timeout="5m"):
        self.cloud.loader("status", "--wait", "--service", service, "--timeout", timeout)

    def daemon(self, host, pattern):
        """The process number and start of the first daemon whose command line matches."""
        listing = docker("top", self.cloud.container(host), "-eo", "pid,lstart,args")
        for line in listing.splitlines()[1:]:
            if re.search(pattern, line) and "etcstack-agent" not in line:
                return line.split(None, 1)[0]
        raise Failed(f"{host}: no process like {pattern}")

    def log_since(self, host, moment):
        return docker(
            "logs", "--since", moment, self.cloud.container(host), stderr_too=True
        )

    def wait(self, what, check, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := check():
                return found
            # What is waited for stands in logs, in etcd or in a container: no one event tells it all.
            time.sleep(0.5)
        raise Failed(f"{what}: not within {seconds} s")

    # --- live changes --------------------------------------------------------------

    def debug_without_restart(self):
        """debug on for nova-conductor alone, without a restart"""
        host, key = "nova-conductor-1", "controller@conductor/nova/nova.conf/DEFAULT/debug"
        before, moment = self.daemon(host, "nova-conductor"), now()
        self.put(key, "true")
        try:
            self.wait(
                "oslo's log line",
                lambda: "Option DEFAULT.debug changed" in self.log_since(host, moment),
            )
            if self.daemon(host, "nova-conductor") != before:
                raise Failed("it has another process number")
        finally:
            self.delete(key)
            self.converged("nova")

    def restart_in_turn(self):
        """an immutable option restarts both keystones in turn; no request fails"""
        hosts, moment = ["keystone-1", "keystone-2"], now()
        with Stream(self.cloud, "http://keystone:5000/v3/projects") as stream:
            self.put("controller/keystone/keystone.conf/DEFAULT/max_param_size", "65")
            for host in hosts:
                self.wait(
                    f"{host} restarts",
                    lambda host=host: "the daemon is started" in self.log_since(host, moment),
                    seconds=180,
                )
            self.converged("keystone")
        self.delete("controller/keystone/keystone.conf/DEFAULT/max_param_size")
        self.converged("keystone")
        if stream.failed or stream.asked < 50:
            raise Failed(f"{stream.failed} of {stream.asked} requests failed; {stream.first}")
        return f"{stream.asked} requests"

    def wrong_value(self):
        """a value that ends the daemon is undone, and everything answers"""
        key = "controller/glance/glance-api.conf/glance_store/default_backend"
        before = self.cloud.value(key)
        with Stream(self.cloud, "http://glance:9292/v2/images") as stream:
            self.put(key, "nowhere")
            bad = "_etcstack/bad/controller/glance"
            self.wait("the mark", lambda: self.cloud.value(bad), seconds=240)
            self.use("token")
        self.put(key, before)
        self.converged("glance")
        self.use("image")
        if stream.failed or stream.asked < 20:
            raise Failed(f"{stream.failed} of {stream.asked} requests failed; {stream.first}")
        return f"{stream.asked} requests"

    def refused_value(self):
        """a value with an unknown variable is refused by name, and nothing moves"""
        key, moment = "controller/glance/glance-api.conf/DEFAULT/public_endpoint", now()
        before = self.daemon("glance-1", "uwsgi")
        self.put(key, "http://$NOBODY_KNOWS:9292")
        try:
            self.wait(
                "the refusal", lambda: "NOBODY_KNOWS" in self.log_since("glance-1", moment)
            )
            self.use("token")
            if self.daemon("glance-1", "uwsgi") != before:
                raise Failed("the daemon was touched")
        finally:
            self.delete(key)
            self.converged("glance")

    def rotate_password(self):
        """the password of glance's database user is rotated"""
        old = self.cloud.value("general/GLANCE_DB_PASSWORD")
        self.cloud.loader("secrets", "rotate", "GLANCE_DB_PASSWORD", "--apply")
        for service in ["database", "glance"]:
            self.converged(service)
        if self.cloud.value("general/GLANCE_DB_PASSWORD") == old:
            raise Failed("the password is the old one")
        self.use("image")

    def replica_killed(self):
        """a keystone that is killed comes back, and the other answers meanwhile"""
        name = self.cloud.container("keystone-1")
        docker("kill", name)
        self.use("token")
        docker("start", name)
        self.converged("keystone")
        self.use("token")

    def etcd_away(self):
        """etcd is away for a minute: all runs on, and a change afterwards arrives"""
        name = self.cloud.container("etcd")
        before = self.daemon("nova-conductor-1", "nova-conductor")
        password = self.cloud.credentials()
        docker("stop", name)
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                self.use_with(password, "token", "flavor")
        finally:
            docker("start", name)
        self.wait("etcd", lambda: self.cloud.value("general/REGION"))
        if self.daemon("nova-conductor-1", "nova-conductor") != before:
            raise Failed("nova-conductor was restarted")
        self.debug_without_restart()

    def use_with(self, credentials, *steps):
        self.cloud.client(
            ["python3", "-W", "ignore", "/cloud/client/use.py", *steps],
            credentials=credentials, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip

    def kept(self):
        """what was made before is still there"""
        self.use("kept")


LIVE = [
    "debug_without_restart", "restart_in_turn", "refused_value", "wrong_value", "rotate_password",
    "replica_killed", "etcd_away", "kept",
]  # fmt: skip


class Stream:
    """Requests to a URL for as long as the block takes."""

    def __init__(self, cloud, url):
        self.cloud, self.url = cloud, url
        self.asked = self.failed = 0
        self.first = ""

    def __enter__(self):
        self.name = self.cloud.start_client(["python3", "-W", "ignore", "/cloud/client/stream.py", self.url])
        # Its log ends with the container, so that this ends as well if the requests never begin.
        follow = ["docker", "logs", "--follow", self.name]
        with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as log:
            has_begun = any(line.strip() == "begun" for line in log.stdout)
            log.terminate()
        if not has_begun:
            raise Failed("the requests do not begin: " + docker("logs", self.name, stderr_too=True))
        return self

    def __exit__(self, *_):
        docker("stop", "--time", "60", self.name)
        last = docker("logs", self.name).splitlines()[-1].split(None, 2)
        self.asked, self.failed = int(last[0]), int(last[1])
        self.first = last[2] if len(last) > 2 else ""
        docker("rm", self.name)


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="etcstack-cloud")
    parser.add_argument("--release", default=os.environ.get("RELEASE", "2026.2"))
    parser.add_argument("--profile", choices=["core", "full"], default="full")
    parser.add_argument("steps", nargs="*", help="only these")
    arguments = parser.parse_args()
    cloud = Cloud(SimpleNamespace(
        name=arguments.name, release=arguments.release,
        prefix=os.environ.get("PREFIX", "etcstack"), data=[],
    ))  # fmt: skip
    steps = Steps(cloud, arguments.profile)
    uses = USES + (FULL_USES if arguments.profile == "full" else [])
    rows = []
    for name in arguments.steps or uses + LIVE:
        began, note, failure = time.monotonic(), "", ""
        method = getattr(steps, name, None)
        print(f"cloud-test: {name} …", file=sys.stderr, flush=True)
        try:
            note = (method() if method else steps.use(name)) or ""
        except Failed as error:
            failure = str(error)
        except Exception:
            failure = traceback.format_exc()
        if failure:
            print(f"cloud-test: {name}: {failure}", file=sys.stderr, flush=True)
        rows.append((name, time.monotonic() - began, failure, note))
    print(f"\n{'STEP':<24}{'SECONDS':>8}  RESULT")
    for name, seconds, failure, note in rows:
        result = "failed: " + failure.strip().splitlines()[-1][:100] if failure else f"ok  {note}"
        print(f"{name:<24}{seconds:>8.1f}  {result}")
    failures = sum(1 for row in rows if row[2])
    print(f"\n{len(rows)} steps, {failures} failed, {sum(row[1] for row in rows):.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
