"""The few words of docker's command line that the cloud is made with."""

import json
import subprocess

LABEL = "etcstack.cloud"


class DockerError(Exception):
    """A command of docker that failed, with what it said."""


def docker(*arguments, check=True, stderr_too=False, **options):
    """Runs docker and returns what it printed; what a container wrote to stderr, if asked for."""
    stderr = subprocess.STDOUT if stderr_too else subprocess.PIPE
    run = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, **options
    )
    if check and run.returncode != 0:
        raise DockerError(f"docker {arguments[0]}: {(run.stderr or '').strip() or run.stdout.strip()}")
    return run.stdout.strip()


def labelled(kind, cloud):
    """The names of the cloud's containers, networks or volumes."""
    listing = {
        "container": ["ps", "--all", "--format", "{{.Names}}"],
        "network": ["network", "ls", "--format", "{{.Name}}"],
        "volume": ["volume", "ls", "--format", "{{.Name}}"],
    }[kind]
    return docker(*listing, "--filter", f"label={LABEL}={cloud}").split()


def state(container):
    """What docker knows of a container, or nothing if there is none."""
    found = json.loads(docker("container", "inspect", container, check=False) or "[]")
    return found[0]["State"] if found else None
