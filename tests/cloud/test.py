#!/usr/bin/env python3
"""Uses a cloud that runs, and changes it while it does: `make cloud-test`.

    tests/cloud/test.py [--profile core|full] [--upgrade-from RELEASE] [STEP...]

With --upgrade-from there is no cloud yet: it is made of that release, used, and upgraded first. Prints a table of what was done, how long it took and what failed, and ends with 1 if anything did.
"""

import argparse
import os
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

from cloud import DATA, Cloud
from docker import docker, labelled

USES = ["token", "image", "network", "flavor", "server", "volume"]
FULL_USES = ["stack", "objects", "zone", "secret", "dashboard"]
HERE = Path(__file__).resolve().parent
# What the steps need and leave: the guest's disk, a screenshot.
FOLDER = HERE.parent.parent / "target" / "cloud"


class Failed(Exception):
    """What a step has found wrong."""


class Steps:
    """Each method is a step; its first line of documentation is what the table says."""

    def __init__(self, cloud, profile, newer=None):
        self.cloud = cloud
        self.profile = profile
        self.newer = newer

    def up(self):
        """everything starts at once, from nothing"""
        self.cloud.up(self.profile, 1800)

    def upgrade_base(self):
        """the database, the bus and the cache, which run once: nobody is served meanwhile"""
        base = ["mariadb", "rabbitmq", "memcached"]
        services = self.newer.services(self.profile)
        self.newer.upgrade([service for service in services if service["name"] in base], 600)

    def upgrade(self):
        """the images of the newer release, one replica after the other; requests go on"""
        with Stream(self.cloud, "http://keystone:5000/v3/projects", tries=2) as stream:
            self.newer.upgrade(self.newer.services(self.profile), 600)
        self.cloud = self.newer
        return stream.none_failed()

    def use(self, *steps, credentials=None):
        run = self.cloud.client(
            ["python3", "-W", "ignore", "/cloud/client/use.py", *steps],
            credentials=credentials, mounts=["--volume", f"{FOLDER}:/guest:ro"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if run.returncode != 0:
            raise Failed(run.stdout.strip()[-1500:] or f"exit code {run.returncode}")

    def dashboard(self):
        """somebody logs in to the dashboard with a browser, and finds the image"""
        run = self.cloud.client(
            ["python3", "/cloud/browser/dashboard.py", "http://horizon:8080", "cloud-test"],
            image=f"{self.cloud.name}-browser", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if run.returncode != 0:
            raise Failed(run.stderr.decode()[-1500:])
        (FOLDER / "dashboard.png").write_bytes(run.stdout)
        return "target/cloud/dashboard.png"

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

    def immutable_in_turn(self):
        """an option that keystone reads at its start alone is followed in turn; no request fails"""
        key = "controller/keystone/keystone.conf/token/expiration"
        with Stream(self.cloud, "http://keystone:5000/v3/projects") as stream:
            self.put(key, "7200")
            try:
                self.converged("keystone")
                self.use("long_token")
            finally:
                self.delete(key)
                self.converged("keystone")
        return stream.none_failed()

    def wrong_value(self):
        """a value that ends the daemon is undone, and everything answers"""
        key = "controller/glance/glance-api.conf/glance_store/default_backend"
        before = self.cloud.value(key)
        # On the way back the daemon is started anew, and whoever waits in its socket is reset.
        with Stream(self.cloud, "http://glance:9292/v2/images", tries=2) as stream:
            self.put(key, "nowhere")
            bad = "_etcstack/bad/controller/glance"
            self.wait("the mark", lambda: self.cloud.value(bad), seconds=240)
            self.use("token")
        self.put(key, before)
        self.converged("glance")
        self.use("image")
        return stream.none_failed()

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
                self.use("token", "flavor", credentials=password)
        finally:
            docker("start", name)
        self.wait("etcd", lambda: self.cloud.value("general/REGION"))
        if self.daemon("nova-conductor-1", "nova-conductor") != before:
            raise Failed("nova-conductor was restarted")
        self.debug_without_restart()

    def kept(self):
        """what was made before is still there"""
        self.use("kept")


LIVE = [
    "debug_without_restart", "immutable_in_turn", "refused_value", "wrong_value", "rotate_password",
    "replica_killed", "etcd_away", "kept",
]  # fmt: skip


class Stream:
    """Requests to a URL for as long as the block takes."""

    def __init__(self, cloud, url, tries=1):
        self.cloud, self.url, self.tries = cloud, url, tries
        self.asked = self.failed = 0
        self.slowest = self.first = ""

    def __enter__(self):
        self.name = self.cloud.start_client(
            ["python3", "-W", "ignore", "/cloud/client/stream.py", self.url, str(self.tries)]
        )
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
        last = docker("logs", self.name).splitlines()[-1].split(None, 3)
        self.asked, self.failed, self.slowest = int(last[0]), int(last[1]), last[2]
        self.first = last[3] if len(last) > 3 else ""
        docker("rm", self.name)

    def none_failed(self):
        """A note of them, unless one failed."""
        if self.failed or self.asked < 20:
            raise Failed(f"{self.failed} of {self.asked} requests failed; {self.first}")
        return f"{self.asked} requests, none failed, the slowest {self.slowest} s"


def prepare(cloud, profile):
    """Builds what the steps use besides the cloud's own images."""
    base = os.environ.get("BASE_IMAGE") or "debian:trixie-slim"
    for name in ["guest", *(["browser"] if profile == "full" else [])]:
        image = f"{cloud.name}-{name}"
        print(f"cloud-test: building {image} …", file=sys.stderr, flush=True)
        docker("build", "--quiet", "--network", "host", "--tag", image,
               "--build-arg", f"BASE_IMAGE={base}", str(HERE / name),
               env=os.environ | {"DOCKER_BUILDKIT": "0"})  # fmt: skip
    FOLDER.mkdir(parents=True, exist_ok=True)
    # It has no program, only the disk.
    container = docker("create", f"{cloud.name}-guest", "none")
    docker("cp", f"{container}:/guest.qcow2", str(FOLDER))
    docker("rm", container)


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="etcstack-cloud")
    parser.add_argument("--release", default=os.environ.get("RELEASE", "2026.2"))
    parser.add_argument("--profile", choices=["core", "full"], default="full")
    parser.add_argument("--upgrade-from", metavar="RELEASE", help="make a cloud of it, and upgrade it")
    parser.add_argument("steps", nargs="*", help="only these")
    arguments = parser.parse_args()
    prefix = os.environ.get("PREFIX", "etcstack")
    cloud, older = (
        Cloud(SimpleNamespace(name=arguments.name, release=release, prefix=prefix, data=DATA))
        for release in [arguments.release, arguments.upgrade_from]
    )
    if arguments.upgrade_from and labelled("container", cloud.name):
        sys.exit("cloud-test: there is a cloud already; make cloud-down, or use it with UPGRADE_FROM=")
    prepare(cloud, arguments.profile)
    uses = USES + (FULL_USES if arguments.profile == "full" else [])
    names = arguments.steps or uses + LIVE
    steps = Steps(cloud, arguments.profile)
    if arguments.upgrade_from:
        names = ["up", *uses, "upgrade_base", "upgrade", "kept", *names]
        steps = Steps(older, arguments.profile, newer=cloud)
    rows = []
    for name in names:
        began, note, failure = time.monotonic(), "", ""
        method = getattr(steps, name, None)
        if any(row[0] in ("up", "upgrade_base", "upgrade") and row[2] for row in rows):
            break  # what is there is not what is to be tested
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
