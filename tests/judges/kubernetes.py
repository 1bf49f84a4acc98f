#!/usr/bin/env python3
"""Manifests for Kubernetes, as `kubectl kustomize` prints them, from stdin.

    kubernetes.py json                  prints them as one list of JSON
    kubernetes.py check VERSION...      holds each against the strict schema of each version

`check` prints a line for each mistake and ends with 1 if there is one. Kinds that are not Kubernetes'
own have no schema here: of these, those in `FOREIGN` are passed over and all others are a mistake.
"""

import functools
import json
import sys

import kubernetes_validate
import kubernetes_validate.utils
import yaml

# It would read the definitions, some megabytes, for each manifest anew.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

FOREIGN = {
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "Issuer"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
}


def mistakes(documents, versions):
    for document in documents:
        if (document["apiVersion"], document["kind"]) in FOREIGN:
            continue
        name = f"{document['kind']} {document['metadata']['name']}"
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(part) for part in error.path)
                yield f"{name}: {path}: {error.message[:300]} (Kubernetes {version})"
            except kubernetes_validate.SchemaNotFoundError as error:
                yield f"{name}: {error.message}"


def main():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = [document for document in yaml.load_all(sys.stdin, Loader=loader) if document]
    if sys.argv[1] == "json":
        json.dump(documents, sys.stdout)
        return 0
    found = list(mistakes(documents, sys.argv[2:]))
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
