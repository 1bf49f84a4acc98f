#!/bin/bash
# Unpacks (once) what the judges of rabbitmq.conf and of libvirt's files need, and
# prints the folder, and nothing else, on stdout. Installs nothing and starts
# nothing: neither a broker nor Erlang's epmd.
#
#     folder=$(tests/judges/setup.sh)
#
# In the folder are Erlang (usr/lib/erlang), cuttlefish as RabbitMQ brings it
# along (usr/lib/rabbitmq), and the configuration files that libvirt's packages
# install (etc/libvirt). It is kept below $ETCSTACK_CACHE, or below
# $XDG_CACHE_HOME or ~/.cache when that is not set.
set -euo pipefail

say() { printf 'judges: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# shellcheck source=tests/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../cache.sh"
folder=$cache/judges-$(. /etc/os-release && printf '%s-%s' "$ID" "${VERSION_ID:-x}")

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
for package in erlang-base rabbitmq-server; do
    fetch "$package" ||
        die "cannot get $package: $(tail -n 1 "$work/log"); apt-get update may help"
done
unpack erlang-base './usr/lib/erlang*' || die "erlang-base has not the files that it should have"
unpack rabbitmq-server './usr/lib/rabbitmq/lib/*/plugins/cuttlefish-*' ||
    die "rabbitmq-server brings no cuttlefish along"

# The files are in other packages in other releases; those that are not there are not missed.
for package in libvirt-{daemon-system,daemon,daemon-common,daemon-driver-qemu,common}; do
    if fetch "$package"; then unpack "$package" './etc/libvirt/*.conf' || true; fi
done

rm -rf -- "$folder"
mv -- "$work/root" "$folder"
: >"$folder/.complete"
say "made $folder"
printf '%s\n' "$folder"
