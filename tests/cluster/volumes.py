#!/usr/bin/python3
"""Gives each claim a folder of the node as its volume, and removes what is no longer claimed.

    volumes.py KUBECONFIG

They are `local` volumes: other than those of a path, they get the group that a pod asks for, as a
driver's would. A folder begins as root's own.
"""

import shutil
import sys
from pathlib import Path

from kubernetes import client, config
from watch import changes

VOLUMES = Path("/var/lib/volumes")


def make(api, claim):
    """A volume for a claim, with all that it asks for."""
    name = f"{claim.metadata.namespace}-{claim.metadata.name}-{claim.metadata.uid[:8]}"
    folder = VOLUMES / name
    folder.mkdir(parents=True, exist_ok=True)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node"]}
    volume = {
        "metadata": {"name": name},
        "spec": {
            "capacity": claim.spec.resources.requests,
            "accessModes": claim.spec.access_modes,
            "storageClassName": claim.spec.storage_class_name,
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": claim.metadata.namespace, "name": claim.metadata.name,
                         "uid": claim.metadata.uid},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }  # fmt: skip
    try:
        api.create_persistent_volume(volume)
    except client.ApiException as error:
        # Made at the last look, and not bound yet.
        if error.status != 409:
            raise


def remove(api, volume):
    api.delete_persistent_volume(volume.metadata.name)
    shutil.rmtree(volume.spec.local.path, ignore_errors=True)


def main():
    config.load_kube_config(sys.argv[1])
    api = client.CoreV1Api()
    claims, volumes = api.list_persistent_volume_claim_for_all_namespaces, api.list_persistent_volume
    for _ in changes(claims, volumes):
        for claim in claims().items:
            if claim.status.phase == "Pending" and not claim.spec.volume_name:
                make(api, claim)
        for volume in volumes().items:
            if volume.status.phase == "Released":
                remove(api, volume)


if __name__ == "__main__":
    main()
