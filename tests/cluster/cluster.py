#!/usr/bin/python3
"""A Kubernetes of one node on this machine, in namespaces of its own.

    tests/cluster/cluster.py up [IMAGE...]      start it, with these of docker's images
    tests/cluster/cluster.py images IMAGE...    give it these as well
    tests/cluster/cluster.py kubectl ARGUMENT...
    tests/cluster/cluster.py docker ARGUMENT... the node's docker
    tests/cluster/cluster.py down [--keep-images]

All that it stores and logs is in target/cluster. Its network, its mounts and its processes are seen by
nobody else; `down` ends one process, and the kernel does the rest.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from node import CGROUP, SOCKET

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CGROUPS = Path("/sys/fs/cgroup")
# Those that the kubelet and docker work with.
CONTROLLERS = ["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids", "systemd"]
# The image that the disk of a server is built in, by uses.py.
GUEST = "etcstack-cluster-guest"


class ClusterError(Exception):
    """What is wrong, and what to do."""


def say(text):
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def run(*command, **options):
    """Runs a command and returns what it printed."""
    if not {"input", "stdin"} & options.keys():
        options["stdin"] = subprocess.DEVNULL
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, **options
    )
    if done.returncode != 0:
        words = [str(word) for word in command]
        # What is run in the node is what counts.
        words = words[words.index("--") + 1 :] if words[0] == "nsenter" else words
        raise ClusterError(f"{' '.join(words[:6])}: {done.stderr.strip()}")
    return done.stdout


def began_at(pid):
    """When a process has begun: another one of its number has begun later."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


class Cluster:
    """The one cluster of this checkout."""

    def __init__(self, folder=ROOT / "target" / "cluster"):
        self.folder = folder
        self.kubeconfig = folder / "etc" / "kubeconfig"

    # --- its processes -------------------------------------------------------------

    def pid(self):
        """The process that holds the namespaces, if the cluster runs."""
        try:
            pid, began = (self.folder / "pid").read_text().split()
        except OSError:
            return None
        return int(pid) if began == began_at(pid) else None

    def inside(self, *command):
        """A command, in the network and the files of the node."""
        pid = self.pid()
        if pid is None:
            raise ClusterError("the cluster does not run; tests/cluster/cluster.py up starts it")
        return ["nsenter", f"--target={pid}", "--net", "--mount", "--wd", "--", *command]

    def run_inside(self, *command, **options):
        return run(*self.inside(*command), **options)

    def kubectl_command(self, *arguments):
        return self.inside("kubectl", f"--kubeconfig={self.kubeconfig}", *arguments)

    def kubectl(self, *arguments, **options):
        return run(*self.kubectl_command(*arguments), **options)

    def docker(self, *arguments, **options):
        return run(*self.inside("docker", f"--host={SOCKET}", *arguments), **options)

    # --- start ---------------------------------------------------------------------

    def up(self, memory, images):
        if self.pid():
            raise ClusterError("the cluster runs already; tests/cluster/cluster.py down removes it")
        self.check()
        programs = Path(subprocess.check_output([HERE / "build.sh"], text=True).strip())
        before = time.monotonic()
        shutil.rmtree(self.folder / "log", ignore_errors=True)
        for name in ["log", "etc"]:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "ready").unlink(missing_ok=True)
        (self.folder / "cgroups").touch()
        make_cgroups(memory)
        self.start(programs)
        self.wait("docker", lambda: self.docker("version"))
        self.pause_image(programs)
        self.wait("the API", lambda: self.kubectl("get", "--raw", "/readyz"))
        self.kubectl("apply", "--filename", HERE / "system.yaml")
        self.wait(
            "the node", lambda: self.kubectl("wait", "--for=condition=Ready", "node/node", "--timeout=1s")
        )
        say(f"Kubernetes is there after {time.monotonic() - before:.0f} s")
        if images:
            self.images(images)

    def check(self):
        if os.geteuid() != 0:
            raise ClusterError("this makes namespaces: run it as root")
        lacking = [name for name in CONTROLLERS if not (CGROUPS / name / "cgroup.procs").exists()]
        if lacking:
            raise ClusterError(
                f"this Kubernetes knows cgroups of version 1, and there are no {', '.join(lacking)}"
            )
        if any((CGROUPS / name / CGROUP).exists() for name in CONTROLLERS):
            raise ClusterError(f"another cluster runs here, in the cgroup {CGROUP}")

    def start(self, programs):
        enter = f'for f in {CGROUPS}/*/{CGROUP}/cgroup.procs; do echo $$ >"$f"; done; exec "$@"'
        command = [
            "sh", "-c", enter, "sh", "unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork",
            "--kill-child", HERE / "node.py", self.folder, programs,
        ]  # fmt: skip
        with open(self.folder / "log" / "node.log", "wb") as log:
            node = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        (self.folder / "pid").write_text(f"{node.pid} {began_at(node.pid)}\n")
        self.wait("the node", self.is_ready, 60)

    def is_ready(self):
        if not (self.folder / "ready").exists():
            raise ClusterError("it has not begun")

    def wait(self, what, ready, timeout=600):
        end = time.monotonic() + timeout
        while True:
            try:
                return ready()
            except (ClusterError, subprocess.CalledProcessError) as error:
                if time.monotonic() > end or self.pid() is None:
                    raise ClusterError(f"{what} is not there: {error}; see {self.folder / 'log'}") from error
                # Programs that start: before they listen nobody can tell.
                time.sleep(0.5)

    def pause_image(self, programs):
        build = b'FROM scratch\nCOPY pause /\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n'
        folder = self.folder / "pause"
        folder.mkdir(exist_ok=True)
        shutil.copy(programs / "pause", folder)
        (folder / "Dockerfile").write_bytes(build)
        self.docker("build", "--quiet", "--tag", "etcstack-cluster/pause:1", folder,
                    env=os.environ | {"DOCKER_BUILDKIT": "0"})  # fmt: skip

    def images(self, images):
        """Gives the node images of this machine's docker that it does not have as they are."""
        ids = run("docker", "image", "inspect", "--format", "{{.Id}}", *images).split()
        wanted = dict(zip(images, ids, strict=True))
        listing = ["image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]
        there = dict(line.split() for line in self.docker(*listing).splitlines())
        # Two names may be those of the same image.
        lacking = [name for name, digest in wanted.items() if there.get(name) != digest]
        if not lacking:
            return
        before = time.monotonic()
        load = self.inside("docker", f"--host={SOCKET}", "load", "--quiet")
        with subprocess.Popen(["docker", "save", *lacking], stdout=subprocess.PIPE) as save:
            run(*load, stdin=save.stdout)
        say(f"{len(lacking)} images after {time.monotonic() - before:.0f} s")

    # --- end -----------------------------------------------------------------------

    def down(self, keep_images=False):
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        if (self.folder / "cgroups").exists():
            # Else they are another one's.
            remove_cgroups()
        if not keep_images and shutil.which("docker"):
            # There is none where no server was made.
            subprocess.run(["docker", "image", "rm", GUEST], capture_output=True)
        for path in self.folder.iterdir() if self.folder.exists() else []:
            if path.name == "log":
                continue
            if path.name == "lib" and keep_images:
                for folder in path.iterdir():
                    if folder.name != "docker":
                        shutil.rmtree(folder)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


# --- cgroups -------------------------------------------------------------------------


def make_cgroups(memory):
    """One for all of the cluster, with a share of the processors and a limit of memory."""
    for name in CONTROLLERS:
        # Two of them may be one.
        (CGROUPS / name / CGROUP).mkdir(exist_ok=True)
    for name in ["cpuset.cpus", "cpuset.mems"]:
        (CGROUPS / "cpuset" / CGROUP / name).write_text((CGROUPS / "cpuset" / name).read_text())
    (CGROUPS / "memory" / CGROUP / "memory.limit_in_bytes").write_text(str(int(memory * 2**30)))


def remove_cgroups(timeout=60):
    """Waits until the last process has ended, and removes them, the innermost first."""
    end = time.monotonic() + timeout
    # On some machines the other kind is there as well, and runc makes them in both.
    for name in [*CONTROLLERS, "unified"]:
        top = CGROUPS / name / CGROUP
        if not top.exists():
            continue
        for folder, _, _ in os.walk(top, topdown=False):
            while True:
                try:
                    os.rmdir(folder)
                    break
                except OSError as error:
                    if time.monotonic() > end:
                        raise ClusterError(f"processes of the cluster do not end: {error}") from error
                    # Cgroups of version 1 do not tell when the last process has ended.
                    time.sleep(0.1)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start it")
    up.add_argument("--memory", type=float, default=14, help="the most that all of it may use, in GiB")
    up.add_argument("images", nargs="*", help="of this machine's docker")
    images = verbs.add_parser("images", help="give it images of this machine's docker")
    images.add_argument("images", nargs="+")
    for verb in ["kubectl", "docker"]:
        # Their arguments are theirs, those with a dash too.
        verbs.add_parser(verb, add_help=False, prefix_chars="\0")
    down = verbs.add_parser("down", help="remove it, and all that it has stored")
    down.add_argument("--keep-images", action="store_true", help="for the next one")
    arguments, rest = parser.parse_known_args()
    if rest and arguments.verb not in ("kubectl", "docker"):
        parser.error(f"unknown: {' '.join(rest)}")
    arguments.rest = rest
    return arguments


def main():
    arguments, cluster = parse(), Cluster()
    match arguments.verb:
        case "up":
            cluster.up(arguments.memory, arguments.images)
        case "images":
            cluster.images(arguments.images)
        case "kubectl":
            return subprocess.run(cluster.kubectl_command(*arguments.rest)).returncode
        case "docker":
            command = cluster.inside("docker", f"--host={SOCKET}", *arguments.rest)
            return subprocess.run(command).returncode
        case "down":
            cluster.down(arguments.keep_images)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"cluster: {error}")
