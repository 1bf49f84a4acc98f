#!/usr/bin/env python3
"""A whole OpenStack in containers on this machine, each daemon under its agent.

    tests/cloud/cloud.py up [--profile core|full] [--release 2026.2]
    tests/cloud/cloud.py --release 2026.2 upgrade     the images of another release, one by one
    tests/cloud/cloud.py status
    tests/cloud/cloud.py loader ARGUMENT...     etcstack-loader, in the cloud's network
    tests/cloud/cloud.py client COMMAND...      a command with an administrator's credentials
    tests/cloud/cloud.py down

Everything that it makes has a label, by which `down` finds it.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from docker import LABEL, DockerError, Lines, docker, labelled, state

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


# What is loaded: later ones beside the first, or over it.
DATA = [ROOT / "bootstrap-data", HERE / "data"]


def say(text):
    print(f"cloud: {text}", file=sys.stderr, flush=True)


class Cloud:
    """One cloud: its name, its release, its store."""

    def __init__(self, arguments):
        self.name = arguments.name
        self.release = arguments.release
        self.prefix = arguments.prefix
        self.data = [Path(folder).resolve() for folder in arguments.data]

    def image(self, name):
        return f"{self.prefix}/{name}:{self.release}"

    def container(self, host):
        return f"{self.name}-{host}"

    @property
    def store(self):
        return "etcd://etcd:2379"

    def services(self, profile):
        with open(HERE / "cloud.toml", "rb") as file:
            services = tomllib.load(file)["service"]
        return [service for service in services if profile == "full" or service["profile"] == "core"]

    # --- parts -------------------------------------------------------------------

    def labels(self):
        return ["--label", f"{LABEL}={self.name}"]

    def make_network(self):
        if self.name not in labelled("network", self.name):
            docker("network", "create", *self.labels(), self.name)

    def start(self, host, image, *arguments, alias=None, network_of=None, options=()):
        """Starts a container, unless one of its name runs."""
        name = self.container(host)
        found = state(name)
        if found and found["Running"]:
            return
        if found:
            docker("start", name)
            return
        if network_of:
            # Docker gives it the other one's host name as well; the agent has a name of its own.
            network = ["--network", f"container:{self.container(network_of)}"]
            network += ["--env", f"ETCSTACK_HOST={host}"]
        else:
            network = ["--hostname", host, "--network", self.name, "--network-alias", host]
            network += ["--network-alias", alias] if alias else []
        docker(
            "run", "--detach", "--name", name, *self.labels(), *network, *options,
            self.image(image), *arguments,
        )  # fmt: skip

    def start_etcd(self):
        self.make_volume("etcd")
        self.start("etcd", "etcd", options=["--volume", f"{self.name}-etcd:/var/lib/etcd"])

    def make_volume(self, name):
        docker("volume", "create", *self.labels(), f"{self.name}-{name}")

    def start_replica(self, service, number):
        options = []
        for volume in service.get("volumes", []):
            name, path = volume.replace("{n}", str(number)).split(":", 1)
            if not name.startswith("/"):
                self.make_volume(name)
                name = f"{self.name}-{name}"
            options += ["--volume", f"{name}:{path}"]
        for path in service.get("tmpfs", []):
            options += ["--tmpfs", path]
        host = f"{service['name']}-{number}"
        environment = {"ETCSTACK_STORE": self.store, "ETCSTACK_HOST": host}
        environment |= service.get("environment", {})
        if "role" in service:
            environment["ETCSTACK_ROLE"] = service["role"]
        for name, value in environment.items():
            options += ["--env", f"{name}={value}"]
        options += service.get("options", [])
        manifest = service.get("manifest", "agent.toml")
        arguments = [] if manifest == "agent.toml" else ["--manifest", f"/etc/etcstack/{manifest}"]
        owner = f"{service['network_of']}-{number}" if "network_of" in service else None
        self.start(
            host, service["image"], *arguments, alias=service["name"], network_of=owner, options=options
        )  # fmt: skip

    # --- the loader --------------------------------------------------------------

    def load(self):
        """Makes the secrets that the data lacks, and loads it."""
        with tempfile.TemporaryDirectory() as folder:
            for data in self.data:
                shutil.copytree(data, folder, dirs_exist_ok=True)
            mount = ["--volume", f"{folder}:/bootstrap-data:ro"]
            run = self.loader_command
            docker(*run("secrets", "generate", "/bootstrap-data", "--start-timeout", "60s", options=mount))
            say(docker(*run("load", "/bootstrap-data", options=mount)).splitlines()[-1])

    def loader_command(self, *arguments, terminal=False, options=()):
        return [
            "run", "--rm", *(["--interactive", "--tty"] if terminal else []), *self.labels(),
            "--network", self.name, "--env", f"ETCSTACK_STORE={self.store}",
            "--env", f"ETCSTACK_AUTHOR={os.environ.get('USER', 'cloud')}",
            "--workdir", "/", *options,
            self.image("etcstack"), *arguments,
        ]  # fmt: skip

    def loader(self, *arguments, **options):
        return docker(*self.loader_command(*arguments), **options)

    def status(self):
        return json.loads(self.loader("status", "--output", "json"))

    # --- the whole -----------------------------------------------------------------

    def up(self, profile, timeout):
        began, began_at = time.monotonic(), time.time()
        self.make_network()
        self.start_etcd()
        self.load()
        services = self.services(profile)
        replicas = [(s, n) for s in services for n in range(1, s.get("replicas", 1) + 1)]
        # Whatever the order: they wait for each other by themselves.
        random.shuffle(replicas)
        # But for those in another's network, which Docker has to have first.
        replicas.sort(key=lambda replica: "network_of" in replica[0])
        for service, number in replicas:
            self.start_replica(service, number)
        say(f"{len(replicas)} containers started after {time.monotonic() - began:.0f} s")
        expected = {}
        for service in services:
            name = service.get("service", service["name"])
            expected[name] = expected.get(name, 0) + service.get("replicas", 1)
        self.wait(expected, timeout - (time.monotonic() - began), began_at)
        say(f"ready after {time.monotonic() - began:.0f} s")

    def wait(self, expected, timeout, began):
        """Follows the status until every replica has converged, or a container has ended."""
        watch = ["docker", *self.loader_command("status", "--watch", "--output", "json")]
        ends = ["docker", "events", "--since", f"{began:.0f}", "--filter", "event=die",
                "--filter", f"label={LABEL}={self.name}", "--format", "{{.Actor.Attributes.name}}"]
        told = ""
        with Lines([watch, ends], timeout) as lines:
            for source, line in lines:
                if source is ends:
                    # Those of the loader have names of Docker's.
                    if line.startswith(self.container("")):
                        last = docker("logs", "--tail", "5", line, stderr_too=True)
                        raise SystemExit(f"cloud: {line} has ended:\n{last}")
                    continue
                lacking = self.lacking(json.loads(line), expected)
                if not lacking:
                    return
                summary = ", ".join(name for name, _ in lacking)
                if summary != told:
                    say(f"waiting for {summary}")
                    told = summary
        for name, reason in self.lacking(self.status(), expected):
            say(f"{name}: {reason}")
        raise SystemExit("cloud: not ready in time; see above, and `docker logs` of the containers")

    @staticmethod
    def lacking(status, expected):
        """Which services have not converged, each with the reason."""
        lacking = []
        for service, count in sorted(expected.items()):
            replicas = [r for r in status["replicas"] if r.get("service") == service]
            converged = [r for r in replicas if r["converged"]]
            if len(converged) >= count:
                continue
            reasons = {r.get("reason") or r.get("state") for r in replicas if not r["converged"]}
            if len(replicas) < count:
                reasons.add(f"{len(replicas)} of {count} are there")
            lacking.append((service, "; ".join(sorted(str(reason) for reason in reasons))))
        return lacking

    def upgrade(self, services, timeout):
        """Gives each replica of these services the images of this release, one after the other.

        The first new replica of a service does its schema steps; the data stays where it is.
        """
        self.load()
        for service in services:
            for number in range(1, service.get("replicas", 1) + 1):
                if self.is_of_release(service, number):
                    continue
                # Those in its network end with it, and need the new one's.
                guests = [guest for guest in services if guest.get("network_of") == service["name"]]
                self.replace([service, *guests], number, timeout)
        for service in services:
            if service.get("finish_upgrade"):
                self.finish_upgrade(service)

    def replace(self, services, number, timeout):
        for service in reversed(services):
            name = self.container(f"{service['name']}-{number}")
            # An upgrade that was interrupted may have removed it.
            if state(name):
                # Longer than any manifest's grace.
                docker("stop", "--time", "330", name)
                docker("rm", name)
        for service in services:
            self.start_replica(service, number)
        for service in services:
            host = f"{service['name']}-{number}"
            self.loader("status", "--wait", "--host", host, "--timeout", f"{timeout:.0f}s")
            say(f"{host}: {self.image(service['image'])}")

    def finish_upgrade(self, service):
        """Does what the older release's replicas would not have borne."""
        host = f"{service['name']}-finish-upgrade"
        docker(
            "run", "--rm", "--name", self.container(host), *self.labels(), "--hostname", host,
            "--network", self.name, "--env", f"ETCSTACK_STORE={self.store}",
            self.image(service["image"]), "--manifest", "/etc/etcstack/finish-upgrade.toml",
        )  # fmt: skip
        say(f"{service['name']}: the upgrade is finished")

    def is_of_release(self, service, number):
        """Whether a replica has the image of this release: two releases may share one."""
        name = self.container(f"{service['name']}-{number}")
        if not state(name):
            return False
        images = [["container", "--format", "{{.Image}}", name],
                  ["image", "--format", "{{.Id}}", self.image(service["image"])]]  # fmt: skip
        running, wanted = (docker(kind, "inspect", *rest) for kind, *rest in images)
        return running == wanted

    def down(self):
        """Removes everything, and goes on where something cannot be removed."""
        problems = []
        for kind, remove in [
            ("container", ["rm", "--force", "--volumes"]),
            ("volume", ["volume", "rm", "--force"]),
            ("network", ["network", "rm"]),
        ]:
            for name in labelled(kind, self.name):
                try:
                    docker(*remove, name)
                except DockerError as error:
                    problems.append(str(error))
        if problems:
            raise DockerError("\n".join(problems))

    def credentials(self):
        """The environment of the cloud's administrator."""
        wanted = {
            "OS_PASSWORD": "ADMIN_PASSWORD", "OS_USERNAME": "ADMIN_USER_NAME",
            "OS_PROJECT_NAME": "ADMIN_PROJECT_NAME", "OS_REGION_NAME": "REGION",
        }  # fmt: skip
        fixed = {
            "OS_AUTH_URL": "http://keystone:5000/v3", "OS_IDENTITY_API_VERSION": "3",
            "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default",
        }  # fmt: skip
        found = {name: self.value(f"general/{variable}") for name, variable in wanted.items()}
        return found | fixed

    def client_command(self, kind, command, credentials, image=None, mounts=()):
        arguments = ["docker", "run", *kind, *self.labels(), "--network", self.name]
        arguments += ["--volume", f"{HERE}:/cloud:ro", *mounts]
        # By name only: the values stay off the command line.
        for name in credentials:
            arguments += ["--env", name]
        return [*arguments, image or self.image("client"), *command]

    def client(self, command, credentials=None, image=None, mounts=(), **options):
        """Runs a command with the credentials of the cloud's administrator."""
        credentials = credentials or self.credentials()
        command = self.client_command(["--rm", "--interactive"], command, credentials, image, mounts)
        return subprocess.run(command, env=os.environ | credentials, **options)

    def start_client(self, command):
        """Starts such a command in the background, and returns its container."""
        credentials = self.credentials()
        command = self.client_command(["--detach"], command, credentials)
        run = subprocess.run(
            command, env=os.environ | credentials, stdout=subprocess.PIPE, text=True, check=True
        )
        return run.stdout.strip()

    def value(self, key):
        """A value of the store, as etcd has it."""
        return docker("exec", self.container("etcd"), "etcdctl", "get", "--print-value-only", key)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="etcstack-cloud", help="of the network and the containers")
    parser.add_argument("--release", default=os.environ.get("RELEASE", "2026.2"))
    parser.add_argument("--prefix", default=os.environ.get("PREFIX", "etcstack"), help="of the images")
    parser.add_argument(
        "--data", nargs="+", default=DATA, help="what is loaded: later ones beside the first, or over it"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start everything, and wait until it runs")
    up.add_argument("--profile", choices=["core", "full"], default="full")
    up.add_argument("--timeout", type=float, default=1800, help="in seconds")
    upgrade = verbs.add_parser("upgrade", help="another release, one replica after the other")
    upgrade.add_argument("--profile", choices=["core", "full"], required=True, help="as it was for `up`")
    upgrade.add_argument("--timeout", type=float, default=600, help="for each replica, in seconds")
    verbs.add_parser("status", help="how all replicas are")
    for verb, text in [("loader", "etcstack-loader"), ("client", "a client of OpenStack")]:
        rest = verbs.add_parser(verb, help=text)
        rest.add_argument("arguments", nargs=argparse.REMAINDER)
    verbs.add_parser("down", help="remove everything")
    return parser.parse_args()


def main():
    arguments = parse()
    cloud = Cloud(arguments)
    match arguments.verb:
        case "up":
            cloud.up(arguments.profile, arguments.timeout)
        case "upgrade":
            cloud.upgrade(cloud.services(arguments.profile), arguments.timeout)
        case "status":
            print(cloud.loader("status"))
        case "loader":
            terminal = sys.stdin.isatty() and sys.stdout.isatty()
            command = cloud.loader_command(*arguments.arguments, terminal=terminal)
            return subprocess.run(["docker", *command]).returncode
        case "client":
            return cloud.client(arguments.arguments).returncode
        case "down":
            cloud.down()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DockerError as error:
        sys.exit(f"cloud: {error}")
