#!/bin/bash
# Writes the default file of a service, with every option and its default as a
# comment, as the packages themselves document it.
#
#     tests/openstack/default.sh VENV cinder FILE
#     tests/openstack/default.sh VENV glance FILE
set -euo pipefail

venv=$1 service=$2 file=$3

# shellcheck source-path=SCRIPTDIR source=namespaces.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/namespaces.sh"
namespaces "$service"

exec "$venv/bin/python" -W ignore "$venv/bin/oslo-config-generator" \
    --wrap-width 79 --output-file "$file" "${namespaces[@]}"
