#!/usr/bin/python3
"""The node: the first process in namespaces of its own, and the parent of all that runs in the cluster.

    node.py FOLDER PROGRAMS

What it starts has a log in FOLDER/log. Whatever ends by itself is started again. When this process is
killed, the kernel ends all others and takes away what they mounted and made of interfaces.
"""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent

# No network of anybody's is in the way of these: they are the namespace's own.
ADDRESS = "10.245.0.1"
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
DNS = "10.96.0.10"
CGROUP = "etcstack-cluster"
NAME = "node"
CAP_SYS_RESOURCE = 24
# Not docker's own: whoever looks too early finds none.
SOCKET = "unix:///run/etcstack-cluster.sock"


def run(*command, **options):
    subprocess.run(command, check=True, **options)


# --- the machine -------------------------------------------------------------------


def make_folders(folder):
    """Hides this machine's /run, /var/lib and /var/log behind folders of the cluster's own."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    (folder / "lib").mkdir(exist_ok=True)
    run("mount", "--bind", str(folder / "lib"), "/var/lib")
    for path in ["/run", "/var/log"]:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    # What is mounted for a pod has to be seen by docker, and the other way round.
    run("mount", "--make-rshared", "/")
    Path("/var/lib/kubelet").mkdir(exist_ok=True)


def make_network():
    run("hostname", NAME)
    run("ip", "link", "set", "lo", "up")
    # An interface that leads nowhere, for the node's address.
    run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "nowhere")
    run("ip", "link", "set", "nowhere", "up")
    run("ip", "link", "set", "node0", "up")
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", "node0")
    run("ip", "route", "add", "default", "dev", "node0")
    for key in ["ipv4/ip_forward", "bridge/bridge-nf-call-iptables"]:
        Path("/proc/sys/net", key).write_text("1")


# --- what runs on it ---------------------------------------------------------------

# The pods of a node are on one bridge.
CNI = """{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]],
              "dataDir": "/run/cni", "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}"""

KUBECONFIG = f"""apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "https://{ADDRESS}:6443", certificate-authority: apiserver.crt}}}}]
users: [{{name: u, user: {{token: %s}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"""

KUBELET = f"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: cgroupfs
cgroupRoot: /{CGROUP}
clusterDNS: [{DNS}]
clusterDomain: cluster.local
failSwapOn: false
# Newer kubelets have it among those that are safe.
allowedUnsafeSysctls: [net.ipv4.ip_unprivileged_port_start]
hairpinMode: none
resolvConf: %s
# The disk is shared with others, who may fill it.
imageGCHighThresholdPercent: 100
evictionHard: {{memory.available: 100Mi, nodefs.available: 0%%, imagefs.available: 0%%, nodefs.inodesFree: 0%%}}
"""


def is_contained():
    """Whether this machine's root lacks what pods may ask for: runc.sh does without it."""
    capabilities = re.search("CapBnd:\\s*(\\w+)", Path("/proc/self/status").read_text())[1]
    return not int(capabilities, 16) >> CAP_SYS_RESOURCE & 1


def write_settings(folder):
    """What the programs read; new passwords each time."""
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "cni").mkdir(exist_ok=True)
    (etc / "cni" / "pods.conflist").write_text(CNI % PODS)
    token = os.urandom(16).hex()
    (etc / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    (etc / "tokens.csv").chmod(0o600)
    (etc / "kubeconfig").write_text(KUBECONFIG % token)
    (etc / "kubeconfig").chmod(0o600)
    (etc / "resolv.conf").write_text("")
    (etc / "kubelet.yaml").write_text(KUBELET % (etc / "resolv.conf"))
    runtimes = {"runtimes": {"ours": {"path": str(HERE / "runc.sh")}}, "default-runtime": "ours"}
    (etc / "docker.json").write_text(json.dumps(runtimes if is_contained() else {}))
    if not (etc / "accounts.key").exists():
        run("openssl", "genrsa", "-out", str(etc / "accounts.key"), "2048", stderr=subprocess.DEVNULL)
    # The old one's certificate has another authority.
    for old in etc.glob("apiserver.*"):
        old.unlink()


def commands(folder, programs):
    """Each program with its arguments, in the order in which they are started."""
    etc, config = folder / "etc", f"--kubeconfig={folder / 'etc' / 'kubeconfig'}"
    return {
        "etcd": [
            "etcd", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync",
            "--listen-peer-urls=http://127.0.0.1:2380", "--log-level=warn",
        ],
        "docker": [
            "dockerd", f"--config-file={etc / 'docker.json'}", f"--host={SOCKET}",
            "--iptables=false", "--ip-masq=false", "--bridge=none", "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent=/{CGROUP}/docker", "--log-level=warn",
        ],
        "kube-apiserver": [
            programs / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={ADDRESS}", f"--service-cluster-ip-range={SERVICES}",
            f"--cert-dir={etc}", f"--token-auth-file={etc / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC", "--allow-privileged",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={etc / 'accounts.key'}",
            f"--service-account-signing-key-file={etc / 'accounts.key'}",
            "--kubelet-preferred-address-types=InternalIP",
        ],
        "kube-controller-manager": [
            programs / "kube-controller-manager", config, "--leader-elect=false",
            f"--service-account-private-key-file={etc / 'accounts.key'}",
            f"--root-ca-file={etc / 'apiserver.crt'}", "--use-service-account-credentials=false",
            "--flex-volume-plugin-dir=/run/volume-plugins",
        ],
        "kube-scheduler": [programs / "kube-scheduler", config, "--leader-elect=false"],
        "kube-proxy": [
            programs / "kube-proxy", config, "--proxy-mode=iptables", f"--cluster-cidr={PODS}",
            f"--hostname-override={NAME}", "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
        ],
        "kubelet": [
            programs / "kubelet", config, f"--config={etc / 'kubelet.yaml'}",
            f"--hostname-override={NAME}", f"--node-ip={ADDRESS}",
            "--container-runtime=docker", f"--docker-endpoint={SOCKET}",
            "--network-plugin=cni", f"--cni-conf-dir={etc / 'cni'}", "--cni-bin-dir=/usr/lib/cni",
            "--cni-cache-dir=/run/cni-cache", "--volume-plugin-dir=/run/volume-plugins",
            "--pod-infra-container-image=etcstack-cluster/pause:1",
        ],
        "names": [HERE / "names.py", etc / "kubeconfig", ADDRESS],
        "volumes": [HERE / "volumes.py", etc / "kubeconfig"],
        "policies": [HERE / "policies.py", etc / "kubeconfig", ADDRESS],
    }  # fmt: skip


class Programs:
    """The programs that run, each started again when it ends."""

    def __init__(self, folder, wanted):
        self.log, self.wanted, self.running = folder / "log", wanted, {}
        self.log.mkdir(exist_ok=True)

    def start(self, name):
        with open(self.log / f"{name}.log", "ab") as log:
            command = [str(word) for word in self.wanted[name]]
            run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Kept whole: Python waits itself for what nobody holds.
        self.running[run.pid] = name, run

    def keep(self):
        """Waits for whatever ends, which may be a grandchild that has lost its parent."""
        while True:
            pid, status = os.wait()
            if pid not in self.running:
                continue
            name, _ = self.running.pop(pid)
            print(f"{name} has ended with {os.waitstatus_to_exitcode(status)}", flush=True)
            # What ends at each start is not to take the processor from all others.
            time.sleep(1)
            self.start(name)


def wait_for(url, timeout=600, cafile=None):
    end = time.monotonic() + timeout
    while True:
        try:
            context = ssl.create_default_context(cafile=cafile) if cafile else None
            return urllib.request.urlopen(url, timeout=5, context=context).read()
        except OSError:
            if time.monotonic() > end:
                raise
            # It is starting: before it listens nobody can tell.
            time.sleep(0.5)


def main():
    folder, programs = Path(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    make_folders(folder)
    make_network()
    write_settings(folder)
    (folder / "ready").touch()
    started = Programs(folder, commands(folder, programs))
    started.start("docker")
    started.start("etcd")
    wait_for("http://127.0.0.1:2379/health")
    started.start("kube-apiserver")
    wait_for(f"https://{ADDRESS}:6443/readyz", cafile=folder / "etc" / "apiserver.crt")
    for name in started.wanted:
        if name not in ("docker", "etcd", "kube-apiserver"):
            started.start(name)
    started.keep()


if __name__ == "__main__":
    main()
