#!/bin/bash
# Makes (once) a virtual environment with the OpenStack packages pinned in
# requirements.txt and prints its path, and nothing else, on stdout.
#
#     venv=$(tests/openstack/setup.sh)
#     "$venv/bin/cinder-scheduler" --version
#
# The environment is kept below $ETCSTACK_CACHE, or below $XDG_CACHE_HOME or
# ~/.cache when that is not set. Its name holds a hash of requirements.txt and
# of the Python used, so that a change of either makes a new one. It is built in
# its final place, because the scripts in a virtual environment name their
# interpreter by its full path; it counts as usable only once the file
# `.complete` stands in it.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
requirements=$here/requirements.txt

say() { printf 'openstack: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- which Python ------------------------------------------------------------

usable() { # an interpreter that is new enough for the pinned packages
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
for candidate in /usr/bin/python3 python3; do
    if path=$(command -v "$candidate") && usable "$path"; then
        python=$path
        break
    fi
done
[[ -n $python ]] || die "no Python 3.11 or later found; on Debian and Ubuntu: apt-get install python3 python3-venv"

# Neither of these belongs to the environment that is made here.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_HASHES

if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    die "$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
fi

# --- where -------------------------------------------------------------------

# shellcheck source=tests/cache.sh
. "$here/../cache.sh"

key=$({
    cat -- "$requirements"
    "$python" -c 'import platform, sys; print(sys.executable, sys.version, platform.machine())'
} | sha256sum | cut -c1-16)
venv=$cache/openstack-$key

if [[ -e $venv/.complete ]]; then
    printf '%s\n' "$venv"
    exit 0
fi

# --- make it, one at a time ----------------------------------------------------

exec 9>"$venv.lock"
if ! flock -n 9; then
    say "another process is making $venv; waiting for it"
    flock 9
fi
if [[ -e $venv/.complete ]]; then
    printf '%s\n' "$venv"
    exit 0
fi

log=$(mktemp)
trap 'rm -f -- "$log"' EXIT

phase() { # phase TEXT COMMAND...
    local text=$1 before=$SECONDS status=0
    shift
    "$@" >"$log" 2>&1 || status=$?
    if ((status != 0)); then
        say "$text: failed after $((SECONDS - before)) s (exit code $status); its last lines:"
        tail -n 30 -- "$log" >&2
        rm -rf -- "$venv"
        exit 1
    fi
    say "$text: $((SECONDS - before)) s"
}

pip_install() {
    # Only what is pinned: no newer pip, no build environment made on the side.
    "$venv/bin/python" -m pip install --quiet --no-input \
        --disable-pip-version-check --no-build-isolation --use-pep517 "$@"
}

setuptools=$(grep -E '^setuptools==' "$requirements") ||
    die "$requirements does not pin setuptools"
count=$(grep -cE '^[A-Za-z0-9]' "$requirements")

say "making $venv ($("$python" --version), $count packages; the first time takes a minute or two)"
rm -rf -- "$venv"
phase "virtual environment" "$python" -m venv "$venv"
phase "setuptools" pip_install "$setuptools"
phase "packages" pip_install -r "$requirements"
phase "check of dependencies" "$venv/bin/python" -m pip --disable-pip-version-check check
phase "check of programs" "$venv/bin/python" -c '
import os, subprocess, sys
bin = os.path.dirname(sys.executable)
for argv in (
    ["oslo-config-generator", "--version"],
    ["uwsgi", "--version"],
    ["cinder-manage", "--version"],
    ["glance-manage", "--version"],
    ["cinder-scheduler", "--version"],
):
    path = os.path.join(bin, argv[0])
    subprocess.run([path] + argv[1:], check=True, timeout=120)
'
: >"$venv/.complete"
say "ready after $SECONDS s"
printf '%s\n' "$venv"
