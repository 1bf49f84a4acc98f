#!/bin/bash
# Writes the catalogs of a release: bootstrap-data/catalog/RELEASE/SERVICE.json.
#
#     bootstrap-data/catalog/make.sh RELEASE LOADER [SERVICE...]
#
# The packages of the release (environment.sh) list their options (options.py), which
# LOADER, the program etcstack-loader, reduces. Without a SERVICE, all of
# services.toml are written.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'catalog: %s\n' "$*" >&2; }

(($# >= 2)) || { say "usage: make.sh RELEASE LOADER [SERVICE...]"; exit 64; }
release=$1 loader=$2
shift 2
venv=$("$here/environment.sh" "$release")

if (($# == 0)); then
    mapfile -t services < <("$venv/bin/python" -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(*(name for name in tomllib.load(file) if name != "common"), sep="\n")
' "$here/services.toml")
    set -- "${services[@]}"
fi
raw=$(mktemp -d)
trap 'rm -rf -- "$raw"' EXIT
for service; do
    if ! "$venv/bin/python" -W ignore "$here/options.py" "$service" \
        >"$raw/$service.json" 2>"$raw/log"; then
        say "$service of $release does not list its options:"
        tail -n 20 -- "$raw/log" >&2
        exit 1
    fi
    grep -a '^options.py: ' "$raw/log" >&2 || true
    "$loader" catalog --output "$here/$release/$service.json" "$raw/$service.json"
    say "$release/$service.json: $(grep -c '^{"group"' "$here/$release/$service.json") options"
done
