#!/bin/bash
# Fetches (once) the files that OpenStack's packages ship for PasteDeploy and
# Swift, as pinned in samples.txt, and prints the folder they stand in, and
# nothing else, on stdout.
#
#     folder=$(tests/judges/configparser/samples.sh VENV)
#
# The packages are unpacked, not installed. VENV is what
# tests/openstack/setup.sh has made.
set -euo pipefail

venv=$1
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=$(dirname -- "$venv")
key=$(cat -- "$here/samples.txt" "$here/samples.sh" | sha256sum | cut -c1-16)
folder=$cache/samples-$key

exec 9>"$folder.lock"
flock 9
if [[ ! -e $folder/.complete ]]; then
    echo "samples: making $folder" >&2
    rm -rf -- "$folder"
    mkdir -p -- "$folder/packages"
    # Swift's samples stand in its source only. What it takes to look at that is in VENV.
    "$venv/bin/python" -m pip download --quiet --no-input \
        --disable-pip-version-check --no-deps --no-build-isolation \
        --require-hashes --no-binary swift \
        --requirement "$here/samples.txt" --dest "$folder/packages" >&2
    "$venv/bin/python" - "$folder" >&2 <<'PYTHON'
import pathlib
import sys
import tarfile
import zipfile

folder = pathlib.Path(sys.argv[1])


def wanted(path):
    return path.endswith("paste.ini") or "/etc/" in path and path.endswith(".conf-sample")


def keep(package, path, data):
    target = folder / package.split("-")[0] / path.replace("/", "_")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)


for package in (folder / "packages").iterdir():
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            for path in filter(wanted, archive.namelist()):
                keep(package.name, path, archive.read(path))
    else:
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile() and wanted(member.name):
                    keep(package.name, member.name, archive.extractfile(member).read())
PYTHON
    rm -rf -- "$folder/packages"
    : >"$folder/.complete"
fi
printf '%s\n' "$folder"
