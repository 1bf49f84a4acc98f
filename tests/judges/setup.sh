#!/bin/bash
# Unpacks (once) what the judges of rabbitmq.conf, of libvirt's files and of the
# manifests for Kubernetes need, and the tests of dockerfiles/provision, and prints
# the folder, and nothing else, on stdout. Installs nothing and starts nothing: neither a broker nor Erlang's epmd.
#
#     folder=$(tests/judges/setup.sh)
#
# In the folder are Erlang (usr/lib/erlang), cuttlefish as RabbitMQ brings it
# along (usr/lib/rabbitmq), the configuration files that libvirt's packages
# install (etc/libvirt), promtool (usr/bin), Python's packages with the schemas
# of Kubernetes and what provision imports (python), and the schemas of cert-manager's kinds and of the
# Prometheus operator's (others.json). It is kept below $ETCSTACK_CACHE, or below $XDG_CACHE_HOME
# or ~/.cache when that is not set; another list of what is needed is another folder.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'judges: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# shellcheck source=tests/cache.sh
. "$here/../cache.sh"
key=$({ cat -- "${BASH_SOURCE[0]}" "$here"/*.txt "$here/others.py"; python3 --version; } | sha256sum | cut -c 1-8)
folder=$cache/judges-$(. /etc/os-release && printf '%s-%s' "$ID" "${VERSION_ID:-x}")-$key

if [[ -e $folder/.complete ]]; then
    printf '%s\n' "$folder"
    exit 0
fi
exec 9>"$folder.lock"
flock 9
if [[ -e $folder/.complete ]]; then
    printf '%s\n' "$folder"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
# apt-get may drop its rights, and then has to write here all the same.
chmod 755 "$work"
mkdir -m 1777 "$work/packages"

fetch() { # fetch PACKAGE
    (cd "$work/packages" && apt-get -qq download "$1") >"$work/log" 2>&1
}

unpack() { # unpack PACKAGE PATTERN
    dpkg-deb --fsys-tarfile "$work/packages/$1"_*.deb |
        tar -x -C "$work/root" --wildcards "$2" 2>/dev/null
}

mkdir "$work/root"
for package in erlang-base rabbitmq-server prometheus; do
    fetch "$package" ||
        die "cannot get $package: $(tail -n 1 "$work/log"); apt-get update may help"
done
unpack erlang-base './usr/lib/erlang*' || die "erlang-base has not the files that it should have"
unpack rabbitmq-server './usr/lib/rabbitmq/lib/*/plugins/cuttlefish-*' ||
    die "rabbitmq-server brings no cuttlefish along"
unpack prometheus './usr/bin/promtool' || die "prometheus brings no promtool along"

python3 -m venv "$work/venv" || die "python3 has no venv"
"$work/venv/bin/pip" install --quiet --no-input \
    --disable-pip-version-check --target "$work/root/python" --requirement "$here/kubernetes.txt" \
    --requirement "$here/provision.txt" \
    >"$work/log" 2>&1 || die "cannot get Python's packages: $(tail -n 1 "$work/log")"

# Only the schemas are kept of these.
"$work/venv/bin/pip" install --quiet --no-input --disable-pip-version-check \
    --requirement "$here/others.txt" >"$work/log" 2>&1 ||
    die "cannot get the kinds of others: $(tail -n 1 "$work/log")"
"$work/venv/bin/python" "$here/others.py" >"$work/root/others.json" 2>"$work/log" ||
    die "cannot make the schemas of others: $(tail -n 1 "$work/log")"

# The files are in other packages in other releases; those that are not there are not missed.
for package in libvirt-{daemon-system,daemon,daemon-common,daemon-driver-qemu,common}; do
    if fetch "$package"; then unpack "$package" './etc/libvirt/*.conf' || true; fi
done

rm -rf -- "$folder"
mv -- "$work/root" "$folder"
: >"$folder/.complete"
say "made $folder"
printf '%s\n' "$folder"
