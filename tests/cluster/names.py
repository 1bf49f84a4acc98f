#!/usr/bin/python3
"""The cluster's DNS: what Services and their pods are called, answered by dnsmasq.

    names.py KUBECONFIG ADDRESS

The names are those that Kubernetes promises: SERVICE.NAMESPACE.svc.cluster.local with the Service's
address, or those of all its pods where it has none, and POD.SERVICE.… for pods with a host name.
"""

import signal
import subprocess
import sys
from pathlib import Path

from kubernetes import client, config
from watch import changes

DOMAIN = "svc.cluster.local"


def names():
    """Pairs of an address and a name."""
    api = client.CoreV1Api()
    headless = set()
    for service in api.list_service_for_all_namespaces().items:
        name = f"{service.metadata.name}.{service.metadata.namespace}.{DOMAIN}"
        if service.spec.cluster_ip in (None, "", "None"):
            headless.add(name)
        else:
            yield service.spec.cluster_ip, name
    for endpoints in api.list_endpoints_for_all_namespaces().items:
        name = f"{endpoints.metadata.name}.{endpoints.metadata.namespace}.{DOMAIN}"
        if name not in headless:
            continue
        for address in [a for subset in endpoints.subsets or [] for a in subset.addresses or []]:
            yield address.ip, name
            if address.hostname:
                yield address.ip, f"{address.hostname}.{name}"


def main():
    kubeconfig, address = sys.argv[1:]
    config.load_kube_config(kubeconfig)
    # The node's own, and gone with it.
    hosts = Path("/run/names")
    hosts.write_text("")
    server = subprocess.Popen([
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
        "--no-resolv", "--no-hosts", f"--addn-hosts={hosts}", "--local-ttl=5",
        "--local=/cluster.local/", "--address=/#/", f"--listen-address={address}", "--bind-interfaces",
    ])  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: server.terminate() or sys.exit(0))
    api = client.CoreV1Api()
    told = None
    for _ in changes(api.list_service_for_all_namespaces, api.list_endpoints_for_all_namespaces):
        now = "".join(f"{address} {name}\n" for address, name in sorted(names()))
        if now == told:
            continue
        told = now
        # Whole at each moment: it may still be reading because of the change before.
        new = hosts.with_suffix(".new")
        new.write_text(now)
        new.replace(hosts)
        # Reads its file again.
        server.send_signal(signal.SIGHUP)


if __name__ == "__main__":
    main()
