#!/bin/bash
# Installs the Debian or Ubuntu packages that building and testing need and that
# are missing. Says nothing and needs no rights where all are there.
set -euo pipefail

missing=()
need() { # need PACKAGE TEST...
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

need etcd-server command -v etcd
need etcd-client command -v etcdctl
need protobuf-compiler command -v protoc
need libprotobuf-dev test -e /usr/include/google/protobuf/any.proto
need python3 command -v python3
need python3-venv python3 -c 'import ensurepip, venv'
need openssl command -v openssl
need gcc command -v gcc
# Ubuntu 22.04 has the version in the name.
mariadb="mariadb-client-core"
! grep -q '^VERSION_ID="22.04"' /etc/os-release || mariadb+=-10.6
need "$mariadb" command -v my_print_defaults
need rsync command -v rsync
need libvirt0 python3 -c 'import ctypes; ctypes.CDLL("libvirt.so.0")'
# Its kustomize has to know components: Debian's has since version 13.
need kubernetes-client command -v kubectl
if [[ ${1:-} == bench ]]; then
    need crudini command -v crudini
fi
if [[ ${1:-} == fuzz ]]; then
    need g++ command -v g++
fi
if [[ ${1:-} == cloud ]]; then
    need docker.io command -v dockerd
    need debootstrap command -v debootstrap
fi
if [[ ${1:-} == cluster ]]; then
    need docker.io command -v dockerd
    need golang-go bash -c 'command -v go || ls /usr/lib/go-*/bin/go'
    need golang-github-modern-go-reflect2-dev test -d /usr/share/gocode/src/github.com/modern-go/reflect2
    need containernetworking-plugins test -x /usr/lib/cni/bridge
    need conntrack command -v conntrack
    need dnsmasq-base command -v dnsmasq
    need iptables command -v iptables
    need iproute2 command -v ip
    need libc6-dev test -e /usr/include/stdio.h
    need python3-kubernetes /usr/bin/python3 -c 'import kubernetes'
    need python3-yaml /usr/bin/python3 -c 'import yaml'
fi
if [[ ${1:-} == release ]]; then
    need musl-tools command -v musl-gcc
    need file command -v file
fi

((${#missing[@]})) || exit 0

sudo=()
if [[ $(id -u) != 0 ]]; then
    sudo=(sudo)
    command -v sudo >/dev/null || {
        echo "install: run this as root once: apt-get install ${missing[*]}" >&2
        exit 1
    }
fi
echo "install: ${missing[*]}" >&2
# RUNLEVEL keeps Debian from starting an etcd of its own on the standard port.
install=("${sudo[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -y
    --no-install-recommends install "${missing[@]}")
"${sudo[@]}" apt-get -qq update >&2 || true
"${install[@]}" >&2 || {
    echo "install: apt-get failed; see above" >&2
    exit 1
}
