#!/usr/bin/env python3
"""Manifests for Kubernetes, as `kubectl kustomize` prints them, from stdin.

    kubernetes.py json                        prints them as one list of JSON
    kubernetes.py check OTHERS VERSION...     holds each against the strict schema of each version

`check` prints a line for each mistake and ends with 1 if there is one. OTHERS is a file with the
schemas of kinds that are not Kubernetes' own, by others.py. A kind without a schema is a mistake.
"""

import functools
import json
import sys

import jsonschema
import kubernetes_validate
import kubernetes_validate.utils
import yaml

# It would read the definitions, some megabytes, for each manifest anew.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

def text_of(error, judge):
    path = ".".join(str(part) for part in error.path)
    return f"{path}: {error.message[:300]} ({judge})"


def mistakes_of_other(document, schema):
    validator = jsonschema.Draft202012Validator(schema)
    for error in validator.iter_errors(document):
        yield text_of(error, document["apiVersion"])


def mistakes_of_own(document, versions):
    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield text_of(error, f"Kubernetes {version}")
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def mistakes(documents, others, versions):
    for document in documents:
        schema = others.get(f"{document['apiVersion']} {document['kind']}")
        found = mistakes_of_other(document, schema) if schema else mistakes_of_own(document, versions)
        for mistake in found:
            yield f"{document['kind']} {document['metadata']['name']}: {mistake}"


def main():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = [document for document in yaml.load_all(sys.stdin, Loader=loader) if document]
    if sys.argv[1] == "json":
        json.dump(documents, sys.stdout)
        return 0
    with open(sys.argv[2], encoding="utf-8") as file:
        others = json.load(file)
    found = list(mistakes(documents, others, sys.argv[3:]))
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
