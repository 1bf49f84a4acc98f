#!/usr/bin/python3
"""Enforces NetworkPolicies with iptables, as a network plugin does: between pods, all on one node.

    policies.py KUBECONFIG ADDRESS

What a policy does not allow is dropped, and counted where both ends are pods that are there: what is sent
to one that is gone, or by one that is not known yet, is nothing that a policy forbids. What comes from the
node itself, such as probes and pods in its network, is let in, as plugins do. The node at ADDRESS also
stands for the pod of the DNS.
"""

import ipaddress
import subprocess
import sys
import zlib
from types import SimpleNamespace

from kubernetes import client, config
from watch import changes

TOP = "ETCSTACK-POLICY"


def matches(selector, labels):
    """Whether a selector of labels, which may be empty, takes these."""
    for key, value in (selector.match_labels or {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.match_expressions or []:
        there, value = term.key in labels, labels.get(term.key)
        found = {"In": value in (term.values or []), "NotIn": value not in (term.values or []),
                 "Exists": there, "DoesNotExist": not there}[term.operator]  # fmt: skip
        if not found:
            return False
    return True


class World:
    """The pods that have an address, and the policies."""

    def __init__(self, address):
        api = client.CoreV1Api()
        self.policies = client.NetworkingV1Api().list_network_policy_for_all_namespaces().items
        self.namespaces = {n.metadata.name: n.metadata.labels or {} for n in api.list_namespace().items}
        self.pods = [
            SimpleNamespace(
                namespace=pod.metadata.namespace, name=pod.metadata.name, address=pod.status.pod_ip,
                labels=pod.metadata.labels or {},
                ports={p.name: p.container_port for c in pod.spec.containers for p in c.ports or []},
            )
            for pod in api.list_pod_for_all_namespaces().items
            if pod.status.pod_ip and not pod.spec.host_network and pod.status.phase in ("Pending", "Running")
        ]  # fmt: skip
        dns = SimpleNamespace(namespace="kube-system", name="dns", address=address, labels={}, ports={})
        self.peers = [*self.pods, dns]

    def policies_of(self, pod, kind):
        return [
            policy
            for policy in self.policies
            if policy.metadata.namespace == pod.namespace
            and kind in policy.spec.policy_types
            and matches(policy.spec.pod_selector, pod.labels)
        ]

    def selected(self, peer, namespace):
        """The pods that one term of `from` or `to` means."""
        for pod in self.peers:
            if peer.namespace_selector is None:
                near = pod.namespace == namespace
            else:
                near = matches(peer.namespace_selector, self.namespaces.get(pod.namespace, {}))
            if near and (peer.pod_selector is None or matches(peer.pod_selector, pod.labels)):
                yield pod

    # --- rules ---------------------------------------------------------------------

    def ingress(self, pod):
        """The words of iptables for each way in."""
        for policy in self.policies_of(pod, "Ingress"):
            for rule in policy.spec.ingress or []:
                for ports in port_words(rule.ports, pod.ports):
                    for source in self.addresses(rule._from, policy):
                        yield ["--source", source, *ports]

    def egress(self, pod):
        """Those for each way out. A port's name is one of the pod that is asked."""
        for policy in self.policies_of(pod, "Egress"):
            for rule in policy.spec.egress or []:
                named = any(isinstance(port.port, str) for port in rule.ports or [])
                if named:
                    raise ValueError(f"{policy.metadata.name}: ports of `to` are numbers here")
                for ports in port_words(rule.ports, {}):
                    for to in self.addresses(rule.to, policy):
                        yield ["--destination", to, *ports]

    def addresses(self, peers, policy):
        if not peers:
            yield "0.0.0.0/0"
        for peer in peers or []:
            if peer.ip_block:
                yield str(ipaddress.ip_network(peer.ip_block.cidr))
                continue
            for pod in self.selected(peer, policy.metadata.namespace):
                yield pod.address

    def restore(self, old):
        """What iptables-restore reads: all chains anew, at once, and those of pods that are gone emptied."""
        chains, top = {chain: [] for chain in old}, []
        peers = sorted({peer.address for peer in self.peers})
        for pod in self.pods:
            for kind, way, flag, other in [
                ("Egress", self.egress, "--source", "--destination"),
                ("Ingress", self.ingress, "--destination", "--source"),
            ]:
                if not self.policies_of(pod, kind):
                    continue
                chain = (
                    f"ETCSTACK-{kind[:2].upper()}-{zlib.crc32(f'{pod.namespace}/{pod.name}'.encode()):08X}"
                )
                allowed = sorted({" ".join(words) for words in way(pod)})
                chains[chain] = [f"{words} --jump RETURN" for words in allowed]
                counted = f'--match comment --comment "{kind} {pod.name}" --jump DROP'
                chains[chain] += [*(f"{other} {peer} {counted}" for peer in peers), "--jump DROP"]
                top.append(f"{flag} {pod.address} --jump {chain}")
        old.update(chains)
        yield "*filter"
        for chain in [TOP, *chains]:
            yield f":{chain} - [0:0]"
        yield f"-A {TOP} --match conntrack --ctstate RELATED,ESTABLISHED --jump RETURN"
        for line in top:
            yield f"-A {TOP} {line}"
        for chain, lines in chains.items():
            for line in lines:
                yield f"-A {chain} {line}"
        yield "COMMIT"


def port_words(ports, names):
    if not ports:
        yield []
    for port in ports or []:
        number = names.get(port.port) if isinstance(port.port, str) else port.port
        # Policies may name ports that this pod has not.
        if number is not None:
            yield ["--protocol", (port.protocol or "TCP").lower(), "--dport", str(number)]


LIST = ["iptables", "--wait", "--list", "--verbose", "--numeric", "--exact"]


def tell_drops():
    """What the rules have dropped, before they are made anew."""
    listing = subprocess.run(LIST, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in drops_of(listing):
        print(line, flush=True)


def drops_of(listing):
    """What a listing of the rules says that they have dropped and counted."""
    for line in listing.splitlines():
        packets, _, rest = line.strip().partition(" ")
        if "DROP" in rest and "/* " in rest and packets != "0":
            yield f"dropped: {rest.split('/* ')[1].split(' */')[0]}: {packets} packets"


def main():
    kubeconfig, address = sys.argv[1:]
    config.load_kube_config(kubeconfig)
    core, networking = client.CoreV1Api(), client.NetworkingV1Api()
    listings = [
        core.list_pod_for_all_namespaces, core.list_namespace,
        networking.list_network_policy_for_all_namespaces,
    ]  # fmt: skip
    told, hooked, chains = None, False, set()
    for _ in changes(*listings):
        rules = "\n".join(World(address).restore(chains)) + "\n"
        if rules == told:
            continue
        tell_drops()
        subprocess.run(["iptables-restore", "--noflush", "--wait"], input=rules, text=True, check=True)
        if not hooked:
            for chain in ["FORWARD", "INPUT"]:
                subprocess.run(["iptables", "--wait", "--insert", chain, "--jump", TOP], check=True)
            hooked = True
        told = rules


if __name__ == "__main__":
    main()
