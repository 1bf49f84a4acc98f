#!/bin/bash
# Proves that the released programs are fully static, in a root directory that
# holds nothing but them, as in an image `FROM scratch`; prints their sizes, and
# keeps the agent, which is in every container, as small as README.md promises.
set -euo pipefail

agent_limit=$((5 << 20))

folder=$1
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# A user namespace gives the right to change the root to whoever has none.
enter=(chroot "$scratch")
if [[ $(id -u) != 0 ]]; then
    enter=(unshare --map-root-user --root "$scratch")
fi

for name in etcstack-agent etcstack-loader; do
    program=$folder/$name
    kind=$(file --brief "$program")
    case $kind in
        *"statically linked"* | *"static-pie linked"*) ;;
        *)
            echo "release: $name is not static: $kind" >&2
            exit 1
            ;;
    esac
    cp -- "$program" "$scratch/"
    "${enter[@]}" "/$name" --version >/dev/null || {
        echo "release: $name does not run in an empty root directory" >&2
        exit 1
    }
    size=$(stat --format %s "$program")
    if [[ $name == etcstack-agent && $size -ge $agent_limit ]]; then
        echo "release: $name has grown to $size bytes; README.md promises less than $agent_limit" >&2
        exit 1
    fi
    packed=$(gzip -9 --stdout "$program" | wc -c)
    awk -v name="$name" -v size="$size" -v packed="$packed" 'BEGIN {
        printf "%-16s static, %.2f MiB (%.2f MiB gzipped)\n", name, size / 1048576, packed / 1048576
    }'
done
