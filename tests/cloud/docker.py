"""The few words of docker's command line that the cloud is made with."""

import json
import selectors
import subprocess
import time

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


class Lines:
    """What commands that run on print, line by line as (command, line), until a time is over."""

    def __init__(self, commands, timeout):
        self.commands, self.end = commands, time.monotonic() + timeout

    def __enter__(self):
        self.runs, self.selector = [], selectors.DefaultSelector()
        for command in self.commands:
            run = subprocess.Popen(command, stdout=subprocess.PIPE)
            self.runs.append(run)
            self.selector.register(run.stdout, selectors.EVENT_READ, [command, b""])
        return self

    def __exit__(self, *_):
        for run in self.runs:
            run.terminate()
            run.wait()
            run.stdout.close()
        self.selector.close()

    def __iter__(self):
        while (left := self.end - time.monotonic()) > 0 and self.selector.get_map():
            for key, _ in self.selector.select(left):
                command, begun = key.data
                got = key.fileobj.read1()
                if not got:
                    self.selector.unregister(key.fileobj)
                    continue
                *whole, key.data[1] = (begun + got).split(b"\n")
                for line in whole:
                    yield command, line.decode()
