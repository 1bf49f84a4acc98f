#!/usr/bin/env python3
"""Prints the schemas of kinds that are not Kubernetes' own, in JSON, by `apiVersion kind`.

The classes that they are made from take some seconds to read. So tests/judges/setup.sh keeps them as
schemas, and kubernetes.py, which holds manifests against them, needs no more than these.
"""

import json
import sys

import cloudcoil.models.cert_manager.v1 as cert_manager
import cloudcoil.models.prometheus_operator.v1 as prometheus

KINDS = {
    "cert-manager.io/v1": (cert_manager, ("Certificate", "ClusterIssuer", "Issuer")),
    "monitoring.coreos.com/v1": (prometheus, ("PodMonitor", "PrometheusRule", "ServiceMonitor")),
}


def strict(schema):
    """The schema, with no fields but those that it names, and none that is null."""
    variants = [variant for variant in schema.get("anyOf", []) if variant != {"type": "null"}]
    if len(variants) == 1:
        schema = {key: value for key, value in schema.items() if key != "anyOf"} | variants[0]
    elif variants:
        schema["anyOf"] = [strict(variant) for variant in variants]
    for key in ("properties", "$defs"):
        if key in schema:
            schema[key] = {name: strict(inner) for name, inner in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = strict(schema[key])
    if "properties" in schema:
        schema["additionalProperties"] = False
    return schema


def of_object(model):
    schema = strict(model.model_json_schema(by_alias=True))
    # An object without these is valid to the class, which knows its own kind.
    schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return schema


json.dump(
    {
        f"{version} {kind}": of_object(getattr(module, kind))
        for version, (module, kinds) in KINDS.items()
        for kind in kinds
    },
    sys.stdout,
)
