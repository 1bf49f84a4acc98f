#!/bin/bash
# Makes the base image with debootstrap, where no registry of images can be reached.
#
#     dockerfiles/base-image.sh IMAGE [SUITE [MIRROR]]
#
# It is a minimal Debian. Authorities that this machine trusts and Debian does not
# (those of a company's proxy, say) are trusted in it as well.
set -euo pipefail

say() { printf 'base-image: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

(($# >= 1 && $# <= 3)) || { say "usage: base-image.sh IMAGE [SUITE [MIRROR]]"; exit 64; }
image=$1 suite=${2:-trixie}

[[ $(id -u) == 0 ]] || die "debootstrap needs root"
command -v debootstrap >/dev/null || die "install debootstrap"
docker info >/dev/null 2>&1 || die "docker's engine does not answer; start it, or set DOCKER_HOST"

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
root=$folder/root

say "debootstrap of $suite; this takes a minute or two"
debootstrap --variant=minbase --include=ca-certificates,openssl "$suite" "$root" "${@:3}" \
    >"$folder/log" 2>&1 || { tail -n 20 -- "$folder/log" >&2; die "debootstrap failed"; }

if [[ $suite != sid ]]; then
    # The mirror that was named, or debootstrap's own.
    mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
    cat >"$root/etc/apt/sources.list" <<EOF
deb $mirror $suite main
deb $mirror $suite-updates main
deb ${mirror%/debian}/debian-security $suite-security main
EOF
fi
cat >"$root/etc/apt/apt.conf.d/90image" <<'EOF'
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
DPkg::Options { "--force-confold"; };
EOF
cat >"$root/etc/dpkg/dpkg.cfg.d/90image" <<'EOF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
EOF
# No daemon starts because its package is installed.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"

# --- what this machine trusts ---------------------------------------------------

known=$folder/known
split_bundle() { # split_bundle BUNDLE FOLDER: one file for each, named by its fingerprint
    mkdir -p "$2"
    awk -v folder="$2" '/BEGIN CERTIFICATE/ { n++ } n { print > (folder "/" n ".pem") }' "$1"
    local file
    for file in "$2"/*.pem; do
        mv -- "$file" "$2/$(openssl x509 -in "$file" -noout -fingerprint -sha256 |
            sed 's/.*=//; s/://g').crt"
    done
}
own=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if [[ -r $own ]]; then
    split_bundle "$root/etc/ssl/certs/ca-certificates.crt" "$known"
    split_bundle "$own" "$folder/own"
    for file in "$folder/own"/*.crt; do
        [[ -e $known/${file##*/} ]] ||
            cp -- "$file" "$root/usr/local/share/ca-certificates/host-${file##*/}"
    done
    chroot "$root" update-ca-certificates >/dev/null 2>&1
fi

rm -rf -- "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
    "$root"/usr/share/{man,locale}/* "$root/etc/resolv.conf" "$root/etc/hostname" \
    "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root"/var/log/*.log
: >"$root/etc/machine-id"
tar --create --directory "$root" . |
    docker import --change 'CMD ["/bin/bash"]' --change 'ENV LANG=C.UTF-8' - "$image" >/dev/null
say "made $image"
