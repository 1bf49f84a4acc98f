#!/bin/bash
# Has the packages of a service list all options with their types as JSON and
# prints the path of the file. The list is made once for each environment and
# kept in it.
#
#     raw=$(tests/openstack/catalog.sh VENV cinder)
#     etcstack-loader catalog --output catalog.json "$raw"
set -euo pipefail

venv=$1 service=$2

# shellcheck source-path=SCRIPTDIR source=namespaces.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/namespaces.sh"
namespaces "$service"

key=$(printf '%s\n' "${namespaces[@]}" | sha256sum | cut -c1-16)
file=$venv/catalog/$service-$key.json

if [[ ! -e $file ]]; then
    mkdir -p -- "$venv/catalog"
    # Several may do this at once; each puts a whole file there.
    temporary=$(mktemp "$file.XXXXXX")
    trap 'rm -f -- "$temporary"' EXIT
    if ! output=$("$venv/bin/python" -W ignore "$venv/bin/oslo-config-generator" \
        --format json --output-file "$temporary" "${namespaces[@]}" 2>&1); then
        printf 'catalog.sh: oslo-config-generator fails for %s:\n%s\n' "$service" "$output" >&2
        exit 1
    fi
    mv -f -- "$temporary" "$file"
fi
printf '%s\n' "$file"
