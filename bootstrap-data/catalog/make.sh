#!/bin/bash
# Writes the catalogs of a release: bootstrap-data/catalog/RELEASE/SERVICE.json.
#
#     bootstrap-data/catalog/make.sh RELEASE LOADER [SERVICE...]
#
# The packages that RELEASE/packages.txt pins are installed, once, into a virtual
# environment below $ETCSTACK_CACHE, or below $XDG_CACHE_HOME or ~/.cache when that
# is not set. They list their options (options.py), which LOADER, the program
# etcstack-loader, reduces. Without a SERVICE, all of services.toml are written.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'catalog: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

(($# >= 2)) || { say "usage: make.sh RELEASE LOADER [SERVICE...]"; exit 64; }
release=$1 loader=$2
shift 2
packages=$here/$release/packages.txt
[[ -r $packages ]] || die "there is no $packages; write it, as its neighbours are, for a new release"

# Neither of these belongs to the environment that is made here.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_HASHES

# --- which Python ------------------------------------------------------------

python=
for candidate in /usr/bin/python3 python3; do
    if path=$(command -v "$candidate") &&
        "$path" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$path
        break
    fi
done
[[ -n $python ]] || die "no Python 3.11 or later with venv found; on Debian and Ubuntu: apt-get install python3-venv"

# --- the environment -----------------------------------------------------------

if [[ -n ${ETCSTACK_CACHE:-} ]]; then
    cache=$ETCSTACK_CACHE
elif [[ -n ${XDG_CACHE_HOME:-} ]]; then
    cache=$XDG_CACHE_HOME/etcstack
else
    cache=${HOME:?set ETCSTACK_CACHE: there is no HOME to keep the environment in}/.cache/etcstack
fi
mkdir -p -- "$cache"
cache=$(cd -- "$cache" && pwd)
key=$({
    cat -- "$packages"
    "$python" -c 'import platform, sys; print(sys.executable, sys.version, platform.machine())'
} | sha256sum | cut -c1-16)
venv=$cache/catalog-$release-$key

install() {
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --no-build-isolation --use-pep517 "$@"
}

# One at a time; it counts as usable only once `.complete` stands in it.
exec 9>"$venv.lock"
flock 9
if [[ ! -e $venv/.complete ]]; then
    say "making $venv; this takes a minute or two"
    rm -rf -- "$venv"
    "$python" -m venv "$venv"
    # What is published as source only needs these, and finds nothing that is not pinned.
    install "$(grep -E '^setuptools==' "$packages")" "$(grep -E '^wheel==' "$packages")"
    install -r "$packages"
    : >"$venv/.complete"
fi
flock -u 9

# --- the catalogs --------------------------------------------------------------

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
