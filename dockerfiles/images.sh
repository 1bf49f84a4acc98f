#!/bin/bash
# Builds the images of a release: `make images`.
#
#     dockerfiles/images.sh RELEASE PROGRAMS [IMAGE...]
#
# PROGRAMS is the folder of the two static programs. Without an IMAGE, all are built. What
# has not changed comes from docker's cache. From the environment:
#
#     PREFIX=etcstack            what the names of the images begin with
#     BASE_IMAGE=debian:trixie-slim
#
# Proxies and package indexes that docker's own configuration names are used by docker build itself.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'images: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

(($# >= 2)) || { say "usage: images.sh RELEASE PROGRAMS [IMAGE...]"; exit 64; }
release=$1 programs=$2
shift 2
prefix=${PREFIX:-etcstack}
base=${BASE_IMAGE:-debian:trixie-slim}
versions=$here/releases/$release.env
[[ -r $versions ]] || die "there is no $versions; write it, as its neighbours are, for a new release"
docker info >/dev/null 2>&1 || die "docker's engine does not answer; start it, or set DOCKER_HOST"

# The classic builder does not need anything but the engine.
export DOCKER_BUILDKIT=0
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
log=$folder/log

build() { # build IMAGE FOLDER ARGUMENT...
    local image=$1 context=$2 before=$SECONDS
    shift 2
    if ! docker build --network host --tag "$image" "$@" "$context" >"$log" 2>&1; then
        tail -n 40 -- "$log" >&2
        die "$image cannot be built; see above"
    fi
    say "$image: $((SECONDS - before)) s"
}

version_of() { # version_of NAME
    local name=${1^^}
    sed -n "s/^${name//-/_}_VERSION=//p" "$versions"
}

# Copies: cargo's programs are links to the same file elsewhere in its folder, and docker, which packs a
# second name of a file without its content, takes another content for the same.
mkdir -- "$folder/programs"
cp -- "$programs/etcstack-agent" "$programs/etcstack-loader" "$folder/programs"
build "$prefix/etcstack:$release" "$folder/programs" --file "$here/etcstack.Dockerfile"
for target in run build; do
    name=openstack
    [[ $target == run ]] || name=openstack-build
    build "$prefix/$name:$release" "$here/.." --file "$here/openstack/Dockerfile" \
        --target "$target" --build-arg "BASE_IMAGE=$base" --build-arg "RELEASE=$release"
done

if (($# == 0)); then
    for file in "$here"/*/Dockerfile; do
        name=$(basename -- "$(dirname -- "$file")")
        [[ $name == openstack ]] || set -- "$@" "$name"
    done
fi
for name; do
    [[ -r $here/$name/Dockerfile ]] || die "there is no $here/$name/Dockerfile"
    build "$prefix/$name:$release" "$here/.." --file "$here/$name/Dockerfile" \
        --build-arg "ETCSTACK_IMAGE=$prefix/etcstack:$release" \
        --build-arg "BUILD_IMAGE=$prefix/openstack-build:$release" \
        --build-arg "RUN_IMAGE=$prefix/openstack:$release" \
        --build-arg "BASE_IMAGE=$base" --build-arg "VERSION=$(version_of "$name")"
done
