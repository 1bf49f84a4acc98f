#!/bin/bash
# Makes (once) a virtual environment with the packages of a release and prints its
# path, and nothing else, on stdout.
#
#     venv=$(bootstrap-data/catalog/environment.sh RELEASE)
#
# RELEASE/packages.txt pins the packages. The environment is kept below
# $ETCSTACK_CACHE, or below $XDG_CACHE_HOME or ~/.cache when that is not set.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'catalog: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

(($# == 1)) || { say "usage: environment.sh RELEASE"; exit 64; }
release=$1
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
        --no-build-isolation --use-pep517 "$@" >&2
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
printf '%s\n' "$venv"
