#!/bin/bash
# Writes the default files of services of a release, with every option and its
# default as a comment, as the packages themselves document it: DIR/SERVICE.conf.
#
#     tests/openstack/samples.sh RELEASE DIR [SERVICE...]
#
# Without a SERVICE, those of all.
set -euo pipefail

release=$1 folder=$2
shift 2
catalog=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../bootstrap-data/catalog" && pwd)
venv=$("$catalog/environment.sh" "$release")

mkdir -p -- "$folder"
while read -r service namespaces; do
    read -ra namespaces <<<"$namespaces"
    "$venv/bin/python" -W ignore "$venv/bin/oslo-config-generator" --wrap-width 79 \
        --output-file "$folder/$service.conf" "${namespaces[@]/#/--namespace=}" \
        2>"$folder/$service.log" || {
        tail -n 20 -- "$folder/$service.log" >&2
        exit 1
    }
done < <("$venv/bin/python" -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    services = tomllib.load(file)
common = services.pop("common")["namespaces"]
for name in sys.argv[2:] or services:
    print(name, *common, *services[name]["namespaces"])
' "$catalog/services.toml" "$@")
